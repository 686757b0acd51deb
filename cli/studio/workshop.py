"""`Workshop`: what all pages of the studio share; `Desk`: what one page has set, kept when the page goes.

Knows no elements of pages.
"""

import os
import re
import shutil
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nicegui import Event

from cli.errors import UsageError, to_message, user_errors
from cli.server.kept_concepts import KeptConcepts
from cli.studio.worker import Job, Lane, Worker
from concepts import Library

if TYPE_CHECKING:
    from lead import Lead

T = TypeVar("T")
MOST_DESKS = 16
"""Desks that are kept; of more the one that was left first goes."""

MOST_SENT = 2 * 2**30
"""Bytes of all files that pages sent and that are kept."""
MOST_LETTERS = 100
"""Of a file's name."""


class Drawers:
    """Objects by their class, each made when it is first asked for."""

    def __init__(self) -> None:
        self._drawers: dict[type, Any] = {}

    def of(self, kind: type[T]) -> T:
        """The object of a class that can be made without arguments."""
        if kind not in self._drawers:
            self._drawers[kind] = kind()
        found: T = self._drawers[kind]
        return found


class Desk(Drawers):
    """What a person has set on a page, tab by tab."""

    def __init__(self) -> None:
        super().__init__()
        self.tab = ""
        """The name of the tab that is open."""
        self.dark: bool | None = None
        """None is as the browser has it."""
        self.browser_tab = ""
        """That showed the desk last, by the name that it keeps while its pages are loaded again."""
        self.pages: set[str] = set()
        """Those that show the desk, by their names."""


@dataclass(frozen=True, eq=False)
class Settings:
    """How the studio was started."""

    load_base: "Callable[[], Lead]"
    library: Library = field(default_factory=Library)
    allow_mismatch: bool = False


class Workshop(Drawers):
    """The base, the library, the worker and the files of all pages."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings, self.library = settings, settings.library
        self.concepts = KeptConcepts(self.library, allow_mismatch=settings.allow_mismatch, owner="the library")
        self.worker = Worker()
        self.library_changed = Event[[]]()
        """Told when a concept was added to the library, or taken from it."""
        self._folder = tempfile.TemporaryDirectory(prefix="lead-invert-studio-", ignore_cleanup_errors=True)
        self.folder = Path(self._folder.name)
        """For files that pages send; gone when the program ends."""
        self.desks: list[Desk] = []
        """The one that was used last is the last."""
        self.base_loaded = Event[[]]()
        self._base: Future[Lead] = Future()
        self._loading = threading.Lock()
        self.loading: Job | None = None

    @property
    def base(self) -> "Lead":
        """The base model, loaded when it is first needed; waits for it, so only jobs may ask.

        Raises what loading it raised.
        """
        with self._loading:
            if not self._base.done():
                try:
                    self._base.set_result(self.settings.load_base())
                except Exception as error:  # of every kind: each job that needs the base reports it
                    self._base.set_exception(error)
        return self._base.result()

    @property
    def is_ready(self) -> bool:
        """Whether the base is loaded, so that anybody may ask for it."""
        return self._base.done() and self._base.exception() is None

    def load_base(self) -> None:
        """Begin to load the base, if nobody has."""
        if self.loading is None:
            self.loading = self.start(
                "loading the base model", lambda job: self.base, lambda base: self.base_loaded.emit()
            )

    def start(
        self,
        title: str,
        work: Callable[[Job], T],
        then: Callable[[T], None],
        *,
        lane: Lane = "quick",
        replaces: object = None,
        owner: object = None,
    ) -> Job:
        """Do work in a thread, and hand its result to `then` in the event loop's; see `cli.studio`.

        `replaces` is the owner of jobs that this one makes needless: they are cancelled.
        """
        job = Job(title, work, then, lane, replaces if replaces is not None else owner)
        return self.worker.start(job, replaces=replaces is not None)

    def take_desk(self, browser_tab: str, page: str) -> Desk:
        """The desk for a page: that of its browser tab, else the one last used that no page shows, else a new one."""
        own = [desk for desk in self.desks if desk.browser_tab == browser_tab]
        free = [desk for desk in self.desks if not desk.pages]
        desk = (own or free or [Desk()])[-1]
        desk.browser_tab = browser_tab
        desk.pages.add(page)
        others = [other for other in self.desks if other is not desk]
        spare = [other for other in others if not other.pages]
        for other in spare[: max(len(others) + 1 - MOST_DESKS, 0)]:
            others.remove(other)
        self.desks = [*others, desk]
        return desk

    def make_file(self, name: str) -> Path:
        """A place in a new folder for a file that a page sends, under its own name made harmless."""
        last = name.replace("\\", "/").rpartition("/")[2]
        safe = re.sub(r"[^\w .()+-]", "_", last).lstrip(". ")[-MOST_LETTERS:] or "file"
        return Path(tempfile.mkdtemp(dir=self.folder)) / safe

    def check_room(self, size: int) -> None:
        """UsageError where a file of so many bytes is too much beside those that are kept."""
        kept = sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
        if kept + size > MOST_SENT:
            raise UsageError(
                f"a file of {size / 2**20:,.0f} MB, and {kept / 2**20:,.0f} MB were sent before; at most "
                f"{MOST_SENT / 2**20:,.0f} MB are kept. Remove clips, or name a folder of this machine: its files are "
                "not copied."
            )

    def read_once(self, path: Path, read: Callable[[Path], T]) -> T:
        """What `read` makes of a file of `make_file`, which is deleted then; errors have no folder."""
        try:
            return read(path)
        except user_errors() as error:
            raise UsageError(to_message(error).replace(f"{path.parent}{os.sep}", "")) from None
        finally:
            shutil.rmtree(path.parent, ignore_errors=True)

    def close(self) -> None:
        """End the work and delete the files."""
        self.worker.close()
        self._folder.cleanup()
