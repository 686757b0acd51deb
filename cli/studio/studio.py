"""`Studio`: what a tab is given; and the pieces that several tabs have."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nicegui import ui
from nicegui.events import UploadEventArguments

from cli.errors import to_message, user_errors
from cli.studio.gate import MAX_FILE
from cli.studio.plain_words import plain_hint
from cli.studio.worker import Job
from cli.studio.workshop import Desk, Workshop


@dataclass(eq=False)
class Studio:
    """The workshop of all pages and this page's desk."""

    workshop: Workshop
    desk: Desk
    open_tab: Callable[[str], None] = lambda name: None
    """Goes to a tab."""


@contextmanager
def report_errors() -> Iterator[None]:
    """Within the block, an error whose message is for the user is shown on the page and ends the block."""
    try:
        yield
    except user_errors() as error:
        complain(to_message(error))


def complain(message: str) -> None:
    """Show an error until the person closes it, or the next comes."""
    close = {"label": "Close", "color": "white"}
    ui.notify(
        plain_hint(message), type="negative", timeout=0, actions=[close], multi_line=True, position="top",
        group="error", badgeStyle="display: none",
    )  # fmt: skip


async def receive_file(
    workshop: Workshop, event: UploadEventArguments, find_place: Callable[[str], Path] | None = None
) -> Path:
    """Keep a file that was sent, by its name in a new folder or at another place; UsageError where it is too much."""
    workshop.check_room(event.file.size())
    path = (find_place or workshop.make_file)(event.file.name)
    await event.file.save(path)
    return path


def show_job(find: Callable[[], Job | None]) -> None:
    """A line for a job while it waits or runs: progress, and a button that cancels it; its error once, when it failed.

    `find` gives the job that is meant, which may change.
    """
    told: set[Job] = {job for job in [find()] if job is not None and job.state == "failed"}
    with ui.row().classes("items-center no-wrap w-full gap-2") as line:
        label = ui.label().classes("text-caption ellipsis")
        bar = ui.linear_progress(show_value=False).props("instant-feedback").classes("col")
        ui.button(icon="close", on_click=lambda: cancel()).props("flat dense round size=sm").tooltip("stop")

    def cancel() -> None:
        if job := find():
            job.cancel()

    def refresh() -> None:
        job = find()
        line.visible = job is not None and job.is_open
        if job is None:
            return
        if job.state == "failed" and job not in told:
            told.add(job)
            complain(job.error)
        label.text = job.title + ("" if job.state == "running" else ", waiting")
        bar.props(remove="indeterminate") if job.total else bar.props("indeterminate")
        bar.value = job.done / job.total if job.total else 0.0

    refresh()
    ui.timer(0.2, refresh)


def show_upload(
    label: str, take: Callable[[UploadEventArguments], Awaitable[None]], accept: str, multiple: bool = False
) -> ui.upload:
    """A place to drop files on, or to pick them by a click. `accept` lists endings, as ".bvh,.fbx"."""
    upload = ui.upload(
        label=label,
        auto_upload=True,
        multiple=multiple,
        max_file_size=MAX_FILE,
        on_upload=take,
        on_rejected=lambda: complain(f"only files of {accept}, up to {MAX_FILE // 2**20} MB, are taken here."),
    )
    upload.on("finish", upload.reset, args=[])  # of all files: a reset after each would stop the others
    upload.on("failed", lambda: complain("a file did not arrive; send it again."), args=[])
    upload.props(f'accept="{accept}" flat bordered').classes("w-full")
    return upload
