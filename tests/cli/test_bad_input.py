"""Files, options and surroundings that no command can work with: one clear error, nothing written."""

import errno
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import fails, left_behind
from typer.testing import Result

from concepts import Concept
from lead import Motion

Run = Callable[..., Result]


def truncated(text: str) -> str:
    return text[: text.index("MOTION") // 2]


def with_nan(text: str) -> str:
    head, frames = text.split("Frame Time:")
    return head + "Frame Time:" + re.sub(r"(\n[^\n]*\n\S+ )\S+", r"\1nan", frames, count=1)


@pytest.mark.parametrize("spoil", [truncated, with_nan])
def test_a_broken_bvh(run: Run, clips: Path, spoil: Callable[[str], str]) -> None:
    path = clips / "take-0.bvh"
    path.write_text(spoil(path.read_text()))
    fails(run("learn", path, "--token", "<limp>"), "take-0.bvh")


def test_a_clip_of_five_frames(run: Run, walk: Motion, tmp_path: Path) -> None:
    path = Motion(walk.joints[:5], walk.fps).save(tmp_path / "short.bvh")
    fails(run("learn", path, "--token", "<limp>"), "short.bvh", "5 frames", "17 frames")


def test_a_short_clip_at_a_high_rate(run: Run, walk: Motion, tmp_path: Path) -> None:
    path = Motion(walk.resample(120.0).joints[:60], 120.0).save(tmp_path / "half-a-second.bvh")
    fails(run("learn", path, "--token", "<limp>"), "half-a-second.bvh", "60 frames at 120 fps", "0.85 s")


def test_the_least_length_is_what_the_base_encodes() -> None:
    from cli.read_inputs import LEAST_FRAMES
    from lead.data import dataset as data

    assert data.MIN_FRAMES + 1 == LEAST_FRAMES


def test_an_empty_folder(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    fails(run("learn", tmp_path / "empty", "--token", "<limp>"), "empty", "no files", ".bvh")


def test_a_folder_of_text_files(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text("a person walks")
    fails(
        run("learn", folder, "--token", "<limp>"),
        "texts",
        "no clip that can be used",
        "a.txt",
        ".bvh",
        "1 other file",
    )


def test_an_unknown_rig(run: Run, clips: Path) -> None:
    """Names that say nothing, and a shape that is no person's."""
    text = (clips / "take-0.bvh").read_text()
    text = re.sub(r"(ROOT|JOINT) \S+", lambda m: f"{m[1]} part{m.start()}", text)
    path = clips / "table.bvh"
    path.write_text(re.sub(r"OFFSET .*", "OFFSET 0 40 0", text))
    fails(run("learn", path, "--token", "<limp>"), "table.bvh")
    fails(run("generate", "a person walks", "--rig", path), "table.bvh")


def test_a_concept_of_another_base(run: Run, concept_path: Path, tmp_path: Path) -> None:
    concept = Concept.load(concept_path)
    record = concept.record() | {
        "fingerprints": {**concept.fingerprints, "text": "0" * 64},
        "base": "another-base",
    }
    record.pop("exemplars")
    other = Concept(token_embedding=concept.token_embedding, tensors=concept.tensors, **record)
    other.save(tmp_path / "other.safetensors")
    result = run("generate", "a person walks in <limp> style", "--concept", tmp_path / "other.safetensors")
    fails(result, "other.safetensors", "another-base", "<limp>")


def test_a_file_that_is_no_concept(run: Run, clips: Path) -> None:
    fails(run("show", clips / "take-0.bvh"), "take-0.bvh", "BVH")
    fails(run("show", "nothing.safetensors"), "nothing.safetensors")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--format", "mov"], "mov"),
        (["--format", ","], "names none"),
        (["--rig", "nowhere.bvh"], "nowhere.bvh"),
        (["--concept", "nowhere.safetensors"], "nowhere.safetensors"),
        (["--base", "nowhere"], "nowhere"),
        (["--device", "toaster"], "toaster"),
        (["--seconds", "0"], "--seconds 0: this base makes"),
        (["--seconds", "nan"], "seconds"),
    ],
)  # fmt: skip
def test_invalid_options_are_refused(run: Run, options: list[str], said: str) -> None:
    fails(run("generate", "a person walks", *options), said)


def test_invalid_prompts_and_numbers_are_refused_before_the_base_is_loaded(run: Run) -> None:
    fails(run("generate", "a person walks", " ", "--base", "nowhere"), "a prompt is empty")
    fails(run("generate", "walks", "runs", "-n", 501, "--base", "nowhere"), "1,002 motions, at most 1,000", "--prompts")
    for seed in (-1, 2**40, 10**30):
        result = run("generate", "a person walks", "--seed", seed)
        assert result.exit_code == 2
        assert "--seed" in result.stderr
    (Path("file")).touch()
    for output in ("file", "file/deeper"):
        result = run("generate", "a person walks", "-o", output, "--base", "nowhere")
        assert result.exit_code == 1
        assert "file is a file; expected a folder" in result.stderr
    assert left_behind() == [Path("file")]


def test_half_a_character_in_a_prompt(run: Run) -> None:
    fails(run("generate", "a person \ud800", "--base", "nowhere"), r"the prompt: found '\ud800' in 'a person \ud800'")


def test_a_library_of_a_user_that_does_not_exist(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAD_CONCEPTS", "~nobody-of-that-name/words")
    for command in (["list"], ["show", "<limp>"], ["generate", "a person does <limp>"], ["remove", "limp"]):
        fails(run(*command), "LEAD_CONCEPTS is '~nobody-of-that-name/words', and this machine has no such user")


def test_no_temporary_folder(run: Run, clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "_get_default_tempdir", lambda *_: (_ for _ in ()).throw(
        FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")))  # fmt: skip
    monkeypatch.setattr(tempfile, "tempdir", None)
    fails(run("view", clips), "No usable temporary directory found in ['/tmp']; free some space, or name another with")


def test_a_rig_without_bvh_to_write(run: Run, clips: Path, walk: Motion) -> None:
    fails(run("generate", "a person walks", "--rig", clips / "take-0.bvh", "--format", "npz"), "bvh", "--rig")
    path = walk.save(clips / "walk.npz")
    fails(run("generate", "a person walks", "--rig", path), "walk.npz", ".bvh")


def test_an_output_that_is_no_concept_file(run: Run, clips: Path) -> None:
    fails(run("learn", clips, "--token", "<limp>", "--output", "limp.bin"), "limp.bin", ".safetensors")
