"""MMCP by the SDK's own client: what it lists, what comes back on a client's skeleton, and what is refused."""

import json
from typing import Any

import numpy as np
import pytest
from motionmcp import client
from motionmcp.schemas import Skeleton
from rigs_of_clients import mixamo_skeleton, place_nodes

from cli.server.skeletons import motion_to_poses, read_client_rig
from lead import Motion, Segment, Timeline
from lead.motion.formats.bvh import Bvh
from lead.motion.heading import facing
from lead.motion.read_options import ReadOptions
from lead.motion.resample import resample
from lead.motion.rigs.retarget import motion_to_rig
from lead.motion.rigs.rig import read_rig
from lead.motion.rotations import matrix_to_quaternion, quaternion_to_matrix
from lead.motion.skeleton import JOINTS


@pytest.fixture
def model(server) -> dict[str, Any]:
    found = client.probe_server(server.url)
    assert found.status == "online"
    return client.pick_model(found.capabilities)


@pytest.fixture
def make(model):
    """A function that makes a request: segments as (prompt, frames), on the server's skeleton or another."""

    def request(*segments: tuple[str, int] | dict[str, Any], skeleton: Any = None, **more: Any) -> dict[str, Any]:
        written = [one if isinstance(one, dict) else {"type": "text", "prompt": one[0], "duration_frames": one[1]}
                   for one in segments]  # fmt: skip
        return {"protocol_version": "1.0", "model": model["id"], "skeleton": skeleton or model["canonical_skeleton"],
                "segments": written, "options": {"seed": 3}, **more}  # fmt: skip

    return request


def codes(document: dict[str, Any]) -> list[str]:
    return [note["code"] for note in document["extensions"]["MMCP_motion"]["notes"]]


def test_lists_what_it_does(server, model):
    assert model["id"] == "tiny"
    assert model["supports_retargeting"] and model["supports_segment_seed"] and not model["supports_loop"]
    assert model["supported_segments"] == ["text", "unconditioned", "motion_reference"]
    assert model["supported_constraints"] == ["root_path", "effector_target", "pose_keyframe"]
    assert [joint["name"] for joint in model["canonical_skeleton"]["joints"]] == list(JOINTS)
    assert client.retarget_state(server.url) == "ready"


def test_a_concept_on_a_clients_skeleton_is_what_the_library_writes_there(server, make, limp, tiny_base):
    """Joints are right to 1 cm: those of `Lead.generate`, at the client's rate, retargeted as `--rig` does."""
    skeleton = mixamo_skeleton()
    document = client.generate(server.url, make(("a person walks in <limp> style", 120), skeleton=skeleton))
    (sample,) = client.parse_gltf_samples(document)
    assert (sample["num_frames"], sample["fps"]) == (120, 30.0)
    (motion,) = tiny_base.generate(["a person walks in <limp> style"], seconds=4.0, seed=[3], words=limp.words)
    joints = resample(motion.joints, (len(motion.joints) - 1) * 30 / 119, 30.0)
    heads = np.array([joint["rest_translation"] for joint in skeleton["joints"]])
    names = [joint["name"] for joint in skeleton["joints"]]
    parents = [-1 if joint["parent"] is None else names.index(joint["parent"]) for joint in skeleton["joints"]]
    channels = [("Xposition", "Yposition", "Zposition")] + [("Zrotation", "Xrotation", "Yrotation")] * (len(names) - 1)
    channels[0] += ("Zrotation", "Xrotation", "Yrotation")
    values = np.zeros((1, 3 + 3 * len(names)))
    values[0, :3] = heads[0]
    rig, _ = read_rig(
        Bvh(tuple(names), tuple(parents), heads, tuple(channels), (), values, 1 / 30), ReadOptions(unit="m")
    )
    expected = motion_to_rig(joints, rig).world()[0]
    found = place_nodes(document, sample)
    ours = [node for node in rig.nodes if 0 <= node < len(names)]
    assert np.abs(found - expected)[:, ours].max() < 0.01
    assert document["extensions"]["MMCP_motion"]["canonical_to_request"]["left_knee"] == "mixamorig:LeftLeg"


def test_orientations_at_rest_change_nothing_but_the_numbers(server, make):
    plain, turned = (
        place_nodes(document, client.parse_gltf(document))
        for skeleton in (mixamo_skeleton(), mixamo_skeleton(turned=5))
        for document in [client.generate(server.url, make(("a person walks", 60), skeleton=skeleton))]
    )
    np.testing.assert_allclose(plain, turned, atol=1e-4)


