"""Opens our files in Blender. Each joint must be within a millimeter of its place, without a warning.

    python -m benchmarks.rigs.check_in_blender write FOLDER    # our Python: BVH and GLB files, and the joints' places
    python benchmarks/rigs/check_in_blender.py read FOLDER     # Blender's (`pip install bpy`, in a venv of its own)

The first step writes motions on the 22 joints and on rigs of every maker. The second step opens each file in an empty
scene and goes through its frames. It fails for a joint that is more than 1 mm off, for an exception and for a warning.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

FRAMES = 12
"""Frames to check in each file, evenly spaced."""
MILLIMETER = 0.001
EXPECTED = "expected.json"


def write(folder: Path) -> int:
    """Writes files of all kinds, and the joints' positions (meters, Y up) in some frames."""
    from benchmarks.pack import pack_folder, read_joints
    from benchmarks.rigs.definitions import TOOLS
    from benchmarks.rigs.run import make_recordings
    from lead import Motion
    from lead.motion import Bvh, read_bvh, write_bvh
    from lead.motion.rigs.retarget import motion_to_bvh

    folder.mkdir(parents=True, exist_ok=True)
    expected: dict[str, Any] = {}

    def expect(path: Path, bvh: Bvh, meters: float, up: str) -> None:
        frames = np.unique(np.linspace(0, len(bvh.values) - 1, FRAMES).astype(int))
        places = bvh.world()[0][frames] * meters
        expected[path.name] = {
            "fps": bvh.fps, "frames": frames.tolist(), "count": len(bvh.values), "unit": meters, "up": up,
            "joints": {name: places[:, n].tolist() for n, name in enumerate(bvh.names)},
        }  # fmt: skip

    clips = ("dataset-2_walk-turn-left_normal_013", "dataset-1_walk-back_normal_001", "hdm05_bd_lieDownFloor_002")
    motions = [Motion(read_joints(clip), name=clip) for clip in clips]
    for motion in motions:
        expect(path := motion.save(folder / f"{motion.name}.bvh"), read_bvh(path), 0.01, "Y")
        path = motion.save(folder / f"{motion.name}.glb")
        expect(path, motion_to_bvh(motion.joints, motion.fps), 0.01, "Y")
    for name in ("cmu_daz_02_01", "dataset-1_kick_normal_001"):
        rig = Motion.read(pack_folder() / "raw_bvh" / f"{name}.bvh").rig
        assert rig is not None
        path = motions[0].save(folder / f"on-{name}.bvh", rig=rig)
        expect(path, read_bvh(path), rig.scale, rig.up)
    for tool in TOOLS:
        with tempfile.TemporaryDirectory() as other:
            rig = Motion.read(write_bvh(next(make_recordings(tool)).bvh, Path(other) / "clip.bvh")).rig
        assert rig is not None
        path = motions[0].save(folder / f"on-{tool.name.replace(' ', '-')}.bvh", rig=rig)
        expect(path, read_bvh(path), rig.scale, rig.up)
    (folder / EXPECTED).write_text(json.dumps(expected), encoding="utf-8")
    print(f"{folder}: {len(expected)} files; next: BLENDERS_PYTHON benchmarks/rigs/check_in_blender.py read {folder}")
    return 0


def read(folder: Path) -> int:
    """Opens every file in Blender; returns 1 if a file fails."""
    expected = json.loads((folder / EXPECTED).read_text(encoding="utf-8"))
    failed = 0
    for name, wanted in sorted(expected.items()):
        off, said = _open(folder / name, wanted)
        complaints = [line for line in said if any(word in line.lower() for word in ("warn", "error", "traceback"))]
        bad = off > MILLIMETER or bool(complaints)
        failed += bad
        line = f"{name}: {len(wanted['joints'])} joints, {wanted['count']} frames, at most {1000 * off:.4f} mm off"
        print(" ".join([line, "FAILED" if bad else "ok", *complaints]))
    print(f"{len(expected) - failed} of {len(expected)} files are correct")
    return 1 if failed else 0


def _open(path: Path, wanted: dict[str, Any]) -> tuple[float, list[str]]:
    """The largest error of a joint in Blender in meters, and the lines that Blender printed."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    rate = wanted["fps"]
    bpy.context.scene.render.fps = max(round(rate), 1)
    bpy.context.scene.render.fps_base = max(round(rate), 1) / rate
    with capture_output() as said:
        if path.suffix == ".bvh":
            forward, up = ("-Z", "Y") if wanted["up"] == "Y" else ("Y", "Z")
            bpy.ops.import_anim.bvh(
                filepath=str(path), axis_forward=forward, axis_up=up, global_scale=wanted["unit"], frame_start=0,
                rotate_mode="NATIVE",
            )  # fmt: skip
        else:
            bpy.ops.import_scene.gltf(filepath=str(path), bone_heuristic="BLENDER")
    armature = next(thing for thing in bpy.data.objects if thing.type == "ARMATURE")
    first = min(round(action.frame_range[0]) for action in bpy.data.actions)
    off = 0.0
    to_z_up = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    for place, frame in enumerate(wanted["frames"]):
        bpy.context.scene.frame_set(frame + first)
        for name, joints in wanted["joints"].items():
            joint = np.array(joints[place])
            there = to_z_up @ joint if wanted["up"] == "Y" else joint
            bone = armature.pose.bones[name]
            off = max(off, float(np.linalg.norm(np.array(armature.matrix_world @ bone.head) - there)))
    if path.suffix == ".glb":
        assert any(thing.type == "MESH" and thing.vertex_groups for thing in bpy.data.objects), "no skinned mesh"
    return off, said


class capture_output:  # noqa: N801 - used like a function
    """Collects the lines of standard output and standard error, those of C code too."""

    def __enter__(self) -> list[str]:
        sys.stdout.flush()
        self.lines: list[str] = []
        self.file = tempfile.TemporaryFile()
        self.saved = os.dup(1), os.dup(2)
        os.dup2(self.file.fileno(), 1)
        os.dup2(self.file.fileno(), 2)
        return self.lines

    def __exit__(self, *_: object) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, saved in enumerate(self.saved, start=1):
            os.dup2(saved, number)
            os.close(saved)
        self.file.seek(0)
        self.lines += self.file.read().decode("utf-8", "replace").splitlines()
        self.file.close()


STEPS = {"write": write, "read": read}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one of the two steps."""
    parser = argparse.ArgumentParser(description="Whether Blender opens what we write.")
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args(arguments)
    return int(STEPS[options.step](options.folder))


if __name__ == "__main__":
    sys.exit(main())
