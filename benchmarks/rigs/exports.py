"""FBX, VRMA, USD and GLB files opened by readers that are not ours. Each joint must be within 1 mm of its place.

    python -m benchmarks.rigs.exports write FOLDER            # our Python; LEAD_BLENDER names a Blender
    PYTHON_OF_BLENDER -m benchmarks.rigs.exports read FOLDER  # an environment with bpy, bpy-vrm-format and usd-core
    node benchmarks/rigs/exports_vrm.mjs FOLDER MODULES       # a folder with npm packages, which that file lists

The first step writes generated and recorded motions at 20, 30 and 60 frames a second: on our 22 joints, and on rigs of
other makers, whose joints have their own names, units, up axes and rates, some with axes of their own. A joint's place
is that of the BVH of the same motion, whose skeleton is rigid. The step also reads the files by our own reader. A
VRMA is played on an avatar of the same body whose bones have VRoid's names and axes of their own. The second step opens
the files by Blender's two FBX readers, its glTF and USD readers, its VRM add-on, and Pixar's USD library; the third by
three-vrm and Khronos' validator. Of an FBX on a rig the joints' axes are compared too. Each step prints a table and
fails for a joint that is more than 1 mm off.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rigs.check_in_blender import FRAMES, MILLIMETER, capture_output

EXPECTED = "expected.json"
RATES = (20.0, 30.0, 60.0)
PROMPTS = ("a person walks in a circle", "a person sits down", "a person does jumping jacks")
CLIPS = ("dataset-2_walk-turn-left_normal_013", "dataset-1_walk-back_normal_001", "hdm05_bd_lieDownFloor_002")
REAL_RIGS = ("cmu_daz_02_01", "dataset-1_kick_normal_001")
AXES = 1e-3
"""The most by which a joint's axes in an FBX on a rig may differ from where the rig's own axes turn to."""
TO_Z_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
Errors = dict[tuple[str, str], list[float]]
"""By format and reader, for each file the largest error of a joint in meters."""


def write(folder: Path) -> int:
    """Writes files of all kinds, and the joints' positions (meters, Y up) in some frames."""
    import tempfile
    from dataclasses import replace

    from benchmarks.pack import pack_folder, read_joints
    from benchmarks.rigs.definitions import TOOLS
    from benchmarks.rigs.run import make_recordings
    from lead import Lead, Motion
    from lead.motion import write_bvh
    from lead.motion.formats.baked import bake
    from lead.motion.rigs.retarget import motion_to_bvh, motion_to_rig
    from lead.motion.rigs.units import UP_TO_WORLD
    from lead.motion.rotations import euler_to_matrix
    from lead.motion.skeleton import JOINTS

    folder.mkdir(parents=True, exist_ok=True)
    expected: dict[str, Any] = {}
    errors: Errors = defaultdict(list)

    def expect(
        path: Path, fps: float, names: Sequence[str], places: np.ndarray, turns: np.ndarray | None = None, **more: str
    ) -> None:
        frames = np.unique(np.linspace(0, len(places) - 1, FRAMES).astype(int))
        joints = {name: places[frames, n].tolist() for n, name in enumerate(names)}
        expected[path.name] = {"fps": fps, "frames": frames.tolist(), "count": len(places), "joints": joints, **more}
        if turns is not None:
            expected[path.name]["turns"] = {name: turns[frames, n].tolist() for n, name in enumerate(names)}

    def read_back(path: Path, joints: np.ndarray, fps: float) -> None:
        back = Motion.read(path)
        assert (len(back.joints), round(back.fps, 3)) == (len(joints), round(fps, 3)), f"{path}: {back}"
        errors[path.suffix, "ours"].append(float(np.linalg.norm(back.joints - joints, axis=-1).max()))

    generated = Lead.load().generate(PROMPTS, seconds=4.0, seed=1)
    recorded = [Motion(read_joints(clip)[:200]).on_one_skeleton() for clip in CLIPS]
    motions = [motion.resample(rate) for motion, rate in zip([*generated, *recorded], 2 * RATES, strict=True)]
    for number, motion in enumerate(motions):
        stem = folder / f"own-{number}-{motion.fps:g}fps"
        bvh = motion_to_bvh(motion.joints, motion.fps)
        joints = bvh.world()[0] / 100
        avatar = _write_avatar(bake(bvh).stand_at_rest().places_at_rest(), stem.with_suffix(".vrm"), number)
        for suffix in (".fbx", ".usda", ".glb", ".vrma"):
            path = motion.save(f"{stem}{suffix}")
            expect(path, motion.fps, JOINTS, joints, **({"avatar": avatar.name} if suffix == ".vrma" else {}))
            if suffix != ".usda":
                read_back(path, joints, motion.fps)

    def write_on_rig(name: str, clip: Path, motion: Motion, axes: bool = False) -> None:
        rig = Motion.read(clip).rig
        assert rig is not None
        if axes:  # as a rig from an FBX has them
            turns = np.random.default_rng(0).uniform(-np.pi, np.pi, (len(rig.names), 3))
            name, rig = f"{name}-axes", replace(rig, axes=euler_to_matrix(turns, "ZXY"))
        bvh = motion_to_rig(motion.resample(rig.fps).joints, rig)
        world, to_world = bvh.world(), UP_TO_WORLD[rig.up]
        places = rig.to_world(world[0])
        turns = to_world @ world[1] @ (to_world.T if rig.axes is None else rig.axes)
        joints = Motion.read(write_bvh(bvh, folder / f"{name}.bvh")).joints
        for suffix in (".fbx", ".usda"):
            path = motion.save(folder / f"{name}{suffix}", rig=rig)
            expect(path, bvh.fps, bvh.names, places, turns if suffix == ".fbx" else None)
        read_back(folder / f"{name}.fbx", joints, bvh.fps)

    for number, clip in enumerate(REAL_RIGS):
        write_on_rig(f"on-{clip}", pack_folder() / "raw_bvh" / f"{clip}.bvh", motions[number])
    for number, tool in enumerate(TOOLS):
        with tempfile.TemporaryDirectory() as other:
            clip = write_bvh(next(make_recordings(tool)).bvh, Path(other) / "clip.bvh")
            write_on_rig(f"on-{tool.name.replace(' ', '-')}", clip, motions[number % len(motions)], number % 2 == 1)
    (folder / EXPECTED).write_text(json.dumps(expected), encoding="utf-8")
    return _print_errors(errors)


