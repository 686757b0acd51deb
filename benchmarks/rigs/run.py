"""Rigs of every maker: the joints' errors of reading, of features, and of writing on the clip's own rig.

    python -m benchmarks.rigs [--quick] [--output runs/rigs.json]

Bandai-Namco's and CMU's (for Daz) are real files of the pack. For other makers, real clips of the pack animate their
rigs (`rig_definitions`), with added twists of limbs and turns of head and hands. Every clip runs in all eight compass
directions. The table goes to docs/rigs.md.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from benchmarks.bases.base import write_json
from benchmarks.bases.card import table
from benchmarks.pack import REPOSITORY, pack_folder, read_joints
from benchmarks.rigs.definitions import TOOLS, Tool, animate
from lead import Motion
from lead.errors import LeadError
from lead.motion import Bvh, read_bvh, write_bvh
from lead.motion.features import canonical, retarget
from lead.motion.rigs.own_rig import measure_own_offsets
from lead.motion.rigs.retarget import motion_to_bvh
from lead.motion.rotations import axis_angle_to_matrix, euler_to_matrix, matrix_to_euler, normalize
from lead.motion.skeleton import JOINTS, PARENTS

DOC = REPOSITORY / "docs" / "rigs.md"
HEADINGS = 8
CLIPS = (
    "dataset-1_walk_normal_001", "dataset-1_walk-back_normal_001", "dataset-2_walk-turn-left_normal_013",
    "dataset-2_run_normal_001", "hdm05_mm_squat1Reps_037", "cmu_02_04",
)  # fmt: skip
"""Walking ahead, backward and round; running, squatting, jumping."""
REAL = {
    "Bandai-Namco": (
        "dataset-2_walk_normal_001", "dataset-1_kick_normal_001", "dataset-2_wave-both-hands_exhausted_001",
    ),
    "CMU for Daz": ("cmu_daz_02_01", "cmu_daz_07_03", "cmu_daz_08_05", "cmu_daz_10_04"),
}  # fmt: skip
_SIDED = {
    "UpperLeg_*": "hip", "LowerLeg_*": "knee", "Foot_*": "ankle", "Toes_*": "foot", "Shoulder_*": "collar",
    "UpperArm_*": "shoulder", "LowerArm_*": "elbow", "Hand_*": "wrist", "*Thigh": "hip", "*Shin": "knee",
    "*Foot": "ankle", "*Collar": "collar", "*Shldr": "shoulder", "*ForeArm": "elbow", "*Hand": "wrist",
}  # fmt: skip
NAMES = {"Hips": 0, "hip": 0, "Spine": 3, "abdomen": 3, "Chest": 9, "chest": 9, "Neck": 12, "neck": 12, "Head": 15,
         "head": 15} | {name.replace("*", letter): JOINTS.index(f"{side}_{joint}") for name, joint in _SIDED.items()
                        for side, letters in (("left", "lL"), ("right", "rR")) for letter in letters}  # fmt: skip
"""The real files' joints -> our joint in the same place, by hand."""
LIMBS = tuple(n for n, name in enumerate(JOINTS) if name.endswith(("knee", "ankle", "foot", "elbow", "wrist")))
SWAY = 0.4
"""Radians: the most by which limbs twist, and head and hands turn."""

Errors = dict[str, list[np.ndarray]]


@dataclass(frozen=True, eq=False)
class Recording:
    """A BVH and its true joint positions."""

    bvh: Bvh
    truth: Float[np.ndarray, "frames joints 3"]
    """Positions of its joints in meters, Y up."""
    ours: list[int]
    """The index of our joint for each joint; -1 for none."""
    up: str
    unit: float
    """Meters."""


def make_recordings(tool: Tool) -> Iterator[Recording]:
    """The clips on a maker's rig, in all directions."""
    for number, clip in enumerate(CLIPS):
        joints = Motion(read_joints(clip)[:200]).resample(tool.fps).joints
        offsets = measure_own_offsets(joints, tool.fps)
        rest = np.zeros((22, 3))
        for joint, parent in enumerate(PARENTS[1:], start=1):
            rest[joint] = rest[parent] + offsets[joint]
        rest[:, 1] -= rest[:, 1].min()
        positions, turns = motion_to_bvh(joints, tool.fps).world()
        turns = sway_limbs(turns, rest, tool.fps, number)
        bvh, truth, ours = animate(tool, rest, positions[:, 0] / 100, turns)
        for heading in range(HEADINGS):
            yield turn_recording(Recording(bvh, truth, ours, tool.up, tool.unit), heading * 2 * np.pi / HEADINGS)


