"""Proscenium's own client code in headless Blender, against a running server: joints must be right to 1 cm.

    lead-invert serve --port 8123                                                       # in one shell
    python benchmarks/server/in_blender.py ADDON http://127.0.0.1:8123 [PROMPT] [BLEND] # in another

The second Python has Blender (`pip install bpy` in an environment of its own). ADDON is the folder that holds the
add-on's package `proscenium_blender` (https://github.com/animatica-ai/proscenium-blender). The add-on connects, lists
the models, builds its request from an armature, its prompt blocks and its default settings, and bakes the answer. This
is done on the armature that it makes of the server's skeleton, and on one with Mixamo's names, in centimeters, Y up,
turned and scaled as Mixamo's files are. Each joint's place in Blender is compared with the answer's own. Then a curve
is drawn on the floor and two poses are keyed, as a user of the add-on does; what is baked is compared with both.
"""

import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector

FRAMES = 12
"""Frames to check, evenly spaced."""
CENTIMETER = 0.01
MIXAMO = {  # a T-pose in centimeters, Y up, facing +Z: name -> parent, head
    "Hips": (None, (0, 98, 0)),
    "Spine": ("Hips", (0, 108, -1)),
    "Spine1": ("Spine", (0, 119, -2)),
    "Spine2": ("Spine1", (0, 132, -2)),
    "Neck": ("Spine2", (0, 147, -2)),
    "Head": ("Neck", (0, 156, 1)),
    "HeadTop_End": ("Head", (0, 176, 3)),
    **{f"{side}{name}": (parent and parent.replace("@", side), (sign * x, y, z))
       for side, sign in (("Left", 1), ("Right", -1)) for name, parent, (x, y, z) in (
        ("Shoulder", "Spine2", (5, 143, -1)), ("Arm", "@Shoulder", (17, 143, -4)), ("ForeArm", "@Arm", (44, 143, -4)),
        ("Hand", "@ForeArm", (71, 143, -4)), ("HandMiddle1", "@Hand", (80, 143, -4)),
        ("UpLeg", "Hips", (9, 93, 0)), ("Leg", "@UpLeg", (9, 52, 1)), ("Foot", "@Leg", (9, 10, -2)),
        ("ToeBase", "@Foot", (9, 2, 9)), ("Toe_End", "@ToeBase", (9, 2, 17)),
    )},
}  # fmt: skip


def make_mixamo() -> Any:
    """An armature as Mixamo's FBX files give it."""
    data = bpy.data.armatures.new("mixamo")
    armature = bpy.data.objects.new("mixamo", data)
    bpy.context.scene.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    for name, (parent, head) in MIXAMO.items():
        bone = data.edit_bones.new(f"mixamorig:{name}")
        bone.head = Vector(head)
        below = [place for above, place in MIXAMO.values() if above == name]
        bone.tail = Vector(below[0]) if below else bone.head + Vector((0, 5, 0))
        bone.roll = 0.3 * len(data.edit_bones)
        if parent:
            bone.parent = data.edit_bones[f"mixamorig:{parent}"]
    bpy.ops.object.mode_set(mode="OBJECT")
    armature.rotation_euler = (np.pi / 2, 0, 0)
    armature.scale = (0.01, 0.01, 0.01)
    bpy.context.view_layer.update()
    return armature


def place_joints(document: dict[str, Any]) -> tuple[list[str], np.ndarray]:
    """Names and places (frames, joints, 3) of an answer's joints by forward kinematics, in Blender's axes."""
    from proscenium_blender import gltf_to_blender as reader

    nodes, animation = document["nodes"], document["animations"][0]
    parents = {child: node for node, one in enumerate(nodes) for child in one.get("children", ())}
    turns, moves = {}, {}
    for channel in animation["channels"]:
        output = animation["samplers"][channel["sampler"]]["output"]
        kind = "VEC4" if channel["target"]["path"] == "rotation" else "VEC3"
        rows = np.array(reader._read_floats(document, output, kind)).reshape(-1, int(kind[3]))
        (turns if kind == "VEC4" else moves)[channel["target"]["node"]] = rows
    frames = len(next(iter(turns.values())))
    places = np.zeros((frames, len(nodes), 3))
    for frame in range(frames):
        worlds: dict[int, Matrix] = {}
        for node, one in enumerate(nodes):
            x, y, z, w = turns[node][frame]
            local = Matrix.LocRotScale(Vector(moves[node][frame] if node in moves else one["translation"]),
                                       Matrix.Identity(3).to_quaternion().__class__((w, x, y, z)), None)  # fmt: skip
            worlds[node] = worlds[parents[node]] @ local if node in parents else local
            px, py, pz = worlds[node].translation
            places[frame, node] = px, -pz, py
    return [one["name"] for one in nodes], places


