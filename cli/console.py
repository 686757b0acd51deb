"""What all commands share: where output goes, how errors end, progress, devices.

People read standard output and see progress on standard error; with `--json` standard output is one JSON
object, and nothing else. An error that a user can act on is one message and exit code 1, never a traceback; a
fault of ours keeps its traceback. Knows nothing of what the commands do.
"""

import functools
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ParamSpec

import typer

P = ParamSpec("P")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Device = Annotated[
    str,
    typer.Option(metavar="DEVICE", help="Where to compute: auto (a GPU if there is one), cpu, cuda, cuda:1, mps."),
]

STOPPED = 130  # what a shell gives for Ctrl-C


class UsageError(ValueError):
    """Options that do not go together; the message says which and what to do."""


USER_ERRORS = {
    "concepts.errors": "ConceptError",
    "inversion.errors": "InversionError",
    "lead.errors": "LeadError",
    "lead.motion.errors": "MotionError",
}


def user_errors() -> tuple[type[Exception], ...]:
    """The errors whose message is meant for the user; what was never imported cannot have been raised."""
    ours = [getattr(sys.modules[module], name) for module, name in USER_ERRORS.items() if module in sys.modules]
    return UsageError, OSError, *ours


def command(function: Callable[P, dict[str, Any]]) -> Callable[P, None]:
    """Make a function a command: its errors end as above; with `as_json` the dict it returns is printed."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        as_json = bool(kwargs["as_json"])
        try:
            result = function(*args, **kwargs)
        except KeyboardInterrupt as stop:
            _end(str(stop) or "stopped; what was not finished is not kept", as_json, STOPPED)
        except Exception as error:
            if not isinstance(error, user_errors()):
                raise
            _end(_message(error), as_json, 1)
        if as_json:
            print_json(result)

    return run


def print_json(result: dict[str, Any]) -> None:
    print(json.dumps(result, indent=2, ensure_ascii=False, default=str))


def say(text: str) -> None:
    """A line for people on standard output."""
    _console().print(text)


def warn(text: str) -> None:
    """A line on standard error: something was left out or is not as asked."""
    _console(stderr=True).print(f"warning: {text}", style="yellow")


@contextmanager
def sparing(say: Callable[[str], None], rest: str, most: int = 20) -> Iterator[Callable[[str], None]]:
    """Says the first `most` lines of many, and at the end how many more there were and what to do for the `rest`."""
    count = 0

    def tell(text: str) -> None:
        nonlocal count
        count += 1
        if count <= most:
            say(text)

    yield tell
    if count > most:
        say(f"and {counted(count - most, 'line')} like these; {rest}")


def hint(text: str) -> None:
    """A line on standard error: something that may spare work."""
    _console(stderr=True).print(f"hint: {text}", style="cyan")


def table(rows: Sequence[Sequence[object]], columns: Sequence[str], title: str = "") -> None:
    """A short table on standard output; the first column is never cut."""
    from rich import box
    from rich.table import Table

    look: Any = {"box": box.SIMPLE_HEAD, "pad_edge": False, "collapse_padding": True}
    drawn = Table(*columns, title=title or None, title_justify="left", **look)
    for row in rows:
        drawn.add_row(*(str(cell) for cell in row))
    drawn.columns[0].overflow = "fold"
    _console().print(drawn)


@contextmanager
def progress(text: str) -> Iterator[Callable[..., None]]:
    """A bar on standard error while the block runs; call it with (done, total[, loss[, score]])."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
    )
    with Progress(*columns, TextColumn("{task.fields[told]}"), TimeRemainingColumn(), console=_console(True)) as bar:
        task = bar.add_task(text, total=1, told="")

        def advance(done: int, total: int, loss: float | None = None, score: float | None = None) -> None:
            figures = (("loss", loss), ("score", score))
            told = "  ".join(f"{name} {value:.4f}" for name, value in figures if value is not None)
            bar.update(task, completed=done, total=total, told=told)

        yield advance


@contextmanager
def working(text: str) -> Iterator[None]:
    """A spinner on standard error while the block runs."""
    with _console(stderr=True).status(text):
        yield


def resolve_device(name: str) -> str:
    """The torch device for `--device`; UsageError where this machine has no such device."""
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=torch.device(name))
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"--device {name}: this machine cannot use it ({reason}); use cpu or auto.") from None
    return name


def counted(number: int, what: str) -> str:
    """`1 clip`, `2 clips`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def existing(path: Path, what: str) -> Path:
    """The path itself; UsageError where there is nothing. `what` says which argument or option it is."""
    if not path.exists():
        raise UsageError(f"{path} does not exist; it was given as {what}. Check the name and the folder.")
    return path


def _end(message: str, as_json: bool, code: int) -> None:
    if as_json:
        print_json({"error": message})
    else:
        _console(stderr=True).print(f"error: {message}", style="bold red")
    raise typer.Exit(code)


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror}"
    return str(error)


def _console(stderr: bool = False) -> Any:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 200  # a pipe or a log has no width: do not fold paths at 80
    return Console(file=stream, width=width, markup=False, emoji=False, highlight=False, soft_wrap=False)
