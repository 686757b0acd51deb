"""The animated mannequin: what a glTF reader finds in the file, and the mesh itself."""

import json
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smpl_motion import smpl_joints

from benchmarks.pack import has_pack, read_joints
from lead.motion import Motion, read_bvh
from lead.motion.bodies.mannequin import mannequin
from lead.motion.skeleton import JOINTS, PARENTS, tpose

needs_pack = pytest.mark.skipif(not has_pack(), reason="no motion pack (set LEAD_DATA)")
DTYPES = {5126: "<f4", 5123: "<u2", 5121: "u1"}
WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}


class Glb:
    """A GLB taken apart by the specification, apart from our own code."""

    def __init__(self, content: bytes) -> None:
        magic, version, length, size, kind = struct.unpack_from("<4sIII4s", content)
        assert (magic, version, length, kind) == (b"glTF", 2, len(content), b"JSON")
        self.document = json.loads(content[20 : 20 + size])
        binary, kind = struct.unpack_from("<I4s", content, 20 + size)
        assert kind == b"BIN\0"
        assert size % 4 == binary % 4 == 0
        self.binary = content[28 + size :]
        assert len(self.binary) == binary == self.document["buffers"][0]["byteLength"]

    def array(self, number: int) -> np.ndarray:
        accessor = self.document["accessors"][number]
        view = self.document["bufferViews"][accessor["bufferView"]]
        dtype, width = DTYPES[accessor["componentType"]], WIDTHS[accessor["type"]]
        assert view["byteOffset"] % 4 == 0
        assert view["byteLength"] == accessor["count"] * width * np.dtype(dtype).itemsize
        values = np.frombuffer(self.binary, dtype, accessor["count"] * width, view["byteOffset"])
        return values.reshape(-1, width)

    def attribute(self, name: str) -> np.ndarray:
        return self.array(self.document["meshes"][0]["primitives"][0]["attributes"][name])

    def tracks(self) -> dict[tuple[int, str], tuple[np.ndarray, np.ndarray]]:
        animation = self.document["animations"][0]
        samplers = animation["samplers"]
        return {
            (channel["target"]["node"], channel["target"]["path"]): tuple(
                self.array(samplers[channel["sampler"]][end]) for end in ("input", "output")
            )
            for channel in animation["channels"]
        }

    def joints(self) -> np.ndarray:
        """The nodes' positions in each frame."""
        tracks = self.tracks()
        positions = np.zeros((len(tracks[0, "translation"][1]), 22, 3))
        turned = np.zeros((*positions.shape, 3))
        for joint, node in enumerate(self.document["nodes"][:22]):
            assert node["name"] == JOINTS[joint]
            x, y, z, w = tracks[joint, "rotation"][1].astype(float).T
            local = np.array([
                [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
            ]).transpose(2, 0, 1)  # fmt: skip
            if joint == 0:
                positions[:, 0], turned[:, 0] = tracks[0, "translation"][1], local
                continue
            parent = PARENTS[joint]
            assert joint in self.document["nodes"][parent]["children"]
            positions[:, joint] = positions[:, parent] + turned[:, parent] @ np.array(node["translation"])
            turned[:, joint] = turned[:, parent] @ local
        return positions


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("turn", [1, 4])
def test_joints_are_where_the_motions_are_in_any_heading(tmp_path, make_walk, turn, backward):
    walk = make_walk(20, heading=turn * np.pi / 4, backward=backward)
    glb = Glb(Motion(walk, 30.0).save(tmp_path / "clip.glb").read_bytes())
    assert np.linalg.norm(glb.joints() - walk, axis=-1).max() < 0.001
    np.testing.assert_allclose(glb.tracks()[0, "rotation"][0][:, 0], np.arange(20) / 30, atol=1e-6)


@settings(deadline=None, max_examples=3)
@given(st.integers(0, 1000))
def test_what_is_written_is_read(tmp_path_factory, seed):
    motion = Motion(smpl_joints(10, seed))
    path = motion.save(tmp_path_factory.mktemp("glb") / "clip.glb")
    back = Motion.read(path)
    assert back.fps == 20
    assert np.linalg.norm(back.joints - motion.joints, axis=-1).max() < 0.001
    assert np.abs(Glb(path.read_bytes()).joints() - motion.joints).max() < 0.001


def test_quaternions_go_the_short_way(tmp_path):
    glb = Glb(Motion(smpl_joints(40, swing=1.5)).save(tmp_path / "clip.glb").read_bytes())
    for (_, path), (_, values) in glb.tracks().items():
        if path == "rotation":
            np.testing.assert_allclose(np.linalg.norm(values, axis=-1), 1, atol=1e-6)
            assert ((values[1:] * values[:-1]).sum(axis=-1) > 0).all()


def test_the_skin_holds(tmp_path, make_walk):
    path = Motion(make_walk(3), name="a walk").save(tmp_path / "clip.glb")
    glb, bvh = Glb(path.read_bytes()), read_bvh(Motion(make_walk(3)).save(tmp_path / "clip.bvh"))
    weights, joints = glb.attribute("WEIGHTS_0").astype(int), glb.attribute("JOINTS_0")
    assert (weights.sum(axis=1) == 65535).all()
    assert (joints[weights == 0] == 0).all()
    assert set(np.unique(joints[weights > 0])) == set(range(22))
    bind = glb.array(glb.document["skins"][0]["inverseBindMatrices"]).reshape(22, 4, 4)
    rest = np.zeros((22, 3))
    for joint, parent in enumerate(PARENTS[1:], start=1):
        own = list(bvh.names).index(JOINTS[joint])
        rest[joint] = rest[parent] + bvh.offsets[own] / 100
    np.testing.assert_allclose(bind[:, 3, :3], -rest, atol=1e-5)
    assert glb.document["animations"][0]["name"] == "a walk"
    positions = glb.attribute("POSITION")
    np.testing.assert_allclose(np.linalg.norm(glb.attribute("NORMAL"), axis=-1), 1, atol=1e-5)
    accessor = glb.document["accessors"][glb.document["meshes"][0]["primitives"][0]["attributes"]["POSITION"]]
    np.testing.assert_allclose(accessor["min"], positions.min(axis=0))
    np.testing.assert_allclose(accessor["max"], positions.max(axis=0))


@pytest.mark.parametrize("scale", [100.0, 1e4, 0.01])
def test_a_body_in_another_unit_costs_no_more(scale):
    usual, other = mannequin(tpose()), mannequin(scale * tpose())
    assert len(other.vertices) == pytest.approx(len(usual.vertices), rel=0.02)
    assert np.ptp(other.vertices, axis=0) == pytest.approx(scale * np.ptp(usual.vertices, axis=0), rel=0.02)


@pytest.mark.parametrize("reach", [3.0, 300.0])
def test_the_grid_is_bounded_for_any_proportions(tmp_path, make_walk, reach):
    walk = make_walk(3)
    walk[:, [20, 21]] += reach * (walk[:, [20, 21]] - walk[:, [18, 19]])
    tracemalloc.start()
    try:
        path = Motion(walk).save(tmp_path / "clip.glb")
        assert tracemalloc.get_traced_memory()[1] < 192 << 20
    finally:
        tracemalloc.stop()
    assert path.stat().st_size < 1 << 20


@pytest.mark.parametrize("rest", [tpose(), 0.6 * tpose() * [1.3, 1.0, 1.0]], ids=["usual", "small and wide"])
def test_the_mannequin_is_one_closed_skin_around_its_joints(rest):
    mesh = mannequin(rest)
    corners = mesh.vertices[mesh.triangles]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (np.linalg.norm(across, axis=-1) > 0).all()
    assert ((across * mesh.normals[mesh.triangles].mean(axis=1)).sum(axis=-1) > 0).all()
    sides = np.concatenate([mesh.triangles[:, [0, 1]], mesh.triangles[:, [1, 2]], mesh.triangles[:, [2, 0]]])
    there, back = {tuple(side) for side in sides.tolist()}, {tuple(side) for side in sides[:, ::-1].tolist()}
    assert there == back  # each edge has two triangles, which agree on what is outside
    assert len(there) == len(sides)
    assert 1000 < len(mesh.vertices) < 12000
    np.testing.assert_allclose(mesh.weights.sum(axis=1), 1)
    apart = np.linalg.norm(rest[:, None] - mesh.vertices, axis=-1).min(axis=1)
    assert (apart < 0.15 * rest[:, 1].max()).all()
    left, right = (mesh.vertices[:, 0] * sign > 0.1 * rest[16, 0] for sign in (1, -1))
    assert abs(int(left.sum()) - int(right.sum())) < 0.03 * len(mesh.vertices)


def test_legs_do_not_share_skin():
    mesh = mannequin(tpose())
    low = mesh.vertices[:, 1] < 0.6 * tpose()[1, 1]
    held = np.zeros((len(mesh.vertices), 22))
    np.put_along_axis(held, mesh.joints, mesh.weights, axis=1)
    left, right = held[:, [1, 4, 7, 10]].sum(axis=1), held[:, [2, 5, 8, 11]].sum(axis=1)
    assert np.minimum(left, right)[low].max() < 1e-6


@needs_pack
@pytest.mark.parametrize("clip", ["cmu_02_04", "hdm05_bd_lieDownFloor_002"])
def test_real_bodies_are_dressed(tmp_path, clip):
    joints = read_joints(clip)[:40]
    glb = Glb(Motion(joints).save(tmp_path / "clip.glb").read_bytes())
    off = np.linalg.norm(glb.joints() - joints, axis=-1)
    assert off[:, [4, 5, 7, 8, 10, 11, 18, 19, 20, 21]].mean() < 0.01
    assert np.isfinite(glb.attribute("POSITION")).all()


def test_one_frame_and_no_body_are_written_too(tmp_path, make_walk):
    for name, joints in (("pose", make_walk(1)), ("nothing", np.zeros((2, 22, 3)))):
        glb = Glb(Motion(joints).save(tmp_path / f"{name}.glb").read_bytes())
        assert np.isfinite(glb.joints()).all()
        assert np.isfinite(glb.attribute("NORMAL")).all()
