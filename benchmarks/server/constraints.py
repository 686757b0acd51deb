"""How near motions of the server come to their constraints, on the client's own skeleton.

    python -m benchmarks.server.constraints [--number 3]

Asks a server of its own, by MMCP, for motions on three skeletons: the server's own; one with Mixamo's names, legs that
are a fifth longer and arms that are shorter; and the same with joints that are turned at rest. Poses come from a motion
of the server on that skeleton. Distances are measured by the forward kinematics of the SDK, in the answer's glTF.
"""

import argparse
import json
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from motionmcp import client as sdk
from motionmcp.trajectory import fk_positions

from benchmarks.server.load import running_server
from cli.console import print_table
from lead.motion.rotations import axis_angle_to_matrix, matrix_to_quaternion

MIXAMO = {
    "pelvis": "Hips", "spine1": "Spine", "spine2": "Spine1", "spine3": "Spine2", "neck": "Neck", "head": "Head",
    **{f"{side}_{ours}": f"{side.title()}{theirs}" for side in ("left", "right") for ours, theirs in (
        ("hip", "UpLeg"), ("knee", "Leg"), ("ankle", "Foot"), ("foot", "ToeBase"), ("collar", "Shoulder"),
        ("shoulder", "Arm"), ("elbow", "ForeArm"), ("wrist", "Hand"))},
}  # fmt: skip
FRAMES = 120


