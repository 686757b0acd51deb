"""What all commands share: where output goes, how errors end, progress, devices.

People read standard output and see progress on standard error; with `--json` standard output is one JSON
object, and nothing else. An error that a user can act on is one message and exit code 1, never a traceback; a
fault of ours keeps its traceback. Knows nothing of what the commands do.
"""

import codecs
import functools
import gc
import io
import json
import os
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

LARGEST_SEED = 2**40 - 1
"""So that what counts up from a seed stays within what generators of random numbers take."""
Seed = Annotated[int, typer.Option(min=0, max=LARGEST_SEED, metavar="N", help="Same seed, same result.")]

FOLDED = 20
"""Characters a line that a table's widest column is folded to at the least."""
STOPPED = 130  # what a shell gives for Ctrl-C
RARELY = (50_000, 20, 100)
"""Python's own thresholds are 700, 10 and 10."""


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
        _show_any_character()
        try:
            result = function(*args, **kwargs)
            if as_json:
                print_json(result)
            _flush()
        except KeyboardInterrupt as stop:
            _end(str(stop) or "stopped; what was not finished is not kept", as_json, STOPPED)
        except BrokenPipeError:  # whoever read what we print has read enough
            _print_no_more()
            raise typer.Exit(1) from None
        except Exception as error:
            if not isinstance(error, user_errors()):
                raise
            _end(_message(error), as_json, 1)

    return run


def run_script(app: Callable[[], None]) -> None:
    """Run the commands of a console script, which has the process to itself.

    Python searches for garbage in circles seldom, and not at its end: importing torch makes a million objects and none
    of that, and each search goes through them all, the last in a third of a second.
    """
    _wait_asleep()
    gc.set_threshold(*RARELY)
    try:
        app()
    finally:
        gc.freeze()


def _flush() -> None:
    """So that what cannot be written is told now, not by Python at its end."""
    if sys.stdout:
        sys.stdout.flush()


def _print_no_more() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _wait_asleep() -> None:
    """Have OpenMP's threads, torch's, sleep where they wait longer than some 20 microseconds; before torch is imported.

    Left alone GNU's spin for milliseconds: beside another busy program every product then waits that long, and a step
    of training takes 5 seconds instead of a fifth.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def _show_any_character() -> None:
    """Of file names and texts that a terminal or log cannot show, other characters are shown, as \\xfc."""
    codecs.register_error("lead_invert", _shown)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="lead_invert")


def _shown(error: UnicodeError) -> tuple[str | bytes, int]:
    """A name's own bytes where it was read as such; else escapes."""
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)


def print_json(result: dict[str, Any]) -> None:
    """One object, in ASCII where standard output is not in UTF-8 or a name is not."""
    text = json.dumps(result, indent=2, ensure_ascii=False, default=str)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(result, indent=2, default=str)
    print(text)


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
    """A short table on standard output; the first column is never cut.

    Where the terminal is too narrow for it, each row is its first cell and, on the next lines, the others by name.
    """
    from rich import box
    from rich.cells import cell_len
    from rich.padding import Padding
    from rich.table import Table

    console, cells = _console(), [[str(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(columns, *cells, strict=True)]
    if sum(widths) - max(max(widths) - FOLDED, 0) + 2 * len(widths) > console.width:
        for first, *others in cells:
            console.print(first)
            pairs = [f"{name} {cell}".strip() for name, cell in zip(columns[1:], others, strict=True) if cell]
            console.print(Padding("  ".join(pairs), (0, 0, 0, 2), expand=False))
        return
    look: Any = {"box": box.SIMPLE_HEAD, "pad_edge": False, "collapse_padding": True}
    drawn = Table(*columns, title=title or None, title_justify="left", **look)
    for row in cells:
        drawn.add_row(*row)
    drawn.columns[0].overflow = "fold"
    console.print(drawn)


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
    try:
        if as_json:
            print_json({"error": message})
        _flush()
    except OSError:  # a full disk behind standard output
        _print_no_more()
        as_json = False
    if not as_json:
        _console(stderr=True).print(f"error: {message}", style="bold red")
    raise typer.Exit(code)


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror}"
    return str(error)


def _console(stderr: bool = False) -> Any:
    from rich.console import Console

    stream = (sys.stderr if stderr else sys.stdout) or io.StringIO()  # nobody, where it is closed
    width = None if stream.isatty() else 200  # a pipe or a log has no width: do not fold paths at 80
    return Console(file=stream, width=width, markup=False, emoji=False, highlight=False, soft_wrap=False)