def read_recordings(name: str) -> Iterator[Recording]:
    """Real files in all directions, and played backward."""
    for clip in REAL[name]:
        bvh = read_bvh(pack_folder() / "raw_bvh" / f"{clip}.bvh")
        ours = [NAMES.get(joint, -1) for joint in bvh.names]
        for back in (False, True):
            turned = replace(bvh, values=bvh.values[::-1]) if back else bvh
            recording = Recording(turned, turned.world()[0] * 0.01, ours, "Y", 0.01)
            for heading in range(HEADINGS):
                yield turn_recording(recording, heading * 2 * np.pi / HEADINGS)


def sway_limbs(turns: np.ndarray, rest: np.ndarray, fps: float, seed: int) -> np.ndarray:
    """Twists limbs about their bones, and turns head and hands, smoothly. Positions do not show these rotations."""
    rng, times, turns = np.random.default_rng(seed), np.arange(len(turns)) / fps, turns.copy()
    for joint in (1, 2, 4, 5, 15, 16, 17, 18, 19, 20, 21):
        after = next((child for child, parent in enumerate(PARENTS) if parent == joint), -1)
        axis = normalize(rest[after] - rest[joint] if after >= 0 else rng.normal(size=3))
        angle = SWAY * np.sin(2 * np.pi * rng.uniform(0.2, 0.6) * times + rng.uniform(0, 2 * np.pi))
        turns[:, joint] = turns[:, joint] @ axis_angle_to_matrix(angle[:, None] * axis)
    return turns


def turn_recording(recording: Recording, angle: float) -> Recording:
    """The same clip turned about the vertical by an angle: the root's channels, and the truth."""
    about = euler_to_matrix(np.array([angle]), recording.up)
    channels, values = recording.bvh.channels[0], recording.bvh.values.copy()
    axes = "".join(channel[0] for channel in channels[3:])
    assert [channel[1:] for channel in channels] == ["position"] * 3 + ["rotation"] * 3, channels
    columns = ["XYZ".index(channel[0]) for channel in channels[:3]]
    values[:, columns] = values[:, columns] @ about.T
    turned = about @ euler_to_matrix(np.radians(values[:, 3:6]), axes)
    values[:, 3:6] = np.degrees(matrix_to_euler(turned, axes))
    truth = recording.truth @ euler_to_matrix(np.array([angle]), "Y").T
    return replace(recording, bvh=replace(recording.bvh, values=values), truth=truth)


def measure(recording: Recording, folder: Path, errors: Errors) -> Motion:
    """Add the distances (cm) of one clip to `errors`; return the motion as it was read."""
    path = write_bvh(recording.bvh, folder / "clip.bvh")
    motion = Motion.read(path).forget_rotations()  # what 22 positions tell
    assert motion.rig is not None
    cut = len(recording.truth) - len(motion.joints)
    truth = recording.truth[cut:]
    places = {ours: n for n, ours in enumerate(recording.ours) if ours >= 0}
    _add_errors(errors, "read", motion.joints[:, list(places)], truth[:, list(places.values())])

    at_20 = motion.resample(20.0).joints.astype(np.float64)
    features = Motion.from_features(motion.features())
    _add_errors(errors, "features", features.joints, canonical(retarget(at_20))[:-1])

    back_path = motion.save(folder / "back.bvh", rig=motion.rig)
    back = Motion.read(back_path)
    _add_errors(errors, "written", back.joints, motion.joints)
    _add_errors(errors, "written limbs", back.joints[:, LIMBS], motion.joints[:, LIMBS])
    written = read_bvh(back_path)
    assert (written.names, written.channels, written.fps) == (recording.bvh.names, recording.bvh.channels, motion.fps)
    own, was = (place_joints(bvh, recording) for bvh in (written, recording.bvh))
    body = [n for n, ours in enumerate(recording.ours) if ours >= 0]
    _add_errors(errors, "own joints", own[:, body], was[cut:][:, body])
    _add_errors(errors, "all joints", own, was[cut:])

    through = Motion.read(features.save(folder / "through.bvh", rig=motion.rig)).resample(20.0)
    frames = min(len(through.joints), len(at_20))
    out, was_in = (canonical(np.asarray(j, dtype=np.float64)[:frames]) for j in (through.joints, at_20))
    _add_errors(errors, "through", out, was_in)
    return motion


def place_joints(bvh: Bvh, recording: Recording) -> np.ndarray:
    """The positions of all of a file's joints, in meters."""
    return bvh.world()[0] * recording.unit