def check(client: Any, model: dict[str, Any], armature: Any, prompt: str) -> float:
    """Generate on an armature as the add-on does; the largest distance of a joint in meters."""
    from proscenium_blender import constraints_ui, gltf_to_blender, request_builder

    scene = bpy.context.scene
    blocks = [
        SimpleNamespace(frame_start=1, frame_end=90, prompt=prompt, enabled=True),
        SimpleNamespace(frame_start=91, frame_end=150, prompt="a person sits down", enabled=True),
    ]
    request = request_builder.build_request(
        model_id=model["id"], model_caps=model, armature_obj=armature, prompt_blocks=blocks, settings=scene.proscenium,
        scene=scene, constraint_objects=constraints_ui.walk_scene_constraints(scene),
    )  # fmt: skip
    started = time.monotonic()
    document = client.generate(request)
    spent = time.monotonic() - started
    gltf_to_blender.bake_gltf_to_armature(document, armature, start_frame=1)
    names, places = place_joints(document)
    worst = 0.0
    for frame in np.unique(np.linspace(0, len(places) - 1, FRAMES).astype(int)):
        scene.frame_set(int(frame) + 1)
        for joint, name in enumerate(names):
            head = armature.matrix_world @ armature.pose.bones[name].head
            worst = max(worst, float(np.linalg.norm(np.array(head) - places[frame, joint])))
    notes = [note["message"] for note in document["extensions"]["MMCP_motion"].get("notes", ())]
    kinds = [one["type"] for one in request.get("constraints", ())]
    print(
        f"{armature.name}: {len(names)} joints, {len(places)} frames, {spent:.2f} s, constraints {kinds}, notes {notes}"
    )
    print(f"{armature.name}: largest error {1000 * worst:.3f} mm")
    return worst


def check_wishes(client: Any, model: dict[str, Any], armature: Any, prompt: str) -> float:
    """Along a curve, and through two keyed poses; the largest distance in meters of the root, and of a joint."""
    from proscenium_blender import constants, constraints_ui, gltf_to_blender, request_builder

    scene = bpy.context.scene
    bones = armature.pose.bones
    armature.animation_data_clear()
    for bone in bones:
        bone.rotation_mode, bone.matrix_basis = "QUATERNION", Matrix.Identity(4)
    bpy.context.view_layer.update()
    start = armature.matrix_world @ bones[0].head
    curve = bpy.data.curves.new("way", "CURVE")
    curve.dimensions = "3D"
    spline = curve.splines.new("BEZIER")
    spline.bezier_points.add(2)
    for point, (x, y) in zip(spline.bezier_points, ((0, 0), (0.5, -1.5), (2, -2.5)), strict=True):
        point.co = start.x + x, start.y + y, 0
        point.handle_left_type = point.handle_right_type = "AUTO"
    way = bpy.data.objects.new("Proscenium_RootPath_way", curve)
    way[constants.PROP_IS_ROOT_PATH] = way[constants.PROP_MATCH_DIRECTION] = True
    scene.collection.objects.link(way)

    def bake() -> list[dict[str, Any]]:
        blocks = [SimpleNamespace(frame_start=1, frame_end=90, prompt=prompt, enabled=True)]
        request = request_builder.build_request(
            model_id=model["id"], model_caps=model, armature_obj=armature, prompt_blocks=blocks,
            settings=scene.proscenium, scene=scene,
            constraint_objects=constraints_ui.walk_scene_constraints(scene),
        )  # fmt: skip
        gltf_to_blender.bake_gltf_to_armature(client.generate(request), armature, start_frame=1)
        wanted: list[dict[str, Any]] = request["constraints"]
        return wanted

    def heads(frame: int) -> np.ndarray:
        scene.frame_set(frame)
        return np.array([armature.matrix_world @ bone.head for bone in bones])

    off = [
        float(np.hypot(heads(frame + 1)[0, 0] - x, -heads(frame + 1)[0, 1] - z))
        for one in bake() for frame, (x, z) in zip(one["frames"], one["positions_xz"], strict=True)
    ]  # fmt: skip
    print(f"{armature.name}: along a curve, {len(off)} places, off by {100 * max(off):.1f} cm at most")
    bpy.data.objects.remove(way)
    poses = {
        frame: [bone.matrix_basis.copy() for bone in bones] for frame in (20, 70) if scene.frame_set(frame) is None
    }
    armature.animation_data_clear()
    armature.animation_data_create().action = bpy.data.actions.new("mine")
    wanted = {}
    for frame, basis in poses.items():
        for bone, matrix in zip(bones, basis, strict=True):
            bone.matrix_basis = matrix
            bone.keyframe_insert("rotation_quaternion", frame=frame)
        bones[0].keyframe_insert("location", frame=frame)
        bpy.context.view_layer.update()
        wanted[frame] = heads(frame)
    kinds = [one["type"] for one in bake()]
    worst = max(float(np.linalg.norm(heads(frame) - places, axis=-1).max()) for frame, places in wanted.items())
    print(f"{armature.name}: constraints {kinds}, joints of the poses off by {1000 * worst:.2f} mm at most")
    return max(*off, worst)


def main() -> int:
    """Connect, list, generate on both armatures."""
    addon, url, *rest = sys.argv[1:]
    prompt = rest[0] if rest else "a person walks forward"
    sys.path.insert(0, str(Path(addon).resolve()))
    import proscenium_blender
    from proscenium_blender import canonical_skeleton, mmcp_client

    bpy.ops.wm.read_factory_settings(use_empty=True)
    proscenium_blender.register()
    client = mmcp_client.MmcpClient(url)
    mmcp_client.store_capabilities(client.capabilities())
    print("models:", [label for _, label, _ in mmcp_client.cached_model_items()])
    model = client.capabilities()["models"][0]
    own, _ = canonical_skeleton.build_armature_from_canonical(
        model["id"], model["canonical_skeleton"]["joints"], bpy.context
    )
    armatures = (own, make_mixamo())
    worst = max(check(client, model, armature, prompt) for armature in armatures)
    missed = max(check_wishes(client, model, armature, prompt) for armature in armatures)
    print(f"constraints are met to {100 * missed:.1f} cm")
    if len(rest) > 1:
        bpy.ops.wm.save_as_mainfile(filepath=str(Path(rest[1]).resolve()))
    print("right to 1 cm" if worst < CENTIMETER else "WRONG by more than 1 cm")
    return int(worst >= CENTIMETER)


if __name__ == "__main__":
    sys.exit(main())