def _write_avatar(rest: np.ndarray, path: Path, seed: int) -> Path:
    """A VRM 1.0 avatar that stands in this pose; its bones have VRoid's names and each its own axes."""
    from lead.motion.bodies.mannequin import mannequin
    from lead.motion.bodies.vrma import BONES
    from lead.motion.formats.gltf_writer import ASSET, INDICES, UBYTE, VERTICES, GltfBuffer, pack_glb
    from lead.motion.rigs.joint_names import MAKERS
    from lead.motion.rotations import euler_to_matrix, matrix_to_quaternion
    from lead.motion.skeleton import JOINTS, PARENTS

    names = next(maker for maker in MAKERS if maker.name == "VRM").joints.split()
    axes = euler_to_matrix(np.random.default_rng(seed).uniform(-np.pi, np.pi, (22, 3)), "ZXY")
    nodes: list[Any] = []
    for joint, (name, parent) in enumerate(zip(names, PARENTS, strict=True)):
        above = axes[parent] if parent >= 0 else np.eye(3)
        move = above.T @ (rest[joint] - (rest[parent] if parent >= 0 else 0))
        turn = matrix_to_quaternion(above.T @ axes[joint])
        below = [child for child, its in enumerate(PARENTS) if its == joint]
        node = {"name": name, "translation": move.tolist(), "rotation": turn.tolist()}
        nodes.append({**node, "children": below} if below else node)
    nodes.append({"name": "body", "mesh": 0, "skin": 0})
    binds = np.tile(np.eye(4), (22, 1, 1))
    binds[:, :3, :3], binds[:, :3, 3] = axes.swapaxes(1, 2), -np.einsum("jba,jb->ja", axes, rest)
    body, mesh = GltfBuffer(), mannequin(rest)
    attributes = {
        "POSITION": body.add(mesh.vertices, target=VERTICES, bounds=True),
        "JOINTS_0": body.add(mesh.joints, UBYTE, VERTICES), "WEIGHTS_0": body.add(mesh.weights, target=VERTICES),
    }  # fmt: skip
    indices = body.add(mesh.triangles.reshape(-1, 1), 5123, INDICES)
    skin = {"joints": list(range(22)), "inverseBindMatrices": body.add(binds.swapaxes(1, 2).reshape(22, 16))}
    vrm = {
        "specVersion": "1.0",
        "meta": {"name": "avatar", "authors": ["lead-invert"], "licenseUrl": "https://vrm.dev/licenses/1.0/"},
        "humanoid": {"humanBones": {bone: {"node": JOINTS.index(joint)} for bone, joint in BONES.items()}},
    }
    document = {
        "asset": ASSET, "scene": 0, "scenes": [{"nodes": [0, 22]}], "nodes": nodes, "skins": [skin],
        "extensionsUsed": ["VRMC_vrm"], "extensions": {"VRMC_vrm": vrm}, "materials": [{"name": "plain"}],
        "meshes": [{"primitives": [{"attributes": attributes, "indices": indices, "material": 0}]}], **body.describe(),
    }  # fmt: skip
    path.write_bytes(pack_glb(document, bytes(body.content)))
    return path


