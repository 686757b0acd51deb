"""`lead-invert` from end to end on a tiny base: what it writes, and one message for each wrong input."""

import errno
import json
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer
from commands import fails, left_behind
from typer.testing import CliRunner, Result

import lead
from cli import base, invert
from cli.commands import describe
from cli.load_models import preview_motions, suggest_prompt
from concepts import Concept, StyleSchedule
from inversion.describe import Description, Near
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


def test_show_tells_what_the_file_holds(run: Run, concept_path: Path, tiny_base: Lead) -> None:
    result = run("show", concept_path)
    assert result.exit_code == 0, result.output
    for words in ("<limp>", "style", "2 clips", tiny_base.name, "license not stated", str(concept_path)):
        assert words in result.stdout
    said = json.loads(run("show", concept_path, "--json").stdout)
    assert said["token"] == "<limp>"
    assert said["tensors"]["token_embedding"][0] == 2
    assert said["bytes"] == concept_path.stat().st_size < 64 * 1024


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


@pytest.mark.parametrize("token", ["limp", "<Limp>", "<my limp>", "<>"])
def test_a_token_that_is_no_name(run: Run, clips: Path, token: str) -> None:
    fails(run("learn", clips, "--token", token), token, '"<')


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


@pytest.mark.parametrize(
    ("prompt", "hint"),
    [
        ("a person walks in Limp style", "write <limp>"),
        ("a person walks in <limp style", "did you mean the learned word? Then write <limp>"),
        ("a person walks in <limp style", "without its other half"),
        ("a person walks in < Limp > style", "write <limp>"),
        ("a person walks in (limp:0.6) style", "write <limp>"),
        ("limping, a person walks in <limp> style", ""),
    ],
)
def test_a_learned_word_without_brackets_is_pointed_out(run: Run, concept_path: Path, prompt: str, hint: str) -> None:
    assert run("add", concept_path).exit_code == 0
    result = run("generate", prompt, "--format", "npz", "--seconds", 1)
    assert result.exit_code == 0
    assert hint in " ".join(result.stderr.split()) and ("hint:" in result.stderr) == bool(hint)


@pytest.mark.parametrize("name", ["limp", "<limp>", "< limp >", "<limp", "limp>"])
def test_a_word_is_named_with_or_without_brackets(run: Run, concept_path: Path, clips: Path, name: str) -> None:
    assert run("add", concept_path).exit_code == 0
    commands = {
        "show": (), "verify": (), "card": ("-o", "README.md"), "describe": (), "negate": ("-o", "not.safetensors"),
        "evaluate": ("--clips", clips), "blend": (name, "-o", "twice.safetensors"), "export": ("--to", "diffusers"),
    }  # fmt: skip
    for command, options in commands.items():
        result = run(command, name, *options)
        assert result.exit_code == 0, (command, result.output, result.stderr)
    assert run("generate", "a person does <limp>", "--concept", name, "--format", "npz").exit_code == 0


def test_a_name_that_no_word_has(run: Run, concept_path: Path) -> None:
    assert run("add", concept_path).exit_code == 0
    for command in ("show", "describe", "card", "verify"):
        fails(run(command, "limb"), "the library has no <limb>; it has <limp>; did you mean <limp>?")
        fails(run(command, "Limp"), 'write it as "<limp>"')


def test_a_learned_word_in_init_is_pointed_out(run: Run, concept_path: Path, clips: Path) -> None:
    assert run("add", concept_path).exit_code == 0
    options = ("--token", "<x>", "--steps", 1, "--quality", "fast", "--init")
    for init in ("<limp>", "< limp >", "<limp", "limp>"):
        fails(run("learn", clips, *options, init), "--init", "limp", "expected plain words that the base knows")
    result = run("learn", clips, *options, "limp")
    assert result.exit_code == 0
    assert "not the learned word <limp>" in " ".join(result.stderr.split())


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


def test_a_word_that_is_not_loaded(run: Run) -> None:
    fails(run("generate", "a person walks in <limp> style"), "<limp>")


def test_two_concepts_with_one_token(run: Run, concept_path: Path, tmp_path: Path) -> None:
    Concept.load(concept_path).save(tmp_path / "twin.safetensors")
    result = run(
        "generate",
        "a person does <limp>",
        "--concept",
        concept_path,
        "--concept",
        tmp_path / "twin.safetensors",
    )
    fails(result, "twin.safetensors", "<limp>")


def test_a_rig_without_bvh_to_write(run: Run, clips: Path, walk: Motion) -> None:
    fails(run("generate", "a person walks", "--rig", clips / "take-0.bvh", "--format", "npz"), "bvh", "--rig")
    path = walk.save(clips / "walk.npz")
    fails(run("generate", "a person walks", "--rig", path), "walk.npz", ".bvh")


def test_an_output_that_is_no_concept_file(run: Run, clips: Path) -> None:
    fails(run("learn", clips, "--token", "<limp>", "--output", "limp.bin"), "limp.bin", ".safetensors")


def test_errors_as_json(run: Run, tmp_path: Path) -> None:
    result = run("learn", tmp_path / "nowhere", "--token", "<limp>", "--json")
    assert result.exit_code == 1
    assert "nowhere" in json.loads(result.stdout)["error"]
    assert not result.stderr