def test_a_sequence_has_the_frames_of_its_segments_and_a_start(server, make, tiny_base):
    pinned = {"type": "root_path", "frames": [0], "positions_xz": [[2.0, -1.0]], "heading_radians": [np.pi / 2]}
    short = {"type": "unconditioned", "duration_frames": 7}
    body = make(("walks", 60), short, ("sits down", 400), constraints=[pinned])
    document = client.generate(server.url, body)
    (sample,) = client.parse_gltf_samples(document)
    assert sample["num_frames"] == 467
    np.testing.assert_allclose(sample["posed_joints"][0, 0, [0, 2]], [2.0, -1.0], atol=1e-5)
    ahead = facing(place_nodes(document, sample)[:1])[0]
    assert ahead[0] > 0.5
    assert abs(ahead[2]) < 0.01
    assert {"short_segment", "seed"} <= {*codes(document)}
    assert document["extensions"]["MMCP_motion"]["samples"][0]["chunk_boundaries"] == [66]


def test_a_sequence_is_a_timeline_of_the_library(server, make, tiny_base):
    """Joints are those of `Lead.generate_timeline`, with the transition that the client states."""
    body = make(("a person walks", 60), ("a person sits down", 60), options={"seed": 3, "transition_frames": 30})
    sample = client.parse_gltf(client.generate(server.url, body))
    timeline = Timeline((Segment("a person walks", 2.0, seed=3), Segment("a person sits down", 2.0, seed=4)), 1.0)
    motion = tiny_base.generate_timeline(timeline)
    joints = resample(motion.joints, (len(motion.joints) - 1) * 30 / 119, 30.0)
    rig = read_client_rig(Skeleton(**body["skeleton"]), 30.0)
    expected = motion_to_poses(Motion(joints, 30.0), rig)
    np.testing.assert_allclose(sample["local_rot_mats"], quaternion_to_matrix(expected.rotations), atol=0.01)
    np.testing.assert_allclose(sample["local_translations"][:, 0], expected.roots, atol=0.01)
    server.refuses("/generate", {**body, "options": {"transition_frames": 60}, "timing": {"fps": 10.0}}, 400,
                   "invalid_options", "transition_frames: 6.0 s")  # fmt: skip


def test_seeds_repeat_a_motion_and_samples_differ(server, make):
    body = make(("a person walks", 60), options={"seed": 3, "num_samples": 2})
    first, again = (client.parse_gltf_samples(client.generate(server.url, body)) for _ in range(2))
    np.testing.assert_allclose(first[1]["local_rot_mats"], again[1]["local_rot_mats"], atol=1e-4)
    assert np.abs(first[0]["local_rot_mats"] - first[1]["local_rot_mats"]).max() > 0.01
    document = client.generate(server.url, make(("a person walks", 30), options={}))
    (note,) = [note for note in document["extensions"]["MMCP_motion"]["notes"] if note["code"] == "seed"]
    repeated = client.generate(server.url, make(("a person walks", 30), options={"seed": note["seed"]}))
    assert repeated["buffers"][0]["byteLength"] == document["buffers"][0]["byteLength"]
    np.testing.assert_allclose(
        client.parse_gltf(repeated)["local_rot_mats"], client.parse_gltf(document)["local_rot_mats"], atol=1e-4
    )


def test_a_clip_stands_in_place_of_a_prompt(server, model, make):
    document = client.generate(server.url, make(("a person walks", 60)))
    sample = client.parse_gltf(document)
    clip = {"type": "motion_reference", "duration_frames": 60, "fps": 30.0, "joint_names": sample["joint_names"],
            "rotations": matrix_to_quaternion(sample["local_rot_mats"].astype(float)).tolist(),
            "root_positions": sample["posed_joints"][:, 0].tolist()}  # fmt: skip
    of_another_rig = {**clip, "skeleton": model["canonical_skeleton"]}
    body = make(of_another_rig, ("a person sits", 45), skeleton=mixamo_skeleton())
    assert client.parse_gltf(client.generate(server.url, body))["num_frames"] == 105
    short = {**clip, "rotations": clip["rotations"][:10], "root_positions": clip["root_positions"][:10]}
    server.refuses("/generate", make(short), 400, "invalid_request", "a reference clip of 0.33 s", "at least")


def test_a_clip_without_rotations_is_refused(server, model, make):
    names = [joint["name"] for joint in model["canonical_skeleton"]["joints"]]
    clip = {"type": "motion_reference", "duration_frames": 60, "fps": 20.0, "joint_names": names,
            "rotations": [[[0, 0, 0, 0]] * len(names)] * 30, "root_positions": [[0, 0.9, 0]] * 30}  # fmt: skip
    server.refuses("/generate", make(clip), 400, "invalid_request", "no unit quaternions")


def test_a_skeleton_in_centimeters_is_told(server, make):
    skeleton = mixamo_skeleton()
    for joint in skeleton["joints"]:
        joint["rest_translation"] = [100 * x for x in joint["rest_translation"]]
    document = client.generate(server.url, make(("a person walks", 30), skeleton=skeleton))
    assert "unit" in codes(document)
    assert 50 < client.parse_gltf(document)["posed_joints"][0, 0, 1] < 150


def test_several_requests_in_one_body(server, make):
    good, bad = make(("a person walks", 30)), make(("a person does <unknown>", 30))
    status, answer, _ = server.ask(
        "/generate", {"protocol_version": "1.0", "requests": [good, bad, {**good, "model": "x"}]}
    )
    assert status == 200
    assert [next(iter(one)) for one in answer["results"]] == ["gltf", "error", "error"]
    assert "it has <limp>" in answer["results"][1]["error"]["message"]
    assert answer["results"][2]["error"]["code"] == "unknown_model"