def read(folder: Path) -> int:
    """Opens every file by Blender, its VRM add-on and Pixar's library; returns 1 if a file fails."""
    expected = json.loads((folder / EXPECTED).read_text(encoding="utf-8"))
    readers: dict[str, dict[str, Callable[[Path, dict[str, Any]], float]]] = {
        ".fbx": {"Blender": _open_by(_import_fbx), "Blender, by ufbx": _open_by(_import_fbx_by_ufbx)},
        ".glb": {"Blender": _open_by(_import_gltf)},
        ".usda": {"Blender": _open_by(_import_usd), "Pixar's USD": _open_usd},
        ".vrma": {"Blender's VRM add-on": _open_by(_import_vrma)},
    }
    errors: Errors = defaultdict(list)
    complaints: list[str] = []
    for name, wanted in sorted(expected.items()):
        for reader, opening in readers[Path(name).suffix].items():
            with capture_output() as said:
                off = opening(folder / name, wanted)
            errors[Path(name).suffix, reader].append(off)
            complaints += [f"{name}, {reader}: {line}" for line in said if _is_complaint(line)]
            if off > MILLIMETER:
                complaints.append(f"{name}, {reader}: {1000 * off:.3f} mm off")
    print("\n".join(complaints))
    return _print_errors(errors)


def _is_complaint(line: str) -> bool:
    """Whether a reader complains; the VRM add-on calls every bone of a VRM 1.0 avatar a duplicate."""
    return any(word in line.lower() for word in ("warn", "error", "traceback")) and "Duplicated VRM0 bone" not in line


def _open_by(load: Callable[[Path, dict[str, Any]], None]) -> Callable[[Path, dict[str, Any]], float]:
    """What loads a file into an empty Blender, and measures the largest error of a joint in meters."""

    def measure(path: Path, wanted: dict[str, Any]) -> float:
        import bpy

        bpy.ops.wm.read_factory_settings(use_empty=True)
        rate = wanted["fps"]
        bpy.context.scene.render.fps = max(round(rate), 1)
        bpy.context.scene.render.fps_base = max(round(rate), 1) / rate
        load(path, wanted)
        armature = next(thing for thing in bpy.data.objects if thing.type == "ARMATURE")
        names = {_plain(bone.name): bone for bone in armature.pose.bones}
        action = armature.animation_data.action
        first, last = action.frame_range
        more = 1 if path.suffix == ".vrma" else 0  # the VRM add-on rounds the last key's time up to a frame
        assert 0 <= round(last - first) - (wanted["count"] - 1) <= more, f"{path.name}: frames {first:g} to {last:g}"
        render = bpy.context.scene.render
        assert abs(render.fps / render.fps_base - rate) < 1e-3, f"{path.name}: {render.fps / render.fps_base} fps"
        off = 0.0
        for place, frame in enumerate(wanted["frames"]):
            bpy.context.scene.frame_set(frame + round(first))
            for name, joints in wanted["joints"].items():
                bone = names[_plain(wanted.get("names", {}).get(name, name))]
                there = np.array(armature.matrix_world @ bone.matrix)
                off = max(off, float(np.linalg.norm(there[:3, 3] - TO_Z_UP @ np.array(joints[place]))))
                if "turns" in wanted:
                    turned = there[:3, :3] / np.linalg.norm(there[:3, :3], axis=0)
                    astray = np.abs(turned - TO_Z_UP @ np.array(wanted["turns"][name][place])).max()
                    assert astray < AXES, f"{path.name}: the axes of {name} are off by {astray:.2g}"
        return off

    return measure


