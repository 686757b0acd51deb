"""`generate --loop --in-place`: loops are written, motions without a cycle are told."""

import json

import numpy as np
import pytest
from commands import fails
from walks import synthesize_steps

from lead import Lead
from lead.motion import Motion
from lead.motion.processing.join import to_body_frame


@pytest.fixture
def generated(monkeypatch: pytest.MonkeyPatch, walk: Motion) -> list[Motion]:
    """What the base makes: a motion that shakes and a walk."""
    shakes = np.cumsum(np.random.default_rng(0).normal(0, 0.03, walk.joints.shape), axis=0)
    motions = [Motion(walk.joints + shakes), synthesize_steps(4.0)]
    monkeypatch.setattr(Lead, "generate", lambda self, prompts, **options: motions[: len(prompts)])
    return motions


def test_motions_with_a_cycle_are_written(run, generated):
    result = run(
        "generate", "a person shakes", "a person walks", "--loop", "--in-place", "--format", "npy,png", "--json"
    )
    assert result.exit_code == 0, result.output
    (one,) = json.loads(result.stdout)["motions"]
    assert one["prompt"] == "a person walks" and one["seconds"] == 1.05
    assert "not written: 'a person shakes', motion 1: no cycle" in " ".join(result.stderr.split())
    made = Motion.read(one["files"][0])
    assert np.abs(made.joints[:, 0, [0, 2]]).max() < 0.02


def test_no_cycle_at_all_is_an_error(run, generated):
    fails(run("generate", "a person shakes", "--loop"), "--loop: 'a person shakes', motion 1: no cycle", "-n")


def test_in_place_alone_keeps_the_length(run, generated):
    found = json.loads(run("generate", "a", "b", "--in-place", "--format", "npy", "--json").stdout)["motions"]
    assert [one["seconds"] for one in found] == [motion.seconds for motion in generated]


def test_a_motion_in_place_has_no_path(run):
    fails(run("generate", "a person walks", "--in-place", "--path", "0,0 1,0"), "--in-place takes the path out")


def test_files_of_prompts_are_processed_afterwards(run, tmp_path):
    (tmp_path / "prompts.txt").write_text("a person walks\n")
    fails(run("generate", "--prompts", tmp_path / "prompts.txt", "--loop"), "use `lead-invert process`")


@pytest.mark.parametrize("fps", [24.0, 30.0, 50.0])
def test_a_loop_on_a_rig_of_another_rate_ends_where_it_begins(run, generated, tmp_path, fps):
    rig = synthesize_steps(2.0, fps=fps).save(tmp_path / "rig.bvh")
    options = ("--loop", "--rig", rig, "--format", "bvh", "--json")
    (one,) = json.loads(run("generate", "a person shakes", "a person walks", *options).stdout)["motions"]
    made = Motion.read(one["files"][0])
    assert made.fps == pytest.approx(fps)
    ends = to_body_frame(made.joints[[0, -1]].astype(np.float64))
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-3)
