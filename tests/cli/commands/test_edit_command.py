"""`lead-invert edit` in an empty folder, on a tiny base."""

import json

import numpy as np
import pytest
from commands import fails
from hypothesis import given
from hypothesis import strategies as st

from cli.commands.edit import parse_ranges
from cli.errors import UsageError
from lead.motion import Motion, read_bvh


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    for steps, number in (("STEERED_STEPS", 1), ("REFINED_STEPS", 2)):
        monkeypatch.setattr(f"lead.control.constrained_sampling.{steps}", number)


@given(st.integers(0, 99), st.integers(1, 100))
def test_frames_and_seconds_name_the_same_range(first, more):
    end = min(first + more, 100)
    kept = parse_ranges(f"{first}:{end}", 100, 20.0)
    assert np.flatnonzero(kept).tolist() == list(range(first, end))
    np.testing.assert_array_equal(kept, parse_ranges(f"{first / 20}s:{end / 20}s", 100, 20.0))


@pytest.mark.parametrize(
    "text", ["5", "5:2", "0:101", "a:b", "-1:5", "0-5", "3:3", "0:5,,6:9", "0:" + "9" * 5000, f"0s:{'9' * 400}s"]
)
def test_ranges_that_are_none_are_refused(text):
    with pytest.raises(UsageError, match="--keep"):
        parse_ranges(text, 100, 20.0)


def test_kept_frames_have_their_channels_and_the_rest_is_new(run, clips):
    result = run("edit", clips / "take-0.bvh", "--keep", "0:20,36:", "--prompt", "a person jumps", "--json")
    said = json.loads(result.stdout)
    assert said["new"] == [[20, 36]] and said["frames"] == 60 and len(said["views"]) == 1
    before, after = read_bvh(clips / "take-0.bvh").values, read_bvh(said["files"][0]).values
    kept = np.r_[0:20, 36:60]
    np.testing.assert_array_equal(before[kept], after[kept])
    assert (before[20:36] != after[20:36]).any(axis=1).all()


def test_what_a_rigid_skeleton_does_to_kept_frames_is_told(run, walk, tmp_path):
    steady, stretched = walk.on_one_skeleton(), walk.on_one_skeleton().joints.copy()
    stretched[:, [18, 20]] += 0.02 * (np.arange(len(stretched)) % 2)[:, None, None]  # a left arm that grows and shrinks
    steady.save(tmp_path / "steady.npz")
    Motion(stretched).save(tmp_path / "stretched.npz")
    words = ["--keep", "0:20,36:", "--prompt", "a person jumps", "--format", "npz,bvh", "--json"]
    assert "cm off in bvh" not in run("edit", tmp_path / "steady.npz", *words).stdout
    result = run("edit", tmp_path / "stretched.npz", *words, "-o", "out2")
    said = json.loads(result.stdout)
    *_, note = said["notes"]
    assert "cm off in bvh: a file's skeleton is rigid" in note and note in " ".join(result.stderr.split())
    kept = np.r_[0:20, 36:60]
    exact, rigid = (Motion.read(file).joints[kept] for file in said["files"])
    np.testing.assert_array_equal(exact, stretched[kept])
    assert f"up to {100 * np.linalg.norm(rigid - exact, axis=-1).max():.1f} cm off" in note


def test_what_cannot_be_edited_is_told(run, clips):
    clip = clips / "take-0.bvh"
    fails(run("edit", clip, "--prompt", "a person jumps"), "nothing is kept: give --keep")
    fails(run("edit", clip, "--prompt", " ", "--keep", "0:9"), "--prompt is empty")
    fails(run("edit", clip, "--prompt", "a", "--keep", "0:9", "--guidance", "nan"), "--guidance nan: expected a number")
    fails(run("edit", clip, "--prompt", "a person jumps", "--keep", "0:60"), "all frames are kept")
    fails(run("edit", clip, "--prompt", "a person jumps", "--keep", "0:70"), "within the clip's 60 frames")