def test_a_fault_of_ours_keeps_its_traceback(run: Run, clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import inversion

    def broken(*args: object, **options: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(inversion, "learn", broken)
    assert isinstance(run("learn", clips, "--token", "<limp>").exception, ZeroDivisionError)


@pytest.mark.parametrize("command", ["learn", "generate", "evaluate", "show"])
def test_help_teaches_by_example(command: str) -> None:
    result = CliRunner().invoke(invert.app, [command, "--help"])
    assert result.exit_code == 0
    assert result.output.count(f"lead-invert {command} ") >= 2
    for option in ("--json", "--device"):
        assert option in result.output


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


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (("view", "{clips}", "--output", "page.html"), "page.html"),
        (("convert", "{clips}/take-0.bvh", "--to", "npz", "--output", "."), "take-0.npz"),
        (("check", "{clips}/take-0.bvh", "--draft-rig-map", "map.toml"), "map.toml"),
        (("export", "{concept}", "--to", "diffusers"), "limp-diffusers.safetensors"),
        (("negate", "{concept}", "-o", "not.safetensors"), "not.safetensors"),
        (("learn", "{clips}", "--token", "<x>", "--steps", 1, "-o", "x.safetensors"), "x.safetensors"),
    ],
)
def test_nothing_is_overwritten_unasked(
    run: Run, clips: Path, concept_path: Path, command: tuple[object, ...], name: str
) -> None:
    Path(name).write_text("mine")
    words = [str(word).format(clips=clips, concept=concept_path) for word in command]
    result = run(*words)
    assert result.exit_code == 1
    assert f"{name} exists already" in result.stderr and "--replace" in result.stderr
    assert [path.name for path in left_behind()] == [name] and Path(name).read_text() == "mine"
    assert run(*words, "--replace").exit_code == 0
    assert Path(name).read_bytes() != b"mine"


def test_an_output_is_a_file_or_a_folder(run: Run, clips: Path, concept_path: Path) -> None:
    Path("to").mkdir()
    for command in (
        ("learn", clips, "--token", "<x>", "--steps", 1, "--quality", "fast"),
        ("negate", concept_path),
        ("card", concept_path),
        ("export", concept_path, "--to", "diffusers"),
        ("view", clips),
    ):
        assert run(*command, "-o", "to").exit_code == 0, command
    assert {path.name for path in Path("to").iterdir()} == {
        "x.safetensors", "not-limp.safetensors", "README.md", "preview.png", "limp-diffusers.safetensors", "clips.html"
    }  # fmt: skip
    shutil.rmtree("to")
    for name, form in (("walk.bvh", "bvh"), ("walk.GIF", "gif")):
        said = f"--output {name}: expected a folder; for files of this type add --format {form}"
        fails(run("generate", "a person walks", "-o", name), said)
        fails(run("convert", clips, "--format", "npz", "-o", name), said)


def test_convert_has_one_option_for_formats(run: Run, clips: Path) -> None:
    for option in ("--format", "--to"):
        assert run("convert", clips, option, "npz").exit_code == 0
    fails_with = run("convert", clips, "--format", "doc", "-o", "other")
    assert fails_with.exit_code == 1 and "--format (--to) doc: unknown doc" in fails_with.stderr


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


def test_view_passes_its_own_pictures_by(run: Run) -> None:
    assert run("generate", "a person walks", "--seconds", 1, "--format", "npz,png,html,gif").exit_code == 0
    Path("out/notes.doc").touch()
    result = run("view", "out", "-o", "all.html")
    assert result.exit_code == 0
    assert result.stderr.count("warning:") == 1 and "notes.doc" in result.stderr


@pytest.mark.parametrize("program", [invert.app, base.app], ids=["lead-invert", "lead"])
def test_the_version_and_completion(program: typer.Typer) -> None:
    result = CliRunner().invoke(program, ["--version"])
    assert (result.exit_code, result.output) == (0, f"lead-invert {lead.__version__}\n")
    assert re.match(r"\d+\.\d+", lead.__version__)
    environment = {"_TOOL_COMPLETE": "complete_bash", "COMP_WORDS": "tool --ver", "COMP_CWORD": "1"}
    result = CliRunner().invoke(program, [], prog_name="tool", env=environment)
    assert result.stdout.strip() == "--version"


@pytest.mark.parametrize(
    ("kind", "prompt"),
    [
        ("action", "a person does <limp>"),
        ("style", "a person walks in <limp> style"),
        ("persona", "a person walks like <limp>"),
    ],
)
def test_a_suggested_sentence_suits_the_kind(kind: str, prompt: str) -> None:
    tensors = {"direction": np.zeros(8)} if kind != "action" else {}
    schedule = StyleSchedule() if kind != "action" else None
    word = Concept(
        token="<limp>", token_embedding=np.ones((2, 32)), kind=kind, base="tiny", fingerprints={"text": "0" * 8},
        tensors=tensors, schedule=schedule,
    )  # fmt: skip
    assert suggest_prompt(word) == f'Try: lead-invert generate "{prompt}"'


def test_a_description_names_what_it_describes(capsys: pytest.CaptureFixture[str]) -> None:
    found = Description((Near("walk", 0.5),), (), (Near("<limp>", 0.25),), "a person walks", 0.5)
    describe._print_description(found, describe._name_clips([Path("takes")], 5))
    said = capsys.readouterr().out
    assert "words nearest to takes (5 clips)" in said and "concepts nearest to takes (5 clips)" in said
