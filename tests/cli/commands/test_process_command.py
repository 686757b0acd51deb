"""`process`, as a user runs it: steps in their order, names, errors."""

import json
from pathlib import Path

import numpy as np
import pytest
from commands import fails, printed_without_torch
from walks import synthesize_steps

from cli.commands.process import Edits, edit_clip, parse_span
from cli.errors import UsageError
from lead.motion import Motion, read_bvh


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    """A walk of 4 s at 20 fps with a cycle of a second, on our 22 joints."""
    folder = tmp_path / "takes"
    folder.mkdir()
    return synthesize_steps(4.0).save(folder / "steps.bvh")


def test_a_walk_becomes_a_loop_in_place(run, steps):
    result = run("process", steps, "--loop", "--in-place", "--json")
    assert result.exit_code == 0, result.output
    (clip,) = json.loads(result.stdout)["clips"]
    assert clip["files"] == ["out/steps-loop-in-place.bvh", "out/steps-loop-in-place.png"]
    assert clip["frames"] == 21 and clip["fps"] == 20
    assert clip["cycle"]["seconds"] == 1.0 and clip["cycle"]["gap"] < 0.01
    assert clip["cycle"]["seam"]["jump"] < 2 * clip["cycle"]["seam"]["median_jump"]
    made = Motion.read(clip["files"][0])
    assert made.rig.names == Motion.read(steps).rig.names
    assert np.linalg.norm(made.joints[:, 0, [0, 2]], axis=-1).max() < 0.02
    np.testing.assert_allclose(made.joints[0], made.joints[-1], atol=1e-3)


def test_steps_have_one_order_and_times_are_the_clips_own(run, steps):
    options = ("--mirror", "--rate", 30, "--speed", 2, "--trim", "0.5:", "--loop", "--cycles", 3)
    (clip,) = json.loads(run("process", steps, *options, "--format", "npz", "--json").stdout)["clips"]
    names = [step.split(" of ")[0] for step in clip["steps"]]
    assert names == ["trimmed to 0.5: s", "2 times as fast", "30 fps", "mirrored", "loop", "3 cycles"]
    assert Path(clip["files"][0]).name == "steps-trim-x2-30fps-mirror-loop-3cycles.npz"
    cycle = clip["cycle"]
    assert cycle["start"] >= 0.5 and cycle["end"] - cycle["start"] == pytest.approx(1.0, abs=0.07)
    assert cycle["seconds"] == pytest.approx(0.5, abs=0.04)
    stated = ("--loop-at", f"{cycle['start']}:{cycle['end']}", "--speed", 2, "--rate", 30, "--mirror")
    (again,) = json.loads(run("process", steps, *stated, "--format", "npz", "--json").stdout)["clips"]
    for key in ("start", "end", "seconds", "gap"):
        assert again["cycle"][key] == pytest.approx(cycle[key], abs=0.035)


def test_root_motion_and_another_rig(run, steps, clips):
    result = run("process", steps, "--root-motion", "--format", "bvh", "--json")
    ((file,),) = [clip["files"] for clip in json.loads(result.stdout)["clips"]]
    assert read_bvh(file).names[:2] == ("root", "pelvis")
    np.testing.assert_allclose(Motion.read(file).joints, Motion.read(steps).joints, atol=1e-3)
    result = run(
        "process", steps, "--root-motion", "--rig", clips / "take-0.bvh", "--rate", 60, "--format", "bvh", "--json"
    )
    ((file,),) = [clip["files"] for clip in json.loads(result.stdout)["clips"]]
    made = read_bvh(file)
    assert made.names[0] == "root" and made.fps == 60


def test_a_clip_without_a_cycle_is_an_error_and_in_a_folder_a_warning(run, steps, walk):
    rng = np.random.default_rng(0)
    shaking = Motion(walk.joints + np.cumsum(rng.normal(0, 0.03, walk.joints.shape), axis=0).astype(np.float32))
    shaking.save(steps.with_name("never.npy"))
    fails(
        run("process", steps.with_name("never.npy"), "--loop"), "never.npy: no cycle: the best goes from", "m/s apart"
    )
    result = run("process", steps.parent, "--loop", "--format", "npy")
    assert result.exit_code == 0, result.output
    assert "skipped" in result.stderr and "never.npy: no cycle" in result.stderr.replace("\n", " ")
    assert [path.name for path in Path("out").iterdir()] == ["steps-loop.npy"]
    steps.unlink()
    result = run("process", steps.parent, "--loop")
    assert result.exit_code == 1 and "no clip that can be processed" in result.stderr