FAST = {"type": "root_path", "frames": [0, 20], "positions_xz": [[0, 0], [90, 0]]}
TWICE = [{"type": "root_path", "frames": [3], "positions_xz": [[x, 0]]} for x in (0, 1)]
FAR = {"type": "root_path", "frames": [3], "positions_xz": [[1e300, 0]]}
POSE = {"type": "pose_keyframe", "frame": 0, "joint_rotations": {"pelvis": [0, 0, 0, 0]}}
GROUND = {"type": "ground_height", "points": [[0, 0, 0]]}
JOINT = {"name": "a", "parent": None, "rest_translation": [0, 0, 0], "rest_rotation": [0, 0, 0, 1]}
HAND = {"type": "effector_target", "joint": "left_wrist", "frames": [3], "positions": [[0, 1, 0]]}
WALK = {"type": "text", "prompt": "a person walks", "duration_frames": 300}
SAMPLES = {"num_samples": 2}


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"constraints": [POSE]}, "invalid_request", "'pelvis' is no unit quaternion"),
        ({"constraints": [GROUND]}, "unsupported_constraint", "ground_height"),
        ({"constraints": [HAND | {"joint": "head"}]}, "unsupported_constraint", "hands, feet and the pelvis"),
        ({"constraints": [HAND | {"rotations": [[0, 0, 0, 1]]}]}, "unsupported_constraint", "rotations"),
        ({"constraints": [HAND, HAND]}, "invalid_request", "two places of 'left_wrist'"),
        ({"constraints": [FAST]}, "invalid_request", "at most 8 m/s"),
        ({"constraints": TWICE}, "invalid_request", "two places of the root at frame 3"),
        ({"constraints": [FAR]}, "invalid_request", "beyond 1000 m"),
        ({"constraints": [HAND], "segments": [WALK] * 2, "options": SAMPLES}, "invalid_options", "40.0 s of"),
        ({"segments": [{"type": "pose", "prompt": "a person sits"}]}, "unsupported_segment", "pose"),
        ({"segments": [{"type": "text", "prompt": " ", "duration_frames": 9}]}, "invalid_request", "empty prompt"),
        ({"options": {"loop": True}}, "invalid_options", "loop"),
        ({"options": {"seed": -1}}, "invalid_options", "seed -1"),
        ({"options": {"diffusion_steps": 500}}, "invalid_options", "at most 200"),
        ({"options": {"guidance": {"type": "regular", "weight": [1e9]}}}, "invalid_options", "guidance"),
        ({"options": {"num_samples": 9}}, "invalid_options", "num_samples"),
        ({"timing": {"fps": 1000.0}}, "invalid_options", "1000 frames a second"),
        ({"segments": [{"type": "text", "prompt": "walks", "duration_frames": 10**6}]}, "invalid_options", "duration"),
        ({"segments": [{"type": "text", "prompt": "a", "duration_frames": 1}] * 80}, "invalid_request", "0.8 s are"),
        ({"skeleton": {"joints": [JOINT]}}, "invalid_skeleton", "left_hip"),
        ({"skeleton": {"joints": [JOINT | {"rest_rotation": [0, 0, 0, 0]}]}}, "invalid_skeleton", "no unit quaternion"),
        ({"skeleton": {"joints": [JOINT | {"rest_translation": [0, 1e9, 0]}]}}, "invalid_skeleton", "send meters"),
    ],
)  # fmt: skip
def test_refuses_honestly(server, make, change, code, said):
    server.refuses("/generate", make(("a person walks", 60), **change), 400, code, said)


def test_odd_bodies_are_no_faults_of_the_server(server, make):
    odd = make(("a person walks", 60))
    odd["segments"][0]["type"] = {"a": 1}
    server.refuses("/generate", odd, 422, "schema_validation", "no text")
    server.refuses("/generate", {"requests": [odd], "protocol_version": "1.0"}, 422, "schema_validation")
    for change in ({"options": {"seed": True}}, {"timing": {"fps": "30"}}, {"duration_frames": 3.5}):
        server.refuses("/generate", {**make(("a", 60)), **change}, 422, "schema_validation", "valid")
    for raw in (
        b"{",
        b"\xff",
        b"[" * 100_000,
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'"\\ud800"',
        b"1" * 400,
        b'{"seed": 1' + b"0" * 300 + b"}",
    ):
        server.refuses("/generate", raw, 422, "schema_validation", "not valid JSON")
    server.refuses("/generate", json.dumps([odd]).encode(), 422, "schema_validation")
    server.refuses("/generate", {"segments": [1] * 1000}, 422, "schema_validation", "faults; /docs")
    server.refuses("/generate", b'{"model": "a", "model": "b"}', 422, "schema_validation", "'model' stands twice")
