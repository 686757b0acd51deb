"""What commands print: results on standard output; progress, warnings and hints on standard error.

Any file name or text can be printed, in every encoding, to narrow terminals, pipes and closed streams. Knows nothing of
what the commands do.
"""

import codecs
import io
import json
import os
import re
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from rich.console import Console

_ACTS = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
    "|[\U000e0000-\U000e007f]"
)
"""Characters that act on a terminal or hide there; U+200C and U+200D join letters and stay."""
_CONTROL_BYTES = re.compile("[\udc80-\udc9f]")
"""Bytes of file names that are 8-bit control characters, as Python has them."""
LONG = 500
"""Rows beyond which a table is printed without rich, which takes half a millisecond a row."""
FOLDED = 20
"""Characters a line that a table's widest column is folded to at the least."""


@runtime_checkable
class Progress(Protocol):
    """Moves a progress bar; called with the steps done and the steps in all."""

    def __call__(self, done: int, total: int, loss: float | None = None, score: float | None = None) -> None: ...


def escape_unprintable() -> None:
    """Print a character that a terminal or log cannot show as an escape, such as \\xfc; file names included."""
    codecs.register_error("lead_invert", _escape)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="lead_invert")


def escape_controls(text: str, lines: bool = False) -> str:
    """The text with everything that could act on a terminal as an escape, such as \\x1b; with `lines` line ends stay.

    That is control characters, invisible and bidirectional ones (Unicode's Cc and Cf but for joiners), and line ends.
    """
    return _ACTS.sub(lambda match: match[0] if lines and match[0] == "\n" else _to_escape(match[0]), text)


def _to_escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _escape(error: UnicodeError) -> tuple[str | bytes, int]:
    """The bytes of a file name that is in no encoding; else escapes."""
    try:
        if isinstance(error, UnicodeEncodeError) and _CONTROL_BYTES.search(error.object[error.start : error.end]):
            return codecs.lookup_error("backslashreplace")(error)
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)


def flush_output() -> None:
    """Write what is buffered, so that a full disk is reported by us and not by Python at its end."""
    if sys.stdout:
        sys.stdout.flush()


def discard_output() -> None:
    """Send what is still printed nowhere, once the reader of a pipe has gone or a disk is full."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_json(result: Mapping[str, object]) -> None:
    """Print one object, in ASCII where standard output is not in UTF-8 or a name is in no encoding."""
    text = json.dumps(result, indent=2, ensure_ascii=False, default=str)
    text = _ACTS.sub(lambda match: match[0] if match[0] == "\n" else json.dumps(match[0])[1:-1], text)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(result, indent=2, default=str)
    print(text)


def echo(text: str) -> None:
    """Print a line on standard output."""
    _console().print(escape_controls(text))


def echo_paragraph(text: str, width: int = 100) -> None:
    """Print a text in lines of so many characters at most."""
    for line in textwrap.wrap(text, width):
        echo(line)


def warn(text: str) -> None:
    """Print a warning on standard error: something was left out or is not as asked."""
    _console(stderr=True).print(f"warning: {escape_controls(text)}", style="yellow")


def hint(text: str) -> None:
    """Print a hint on standard error: something that may spare work."""
    _console(stderr=True).print(f"hint: {escape_controls(text)}", style="cyan")


def log(text: str) -> None:
    """Print a line of a log on standard error, after the time of day; further lines of the text stay lines."""
    line = f"{time.strftime('%H:%M:%S')} {escape_controls(text.strip(), lines=True)}"
    with suppress(OSError):  # nobody reads it
        print(line, file=sys.stderr or io.StringIO(), flush=True)


def print_error(text: str) -> None:
    """Print the message with which a command fails on standard error. Its indented lines stay lines."""
    lines = "\n  ".join(map(escape_controls, text.split("\n  ")))
    _console(stderr=True).print(f"error: {lines}", style="bold red")


@contextmanager
def limit_lines(print_line: Callable[[str], None], rest: str, most: int = 20) -> Iterator[Callable[[str], None]]:
    """Print the first `most` lines of many, then how many more there were, and what to do for the `rest`."""
    count = 0

    def print_or_count(text: str) -> None:
        nonlocal count
        count += 1
        if count <= most:
            print_line(text)

    yield print_or_count
    if count > most:
        print_line(f"and {count_noun(count - most, 'line')} like these; {rest}")


def print_table(rows: Sequence[Sequence[object]], columns: Sequence[str], title: str = "") -> None:
    """Print a short table on standard output; the first column is never cut.

    Where the terminal is too narrow for it, each row is its first cell and, on the next lines, the others by name.
    """
    from rich import box
    from rich.cells import cell_len
    from rich.padding import Padding
    from rich.table import Table

    console, columns = _console(), [escape_controls(name) for name in columns]
    cells = [[escape_controls(str(cell), lines=not isinstance(cell, Path)) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(columns, *cells, strict=True)]
    if sum(widths) - max(max(widths) - FOLDED, 0) + 2 * len(widths) > console.width:
        for first, *others in cells:
            pairs = [f"{name} {cell}".strip() for name, cell in zip(columns[1:], others, strict=True) if cell]
            if len(rows) > LONG:
                print(first, "  " + "  ".join(pairs), sep="\n")
            else:
                console.print(first)
                console.print(Padding("  ".join(pairs), (0, 0, 0, 2), expand=False))
        return
    if len(rows) > LONG:
        head, *lines = (" " + "  ".join(map(_pad, row, widths)).rstrip() for row in (columns, *cells))
        print(*filter(None, [escape_controls(title)]), head, " " + "─" * len(head), *lines, sep="\n")
        return
    table = Table(
        *columns,
        title=escape_controls(title) or None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    for row in cells:
        table.add_row(*row)
    table.columns[0].overflow = "fold"
    console.print(table)


def _pad(cell: str, width: int) -> str:
    """A cell with spaces up to a width on the terminal, where some characters take two places."""
    from rich.cells import cell_len

    return cell + " " * (width - cell_len(cell))


@contextmanager
def progress_bar(text: str) -> Iterator[Progress]:
    """A bar on standard error while the block runs."""
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=_console(stderr=True)) as bar:
        task = bar.add_task(escape_controls(text), total=1, figures="")

        def advance(done: int, total: int, loss: float | None = None, score: float | None = None) -> None:
            named = (("loss", loss), ("score", score))
            figures = "  ".join(f"{name} {value:.4f}" for name, value in named if value is not None)
            bar.update(task, completed=done, total=total, figures=figures)

        yield advance


def ignore_progress(done: int, total: int, loss: float | None = None, score: float | None = None) -> None:
    """`Progress` where no bar is shown."""


@contextmanager
def spinner(text: str) -> Iterator[None]:
    """A spinner on standard error while the block runs."""
    from rich.text import Text

    with _console(stderr=True).status(Text(escape_controls(text))):
        yield


def count_noun(number: int, noun: str) -> str:
    """`1 clip`, `2 clips`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _console(stderr: bool = False) -> "Console":
    from rich.console import Console

    stream = (sys.stderr if stderr else sys.stdout) or io.StringIO()  # a closed stream: print to nobody
    width = None if stream.isatty() else 200  # a pipe or a log has no width: do not fold paths at 80
    return Console(file=stream, width=width, markup=False, emoji=False, highlight=False, soft_wrap=False)