def test_a_stated_cycle_with_an_open_seam_gets_a_warning(run, steps):
    result = run("process", steps, "--loop-at", "0.5:2.0", "--format", "npy")
    assert result.exit_code == 0, result.output
    assert "the ends of --loop-at 0.5:2.0 are" in " ".join(result.stderr.split())


def test_nothing_is_overwritten(run, steps):
    run("process", steps, "--trim", "0:1", "--format", "npy")
    first = Path("out/steps-trim.npy").read_bytes()
    run("process", steps, "--trim", "1:2", "--format", "npy")
    assert sorted(path.name for path in Path("out").iterdir()) == ["steps-trim-2.npy", "steps-trim.npy"]
    assert Path("out/steps-trim.npy").read_bytes() == first


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "nothing to do: give a step"),
        (("--cycles", 3), "only a loop can be repeated, and the last pose is not the first one; loop it (--loop)"),
        (("--loop", "--loop-at", "0:1"), "--loop finds the best cycle and --loop-at states it"),
        (("--loop-at", "0:1", "--trim", "0:2"), "--loop-at says which part is kept"),
        (("--in-place", "--root-motion"), "--in-place takes the path out and --root-motion keeps it"),
        (("--root-motion", "--format", "npz"), "--root-motion is for bvh, fbx, usd files"),
        (("--trim", "3:1"), "--trim 3:1: expected two times in seconds"),
        (("--trim", "0.5:99"), "from 0.5 s to 99 s of a motion of 3.95 s"),
        (("--loop-at", "1:99"), "from 1 s to 99 s of a motion of 3.95 s"),
        (("--loop-at", "1e308:"), "from 1e+308 s to 3.95 s of a motion of 3.95 s"),
        (("--speed", "nan"), "--speed nan: expected a number above 0"),
        (("--speed", 40), "40 times as fast; expected 0.1 to 10"),
        (("--rate", 0), "--rate 0.0: expected a number above 0"),
    ],
)
def test_options_that_make_no_sense_are_errors(run, steps, options, said):
    fails(run("process", steps, *options), said)


def test_a_folder_is_no_rig(run, steps, tmp_path):
    (tmp_path / "rig.bvh").mkdir()
    fails(
        run("process", steps, "--mirror", "--rig", tmp_path / "rig.bvh"), "--rig", "found a folder, expected a motion"
    )


@pytest.mark.parametrize("text", ["", ":", "1", "a:b", "1:2:3", "-1:2", "nan:2", "2:2", "1:inf"])
def test_spans_that_are_none(text):
    with pytest.raises(UsageError, match="expected two times in seconds, the first one earlier"):
        parse_span(text, "--trim")


def test_spans():
    assert parse_span("0.5:3.2", "--trim") == (0.5, 3.2)
    assert parse_span(" :3", "--trim") == (None, 3.0) and parse_span("1:", "--trim") == (1.0, None)


def test_quiet_ends_are_trimmed_before_the_loop():
    walk = synthesize_steps(3.0).joints
    still = np.repeat(walk[:1], 40, axis=0)
    done = edit_clip(Motion(np.concatenate([still, walk])), Edits(trim_still=True, loop=True))
    assert done.steps[0].startswith("moves from 1.") and done.cycle["start"] > 1.5


def test_no_model_is_loaded(steps, tmp_path):
    assert "steps-loop.npy" in printed_without_torch(
        ["process", steps, "--loop", "--format", "npy", "-o", tmp_path / "made"]
    )


@pytest.mark.parametrize(
    "others", [(), ("--rate", 60), ("--rate", 7), ("--speed", 1.3), ("--speed", 0.7, "--rate", 24)]
)
def test_a_whole_clip_is_a_loop_at_any_speed_and_rate(run, steps, others):
    for end in ("4", ""):
        result = run("process", steps, "--loop-at", f"0:{end}", *others, "--format", "npz", "--json")
        (clip,) = json.loads(result.stdout)["clips"]
        assert clip["cycle"]["start"] == 0 and clip["cycle"]["end"] == pytest.approx(4.0, abs=0.2)
    late = run("process", steps, "--loop-at", "0:4.1", *others)
    assert late.exit_code == 1 and "from 0 s to 4.1 s of a motion of 3.95 s" in " ".join(late.stderr.split())
