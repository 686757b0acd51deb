"""`lead-invert learn` and `evaluate` on a tiny base: clips are assessed, a word is learned, reported and judged."""

import errno
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from commands import fails, left_behind
from typer.testing import Result

from concepts import Concept
from concepts.library import Library
from concepts.lock import hold_lock
from inversion.assess import AssessedClip, Assessment
from lead import Motion

Run = Callable[..., Result]
HERE = ("-o", "limp.safetensors")
QUICK = ("--steps", 1, "--quality", "fast", *HERE)


def test_learn_writes_a_concept_that_says_how_to_use_it(run: Run, clips: Path) -> None:
    result = run("learn", clips, "--token", "<limp>", "--kind", "style", "--steps", 2, "--seed", 3, *HERE)
    assert result.exit_code == 0, result.output
    assert [path.name for path in left_behind()] == ["limp.safetensors"]
    concept = Concept.load("limp.safetensors")
    assert (concept.token, concept.kind, concept.seed, len(concept.exemplars)) == ("<limp>", "style", 3, 2)
    assert concept.scores.keys() >= {"loss.best", "report.reproduces", "report.travels"}
    for words in ("2 clips, 6.0 s in all", "It reproduces the clips", "Style seen on: "):
        assert words in result.stdout
    assert 'lead-invert generate "a person walks in <limp> style" --concept limp.safetensors' in result.stdout


def test_learn_as_json_prints_one_object(run: Run, clips: Path) -> None:
    options = ("--kind", "action", "--steps", 2, "--vectors", 1, *HERE)
    result = run("learn", clips, "--token", "<limp>", *options, "--json")
    said = json.loads(result.stdout)
    assert said["file"] == "limp.safetensors"
    assert said["bytes"] == Path("limp.safetensors").stat().st_size
    assert len(said["clips"]) == len(said["assessment"]["clips"]) == 2
    assert said["assessment"]["clips"][0]["name"] == "take-0"
    assert said["steps"] == said["steps_asked"] == 2
    assert 0.0 <= said["report"]["reproduces"] <= 1.0
    assert Concept.load("limp.safetensors").token_embedding.shape[0] == 1


@pytest.mark.parametrize("objective", ["denoising", "realigned", "latent", "noise", "text"])
def test_learn_takes_each_objective(run: Run, clips: Path, objective: str) -> None:
    result = run("learn", clips, "--token", "<limp>", "--objective", objective, "--init", "slowly", *QUICK)
    assert result.exit_code == 0, result.output
    assert Concept.load("limp.safetensors").objective == objective


def test_learn_reads_files_and_passes_over_what_it_cannot_use(
    run: Run, clips: Path, walk: Motion, tmp_path: Path
) -> None:
    (clips / "notes.txt").write_text("take 2 is the good one")
    (clips / "broken.bvh").write_text("HIERARCHY\nROOT")
    walk.save(tmp_path / "one.npz")
    result = run("learn", clips, tmp_path / "one.npz", "--token", "<limp>", *QUICK, "--json")
    assert result.exit_code == 0, result.output
    assert len(json.loads(result.stdout)["clips"]) == 3
    assert result.stderr.count("skipped") == 2
    assert "notes.txt" in result.stderr
    assert "broken.bvh" in result.stderr


def test_a_second_learn_asks_for_replace_and_a_failed_one_keeps_the_file(run: Run, clips: Path) -> None:
    assert run("learn", clips, "--token", "<limp>", *QUICK).exit_code == 0
    refused = run("learn", clips, "--token", "<limp>", "--seed", 1, *QUICK)
    assert refused.exit_code == 1 and "--replace" in refused.stderr
    assert Concept.load("limp.safetensors").seed == 0
    assert run("learn", clips, "--token", "<limp>", "--seed", 1, "--replace", *QUICK).exit_code == 0
    before = Path("limp.safetensors").read_bytes()
    assert Concept.load("limp.safetensors").seed == 1
    assert run("learn", clips / "nothing.bvh", "--token", "<limp>").exit_code == 1
    assert Path("limp.safetensors").read_bytes() == before


