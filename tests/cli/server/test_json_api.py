"""The JSON API: files of every format, rigs as text, what there is to ask for, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from cli.server.json_api import _has_blender, list_formats
from lead import Segment, Timeline
from lead.motion import Motion
from lead.motion.errors import MotionError
from lead.motion.formats.bvh import format_bvh, parse_bvh
from lead.motion.rigs.retarget import motion_to_bvh

BODY = {"prompt": "a person walks", "seconds": 2.0, "seed": 3}


def test_the_same_seed_gives_what_the_library_gives(server, tiny_base, tmp_path: Path):
    status, content, headers = server.ask("/v1/generate", BODY)
    assert (status, headers["x-seed"], json.loads(headers["x-notes"])) == (200, "3", [])
    assert headers["content-disposition"] == 'attachment; filename="a-person-walks-seed3.bvh"'
    (motion,) = tiny_base.generate(["a person walks"], seconds=2.0, seed=[3])
    written = parse_bvh(motion.save(tmp_path / "out.bvh").read_bytes())
    np.testing.assert_allclose(parse_bvh(content).world()[0], written.world()[0], atol=0.05)  # centimeters


@pytest.mark.parametrize("form", ["npz", "glb", "amass"])
def test_every_format_reads_back(server, form, tmp_path: Path):
    status, content, headers = server.ask("/v1/generate", {**BODY, "format": form})
    assert status == 200
    name = headers["content-disposition"].partition('"')[2][:-1]
    (tmp_path / name).write_bytes(content)
    assert Motion.read(tmp_path / name).seconds == pytest.approx(2.0, abs=0.11)


def test_joints_as_json_at_another_rate(server):
    _, answer, _ = server.ask("/v1/generate", {**BODY, "format": "json", "fps": 60})
    assert answer["fps"] == 60
    assert np.array(answer["positions"]).shape == (118, 22, 3)
    assert answer["joints"][answer["parents"][4]] == "left_hip"


def test_segments_are_a_timeline_of_the_library(server, tiny_base):
    segments = [{"prompt": "a person walks", "seconds": 2.0}, {"prompt": "a person sits", "seconds": 1.6, "seed": 9}]
    body = {"segments": segments, "seed": 3, "transition": 0.4, "format": "json"}
    status, answer, _ = server.ask("/v1/generate", body)
    assert status == 200
    timeline = Timeline((Segment("a person walks", 2.0, seed=3), Segment("a person sits", 1.6, seed=9)), 0.4)
    np.testing.assert_allclose(answer["positions"], tiny_base.generate_timeline(timeline).joints, atol=1e-3)


def test_a_motion_meets_its_constraints(server, walk: Motion):
    clip = format_bvh(motion_to_bvh(walk.joints[:20], 20.0))
    body = {
        **BODY, "steps": 2, "format": "json",
        "start": {"clip": clip, "frame": -1},
        "end": {"positions": walk.joints[10].tolist(), "place": [0.0, 1.0, 90.0]},
        "reach": [{"joint": "left_hand", "seconds": 1.0, "position": [0.3, 1.2, 0.8]}],
    }  # fmt: skip
    status, answer, headers = server.ask("/v1/generate", body)
    assert status == 200
    joints = np.array(answer["positions"])
    np.testing.assert_allclose(joints[[0, -1], 0][:, ::2], [[0, 0], [0, 1]], atol=0.01)
    assert json.loads(headers["x-notes"]), "what random weights leave far off is told"


def test_a_path_on_a_rig_is_that_of_the_rig(server, walk: Motion):
    rig = format_bvh(motion_to_bvh(2 * walk.joints[:20], 20.0))
    path = [{"x": 10.0, "z": 1.0}, {"x": 12.0, "z": 1.0}]
    status, content, _ = server.ask("/v1/generate", {**BODY, "steps": 2, "rig": rig, "path": path})
    assert status == 200
    root = parse_bvh(content).world()[0][:, 0, ::2] / 100
    assert np.abs(root[[0, -1]] - [[10, 1], [12, 1]]).max() < 0.5, "but for the sway of random weights"


def test_a_rig_as_text(server, walk: Motion):
    rig = motion_to_bvh(2 * walk.joints[:20], 20.0)
    status, content, _ = server.ask("/v1/generate", {**BODY, "rig": format_bvh(rig)})
    assert status == 200
    written = parse_bvh(content)
    order = [written.names.index(name) for name in rig.names]  # a file's joints stand depth first
    np.testing.assert_allclose(written.offsets[order], rig.offsets, atol=1e-4)
    _, faster, _ = server.ask("/v1/generate", {**BODY, "rig": format_bvh(rig), "fps": 60})
    assert parse_bvh(faster).fps == 60
    fast = format_bvh(replace(rig, frame_time=1e-5))
    server.refuses("/v1/generate", {**BODY, "rig": fast}, 400, "invalid_options", "100000 frames a second", "lower fps")


def test_without_a_seed_one_is_drawn_and_told(server):
    _, first, headers = server.ask("/v1/generate", {"prompt": "a person walks", "seconds": 1.0})
    _, again, _ = server.ask(
        "/v1/generate", {"prompt": "a person walks", "seconds": 1.0, "seed": int(headers["x-seed"])}
    )
    np.testing.assert_allclose(parse_bvh(first).values, parse_bvh(again).values, atol=0.01)


def test_lists_concepts_and_tells_its_state(server):
    _, answer, _ = server.ask("/v1/concepts")
    assert [(one["token"], one["kind"], one["base"]) for one in answer["concepts"]] == [("<limp>", "style", "tiny")]
    _, answer, _ = server.ask("/v1/status")
    assert (answer["base"], answer["waiting"], answer["seconds"]) == ("tiny", 0, [0.8, 9.8])
    assert "bvh" in answer["formats"]
    assert answer["constraints"] == ["start", "end", "keyframes", "path", "reach"]


def test_fbx_is_offered_where_blender_is(monkeypatch):
    for there, found in ((["blender"], True), (MotionError("no Blender"), False)):
        _has_blender.cache_clear()
        monkeypatch.setattr("cli.server.json_api.find_blender", Mock(side_effect=[there]))
        assert ("fbx" in list_formats()) == found
    _has_blender.cache_clear()


def test_the_page_loads_nothing_from_elsewhere_and_describes_all_routes(server):
    _, page, headers = server.ask("/docs")
    assert b"http" not in page.replace(b"http-equiv", b"").replace(b"<!DOCTYPE html>", b"")
    assert headers["x-frame-options"] == "DENY"
    assert server.ask("/docs-files/swagger-ui.css")[0] == 200
    _, document, _ = server.ask("/openapi.json")
    assert {"/generate", "/capabilities", "/v1/generate", "/v1/concepts", "/v1/status"} <= document["paths"].keys()
    assert "MotionReferenceSegment" in document["components"]["schemas"]


@pytest.mark.parametrize(
    ("change", "status", "code", "said"),
    [
        ({"prompt": ""}, 422, "schema_validation", "prompt"),
        ({"prompt": "  "}, 400, "invalid_request", "empty"),
        ({"prompt": "a person does <../../x>"}, 400, "invalid_request", "it has <limp>"),
        ({"prompt": "(<limp>:9) walks"}, 400, "invalid_request", "9"),
        ({"prompt": "<a1> <a2> <a3> <a4> <a5> <a6> <a7> <a8> <a9>"}, 400, "invalid_request", "at most 8"),
        ({"seconds": 30}, 400, "invalid_options", "0.8 to 9.8 s"),
        ({"seconds": "x"}, 422, "schema_validation", "seconds"),
        ({"format": "exe"}, 400, "invalid_options", "bvh, npz"),
        ({"format": "glb", "rig": "HIERARCHY"}, 400, "invalid_options", "a rig is for"),
        ({"rig": "/etc/passwd"}, 400, "invalid_skeleton", "not a BVH file"),
        ({"path": "/etc/passwd"}, 422, "schema_validation", "path"),
        ({"seconds": True}, 422, "schema_validation", "seconds"),
        ({"seconds": "2"}, 422, "schema_validation", "seconds"),
        ({"foot_lock": 1}, 422, "schema_validation", "foot_lock"),
        ({"seed": 1.0}, 422, "schema_validation", "seed"),
        ({"segments": [{"prompt": "a", "seconds": 2}]}, 400, "invalid_request", "not both"),
        ({"prompt": None}, 400, "invalid_request", "expected a prompt, or segments"),
        ({"start": {}}, 400, "invalid_request", "start: expected a clip, or positions"),
        ({"start": {"clip": "x"}}, 400, "invalid_request", "not a BVH file"),
        ({"end": {"positions": [[0, 0, 0]] * 21}}, 422, "schema_validation", "end.positions"),
        (
            {"keyframes": [{"seconds": 1, "positions": [[0, 0, 0]] * 22, "joints": ["nose"]}]},
            400,
            "invalid_request",
            "no joint 'nose'",
        ),
        ({"reach": [{"joint": "nose", "seconds": 1, "position": [0, 0, 0]}]}, 400, "invalid_request", "left_hand"),
        ({"path": [{"x": 0, "z": 0}, {"x": 99, "z": 0}]}, 400, "invalid_request", "at most 8 m/s"),
        ({"steps": 1000}, 422, "schema_validation", "steps"),
        ({"fps": 0}, 422, "schema_validation", "fps"),
    ],
)
def test_refuses_honestly(server, change, status, code, said):
    server.refuses("/v1/generate", {**BODY, **change}, status, code, said)


def test_a_damaged_concept_is_refused_without_its_place(start_server, limp, tmp_path: Path):
    server = start_server()
    path = server.generator.concepts.library.add(limp)
    path.write_bytes(path.read_bytes()[:200])
    status, answer, _ = server.ask("/v1/generate", {**BODY, "prompt": "walks in <limp> style"})
    assert (status, answer["error"]["code"]) == (400, "invalid_request")
    assert "limp.safetensors" in answer["error"]["message"]
    assert str(tmp_path) not in answer["error"]["message"]


def test_a_library_changes_while_it_is_served(start_server, limp, tmp_path: Path):
    first, second = start_server(), start_server()  # two servers on one library
    body = {"prompt": "walks in <limp> style", "seconds": 1.0, "seed": 3, "format": "json"}
    first.refuses("/v1/generate", body, 400, "invalid_request", "it has none")
    path = first.generator.concepts.library.add(limp)
    whole = path.read_bytes()
    before = [server.ask("/v1/generate", body) for server in (first, second)]
    assert [status for status, _, _ in before] == [200, 200]
    assert before[0][1] == before[1][1]
    path.unlink()
    first.generator.concepts.library.add(replace(limp, token_embedding=-limp.token_embedding))
    assert first.ask("/v1/generate", body)[1] != before[0][1], "the word as it stands in the library"
    path.write_bytes(b"")
    first.refuses("/v1/generate", body, 400, "invalid_request", "limp.safetensors")
    path.unlink()
    first.refuses("/v1/generate", body, 400, "invalid_request", "it has none")
    path.mkdir()
    first.refuses("/v1/generate", body, 400, "invalid_request")
    path.rmdir()
    (tmp_path / "library").rename(tmp_path / "gone")
    second.refuses("/v1/generate", body, 400, "invalid_request", "it has none")
    assert second.ask("/v1/concepts")[1] == {"concepts": []}
    (tmp_path / "library").mkdir()
    path.write_bytes(whole)
    assert first.ask("/v1/generate", body)[1] == before[0][1]


def test_other_paths_and_methods_are_refused(server):
    for path in ("/", "/x", "/docs-files/../core.py", "/v1/generate/.."):
        assert server.ask(path)[0] in (404, 405)
    assert server.ask("/v1/generate")[0] == 405
