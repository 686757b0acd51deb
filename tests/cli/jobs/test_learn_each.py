"""`lead-invert learn --each`: one word from each folder; a failed folder does not stop the others."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import fails
from typer.testing import Result

import concepts.container
from cli.jobs import learn_each as each
from cli.jobs.ranks import Ranks
from concepts import Concept, ConceptError
from lead import Motion

Run = Callable[..., Result]
QUICK = ("--each", "--quality", "fast", "--steps", 1)


@pytest.fixture
def styles(walk: Motion, tmp_path: Path) -> Path:
    """Two folders of clips, and between them one that has none that can be used."""
    folder = tmp_path / "styles"
    for name in ("Old Man", "limp"):
        (folder / name).mkdir(parents=True)
        walk.save(folder / name / "take.npz")
    (folder / "broken").mkdir()
    (folder / "broken" / "take.bvh").write_text("HIERARCHY\nROOT")
    (folder / "readme.txt").write_text("no folder")
    return folder


def test_each_folder_is_a_word_and_a_failure_does_not_stop_the_others(run: Run, styles: Path, limp: Concept) -> None:
    Path("words").mkdir()
    before = limp.save("words/limp.safetensors").read_bytes()
    result = run("learn", styles, *QUICK, "--jobs", 2, "--author", "Zoë", "--output", "words", "--json")
    assert result.exit_code == 1
    said = json.loads(result.stdout)
    assert [(word["token"], word["state"]) for word in said["words"]] == [
        ("<old-man>", "learned"), ("<broken>", "failed"), ("<limp>", "there before"),
    ]  # fmt: skip
    assert "no clip that can be used" in said["words"][1]["error"]
    assert "broken: no clip that can be used" in " ".join(result.stderr.split())
    assert result.stderr.count("no license of the recordings is stated") == 1
    assert sorted(path.name for path in Path("words").iterdir()) == ["limp.safetensors", "old-man.safetensors"]
    assert Path("words/limp.safetensors").read_bytes() == before
    concept = Concept.load("words/old-man.safetensors")
    assert (concept.token, concept.author, concept.steps) == ("<old-man>", "Zoë", 1)
    (styles / "broken" / "take.bvh").unlink()
    (styles / "broken").rmdir()
    again = run("learn", styles, *QUICK, "--output", "words")
    assert again.exit_code == 0, again.output
    assert "Words that existed before were not learned again" in again.stdout


def test_a_place_that_cannot_be_written_to_is_one_message(
    run: Run, styles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("words").mkdir()
    started: list[object] = []
    monkeypatch.setattr(each.subprocess, "Popen", started.append)

    def refuse(path: Path, data: bytes) -> None:
        raise ConceptError("cannot be written: No space left on device")

    monkeypatch.setattr(concepts.container, "write_bytes", refuse)
    full = run("learn", styles, *QUICK, "--output", "words")
    assert " ".join(full.stderr.split()) == (
        "error: words: cannot be written: No space left on device (4 MB are needed)."
    )
    assert not started


def test_ranks_share_the_folders(run: Run, styles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(each.sys, "executable", "false")
    monkeypatch.setenv("WORLD_SIZE", "2")
    tokens = []
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        result = run("learn", styles, *QUICK, "--json")
        assert result.exit_code == 0, "a launcher ends all its processes when one fails"
        said = json.loads(result.stdout)
        assert said["failed"] == len(said["words"])
        assert all("its process ended with exit code 1" in word["error"] for word in said["words"])
        tokens.append([word["token"] for word in said["words"]])
    assert tokens == [["<old-man>", "<limp>"], ["<broken>"]]


def test_ctrl_c_ends_the_processes_at_once(run: Run, styles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    class Watched(subprocess.Popen):
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)
            started.append(self)

    def stop(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(each.subprocess, "Popen", Watched)
    monkeypatch.setattr(each.time, "sleep", stop)
    result = run("learn", styles, *QUICK, "--jobs", 2, "--output", "words")
    assert result.exit_code == 130
    assert "0 of 3 words learned. Run the same command again to resume." in " ".join(result.stderr.split())
    assert len(started) == 2
    assert {process.returncode for process in started} <= {-15, 143}  # it cannot handle SIGTERM yet, or it can
    assert not Path("words").exists()


def test_child_processes_end_with_the_parent(tmp_path: Path) -> None:
    (tmp_path / "cli").mkdir()
    (tmp_path / "cli" / "__init__.py").touch()
    (tmp_path / "cli" / "invert.py").write_text(
        "import time\ndef main():\n    print('learning', flush=True)\n    time.sleep(60)\n"
    )
    program = [sys.executable, "-P", "-c", each._START.format(str(tmp_path))]
    with subprocess.Popen(program, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        assert process.stdout.readline() == "learning\n"
        process.stdin.close()  # what the system does of a process that is killed
        assert process.wait(10) == 1


def test_ranks_come_from_the_launchers_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Ranks.from_environment() == Ranks(0, 1, 0, 1)
    for name, value in (("RANK", "5"), ("WORLD_SIZE", "6"), ("LOCAL_RANK", "1"), ("LOCAL_WORLD_SIZE", "2")):
        monkeypatch.setenv(name, value)
    ranks = Ranks.from_environment()
    assert (ranks, str(ranks)) == (Ranks(5, 6, 1, 2), "process 6 of 6")
    shares = [Ranks(rank, 3, 0, 1).share(range(8)) for rank in range(3)]
    assert sorted(item for share in shares for item in share) == list(range(8))


def test_mistakes(run: Run, styles: Path, clips: Path) -> None:
    fails(run("learn", clips), "Give it one with --token")
    fails(run("learn", clips, "--token", "<limp>", "--jobs", 2), "--jobs needs --each")
    fails(run("learn", styles, "--each", "--token", "<limp>"), "a word gets its folder's name")
    fails(run("learn", clips, "--each"), "no folders in it")
    fails(run("learn", styles / "readme.txt", "--each"), "a file; --each expects a folder")
    fails(run("learn", styles, "--each", "--output", "words.safetensors"), "must be a folder; name one")
    (styles / "走る").mkdir()
    fails(run("learn", styles, "--each"), "cannot become a word")
    (styles / "走る").rename(styles / "LIMP!")
    fails(run("learn", styles, "--each"), "would both be <limp>; give one of them another name")


def test_a_terminated_process_removes_its_files() -> None:
    start = each._START.format(str(Path(__file__).parents[3])).partition("import cli.invert")[0]
    program = start + "try:\n    print('at work', flush=True)\n    threading.Event().wait()\n"
    program += "finally: print('cleared up')"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", program], **pipes) as process:
        assert process.stdout and process.stdout.readline() == "at work\n"
        process.terminate()
        assert process.stdout.read() == "cleared up\n"
    assert process.returncode == 143
