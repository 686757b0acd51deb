"""Shared by the tests of commands: the files that a command leaves, and how it fails."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import Result


def left_behind() -> list[Path]:
    return sorted(Path().rglob("*"))


def fails(result: Result, *said: str) -> None:
    """Exit code 1, one message with these words, no traceback, nothing written."""
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    message = " ".join(result.stderr.split())
    assert message.count("error:") == 1
    assert "Traceback" not in message
    for words in said:
        assert words in message
    assert not left_behind()


def printed_without_torch(*lines: Sequence[object]) -> str:
    """What `lead-invert` commands print in a process of their own, none of which may load torch."""
    code = (
        f"import sys\nfrom cli.invert import app\nfor args in {[list(map(str, line)) for line in lines]!r}:\n"
        "    try: app(args)\n    except SystemExit as end: assert not end.code, args\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def forget_package(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Within the test a package of `cli` is not imported; after it, it is the one that it was."""
    import cli

    monkeypatch.setattr(cli, name, getattr(cli, name, None), raising=False)
    for module in [module for module in sys.modules if f"{module}.".startswith(f"cli.{name}.")]:
        monkeypatch.delitem(sys.modules, module)