def make_skeletons(canonical: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The skeletons of clients, by name."""
    rng = np.random.default_rng(0)
    skeletons = {"own": canonical}
    for name, turned in (("long legs", False), ("turned joints", True)):
        joints, worlds = [], dict[str | None, np.ndarray]({None: np.eye(3)})
        for joint in canonical["joints"]:
            ours = joint["name"]
            leg = any(word in ours for word in ("knee", "ankle", "pelvis"))
            scale = 1.2 if leg else 0.85 if any(word in ours for word in ("elbow", "wrist")) else 1.0
            own = axis_angle_to_matrix(rng.normal(size=3)) if turned else np.eye(3)
            above, worlds[ours] = worlds[joint["parent"]], own
            joints.append({
                "name": f"mixamorig:{MIXAMO[ours]}",
                "parent": joint["parent"] and f"mixamorig:{MIXAMO[joint['parent']]}",
                "rest_translation": (above.T @ (scale * np.array(joint["rest_translation"]))).tolist(),
                "rest_rotation": matrix_to_quaternion(above.T @ own).tolist(),
            })  # fmt: skip
        skeletons[name] = {"joints": joints}
    return skeletons


class Client:
    """A client of the server with one skeleton."""

    def __init__(self, url: str, model: dict[str, Any], skeleton: dict[str, Any]) -> None:
        self.url, self.model, self.skeleton = url, model, skeleton
        self.names = [joint["name"] for joint in skeleton["joints"]]
        self.notes: list[str] = []

    def find(self, ours: str) -> int:
        """The number of one of our joints."""
        return next(n for n, name in enumerate(self.names) if name in (ours, f"mixamorig:{MIXAMO[ours]}"))

    def ask(self, segments: list[tuple[str, int]], seed: int, constraints: Sequence[dict[str, Any]] = ()) -> Any:
        """Quaternions and places of the joints of a motion."""
        written = [{"type": "text", "prompt": text, "duration_frames": frames} for text, frames in segments]
        body = {"protocol_version": "1.0", "model": self.model["id"], "skeleton": self.skeleton, "segments": written,
                "constraints": list(constraints), "options": {"seed": seed}}  # fmt: skip
        document = sdk.generate(self.url, body)
        sample = sdk.parse_gltf(document)
        self.notes += [
            one["message"] for one in document["extensions"]["MMCP_motion"]["notes"] if one["code"] == "constraint"
        ]
        turns = matrix_to_quaternion(sample["local_rot_mats"].astype(float))
        places, _ = fk_positions(
            self.skeleton["joints"], self.names, turns[None], sample["local_translations"][None, :, 0]
        )
        return turns, places[0]


def pose_at(client: Client, turns: Any, places: Any, frame: int, to: int, offset: Any) -> dict[str, Any]:
    """A frame of a motion as a pose_keyframe."""
    rotations = {name: turns[frame, n].tolist() for n, name in enumerate(client.names)}
    return {"type": "pose_keyframe", "frame": to, "joint_rotations": rotations, "fill_mode": "rest",
            "root_position": (places[frame, 0] + offset).tolist()}  # fmt: skip


def try_poses(client: Client, seed: int, segments: list[tuple[str, int]]) -> float:
    """From a pose of a walk to one of a squat 1.5 m ahead: the mean distance of joints."""
    total, worst = sum(frames for _, frames in segments), 0.0
    walk = client.ask([("a person walks forward", 90)], seed)
    squat = client.ask([("a person squats", 90)], seed)
    shift = np.array([0.3, 0.0, 1.5]) - squat[1][45, 0] * [1, 0, 1]
    asked = [pose_at(client, *walk, 40, 0, -walk[1][40, 0] * [1, 0, 1]), pose_at(client, *squat, 45, total - 1, shift)]
    _, places = client.ask(segments, seed, asked)
    for frame, wanted in ((0, walk[1][40] - walk[1][40, 0] * [1, 0, 1]), (total - 1, squat[1][45] + shift)):
        worst = max(worst, float(np.linalg.norm(places[frame] - wanted, axis=-1).mean()))
    return worst


def try_path(client: Client, seed: int, segments: list[tuple[str, int]]) -> float:
    """Along a bend: the greatest distance of the root at the frames given."""
    total = sum(frames for _, frames in segments)
    frames = [*range(0, total, 10), total - 1]
    angles = np.linspace(0, np.pi / 2, len(frames))
    points = 1.2 * total / 30 / (np.pi / 2) * np.stack([1 - np.cos(angles), np.sin(angles)], axis=-1) + [2.0, -1.0]
    path = {"type": "root_path", "frames": frames, "positions_xz": points.tolist(), "heading_radians": angles.tolist()}
    _, places = client.ask(segments, seed, [path])
    return float(np.linalg.norm(places[frames, 0][:, ::2] - points, axis=-1).max())


def try_partial_path(client: Client, seed: int, segments: list[tuple[str, int]]) -> float:
    """Two places, not at the ends."""
    frames, points = [20, 80], np.array([[1.0, 0.0], [1.0, 2.0]])
    path = {"type": "root_path", "frames": frames, "positions_xz": points.tolist()}
    _, places = client.ask(segments, seed, [path])
    return float(np.linalg.norm(places[frames, 0][:, ::2] - points, axis=-1).max())


def try_reach(client: Client, seed: int, segments: list[tuple[str, int]]) -> float:
    """A hand to a place before the body: its distance."""
    tall = sum(abs(joint["rest_translation"][1]) for joint in client.model["canonical_skeleton"]["joints"][:1])
    goal = [0.15, 1.45 * (client.ask(segments, seed)[1][0, 0, 1] / tall), 0.4]
    start = {"type": "root_path", "frames": [0], "positions_xz": [[0.0, 0.0]], "heading_radians": [0.0]}
    hand = client.find("left_wrist")
    target = {"type": "effector_target", "joint": client.names[hand], "frames": [60], "positions": [goal]}
    _, places = client.ask(segments, seed, [start, target])
    return float(np.linalg.norm(places[60, hand] - goal))


def try_part(client: Client, seed: int, segments: list[tuple[str, int]]) -> float:
    """An arm's rotations at a frame: the greatest angle that a joint is off, in meters a meter."""
    turns, _ = client.ask([("a person raises the left arm", 90)], seed)
    arm = [client.find(name) for name in ("left_collar", "left_shoulder", "left_elbow")]
    wanted = {client.names[n]: turns[50, n].tolist() for n in arm}
    pose = {"type": "pose_keyframe", "frame": 70, "joint_rotations": wanted, "fill_mode": "generate"}
    found, _ = client.ask(segments, seed, [pose])
    cosine = np.abs((found[70, arm] * turns[50, arm]).sum(-1)).clip(max=1.0)
    return float(2 * np.arccos(cosine).max())


CASES: dict[str, tuple[Callable[[Client, int, list[tuple[str, int]]], float], list[tuple[str, int]]]] = {
    "poses at both ends": (try_poses, [("a person walks and then squats", FRAMES)]),
    "poses, two segments": (try_poses, [("a person walks", 90), ("a person squats", 90)]),
    "path": (try_path, [("a person walks", FRAMES)]),
    "path, two segments": (try_path, [("a person walks", 120), ("a person walks while waving", 120)]),
    "two places on the way": (try_partial_path, [("a person walks", FRAMES)]),
    "a hand": (try_reach, [("a person reaches forward", FRAMES)]),
    "rotations of an arm": (try_part, [("a person walks", FRAMES)]),
}


def main() -> int:
    """Parse the command line, ask, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=3, help="motions of each kind on each skeleton")
    parser.add_argument("--only", help="cases whose names have this in them")
    options = parser.parse_args()
    rows = []
    with running_server("--timeout", "900") as server:
        model = json.loads(urllib.request.urlopen(f"{server.url}/capabilities").read())["models"][0]
        for name, (measure, segments) in CASES.items():
            if options.only and options.only not in name:
                continue
            for rig, skeleton in make_skeletons(model["canonical_skeleton"]).items():
                client, started = Client(server.url, model, skeleton), time.monotonic()
                off = [100 * measure(client, seed, segments) for seed in range(options.number)]
                spent = (time.monotonic() - started) / options.number
                rows.append((name, rig, f"{np.mean(off):.1f}", f"{max(off):.1f}", len(client.notes), f"{spent:.1f}"))
                print(rows[-1], *client.notes, sep="\n  ", file=sys.stderr)
    print_table(rows, ("constraint", "skeleton", "off, cm", "most", "notes", "s"), "On the client's skeleton")
    return 0


if __name__ == "__main__":
    sys.exit(main())
