"""glTF skeletons: containers, sampling, odd scenes, and files that are broken."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest
from gltf_files import join_glb, read_accessor, split_glb
from hypothesis import given, settings
from hypothesis import strategies as st

from lead.motion import Motion, MotionError, ReadOptions
from lead.motion.bodies.glb import format_glb
from lead.motion.read import read_skeleton
from lead.motion.rigs.retarget import motion_to_bvh
from lead.motion.rotations import axis_angle_to_matrix, matrix_to_quaternion
from lead.motion.skeleton import JOINTS


@pytest.fixture(scope="module")
def glb(make_walk) -> bytes:
    return format_glb(motion_to_bvh(make_walk(30), 30.0))


def test_a_walk_comes_back_from_every_container(tmp_path, glb, make_walk):
    walk = make_walk(30)
    (tmp_path / "clip.glb").write_bytes(glb)
    document, binary = split_glb(glb)
    document["buffers"][0]["uri"] = "walk%20data.bin"
    (tmp_path / "walk data.bin").write_bytes(binary)
    (tmp_path / "beside.gltf").write_text(json.dumps(document))
    document["buffers"][0]["uri"] = "data:application/octet-stream;base64," + base64.b64encode(binary).decode()
    (tmp_path / "inside.GLTF").write_text(json.dumps(document))
    for name in ("clip.glb", "beside.gltf", "inside.GLTF"):
        motion = Motion.read(tmp_path / name)
        np.testing.assert_allclose(motion.joints, walk, atol=2e-4)
        assert (motion.fps, motion.notes, motion.rig.names) == (30, (), motion.rig.names)
    assert Motion.read(tmp_path / "clip.glb", ReadOptions(fps=60.0)).fps == 60


def test_scaled_turned_and_nested_scenes(tmp_path, glb, make_walk):
    """Under armatures that make it centimeters with Z up, as rotation and scale, or as a matrix."""
    document, binary = split_glb(glb)
    turn = axis_angle_to_matrix(np.array([np.pi / 2, 0, 0]))
    matrix = np.eye(4)
    matrix[:3, :3] = 100 * turn
    for armature in (
        {"rotation": matrix_to_quaternion(turn).tolist(), "scale": [100] * 3},
        {"matrix": matrix.T.ravel().tolist()},
    ):
        nodes = [*document["nodes"], {"name": "Armature", "children": [0], **armature}]
        path = tmp_path / "clip.glb"
        path.write_bytes(join_glb({**document, "nodes": nodes}, binary))
        assert read_skeleton(path).names == read_skeleton(path).select_tree(0).names
        assert set(read_skeleton(path).names) == set(JOINTS)
        motion = Motion.read(path)
        assert (motion.rig.scale, motion.rig.up) == (0.01, "Z")
        np.testing.assert_allclose(motion.joints, make_walk(30), atol=2e-4)


def resample_keys(document: dict, binary: bytes, how: str) -> tuple[dict, bytes]:
    """Every second key, joined as `how` has it."""
    animation = document["animations"][0]
    arrays = []
    for sampler in animation["samplers"]:
        accessors = [document["accessors"][sampler[end]] for end in ("input", "output")]
        times, values = (read_accessor(document, binary, accessor) for accessor in accessors)
        if how == "CUBICSPLINE":
            slopes = np.gradient(values, times[:, 0], axis=0)
            values, times = np.stack([slopes, values, slopes], axis=1)[::2].reshape(-1, values.shape[1]), times[::2]
        else:
            values, times = values[::2], times[::2]
        arrays.append((times, values))
        sampler["interpolation"] = how
    for sampler, pair in zip(animation["samplers"], arrays, strict=True):
        for end, values in zip(("input", "output"), pair, strict=True):
            document["bufferViews"].append({"buffer": 0, "byteOffset": len(binary), "byteLength": 4 * values.size})
            kind = {1: "SCALAR", 3: "VEC3", 4: "VEC4"}[values.shape[1]]
            sampler[end] = len(document["accessors"])
            accessor = {"bufferView": len(document["bufferViews"]) - 1, "componentType": 5126}
            document["accessors"].append({**accessor, "count": len(values), "type": kind})
            binary += values.astype("<f4").tobytes()
    document["buffers"][0]["byteLength"] = len(binary)
    return document, binary


@pytest.mark.parametrize(("how", "off"), [("LINEAR", 0.02), ("CUBICSPLINE", 0.004), ("STEP", 0.0)])
def test_keys_are_joined_as_the_file_says(tmp_path, glb, make_walk, how, off):
    path = tmp_path / "clip.glb"
    path.write_bytes(join_glb(*resample_keys(*split_glb(glb), how)))
    motion = Motion.read(path)
    walk = make_walk(30)
    assert motion.fps == 15
    np.testing.assert_allclose(motion.joints, walk[::2], atol=5e-4)
    document, binary = resample_keys(*split_glb(glb), how)
    sampler = len(document["animations"][0]["samplers"])
    channels = [{"sampler": sampler, "target": {"node": node, "path": "scale"}} for node in range(22)]
    document["animations"][0]["channels"].append(channels[0])
    times = (np.arange(29) / 30)[:, None]
    for values, kind in ((times, "SCALAR"), (np.ones((29, 3)), "VEC3")):
        document["bufferViews"].append({"buffer": 0, "byteOffset": len(binary), "byteLength": 4 * values.size})
        accessor = {"componentType": 5126, "count": 29, "type": kind, "bufferView": len(document["bufferViews"]) - 1}
        document["accessors"].append(accessor)
        binary += values.astype("<f4").tobytes()
    count = len(document["accessors"])
    document["animations"][0]["samplers"].append({"input": count - 2, "output": count - 1})
    document["buffers"][0]["byteLength"] = len(binary)
    path.write_bytes(join_glb(document, binary))
    np.testing.assert_array_equal(Motion.read(path).joints, motion.joints)  # a single denser track sets no rate
    document["animations"][0]["channels"] += channels[1:]
    path.write_bytes(join_glb(document, binary))
    between = Motion.read(path)  # half of the tracks do; the others are sampled between their keys
    assert between.fps == 30
    expected = np.repeat(walk[::2], 2, axis=0)[:29] if how == "STEP" else walk[:29]
    in_place = (between.joints[:29] - between.joints[:29, :1], expected - expected[:, :1])
    assert np.abs(in_place[0] - in_place[1]).max() < off + 5e-4


def test_several_animations_and_unrelated_nodes(tmp_path, glb, make_walk):
    document, binary = split_glb(glb)
    document["animations"].append(dict(document["animations"][0], name="another"))
    document["nodes"].insert(len(document["nodes"]), {"name": "lamp"})
    document["scenes"][0]["nodes"].append(len(document["nodes"]) - 1)
    path = tmp_path / "clip.glb"
    path.write_bytes(join_glb(document, binary))
    motion = Motion.read(path)
    choose = "choose one with --animation NAME or N, in Python ReadOptions(animation=...)"
    assert motion.notes == (f"2 animations: 1 'motion' was read; {choose}: 2 'another'",)
    np.testing.assert_allclose(motion.joints, make_walk(30), atol=2e-4)
    del document["skins"]  # nodes that move, no mesh
    path.write_bytes(join_glb(document, binary))
    np.testing.assert_allclose(Motion.read(path).joints, make_walk(30), atol=2e-4)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: d.pop("animations"), "no animation in it"),
        (lambda d: d["animations"][0].update(channels=[]), "no animation of its skeleton"),
        (lambda d: d["asset"].update(version="1.0"), "not glTF 2.0"),
        (lambda d: compress(d, "EXT_meshopt_compression"), "free program gltfpack"),
        (lambda d: compress(d, "KHR_meshopt_compression"), "free program gltfpack"),
        (lambda d: d["nodes"][3]["children"].append(0), "circle"),
        (lambda d: d["nodes"][3]["children"].append(5), "two parents"),
        (lambda d: d["nodes"][3]["children"].append(99), "not a valid glTF file"),
        (lambda d: d["nodes"][3]["children"].append(-1), "not a valid glTF file"),
        (lambda d: d.update(nodes={}), "0 nodes"),
        (lambda d: d["accessors"][-1].update(count=10**9), "an animation of [0-9]* numbers; at most"),
        (lambda d: d["accessors"][-1].update(count=10**6), "reaches beyond its buffer"),
        (lambda d: d["accessors"][-1].update(count=-1), "sizes that cannot be"),
        (lambda d: d["accessors"][-1].update(sparse={}), "not a valid glTF file"),
        (lambda d: d["accessors"][-1].update(type="MAT4"), "not a valid glTF file"),
        (lambda d: d["bufferViews"][-1].update(byteLength=10**9), "reaches beyond its buffer"),
        (lambda d: d["buffers"][0].update(uri="../secret.bin"), "not in its folder"),
        (lambda d: d["buffers"][0].update(uri="absent.bin"), "'absent.bin' is missing"),
        (lambda d: d["buffers"][0].update(uri="data:,%%"), "not base64"),
        (lambda d: d["animations"][0]["samplers"][0].update(interpolation="MAGIC"), "an interpolation 'MAGIC'"),
        (lambda d: d["animations"][0]["samplers"][0].update(output=0), "not a valid|for a translation"),
        (lambda d: d["nodes"][0].update(scale=[float("nan")] * 3), "NaN, infinite"),
    ],
)  # fmt: skip
def test_broken_files_give_one_clear_error(tmp_path, glb, change, says):
    document, binary = split_glb(glb)
    change(document)
    path = tmp_path / "clip.glb"
    path.write_bytes(join_glb(document, binary))
    with pytest.raises(MotionError, match=says) as caught:
        Motion.read(path)
    assert str(caught.value).startswith(f"{path}: ")


def compress(document: dict, extension: str) -> None:
    """Say that the last buffer view is compressed."""
    document["extensionsRequired"] = [extension]
    document["bufferViews"][-1]["extensions"] = {extension: {"buffer": 0}}


def error_of(path: Path) -> str:
    """What a user is told; empty where the file can be read."""
    try:
        Motion.read(path)
    except MotionError as error:
        return str(error)
    return ""


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_damage_is_an_error_or_a_motion(tmp_path_factory, glb, data):
    """Bytes changed or cut away anywhere; values in the JSON replaced."""
    path = tmp_path_factory.getbasetemp() / "damaged.glb"
    if data.draw(st.booleans()):
        damaged = bytearray(glb)
        for _ in range(data.draw(st.integers(1, 4))):
            damaged[data.draw(st.integers(0, 6000))] = data.draw(st.integers(0, 255))
        content = bytes(damaged[: data.draw(st.integers(0, len(damaged)))] if data.draw(st.booleans()) else damaged)
    else:
        document, binary = split_glb(glb)
        part = document[data.draw(st.sampled_from(["nodes", "accessors", "bufferViews", "skins", "animations"]))]
        entry = part[data.draw(st.integers(0, len(part) - 1))]
        odd = st.sampled_from([None, -1, 10**12, 1.5, "x", [], {}, [None], [0] * 16, True])
        entry[data.draw(st.sampled_from(sorted(entry)))] = data.draw(odd)
        content = join_glb(document, binary)
    path.write_bytes(content)
    said = error_of(path)
    assert not said or said.startswith(f"{path}: ")
