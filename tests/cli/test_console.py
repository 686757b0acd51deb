"""The output of commands on narrow terminals, in other encodings, and into closed pipes."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import console
from cli.invert import app

ROOT = Path(__file__).parents[2]
NAMES = ["plain", "über 走る", os.fsdecode(b"of no encoding \xff")]


def listed(folder: str, *words: str, env: dict[str, str] | None = None, **options: object) -> subprocess.Popen:
    """`lead-invert list`, which says the folder's name, as a process."""
    program = [sys.executable, "-m", "cli.invert", "list", *words]
    given = os.environ | {"LEAD_CONCEPTS": folder} | (env or {})
    return subprocess.Popen(program, cwd=ROOT, env=given, stderr=subprocess.PIPE, **options)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "env",
    [
        {"PYTHONIOENCODING": "utf-8"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=lambda env: env.get("PYTHONIOENCODING", "C"),
)
def test_names_are_printed_in_every_encoding(tmp_path: Path, name: str, env: dict[str, str]) -> None:
    folder = str(tmp_path / name)
    with listed(folder, env=env, stdout=subprocess.PIPE) as process:
        said, complaints = process.communicate()
    assert process.returncode == 0, complaints
    assert said.startswith(b"0 words in ")
    with listed(folder, "--json", env=env, stdout=subprocess.PIPE) as process:
        said, complaints = process.communicate()
    assert process.returncode == 0, complaints
    read = json.loads(said.decode(env.get("PYTHONIOENCODING", "ascii")))["folder"]
    assert os.fsencode(read) == os.fsencode(folder)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("words", [[], ["--json"]])
def test_a_full_disk_behind_standard_output_is_one_message(tmp_path: Path, words: list[str]) -> None:
    with Path("/dev/full").open("w") as full, listed(str(tmp_path), *words, stdout=full) as process:
        complaints = process.communicate()[1].decode()
    assert process.returncode == 1
    assert complaints.splitlines() == ["error: No space left on device"]


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_a_closed_pipe_ends_the_command_silently(tmp_path: Path, words: list[str]) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    with listed(str(tmp_path), *words, stdout=writes) as process:
        os.close(writes)
        assert process.communicate()[1] == b""
    assert process.returncode == 1


def test_closed_standard_output_gives_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    console.print_table([("a", 1)], ("name", "number"))
    console.echo("a")
    console.warn("a")
    with console.progress_bar("waiting") as report:
        report(1, 1)


def test_a_table_that_is_too_wide_becomes_lines_of_names_and_values(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = ("clip", *(f"figure-{number}" for number in range(9)))
    rows = [(f"take-{number}.bvh", *range(1000, 1008), "") for number in range(2)]
    console.print_table(rows, columns)
    assert "clip" in capsys.readouterr().out.splitlines()[1]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    console.print_table(rows, columns)
    said = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert max(map(len, said.splitlines())) <= 40
    assert [line for line in said.splitlines() if not line.startswith(" ")] == ["take-0.bvh", "take-1.bvh"]
    assert all(f"figure-{number} {1000 + number}" in " ".join(said.split()) for number in range(8))
    assert "figure-8" not in said
    console.print_table([("a", "long " * 30)], ("name", "text"))
    assert "name" in capsys.readouterr().out.splitlines()[1]  # one long text is folded


EVIL = "\x1b]0;owned\x07\x9b31m\r\u202e\n\tx"
ESCAPED = r"\x1b]0;owned\x07\x9b31m\r\u202e\n\tx"


def test_nothing_that_is_printed_acts_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    for say in (console.echo, console.warn, console.hint, console.print_error):
        say(EVIL)
        said = "".join(capsys.readouterr())
        assert ESCAPED in said and not console._ACTS.search(said.replace("\n", ""))
    console.print_table([(Path(EVIL), "two\nlines")], (EVIL, "b"), title=EVIL)
    with console.progress_bar(f"[red]{EVIL}[/]") as advance, console.spinner(f"[/x]{EVIL}"):
        advance(1, 1)
    said = "".join(capsys.readouterr())
    assert said.count(ESCAPED) >= 3 and not console._ACTS.search(said.replace("\n", ""))
    console.print_json({EVIL: EVIL})
    said = capsys.readouterr().out
    assert json.loads(said) == {EVIL: EVIL} and not console._ACTS.search(said.replace("\n", ""))


def test_the_lines_of_an_error_stay_lines(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_error("data is not complete.\n  Mean.npy is missing\n  a\nb.npy is missing")
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["error: data is not complete.", "  Mean.npy is missing", r"  a\nb.npy is missing"]


def test_control_bytes_of_file_names_are_escaped(tmp_path: Path) -> None:
    with listed(os.fsdecode(bytes(tmp_path) + b"/\x9b31m \xff"), stdout=subprocess.PIPE) as process:
        said, complaints = process.communicate()
    assert process.returncode == 0, complaints
    assert b"\\udc9b31m \xff" in said


@pytest.mark.parametrize(
    "words",
    [["list", EVIL], [EVIL], ["list", f"--{EVIL}"], ["show", EVIL], ["learn", "x", "--kind", EVIL], ["view", EVIL]],
)
def test_what_a_user_typed_is_escaped_in_messages(words: list[str]) -> None:
    result = CliRunner().invoke(app, words)
    assert result.exit_code
    assert "owned" in result.stderr and not console._ACTS.search(result.stderr.replace("\n", ""))
