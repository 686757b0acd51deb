"""Random requests on every route: each gets an answer, none a fault, and nothing is left in the temporary folder."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rigs_of_clients import mixamo_skeleton

from lead.motion.skeleton import tpose

ODD = ("", "<limp>", "<" * 50, "(<limp>:9e9)", "../../etc/passwd", "file:///etc/hosts", "\x00", "\u202e", "text", "bvh",
       "1.0", "HIERARCHY\nROOT a\n{\n", "a" * 2000)  # fmt: skip
leaves = (
    st.none() | st.booleans() | st.sampled_from(ODD) | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8)
)
values = st.recursive(
    leaves, lambda one: st.lists(one, max_size=4) | st.dictionaries(st.text(max_size=6), one, max_size=4), max_leaves=12
)
JOINTS = [joint["name"] for joint in mixamo_skeleton()["joints"]]
TEXT = {"type": "text", "prompt": "a person walks", "duration_frames": 30}
CLIP = {"type": "motion_reference", "duration_frames": 30, "fps": 30.0, "joint_names": JOINTS[:1],
        "rotations": [[[0, 0, 0, 1]]] * 30, "root_positions": [[0, 0.9, 0]] * 30}  # fmt: skip
MMCP = {"protocol_version": "1.0", "model": "tiny", "skeleton": mixamo_skeleton(3), "segments": [TEXT],
        "options": {"seed": 3, "diffusion_steps": 1}}  # fmt: skip
PLAIN = {"prompt": "a person walks", "seconds": 1.0, "seed": 3, "steps": 1, "format": "bvh", "fps": 30, "rig": None,
         "start": None, "segments": None, "path": None}  # fmt: skip
WHOLE = {
    "/generate": [MMCP, {**MMCP, "segments": [CLIP]}, {"protocol_version": "1.0", "requests": [MMCP, MMCP]}],
    "/v1/generate": [PLAIN, {**PLAIN, "format": "json"}, {**PLAIN, "start": {"positions": tpose().tolist()}}],
}
PATHS = ("/generate", "/v1/generate", "/v1/status", "/v1/concepts", "/capabilities", "/health", "/docs",
         "/openapi.json", "/docs-files/swagger-ui.css", "/docs-files/../core.py", "/docs-files/%2e%2e/core.py",
         "/v1/%00", "//")  # fmt: skip


def replace_somewhere(draw: Any, value: Any, other: Any) -> Any:
    """The value with one of its parts, or all of it, replaced or left out."""
    places = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    if not places or draw(st.integers(0, 3)) == 0:
        return other
    place = draw(st.sampled_from(places))
    changed: Any = value.copy()
    if draw(st.integers(0, 9)) == 0:
        del changed[place]
    else:
        changed[place] = replace_somewhere(draw, value[place], other)
    return changed


@st.composite
def requests(draw: Any) -> tuple[str, bytes | None]:
    """A path and a body."""
    path = draw(st.sampled_from(("/generate", "/v1/generate")) | st.sampled_from(PATHS))
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return path, None
    if kind == 1:
        return path, draw(st.binary(max_size=60))
    if kind == 2 or path not in WHOLE:
        return path, json.dumps(draw(values)).encode()
    whole = draw(st.sampled_from(WHOLE[path]))
    for _ in range(draw(st.integers(0, 2))):
        whole = replace_somewhere(draw, whole, draw(values))
    return path, json.dumps(whole).encode()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sent=requests())
def test_every_request_has_an_answer(server, sent):
    left = set(Path(tempfile.gettempdir()).glob("lead-invert-*"))
    status, answer, headers = server.ask(*sent)
    assert status < 500
    assert not any("Traceback" in line for line in server.log)
    assert status < 400 or set(answer["error"]) == {"code", "message", "details"}
    assert headers["x-content-type-options"] == "nosniff"
    assert set(Path(tempfile.gettempdir()).glob("lead-invert-*")) <= left


@pytest.mark.parametrize("frames", [1, 2, 3, 5, 9])
def test_motions_of_few_frames(server, frames):
    status, answer, _ = server.ask("/generate", {**MMCP, "segments": [{**TEXT, "duration_frames": frames}]})
    assert status == 200
    assert answer["extensions"]["MMCP_motion"]["samples"][0]["num_frames"] == frames