def test_learn_puts_the_word_into_the_library_where_generate_finds_it(run: Run, clips: Path) -> None:
    result = run("learn", clips, "--token", "<limp>", "--steps", 2)
    assert result.exit_code == 0, result.output
    assert not left_behind()
    assert Library().names() == ["<limp>"]
    assert "report.travels" in Library().load("<limp>").scores
    assert 'Try: lead-invert generate "a person walks in <limp> style"\n' in result.stdout
    result = run("generate", "a person waves in <limp> style", "--format", "npz", "--seconds", 1)
    assert result.exit_code == 0, result.output


def test_learn_refuses_a_name_that_the_library_has_before_the_work(run: Run, clips: Path) -> None:
    learn = ("learn", clips, "--token", "<limp>", "--steps", 1, "--quality", "fast")
    assert run(*learn).exit_code == 0
    before = Library().path("<limp>").read_bytes()
    fails(run("learn", "nowhere", "--token", "<limp>"), "<limp>", "already", "--replace")
    assert Library().path("<limp>").read_bytes() == before
    assert run(*learn, "--seed", 1, "--replace").exit_code == 0
    assert Library().load("<limp>").seed == 1


def test_an_unwritable_folder_is_reported_before_the_work(run: Run, clips: Path, monkeypatch) -> None:
    learn = ("learn", clips, "--token", "<limp>", "--base", "nowhere")

    def refuses(dir: Path) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuses)
    fails(run(*learn), "is read-only. Name another folder with LEAD_CONCEPTS")
    fails(run(*learn, *HERE), "is read-only. Name another folder with --output")
    monkeypatch.setenv("LEAD_CONCEPTS", str(clips / "take-0.bvh"))
    fails(run("list"), "take-0.bvh: cannot be read as a library: Not a directory; name another with LEAD_CONCEPTS")


def test_one_file_is_learned_by_one_command_at_a_time(run: Run, clips: Path) -> None:
    with hold_lock(Path(".limp.learning"), keep=False):
        result = run("learn", clips, "--token", "<limp>", *QUICK)
        assert result.exit_code == 1
        assert ".limp.learning: another program has this lock" in result.stderr
    assert not left_behind()


def test_fast_learns_without_a_report(run: Run, clips: Path) -> None:
    result = run("learn", clips, "--token", "<limp>", *QUICK)
    assert result.exit_code == 0, result.output
    assert "It reproduces" not in result.stdout
    assert not any(name.startswith("report.") for name in Concept.load("limp.safetensors").scores)


@pytest.mark.parametrize("quality", ["fast", "balanced", "best"])
def test_quality_reaches_the_search(run: Run, clips: Path, monkeypatch: pytest.MonkeyPatch, quality: str) -> None:
    import inversion

    learn, asked = inversion.learn, {}

    def recorded(*args: object, **options: object) -> Concept:
        asked.update(options)
        return learn(*args, **{**options, "steps": 1})

    monkeypatch.setattr(inversion, "learn", recorded)
    result = run("learn", clips, "--token", "<limp>", *HERE, *(["--quality", quality] if quality != "balanced" else []))
    assert result.exit_code == 0, result.output
    assert (asked["quality"], asked["checkpoint"]) == (quality, Path(".limp.partial"))
    assert "steps" not in asked and "objective" not in asked


def test_captions_from_a_listing_and_from_beside_the_clips(run: Run, clips: Path, tmp_path: Path) -> None:
    said = {"clips/take-0.bvh": "a person hops", "clips/take-1.bvh": "a person jogs"}
    rows = [{"clip": clip, "captions": [caption, "something else"]} for clip, caption in said.items()]
    listing = tmp_path / "said.jsonl"
    listing.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = run("learn", clips, "--token", "<limp>", "--captions", listing, *QUICK)
    assert result.exit_code == 0, result.output
    assert "showing: hops, jogs" in result.stdout
    assert "hops" in Concept.load("limp.safetensors").templates[0]
    for number in range(2):
        (clips / f"take-{number}.txt").write_text("\na person limps\nanother one\n")
    result = run("learn", clips, "--token", "<limp>", "--replace", *QUICK)
    assert "showing: limps" in result.stdout
    assert "skipped" not in result.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"clip": "take-0.bvh", "captions": ["a person hops"]}', "1 clip of 2 without a caption"),
        ('{"clip": "take-0.bvh"}', "said.jsonl, line 1: expected"),
        ("take-0.bvh: a person hops", "said.jsonl, line 1: expected"),
        ("", "2 clips of 2 without a caption"),
    ],
)
def test_captions_that_are_missing_or_broken(run: Run, clips: Path, tmp_path: Path, text: str, said: str) -> None:
    listing = tmp_path / "said.jsonl"
    listing.write_text(text)
    fails(run("learn", clips, "--token", "<limp>", "--captions", listing), said)
    fails(run("learn", clips, "--token", "<limp>", "--captions", tmp_path / "no.jsonl"), "no.jsonl", "--captions")