def _add_errors(errors: Errors, name: str, found: np.ndarray, wanted: np.ndarray) -> None:
    assert found.shape == wanted.shape, f"{name}: {found.shape} against {wanted.shape}"
    errors.setdefault(name, []).append(100 * np.linalg.norm(found - wanted, axis=-1).ravel())


def measure_rig(clips: Iterator[Recording], folder: Path, quick: bool) -> dict[str, Any]:
    """Measure all clips on one rig: its row of the table."""
    errors: Errors = {}
    motion, recording, count = None, None, 0
    for number, recording in enumerate(clips):
        if quick and number % (HEADINGS + 1):
            continue
        motion, count = measure(recording, folder, errors), count + 1
    assert motion is not None and motion.rig is not None and recording is not None
    row: dict[str, Any] = {
        "clips": count, "joints": len(recording.bvh.names), "fps": motion.fps, "up": motion.rig.up,
        "unit": motion.rig.scale, "order": "".join(channel[0] for channel in recording.bvh.channels[-1][-3:]),
        "notes": list(motion.notes),
    }  # fmt: skip
    for name, parts in errors.items():
        every = np.concatenate(parts)
        row[name] = {"mean": float(every.mean()), "worst": float(every.max())}
    return row


COLUMNS = {
    "read": "read", "features": "features", "written": "on its own rig", "written limbs": "of it limbs",
    "own joints": "the rig's own joints", "all joints": "fingers, eyes too", "through": "features, then its own rig",
}  # fmt: skip
TEXT = """# Rigs of every maker

`python -m benchmarks.rigs` makes this page. [Clips and rigs](clips-and-rigs.md) says how rigs are used.

Errors are distances of joints in cm, *mean / worst*, over all clips, frames and joints. Every clip runs in all eight
compass directions. Bandai-Namco's and CMU's (for Daz) are real files, also played backward. The other rigs are animated
by six real clips (walking ahead, backward and round, running, squatting, jumping), with twists of limbs and turns of
head and hands added.

- *read*: the rig's joints as they are read, against where the file has them (its own forward kinematics).
- *features*: to the 263 features and back, against the same clip on the features' one skeleton.
- *on its own rig*: the 22 joints written as BVH on the clip's own rig and read again, against those first read.
  *Of it limbs*: knees, ankles, toes, elbows, wrists.
- *the rig's own joints*: the written file's joints that have one of ours in their place, against the original file's.
  *Fingers, eyes too*: all of its joints. 22 joint positions do not tell how head and hands turn, so fingers and eyes
  keep the rig's rest. (A clip that goes back to its own rig, with its frames, keeps its own rotations. They are left
  out here.)
- *features, then its own rig*: to features at 20 fps, back, and onto the rig at its rate, against the clip read, with
  both started at one place facing one way.
"""


def format_markdown(rows: dict[str, dict[str, Any]]) -> str:
    """The document."""
    lines = []
    for name, row in rows.items():
        unit = {1.0: "m", 0.01: "cm", 0.001: "mm", 0.0254: "inch"}.get(row["unit"], "inch/0.45")
        kind = f"{row['joints']} joints, {row['fps']:g} fps, {unit}, {row['up']} up, {row['order']}"
        cells = [f"{row[key]['mean']:.2f} / {row[key]['worst']:.2f}" for key in COLUMNS]
        lines.append([name, kind, row["clips"], *cells])
    return f"{TEXT}\n{table(['rig', 'its files', 'clips', *COLUMNS.values()], lines)}\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every rig; write the figures and the document."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rigs", description=main.__doc__)
    parser.add_argument("--quick", action="store_true", help="each clip in one direction; writes no document")
    parser.add_argument("--only", action="append", metavar="RIG", help="a rig by its name; again for more")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "runs" / "rigs.json")
    parser.add_argument("--doc", type=Path, default=DOC)
    options = parser.parse_args(arguments)
    rows = {}
    try:
        sources = {name: read_recordings(name) for name in REAL} | {tool.name: make_recordings(tool) for tool in TOOLS}
        with tempfile.TemporaryDirectory() as folder:
            for name, clips in sources.items():
                if not options.only or name in options.only:
                    rows[name] = measure_rig(clips, Path(folder), options.quick)
                    print(format_markdown({name: rows[name]}).splitlines()[-1], file=sys.stderr)
    except LeadError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write_json(options.output, rows)
    if not options.quick and not options.only:
        options.doc.write_text(format_markdown(rows), encoding="utf-8")
    print(format_markdown(rows))
    return 0
