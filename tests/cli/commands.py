"""What the tests of commands share: what a command leaves behind, and how it fails."""

from pathlib import Path

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
