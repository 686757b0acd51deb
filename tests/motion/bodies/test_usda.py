"""USD files: what the text says is where the motions are."""

import ast
import re
from dataclasses import replace

import numpy as np
import pytest
from skeleton_fk import chain_places

from lead.motion import Motion
from lead.motion.rigs.rig import read_rig
from lead.motion.skeleton import JOINTS


def read_array(text: str, name: str) -> np.ndarray:
    """The values of an attribute; of one with time samples, frame by frame."""
    found = re.search(rf"[\] ]{re.escape(name)} = (\[.*\])", text)
    if found:
        return np.array(ast.literal_eval(found[1]))
    block = re.search(rf"{re.escape(name)}\.timeSamples = (\{{.*?\n        \}})", text, re.DOTALL)
    samples = ast.literal_eval(block[1])
    assert list(samples) == list(range(len(samples)))
    return np.array(list(samples.values()))


def read_places(text: str) -> tuple[list[str], np.ndarray]:
    """The joints' names and places."""
    paths = read_array(text, "joints").tolist()
    parents = [paths.index(path.rpartition("/")[0]) if "/" in path else -1 for path in paths]
    quaternions = np.roll(read_array(text, "rotations"), -1, axis=-1)
    return read_array(text, "jointNames").tolist(), chain_places(parents, read_array(text, "translations"), quaternions)


def test_joints_and_skin_are_where_the_motions_are(tmp_path, make_walk):
    walk = make_walk(10, heading=1.0)
    text = Motion(walk, 29.97).save(tmp_path / "clip.usda").read_text()
    names, places = read_places(text)
    assert names == list(JOINTS) and np.linalg.norm(places - walk, axis=-1).max() < 0.001
    assert re.search(r"metersPerUnit = 1\n +upAxis = \"Y\"\n +startTimeCode = 0\n +endTimeCode = 9\n", text)
    assert "timeCodesPerSecond = 29.97\n" in text
    bind, rest = read_array(text, "bindTransforms"), read_array(text, "restTransforms")
    assert bind[:, 3, 1].min() == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(bind[4, 3], bind[1, 3] + rest[4, 3] - [0, 0, 0, 1], atol=1e-6)
    weights = read_array(text, "primvars:skel:jointWeights").reshape(-1, 4)
    assert len(weights) == len(read_array(text, "points"))
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)
    assert text.count("{") == text.count("}") and text.count("(") == text.count(")")


def test_a_rig_keeps_its_names_and_axes(tmp_path, make_walk, make_rig_bvh):
    odd = [f'{n}:Gelenk "{name}" é' for n, name in enumerate(JOINTS)]
    bvh = make_rig_bvh(odd)
    turn = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])
    rig, _ = read_rig(bvh)
    motion = Motion(make_walk(10), 30.0)
    plain = motion.save(tmp_path / "plain.usda", rig=rig).read_text()
    turned = motion.save(tmp_path / "turned.usda", rig=replace(rig, axes=np.tile(turn, (22, 1, 1)))).read_text()
    assert "mannequin" not in plain
    paths = read_array(plain, "joints").tolist()
    assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", part) for path in paths for part in path.split("/"))
    (names, places), (_, same) = read_places(plain), read_places(turned)
    assert names == odd
    np.testing.assert_allclose(same, places, atol=1e-5)
    np.testing.assert_allclose(read_array(turned, "bindTransforms")[5, :3, :3], turn.T, atol=1e-6)
