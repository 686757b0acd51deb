"""`generate`: files, skeletons, feet, views; nothing is overwritten."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from commands import left_behind
from typer.testing import Result

from cli.load_models import preview_motions
from concepts import Concept
from lead import Lead, Motion
from lead.motion.processing.rigid import is_rigid
from lead.motion.skeleton import bone_lengths

Run = Callable[..., Result]


def test_generate_writes_bvh_and_a_picture_by_default(run: Run) -> None:
    result = run("generate", "a person walks", "--seconds", 2, "--steps", 2)
    assert result.exit_code == 0, result.output
    assert [str(path) for path in left_behind()] == [
        "out", "out/a-person-walks-seed0-01.bvh", "out/a-person-walks-seed0.png", "out/prompts.jsonl",
    ]  # fmt: skip
    assert Motion.read("out/a-person-walks-seed0-01.bvh").seconds == pytest.approx(2.0, abs=0.25)
    assert "out/a-person-walks-seed0-01.bvh" in result.stdout


def test_generate_with_a_concept_in_every_format(run: Run, concept_path: Path) -> None:
    result = run(
        "generate", "a person walks in <limp> style", "a person sits", "-n", 2, "--concept", concept_path,
        "--seconds", 2, "--steps", 2, "--guidance", 2, "--seed", 5, "--format", "bvh,npz,npy,png,html",
        "--output", "made", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    prompts = [motion["prompt"] for motion in said["motions"]]
    assert prompts == ["a person walks in <limp> style"] * 2 + ["a person sits"] * 2
    files = [path for motion in said["motions"] for path in motion["files"]] + said["views"]
    assert len(files) == len(set(files)) == 4 * 3 + 2
    assert sorted([*files, "made/prompts.jsonl"]) == [str(path) for path in left_behind() if path.is_file()]
    bvh, npz, npy = (Motion.read(path).joints for path in said["motions"][0]["files"])
    np.testing.assert_array_equal(npz, npy)
    hips = (joints[:, [1, 2]].mean(axis=1) for joints in (bvh, npz))  # where a BVH's body is put
    np.testing.assert_allclose(*hips, atol=1e-3)


def test_same_seed_same_bytes_and_no_concept_in_the_prompt_changes_nothing(run: Run, concept_path: Path) -> None:
    options = ["--seconds", 2, "--steps", 2, "--format", "npy"]
    run("generate", "a person walks", *options, "--output", "a")
    run("generate", "a person walks", *options, "--output", "b", "--concept", concept_path)
    run("generate", "a person walks", *options, "--output", "c", "--seed", 1)
    a, b = (Path(folder, "a-person-walks-seed0-01.npy").read_bytes() for folder in "ab")
    assert a == b
    assert Path("c/a-person-walks-seed1-01.npy").read_bytes() != a


@pytest.mark.parametrize(("option", "clean_feet"), [("--foot-lock", True), ("--no-foot-lock", False)])
def test_standing_feet_are_held_as_python_holds_them(run: Run, tiny_base: Lead, option: str, clean_feet: bool) -> None:
    run("generate", "a person walks", option, "--seconds", 2, "--steps", 2, "--format", "npy")
    Path("prompts.txt").write_text("a person walks\n")
    run("generate", "--prompts", "prompts.txt", option, "--seconds", 2, "--steps", 2, "--format", "npy", "-o", "many")
    (expected,) = tiny_base.generate(["a person walks"], seconds=2.0, steps=2, clean_feet=clean_feet)
    for path in ("out/a-person-walks-seed0-01.npy", "many/shard-00000/000000-a-person-walks-seed0.npy"):
        np.testing.assert_array_equal(Motion.read(path).joints, expected.joints)


def test_standing_feet_are_held_by_default(run: Run) -> None:
    options = ["--seconds", 2, "--steps", 2, "--format", "npy"]
    run("generate", "a person walks", *options, "--output", "default")
    run("generate", "a person walks", *options, "--foot-lock", "--output", "held")
    default, held = (Path(folder, "a-person-walks-seed0-01.npy").read_bytes() for folder in ("default", "held"))
    assert default == held


@pytest.mark.parametrize("option", ["--foot-lock", "--no-foot-lock"])
def test_all_files_have_one_skeleton(run: Run, concept_path: Path, option: str) -> None:
    result = run(
        "generate", "a person walks in <limp> style", "a person sits", "--concept", concept_path, option,
        "--seconds", 2, "--steps", 2, "--format", "bvh,npz,npy,glb,amass", "--output", "made", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    files = [path for motion in json.loads(result.stdout)["motions"] for path in motion["files"]]
    assert len(files) == 2 * 5
    for path in files:
        joints = Motion.read(path).joints
        assert np.ptp(bone_lengths(joints), axis=0).max() < 1e-4, path
        assert is_rigid(joints) or path.endswith(".amass.npz"), path  # an AMASS file is on SMPL's own mean body


def test_files_on_a_rig_of_ones_own_have_its_lengths(run: Run, clips: Path) -> None:
    run("generate", "a person walks", "--rig", clips / "take-0.bvh", "--seconds", 2, "--steps", 2, "--format", "bvh")
    lengths = bone_lengths(Motion.read("out/a-person-walks-seed0-01.bvh").joints)
    assert np.ptp(lengths, axis=0).max() < 1e-4
    np.testing.assert_allclose(lengths[0], bone_lengths(Motion.read(clips / "take-0.bvh").joints)[0], atol=1e-3)


def test_exemplars_are_shown_on_the_body_of_generations(concept_path: Path) -> None:
    (shown,) = preview_motions([Concept.load(concept_path)])
    assert is_rigid(shown.joints)
    assert shown.name == "exemplar of <limp>"


def test_generate_on_the_rig_of_a_clip(run: Run, clips: Path) -> None:
    text = (clips / "take-0.bvh").read_text()
    rig = clips.parent / "mine.bvh"
    rig.write_text(text.replace("left_hip", "LeftUpLeg").replace("right_hip", "RightUpLeg"))
    result = run("generate", "a person walks", "--rig", rig, "--seconds", 2, "--steps", 2, "--format", "bvh")
    assert result.exit_code == 0, result.output
    assert "LeftUpLeg" in Path("out/a-person-walks-seed0-01.bvh").read_text()


def test_generated_files_are_numbered_not_overwritten(run: Run) -> None:
    def files(*options: object) -> list[str]:
        result = run("generate", "a person walks", "--format", "npy,png", "--steps", 1, "--json", *options)
        assert result.exit_code == 0, result.stderr
        said = json.loads(result.stdout)
        return [Path(path).name for path in (*said["motions"][0]["files"], *said["views"])]

    first = ["a-person-walks-seed0-01.npy", "a-person-walks-seed0.png"]
    assert files("--seconds", 1) == first
    before = {path: path.read_bytes() for path in left_behind() if path.is_file()}
    assert files("--seconds", 1) == first  # the same motion
    assert all(path.read_bytes() == data for path, data in before.items())
    del before[Path("out/prompts.jsonl")]  # which gets more lines
    assert files("--seconds", 2) == ["a-person-walks-seed0-01-2.npy", "a-person-walks-seed0-2.png"]
    assert files("--seconds", 2, "--no-foot-lock") == ["a-person-walks-seed0-01-3.npy", "a-person-walks-seed0-3.png"]
    assert files("--seconds", 2) == ["a-person-walks-seed0-01-2.npy", "a-person-walks-seed0-2.png"]
    assert all(path.read_bytes() == data for path, data in before.items()) and len(left_behind()) == 8


def test_ctrl_c_while_a_gif_is_drawn_keeps_the_motions(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from lead.motion.render import video

    def stop(motions: object, path: Path, *rest: object) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(video, "write_video", stop)
    result = run("generate", "a person walks", "--format", "npz,html,gif", "--seconds", 1)
    assert result.exit_code == 130
    assert "what was finished is in out: a-person-walks-seed0-01.npz, a-person-walks-seed0.html" in result.stderr
    assert [path.name for path in left_behind()] == ["out", "a-person-walks-seed0-01.npz", "a-person-walks-seed0.html"]


def test_views_are_titled_with_prompts(run: Run, clips: Path) -> None:
    options = ("--seconds", 2, "--steps", 2, "--format", "bvh")
    for prompt, number in (("a person walks", 2), ("a person runs", 1)):
        assert run("generate", prompt, "-n", number, *options).exit_code == 0
    result = run("view", "out", clips / "take-0.bvh", "-o", "all.html", "--repeat", "--trail", "--contacts", "--json")
    assert result.exit_code == 0, result.output
    titles = [motion["title"] for motion in json.loads(result.stdout)["motions"]]
    assert titles == ["a person runs", "1. a person walks", "2. a person walks", "take-0"]
    page = Path("all.html").read_text()
    assert '"options":{"loop":true,"trail":true,"contacts":true}' in page
    assert "prompts.jsonl" not in result.output


def test_views_show_the_same_seed_without_the_word_and_the_nearest_clip(
    run: Run, clips: Path, concept_path: Path
) -> None:
    prompt = ("generate", "a person walks in <limp> style", "--concept", concept_path, "--seconds", 2, "--steps", 2)
    assert run(*prompt, "-n", 2, "--format", "html", "--beside", clips, "--output", "one").exit_code == 0
    page = next(Path("one").glob("*.html")).read_text()
    titles = re.findall(r'"title":"([^"]*)"', page)
    assert titles[0].startswith("nearest exemplar: take-")
    assert titles[1:] == [
        "without \\u003climp>, same seed: a person walks",
        "1. a person walks in \\u003climp> style",
        "2. a person walks in \\u003climp> style",
    ]
    assert run(*prompt, "--format", "html", "--no-plain", "--output", "two").exit_code == 0
    page = next(Path("two").glob("*.html")).read_text()
    assert re.findall(r'"title":"([^"]*)"', page)[0] == "exemplar of \\u003climp>"
    assert "without" not in re.findall(r'"title":"([^"]*)"', page)[1]
    result = run(*prompt, "--beside", "nowhere")
    assert result.exit_code == 1 and "nowhere does not exist; it was given as --beside" in result.output
