"""What makes a function a command: option groups, an ignored device, the garbage collector of a script."""

import gc
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import pytest
import typer
from typer.testing import CliRunner, Result

from cli.command import RARELY, JsonObject, OptionGroup, accept_device, command, make_app, run_script
from cli.credits import CreditOptions
from cli.jobs.learn_one import LearnOptions
from cli.options import Json, ReadingOptions

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Paint(OptionGroup):
    color: Annotated[Literal["red", "dark green"] | None, typer.Option(help="Which.")] = None
    coats: Annotated[int, typer.Option("-n", "--coats", min=1)] = 1
    dry: Annotated[bool, typer.Option("--dry")] = False


def run(function: object, *words: str) -> Result:
    app = make_app("A program.", {"one": function, "other": function})
    return CliRunner().invoke(app, ["one", *words])


def given(paint: Paint = Paint(coats=2), place: Path = Path("wall"), as_json: Json = False) -> JsonObject:
    return {"color": paint.color, "coats": paint.coats, "dry": paint.dry, "place": str(place)}


def test_a_group_is_its_options_in_its_place() -> None:
    text = run(command(given), "--help").output
    options = ["--color", "--coats", "--dry", "--place", "--json"]
    assert [text.index(f" {name}") for name in options] == sorted(text.index(f" {name}") for name in options)
    assert run(command(given), "--json").output.count('"coats": 2') == 1
    result = run(command(given), "--color", "dark green", "-n", "3", "--dry", "--json")
    assert result.exit_code == 0, result.output
    assert '"color": "dark green"' in result.output and '"coats": 3' in result.output and "true" in result.output
    assert run(command(given), "--color", "blue").exit_code == 2
    assert run(command(given), "--coats", "0").exit_code == 2


@pytest.mark.parametrize(
    "options",
    [
        Paint(),
        Paint("dark green", 3, True),
        ReadingOptions(fps=29.97, unit="cm", up="Z", rig_map=Path("a map.toml"), strict=True),
        LearnOptions(kind="persona", quality="best", steps=7, vectors=3, objective="noise"),
        CreditOptions("CC BY 4.0", "Studio X", "Zoë", "A -- limp."),
    ],
    ids=lambda options: type(options).__name__,
)
def test_a_group_becomes_the_command_line_that_gives_it(options: OptionGroup) -> None:
    seen: list[OptionGroup] = []

    def read(group: OptionGroup, as_json: Json = False) -> JsonObject:
        seen.append(group)
        return {}

    read.__annotations__["group"] = type(options)
    read.__defaults__ = (type(options)(), False)
    result = run(command(read), *options.to_arguments())
    assert result.exit_code == 0, result.output
    assert seen == [options]


def test_a_command_without_a_device_takes_the_option_and_says_so() -> None:
    called = accept_device(given)
    result = run(command(called), "--device", "cuda:7", "--json")
    assert result.exit_code == 0, result.output
    assert "device" not in result.output
    text = " ".join(run(command(called), "--help").output.split())
    assert "--device DEVICE Accepted and not used" in text
    assert text.index("--device") < text.index("--json")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["one", "--nope"], "No such option: --nope"),
        (["one", "--color", "bl\x1bue"], "'--color': Value error, 'bl\\x1bue' is not one of 'red', 'dark green'"),
        (["one", "--coats", "two"], "'--coats'"),
        (["one"], "Missing argument 'place'"),
        (["one", "wall", "--coats"], "'--coats'"),
        (["three"], "No such command 'three'"),
        (["some", "one"], "Missing argument 'place'"),
        (["some", "three"], "No such command 'three'"),
        (["--nope"], "No such option: --nope"),
    ],
    ids=str,
)
def test_an_unreadable_command_line_is_told_as_json(words: list[str], said: str) -> None:
    def paint(place: Path, paint: Paint = Paint(), as_json: Json = False) -> JsonObject:
        return {}

    app = make_app("A program.", {"one": command(paint), "other": command(given)})
    app.add_typer(make_app("Some of it.", {"one": command(paint), "other": command(given)}), name="some")
    told = CliRunner().invoke(app, [*words, "--json"])
    error = json.loads(told.stdout)
    assert said in error.pop("error") and not error
    assert told.exit_code == 2 and not told.stderr
    plain = CliRunner().invoke(app, words)
    assert plain.exit_code == 2 and not plain.stdout
    assert "Error: " in plain.stderr and '"error"' not in plain.stderr


def test_behind_a_double_dash_json_is_a_word() -> None:
    result = run(command(given), "--coats", "two", "--", "--json")
    assert result.exit_code == 2 and not result.stdout and "Usage: " in result.stderr


def test_groups_are_frozen() -> None:
    assert replace(ReadingOptions(), fps=3.0) != ReadingOptions()
    with pytest.raises(AttributeError):
        ReadingOptions().fps = 3.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, None)],
)
def test_a_script_has_threads_sleep_and_seldom_searches_for_garbage(monkeypatch, given, expected) -> None:
    monkeypatch.setattr(os, "environ", dict(given))
    before, seen = gc.get_threshold(), []

    def app() -> None:
        seen.append((os.environ.get("GOMP_SPINCOUNT"), gc.get_threshold()))
        raise SystemExit(3)

    try:
        with pytest.raises(SystemExit, match="3"):
            run_script(app)
        assert seen == [(expected, RARELY)] and gc.get_freeze_count()
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


INTERRUPTED = """
import os, signal, time
import typer
from cli.command import command, make_app, run_script

@command
def wait(as_json: bool = False):
    try:
        print("ready", flush=True)
        time.sleep(60)
    finally:
        os.kill(os.getpid(), signal.SIGINT)

@command
def other(as_json: bool = False): ...

run_script(make_app("", {"wait": wait, "other": other}))
"""


def test_ctrl_c_three_times_is_one_message() -> None:
    program = [sys.executable, "-c", INTERRUPTED, "wait"]
    with subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        for _ in range(3):
            process.send_signal(signal.SIGINT)
            time.sleep(0.01)
        complaints = process.communicate()[1]
    assert process.returncode == 130
    assert complaints == "error: stopped; what was not finished is not kept\n"
