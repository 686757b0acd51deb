"""A script for Blender: a skeleton, its animation and its skin, from an NPZ of plain arrays to a binary FBX.

    python -P blender_fbx.py IN.npz OUT.fbx                                       # a Python that has the package bpy
    blender --background --factory-startup --python blender_fbx.py -- IN.npz OUT.fbx

`fbx_export` writes the NPZ and runs this in a process of its own. Blender is licensed under the GNU GPL 3; this file is
the only one of ours that uses it, imports nothing else of ours, and is not imported. What is written in the FBX: Y up,
centimeters, a key in every frame from time 0, one take.
"""

import sys
from contextlib import suppress
from datetime import datetime
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

TALL = 5.0
"""Centimeters of a bone that leads nowhere; Blender has no bones without length."""


def main(source: str, target: str) -> None:
    """Write the FBX. Raises SystemExit with a message for names that Blender cannot hold."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with np.load(source, allow_pickle=False) as arrays:
        data = dict(arrays)
    names = [str(name) for name in data["names"]]
    set_scene(float(data["fps"]), len(data["rotations"]), str(data["title"]))
    armature = add_armature(names, data["parents"].tolist(), data["rest"])
    if "vertices" in data:
        add_skin(armature, names, data)
    add_keys(armature, names, data)
    export_fbx(target)


def set_scene(fps: float, frames: int, title: str) -> None:
    """Rate, frames, the unit, and the name that the take gets."""
    scene = bpy.context.scene
    scene.name = title
    scene.render.fps = max(round(fps), 1)
    scene.render.fps_base = scene.render.fps / fps
    scene.frame_start, scene.frame_end = 0, frames - 1
    scene.unit_settings.scale_length = 0.01


def add_armature(names: list[str], parents: list[int], rest: np.ndarray) -> Any:
    """The skeleton at rest. Its object is turned from our Y up to Blender's Z up, which the exporter takes back."""
    armature = bpy.data.objects.new("Armature", bpy.data.armatures.new("Armature"))
    armature.rotation_euler = (np.pi / 2, 0.0, 0.0)
    bpy.context.scene.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    bones: list[Any] = []
    for name, parent, place in zip(names, parents, rest.tolist(), strict=True):
        bone = armature.data.edit_bones.new(name)
        if bone.name != name:
            sys.exit(f"Blender cannot name a bone {name!r}; give that joint a name of at most 60 letters")
        below = [rest[child] - rest[joint] for child, joint in enumerate(parents) if joint == len(bones)]
        length = max([float(np.linalg.norm(way[:3, 3])) for way in below], default=TALL)
        bone.tail = (0.0, max(length, 0.1), 0.0)
        bone.matrix = Matrix(place)
        bone.parent = bones[parent] if parent >= 0 else None
        bones.append(bone)
    bpy.ops.object.mode_set(mode="OBJECT")
    return armature


def add_skin(armature: Any, names: list[str], data: dict[str, np.ndarray]) -> None:
    """The mesh that the bones move, with a weight for each of four bones a vertex."""
    mesh = bpy.data.meshes.new("mannequin")
    mesh.from_pydata(data["vertices"].tolist(), [], data["triangles"].tolist())
    mesh.polygons.foreach_set("use_smooth", np.ones(len(mesh.polygons), dtype=bool))
    skin = bpy.data.objects.new("mannequin", mesh)
    bpy.context.scene.collection.objects.link(skin)
    skin.parent = armature
    skin.modifiers.new("Armature", "ARMATURE").object = armature
    groups = [skin.vertex_groups.new(name=name) for name in names]
    for vertex, (joints, weights) in enumerate(zip(data["joints"].tolist(), data["weights"].tolist(), strict=True)):
        for joint, weight in zip(joints, weights, strict=True):
            if weight > 0:
                groups[joint].add([vertex], weight, "ADD")


def add_keys(armature: Any, names: list[str], data: dict[str, np.ndarray]) -> None:
    """A key for each channel and frame; and one before, of the rest pose, in which the exporter finds the scene."""
    frames = np.arange(-1, len(data["rotations"]), dtype=np.float32)
    tracks: dict[tuple[str, int], np.ndarray] = {}
    for joint, name in enumerate(names):
        bone = armature.pose.bones[name]
        bone.rotation_mode = "QUATERNION"
        channels = {"rotation_quaternion": data["rotations"][:, joint]}
        if data["moving"][joint]:
            channels["location"] = data["locations"][:, joint]
        for channel, values in channels.items():
            still = np.eye(1, values.shape[1]) if channel == "rotation_quaternion" else np.zeros((1, 3))
            bone.keyframe_insert(channel, frame=-1)
            for axis, track in enumerate(np.concatenate([still, values]).T):
                tracks[bone.path_from_id(channel), axis] = track
    for curve in list_curves(armature.animation_data.action):
        values = tracks[curve.data_path, curve.array_index]
        curve.keyframe_points.add(len(frames) - len(curve.keyframe_points))
        curve.keyframe_points.foreach_set("co", np.stack([frames, values], axis=1).astype(np.float32).ravel())
        curve.keyframe_points.foreach_set("interpolation", np.ones(len(frames), dtype=np.int32))  # linear
        curve.update()
    bpy.context.scene.frame_set(-1)


def list_curves(action: Any) -> Any:
    """The curves of an action: of its first layer, where Blender (4.4 and newer) has layers."""
    layers = getattr(action, "layers", ())
    return layers[0].strips[0].channelbags[0].fcurves if layers else action.fcurves


def export_fbx(target: str) -> None:
    """Write the scene by Blender's own exporter; the same scene gives the same bytes."""
    with suppress(ImportError, AttributeError):  # an exporter of another make
        from io_scene_fbx import export_fbx_bin

        write_header = export_fbx_bin.fbx_header_elements
        export_fbx_bin.fbx_header_elements = lambda root, data, time=None: write_header(
            root, data, datetime(2000, 1, 1)
        )
    bpy.ops.export_scene.fbx(
        filepath=target, axis_forward="-Z", axis_up="Y", apply_unit_scale=True, apply_scale_options="FBX_SCALE_NONE",
        use_space_transform=True, bake_space_transform=False, object_types={"ARMATURE", "MESH"},
        add_leaf_bones=False, primary_bone_axis="Y", secondary_bone_axis="X", mesh_smooth_type="OFF",
        bake_anim=True, bake_anim_use_all_bones=True, bake_anim_use_nla_strips=False,
        bake_anim_use_all_actions=False, bake_anim_step=1.0, bake_anim_simplify_factor=0.0,
    )  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[-2:])