def test_a_clip_without_its_text_among_others_with_one(run: Run, clips: Path) -> None:
    (clips / "take-1.txt").write_text("a person limps")
    fails(run("learn", clips, "--token", "<limp>"), "take-0.bvh", "every clip or none")


def assessed(monkeypatch: pytest.MonkeyPatch, *clips: AssessedClip, hints: tuple[str, ...] = ()) -> None:
    """The assessment says this."""
    import inversion.assess

    monkeypatch.setattr(inversion.assess, "assess", lambda *_: Assessment(clips, hints=hints))


def test_unusable_clips_are_errors_or_warnings(run: Run, clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = AssessedClip("take-0", 3.0, problems=("it limps",)), AssessedClip("take-1", 3.0, unusable="upside down")
    assessed(monkeypatch, good, bad, hints=("you may not need a word",))
    result = run("learn", clips, "--token", "<limp>", "--json", *QUICK)
    assert result.exit_code == 0, result.output
    assert [Path(path).name for path in json.loads(result.stdout)["clips"]] == ["take-0.bvh"]
    assert len(Concept.load("limp.safetensors").exemplars) == 1
    for words in ("take-0.bvh: it limps", "skipped", "take-1.bvh: upside down", "hint: you may not need a word"):
        assert words in result.stderr
    Path("limp.safetensors").unlink()
    fails(run("learn", clips / "take-0.bvh", clips / "take-1.bvh", "--token", "<limp>"), "take-1.bvh", "upside down")
    assessed(monkeypatch, bad, bad)
    fails(run("learn", clips, "--token", "<limp>"), "none of 2 clips")


def stopping(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Ctrl-C after a number of steps."""
    import inversion

    learn = inversion.learn

    def interrupted(*args: object, progress: Callable[..., None], **options: object) -> Concept:
        def stop(done: int, total: int, *figures: float) -> None:
            progress(done, total, *figures)
            if done == after:
                raise KeyboardInterrupt

        return learn(*args, progress=stop, **options)

    monkeypatch.setattr(inversion, "learn", interrupted)


def test_ctrl_c_keeps_the_best_word_so_far(run: Run, clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopping(monkeypatch, after=2)
    result = run("learn", clips, "--token", "<limp>", "--steps", 5, "--quality", "fast", *HERE)
    assert result.exit_code == 0, result.output
    assert "2 of 5" in result.stdout
    assert Concept.load("limp.safetensors").steps == 2
    assert [path.name for path in left_behind()] == ["limp.safetensors"]


def test_a_crash_leaves_a_state_from_which_the_same_command_goes_on(
    run: Run, clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import inversion
    from inversion.optimization.optimize import CHECK_EVERY

    command = ("learn", clips, "--token", "<limp>", "--steps", CHECK_EVERY + 2, "--quality", "fast", "--replace", *HERE)
    assert run(*command).exit_code == 0
    whole = Path("limp.safetensors").read_bytes()
    learn = inversion.learn

    def crashing(*args: object, progress: Callable[..., None], **options: object) -> Concept:
        def crash(done: int, *_: object) -> None:
            if done == CHECK_EVERY + 1:
                raise MemoryError

        return learn(*args, progress=crash, **options)

    with monkeypatch.context() as patched:
        patched.setattr("inversion.optimization.optimize.SAVE_EVERY", 0.0)
        patched.setattr(inversion, "learn", crashing)
        assert isinstance(run(*command).exception, MemoryError)
    assert Path(".limp.partial").exists()
    steps: list[int] = []
    monkeypatch.setattr(
        inversion, "learn", lambda *a, progress, **o: learn(*a, progress=lambda done, *_: steps.append(done), **o)
    )
    assert run(*command).exit_code == 0
    assert steps == [CHECK_EVERY + 1, CHECK_EVERY + 2]
    assert Path("limp.safetensors").read_bytes() == whole
    assert [path.name for path in left_behind()] == ["limp.safetensors"]


def test_ctrl_c_before_the_first_step_leaves_nothing(run: Run, clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import inversion

    def interrupted(*args: object, progress: Callable[..., None], **options: object) -> None:
        progress(1, 10, 0.5, 0.5)
        raise KeyboardInterrupt

    monkeypatch.setattr(inversion, "learn", interrupted)
    result = run("learn", clips, "--token", "<limp>")
    assert result.exit_code == 130
    assert "stopped" in result.stderr
    assert not left_behind()


def test_evaluate_with_and_without_the_word(run: Run, concept_path: Path, walk: Motion, tmp_path: Path) -> None:
    held = tmp_path / "held"
    held.mkdir()
    for number in range(2):
        Motion(walk.joints * np.float32(1 + 0.1 * number), 20.0).save(held / f"other-{number}.npy")
    result = run("evaluate", concept_path, "--clips", held)
    assert result.exit_code == 0, result.output
    for words in ("your clips", "with <limp>", "without it", "nearer", "jitter"):
        assert words in result.stdout
    assert "FID" not in result.stdout.splitlines()[1]
    said = json.loads(run("evaluate", concept_path, "--clips", held, "--json").stdout)
    assert said["figures"].keys() == {"clips", "word", "plain"}
    assert (said["figures"]["word"]["motions"], said["figures"]["word"]["fid"], said["seen"]) == (32, None, [])
    assert len(said["clips"]) == 2 and said["prompts"]


def test_evaluate_warns_of_clips_that_were_learned_from(run: Run, concept_path: Path, clips: Path) -> None:
    result = run("evaluate", concept_path, "--clips", clips / "take-0.bvh")
    assert result.exit_code == 0, result.output
    assert "<limp> was learned from take-0" in result.stderr


def test_evaluate_names_missing_files(run: Run, concept_path: Path, tmp_path: Path) -> None:
    fails(run("evaluate", concept_path, "--clips", tmp_path / "nowhere"), "nowhere")
    fails(run("evaluate", tmp_path / "no.safetensors", "--clips", tmp_path), "no.safetensors")


def test_ctrl_c_in_the_report_keeps_the_word(run: Run, clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import inversion.report

    def stop(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(inversion.report, "report", stop)
    result = run("learn", clips, "--token", "<limp>", "--steps", 1, "-o", "limp.safetensors")
    assert result.exit_code == 0
    assert "stopped before the report; <limp> is saved without it" in " ".join(result.stderr.split())
    assert Concept.load("limp.safetensors").steps == 1


def test_ctrl_c_before_the_first_step_says_so(run: Run, clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import inversion.optimization.optimize

    def stop(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(inversion.optimization.optimize, "_backpropagate", stop)
    result = run("learn", clips, "--token", "<limp>", "--steps", 1, "-o", "limp.safetensors")
    assert result.exit_code == 130 and "error: stopped" in result.stderr
    assert not Path("limp.safetensors").exists()


def test_a_dry_run_shows_what_the_clips_are_taken_for_and_learns_nothing(run: Run, clips: Path) -> None:
    result = run("learn", clips, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "taken for" in result.stdout and "take-0" in result.stdout and "2 clips, 6.0 s in all" in result.stdout
    assert not left_behind() and not Library().names()
    said = json.loads(run("learn", clips, "--dry-run", "--json").stdout)
    row = said["assessment"]["clips"][0]
    assert row.keys() >= {"action", "known", "confidence", "alternatives", "also", "cut", "seconds"}
    assert len(row["alternatives"]) == 2 and said["drafts"] == []
    fails(run("learn", clips, "--each", "--dry-run"), "--each")


def test_a_dry_run_refuses_what_learn_would_refuse(run: Run, clips: Path) -> None:
    fails(run("learn", clips, "--dry-run", "--token", "<My Limp>"), "cannot be a word's name", '"<my-limp>"')
    fails(run("learn", clips, "--draft-captions", "--token", "limp"), "no angle brackets")
    assert not (clips / "captions.jsonl").exists()
    fails(run("learn", clips, "--dry-run", "--init", "<old>"), "--init")
    Path("limp.safetensors").write_bytes(b"x")
    refused = run("learn", clips, "--dry-run", "--token", "<limp>", *HERE)
    assert refused.exit_code == 1 and "limp.safetensors exists already" in " ".join(refused.stderr.split())
    assert run("learn", clips, "--dry-run", "--token", "<limp>", *HERE, "--replace").exit_code == 0
    assert run("learn", clips, "--draft-captions", "--token", "<limp>", *HERE).exit_code == 0


def test_a_draft_has_the_captions_beside_the_clips(run: Run, clips: Path, monkeypatch) -> None:
    (clips / "take-1.txt").write_text("a person limps\na man drags a leg\n")
    unsure = AssessedClip("take-1", 3.0, action="jogs", known=False, confidence=0.2)
    assessed(monkeypatch, AssessedClip("take-0", 3.0, action="hops", confidence=0.9), unsure)
    result = run("learn", clips, "--draft-captions")
    assert result.exit_code == 0 and "1 from .txt files" in " ".join(result.stdout.split()), result.output
    assert "yourself" not in result.stderr
    rows = [json.loads(line) for line in (clips / "captions.jsonl").read_text().splitlines()]
    assert [row["captions"] for row in rows] == [["a person hops"], ["a person limps", "a man drags a leg"]]


def test_rows_of_captions_for_no_file_are_named(run: Run, clips: Path) -> None:
    rows = [{"clip": f"{name}.bvh", "captions": ["a person limps"]} for name in ("take-0", "take-1", "tkae-2")]
    (clips / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = run("learn", clips, "--dry-run")
    assert result.exit_code == 0 and "1 row for files that are not there (tkae-2.bvh)" in " ".join(
        result.stderr.split()
    )
    (clips / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:2]))
    assert "not there" not in run("learn", clips / "take-0.bvh", "--dry-run").stderr


def test_drafts_of_captions_are_written_beside_the_clips_and_read_again(run: Run, clips: Path, monkeypatch) -> None:
    sure = AssessedClip("take-0", 3.0, action="hops", confidence=0.9)
    assessed(monkeypatch, sure, AssessedClip("take-1", 3.0, action="jogs", known=False, confidence=0.2))
    result = run("learn", clips, "--draft-captions")
    assert result.exit_code == 0, result.output
    assert "2 captions to correct" in " ".join(result.stdout.split()) and "unknown" in result.stdout
    assert "take-1.bvh yourself" in " ".join(result.stderr.split())
    listing = clips / "captions.jsonl"
    rows = [json.loads(line) for line in listing.read_text().splitlines()]
    assert rows == [
        {"clip": "take-0.bvh", "captions": ["a person hops"]},
        {"clip": "take-1.bvh", "captions": [""]},
    ]
    fails(run("learn", clips, "--token", "<limp>", *QUICK), "'take-1.bvh' has no caption yet")
    fails(run("learn", clips, "--draft-captions"), "captions.jsonl exists already", "--replace")
    said = json.loads(run("learn", clips, "--draft-captions", "--replace", "--json").stdout)
    assert said["drafts"] == [str(listing)]
    listing.write_text(listing.read_text().replace('""', '"a person limps"'))
    result = run("learn", clips, "--dry-run")
    assert result.exit_code == 0, result.output


def test_drafts_go_to_the_file_of_captions(run: Run, clips: Path, tmp_path: Path) -> None:
    listing = tmp_path / "said.jsonl"
    result = run("learn", clips, "--draft-captions", "--captions", listing)
    assert result.exit_code == 0, result.output
    assert json.loads(listing.read_text().splitlines()[0])["clip"] == "clips/take-0.bvh"
