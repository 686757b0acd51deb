"""VRM animations: the specification's rules, and the joints' places."""

import numpy as np
import pytest
from gltf_files import read_accessor, split_glb
from hypothesis import given, settings
from hypothesis import strategies as st
from skeleton_fk import chain_places
from smpl_motion import smpl_joints

from benchmarks.pack import has_pack, read_joints
from lead.motion import Motion, read_bvh
from lead.motion.skeleton import JOINTS

REQUIRED = ["hips", "spine", "head"] + [
    f"{side}{bone}"
    for side in ("left", "right")
    for bone in ("UpperLeg", "LowerLeg", "Foot", "UpperArm", "LowerArm", "Hand")
]
"""VRMC_vrm 1.0, Humanoid: bones that every humanoid has."""
ABOVE = {"spine": "hips", "chest": "spine", "upperChest": "chest", "neck": "upperChest", "head": "neck",
         "UpperLeg": "hips", "LowerLeg": "*UpperLeg", "Foot": "*LowerLeg", "Toes": "*Foot", "Shoulder": "upperChest",
         "UpperArm": "*Shoulder", "LowerArm": "*UpperArm", "Hand": "*LowerArm"}  # fmt: skip
"""The same: the bone that each bone hangs from."""


@pytest.fixture
def vrma(tmp_path, make_walk):
    """A document, its buffer and the joints that it is of."""
    walk = make_walk(12, heading=2.0)
    return *split_glb(Motion(walk, 30.0, name="a walk").save(tmp_path / "clip.vrma").read_bytes()), walk


def test_bones_are_those_of_the_specification(vrma):
    document = vrma[0]
    extension = document["extensions"]["VRMC_vrm_animation"]
    bones = {bone: its["node"] for bone, its in extension["humanoid"]["humanBones"].items()}
    assert document["extensionsUsed"] == ["VRMC_vrm_animation"] and extension["specVersion"] == "1.0"
    assert set(REQUIRED) <= set(bones) and sorted(bones.values()) == list(range(22))
    above = {child: parent for parent, node in enumerate(document["nodes"]) for child in node.get("children", [])}
    for bone, node in bones.items():
        side = bone[: len("left") if bone.startswith("left") else len("right")] if bone[:4] in ("left", "righ") else ""
        wanted = ABOVE.get(bone[len(side) :], "").replace("*", side)
        assert (bones[wanted] if wanted else None) == above.get(node), bone


def test_at_rest_it_stands_in_a_t_pose(vrma):
    document = vrma[0]
    rest = np.zeros((22, 3))
    for number, node in enumerate(document["nodes"]):
        assert not {"rotation", "scale", "matrix"} & node.keys()
        rest[number] += node["translation"]
        for child in node.get("children", []):
            rest[child] += rest[number]
    at = dict(zip(JOINTS, rest, strict=True))
    assert rest[:, 1].min() == pytest.approx(0, abs=1e-6) and 0.7 < at["pelvis"][1] < 1.1
    for side, sign in (("left", 1.0), ("right", -1.0)):
        arm = at[f"{side}_wrist"] - at[f"{side}_shoulder"]
        leg = at[f"{side}_ankle"] - at[f"{side}_hip"]
        assert sign * arm[0] / np.linalg.norm(arm) > 0.999 and -leg[1] / np.linalg.norm(leg) > 0.999
        assert (at[f"{side}_foot"] - at[f"{side}_ankle"])[2] > 0.05


def test_joints_are_where_the_motions_are(vrma):
    document, binary, walk = vrma
    animation = document["animations"][0]
    translations = np.tile([node["translation"] for node in document["nodes"]], (12, 1, 1))
    quaternions = np.zeros((12, 22, 4))
    parents = [-1] * 22
    for parent, node in enumerate(document["nodes"]):
        for child in node.get("children", []):
            parents[child] = parent
    for channel in animation["channels"]:
        sampler, target = animation["samplers"][channel["sampler"]], channel["target"]
        times, values = (
            read_accessor(document, binary, document["accessors"][sampler[end]]) for end in ("input", "output")
        )
        np.testing.assert_allclose(times[:, 0], np.arange(12) / 30, atol=1e-6)
        assert target["path"] == "rotation" or target == {"node": 0, "path": "translation"}
        (quaternions if target["path"] == "rotation" else translations)[:, target["node"]] = values
    assert animation["name"] == "a walk"
    assert np.linalg.norm(chain_places(parents, translations, quaternions) - walk, axis=-1).max() < 0.001


def test_what_is_written_is_read_by_its_bones_whatever_their_names(tmp_path, make_walk):
    walk = make_walk(30)
    path = Motion(walk, 60.0).save(tmp_path / "clip.vrma")
    path.write_bytes(path.read_bytes().replace(b'"left_knee"', b'"kneecap_7"'))
    back = Motion.read(path)
    assert back.fps == 60 and "kneecap_7" in back.rig.names
    assert np.linalg.norm(back.joints - walk, axis=-1).max() < 0.001


@settings(deadline=None, max_examples=3)
@given(st.integers(0, 1000), st.sampled_from([20.0, 29.97, 60.0]))
def test_reading_is_the_inverse_of_writing(tmp_path_factory, seed, fps):
    motion = Motion(smpl_joints(10, seed), fps)
    back = Motion.read(motion.save(tmp_path_factory.mktemp("vrma") / "clip.vrma"))
    assert back.fps == pytest.approx(fps, rel=1e-4) and len(back.joints) == 10
    assert np.linalg.norm(back.joints - motion.joints, axis=-1).max() < 0.001


@pytest.mark.skipif(not has_pack(), reason="no motion pack (set LEAD_DATA)")
def test_a_real_body_that_lies_down_is_where_its_bvh_is(tmp_path):
    motion = Motion(read_joints("hdm05_bd_lieDownFloor_002")[::10])
    bvh = read_bvh(motion.save(tmp_path / "clip.bvh"))
    places = bvh.world()[0][:, [bvh.names.index(name) for name in JOINTS]] / 100
    back = Motion.read(motion.save(tmp_path / "clip.vrma"))
    assert np.linalg.norm(back.joints - places, axis=-1).max() < 0.001