def _plain(name: str) -> str:
    """A joint's name in letters that every format has."""
    return "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in name)


def _import_fbx(path: Path, wanted: dict[str, Any]) -> None:
    import bpy

    bpy.ops.import_scene.fbx(filepath=str(path))


def _import_fbx_by_ufbx(path: Path, wanted: dict[str, Any]) -> None:
    import bpy

    bpy.ops.wm.fbx_import(filepath=str(path))


def _import_gltf(path: Path, wanted: dict[str, Any]) -> None:
    import bpy

    bpy.ops.import_scene.gltf(filepath=str(path), bone_heuristic="BLENDER")


def _import_usd(path: Path, wanted: dict[str, Any]) -> None:
    import bpy

    bpy.ops.wm.usd_import(filepath=str(path))


def _import_vrma(path: Path, wanted: dict[str, Any]) -> None:
    import bpy

    bpy.ops.preferences.addon_enable(module="io_scene_vrm")
    bpy.ops.import_scene.vrm(filepath=str(path.with_name(wanted["avatar"])))
    armature = next(thing for thing in bpy.data.objects if thing.type == "ARMATURE")
    bpy.ops.import_scene.vrma(filepath=str(path), armature_object_name=armature.name)
    bones = armature.data.vrm_addon_extension.vrm1.humanoid.human_bones.human_bone_name_to_human_bone()
    wanted["names"] = {OURS[name.value]: bone.node.bone_name for name, bone in bones.items() if name.value in OURS}


def _open_usd(path: Path, wanted: dict[str, Any]) -> float:
    """The largest error of a joint in Pixar's evaluation of the skeleton, in meters."""
    from pxr import Usd, UsdSkel

    stage = Usd.Stage.Open(str(path))
    skeleton = UsdSkel.Skeleton(stage.GetPrimAtPath("/motion/skeleton"))
    cache = UsdSkel.Cache()
    cache.Populate(UsdSkel.Root(stage.GetPrimAtPath("/motion")), Usd.PrimDefaultPredicate)
    query = cache.GetSkelQuery(skeleton)
    names = list(skeleton.GetJointNamesAttr().Get())
    assert stage.GetEndTimeCode() == wanted["count"] - 1 and abs(stage.GetTimeCodesPerSecond() - wanted["fps"]) < 1e-6
    off = 0.0
    for place, frame in enumerate(wanted["frames"]):
        transforms = query.ComputeJointSkelTransforms(frame)
        for name, joints in wanted["joints"].items():
            there = np.array(transforms[names.index(name)].ExtractTranslation())
            off = max(off, float(np.linalg.norm(there - joints[place])))
    return off


OURS = {
    "hips": "pelvis", "spine": "spine1", "chest": "spine2", "upperChest": "spine3", "neck": "neck", "head": "head",
    **{f"{side}{theirs}": f"{side}_{ours}" for side in ("left", "right") for theirs, ours in (
        ("UpperLeg", "hip"), ("LowerLeg", "knee"), ("Foot", "ankle"), ("Toes", "foot"), ("Shoulder", "collar"),
        ("UpperArm", "shoulder"), ("LowerArm", "elbow"), ("Hand", "wrist"),
    )},
}  # fmt: skip
"""VRM's names of bones -> our joints, by the specification; `lead.motion` is not in Blender's Python."""


def _print_errors(errors: Errors) -> int:
    print(f"{'format':8}{'reader':24}{'files':>6}{'worst, mm':>11}")
    for (suffix, reader), offs in sorted(errors.items()):
        print(f"{suffix[1:]:8}{reader:24}{len(offs):6}{1000 * max(offs):11.4f}")
    return int(any(max(offs) > MILLIMETER for offs in errors.values()))


STEPS = {"write": write, "read": read}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one of the two steps."""
    parser = argparse.ArgumentParser(description="Whether other programs read what we write.")
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args(arguments)
    return int(STEPS[options.step](options.folder))


if __name__ == "__main__":
    sys.exit(main())
