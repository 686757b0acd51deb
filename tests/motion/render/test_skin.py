"""The page's mannequin: its arrays, and that bones turned as packed lead to the joints of a motion."""

import base64

import numpy as np
import pytest

from lead.motion import Motion
from lead.motion.render.figure import stand_figure
from lead.motion.render.skin import BONES, UNIT, pack_skin, pack_turns
from lead.motion.rotations import normalize, quaternion_to_matrix


def decode(text: str, kind: str, *shape: int) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), kind).reshape(shape)


def test_the_mesh_stands_around_the_joints_at_rest() -> None:
    skin = pack_skin()
    vertices, rest = decode(skin["vertices"], "<i2", -1, 3) * UNIT, np.array(skin["rest"])
    weights, joints = decode(skin["weights"], "u1", -1, 4), decode(skin["joints"], "u1", -1, 4)
    triangles = decode(skin["triangles"], "<u2", -1, 3)
    assert len(vertices) == len(weights) == triangles.max() + 1 and joints.max() < 22
    assert np.abs(weights.astype(int).sum(axis=1) - 255).max() < 30 and (np.diff(weights.astype(int)) <= 0).all()
    assert np.abs(np.ptp(vertices, axis=0) - np.ptp(rest, axis=0)).max() < 0.5
    normals = decode(skin["normals"], "i1", -1, 3) / 127
    outward = vertices - rest[joints[:, 0]]
    assert (np.sum(outward * normals, axis=1) > 0).mean() > 0.8
    parts = decode(skin["parts"], "u1", -1, 3)
    assert (parts[vertices[:, 0] > 0.3].argmax(axis=1) == 0).all()  # the left arm is left


@pytest.mark.parametrize("facing", ["front", "back"])
def test_bones_turned_as_packed_lead_to_the_joints(walk: Motion, facing: str) -> None:
    joints = stand_figure(walk.joints) * ((-1, 1, -1) if facing == "back" else (1, 1, 1))
    x, y, z = np.moveaxis(decode(pack_turns(joints, walk.fps), "<i2", len(joints), 22, 3) / 32767, -1, 0)
    turns = quaternion_to_matrix(np.stack([x, y, z, np.sqrt(np.maximum(0, 1 - x * x - y * y - z * z))], axis=-1))
    rest = np.array(pack_skin()["rest"])
    for joint in (1, 2, 4, 5, 18, 19):  # hips, knees and elbows; of the trunk and shoulders, several joints decide
        bone = turns[:, joint] @ normalize(rest[BONES[joint]] - rest[joint])
        wanted = normalize(joints[:, BONES[joint]] - joints[:, joint])
        assert np.sum(bone * wanted, axis=-1).min() > 0.99, joint
