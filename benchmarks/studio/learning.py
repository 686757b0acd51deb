"""The recorded run of learning in the studio: five BVH files are dropped, looked at, trimmed and learned from.

    python -m benchmarks.studio.learning DIR_OF_CLIPS [--output docs] [--quality balanced] [--hostile DIR]

Needs Chromium, and the extras studio and dev. The library is a new one. Times are printed, and pictures made, which are
called studio-<name>.jpg. Players stand still, since Chromium draws without a GPU and would take the learning's time.
With --hostile each file of a folder is dropped too, and files of 200 MB and more; then the table says what the page and
the program did. `learn` with the same clips, as a command, is timed beside it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Page

from benchmarks.studio.driver import Program, list_titles, open_chromium, open_page, open_tab, run_studio
from cli.console import print_table
from cli.studio.gate import MAX_FILE

PLAYERS = "[...document.querySelectorAll('motion-player')].filter(one => one.player)"
PATIENCE = 600_000
"""Milliseconds for what takes long."""


@dataclass
class Run:
    """A run and its figures."""

    page: Page
    program: Program
    output: Path
    rows: list[tuple[str, str]] = field(default_factory=list)
    slowest: float = 0.0
    """Seconds that the page took to answer, at most, while a word was learned."""

    def note(self, what: str, figure: str) -> None:
        """A row of the table."""
        self.rows.append((what, figure))

    def take_picture(self, name: str) -> None:
        """A picture of the page, while its players stand still, as they draw best."""
        self.page.evaluate(f"{PLAYERS}.forEach(one => one.player.change({{ playing: false, time: 1.5 }}))")
        self.page.wait_for_timeout(1500)
        self.page.screenshot(path=self.output / f"studio-{name}.jpg", type="jpeg", quality=80)

    def count_memory(self) -> float:
        """Gigabytes that the studio took, at most."""
        status = Path(f"/proc/{self.program.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 2**20


def drop(page: Page, paths: Sequence[Path]) -> None:
    """Drop files and folders on the page, as a person does."""
    session = page.context.new_cdp_session(page)
    files = [str(path.absolute()) for path in paths]
    for kind in ("dragEnter", "dragOver", "drop"):
        data = {"items": [], "files": files, "dragOperationsMask": 1}
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 150, "y": 400, "data": data})
    session.detach()


def look_at(run: Run, clips: Sequence[Path]) -> None:
    """Five files are dropped, read and looked at; the last is trimmed."""
    page = run.page
    open_tab(page, "Clips")
    started = time.monotonic()
    drop(page, clips)
    page.get_by_text(f"{len(clips)} clips, ").wait_for(timeout=PATIENCE)
    run.note(f"{len(clips)} files dropped until they are read", f"{time.monotonic() - started:.1f} s")
    page.get_by_text("taken for: ").wait_for(timeout=PATIENCE)
    run.note("until it is said what they are taken for", f"{time.monotonic() - started:.1f} s")
    thumb = page.locator(".q-range .q-slider__thumb").nth(1)
    box = thumb.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    for step in range(1, 9):
        page.mouse.move(box["x"] - 10 * step, box["y"] + box["height"] / 2)
        page.wait_for_timeout(60)
    started = time.monotonic()
    page.mouse.up()
    page.get_by_text("is looked at").first.wait_for(state="detached", timeout=PATIENCE)
    page.get_by_text("taken for: ").wait_for(timeout=PATIENCE)
    run.take_picture("clips")


def learn(run: Run, token: str, quality: str) -> None:
    """A word is learned; the page is asked all the while."""
    page = run.page
    open_tab(page, "Learn")
    page.get_by_label("the new word").fill(token)
    page.get_by_role("button", name=quality).click()
    started, first, pictured, saved = time.monotonic(), 0.0, False, 0.0
    page.get_by_role("button", name="Learn", exact=True).click()
    while True:
        asked = time.monotonic()
        text = page.locator(".q-tab-panel").last.inner_text()
        run.slowest = max(run.slowest, time.monotonic() - asked)
        if not first and any(" after " in title for title in list_titles(page)):
            first = time.monotonic() - started
        if first and not pictured and "loss" in text and time.monotonic() - started > first + 6:
            run.take_picture("learning")
            pictured = True
        if not saved and "is learned:" in text:
            saved = time.monotonic() - started
        if "License of the word" in text and "Stop" not in text and "Skip" not in text:
            break
        assert time.monotonic() - started < PATIENCE / 1000, text
        page.wait_for_timeout(200)
    run.note("learn: until its first motion", f"{first:.1f} s")
    run.note("learn: until the word is in the library", f"{saved:.1f} s")
    run.note("learn: with its report", f"{time.monotonic() - started:.1f} s")
    run.note("learn: the page's slowest answer meanwhile", f"{1000 * run.slowest:.0f} ms")
    run.take_picture("report")


def time_command(clips: Sequence[Path], quality: str) -> float:
    """Seconds of the command `learn` with the same clips."""
    started = time.monotonic()
    command = [sys.executable, "-m", "cli.invert", "learn", *map(str, clips), "--token", "<command>"]
    subprocess.run([*command, "--quality", quality], check=True, capture_output=True)
    return time.monotonic() - started


def drop_hostile(run: Run, hostile: Path, clip: Path) -> None:
    """Files that are none, and files that are too large; what the page says of each."""
    page = run.page
    open_tab(page, "Clips")
    for path in sorted(hostile.iterdir()):
        drop(page, [path])
        page.wait_for_timeout(3000)
        run.note(f"drop {path.name}", read_answer(page, path.name))
    with tempfile.TemporaryDirectory() as folder:
        for name, size in (("large.bvh", MAX_FILE - 2**20), ("too-large.bvh", MAX_FILE + 1)):
            path = write_large(Path(folder) / name, size, clip)
            drop(page, [path])
            page.wait_for_timeout(3000)
            page.get_by_text("is read").first.wait_for(state="detached", timeout=PATIENCE)
            page.wait_for_timeout(5000)
            run.note(f"drop {path.stat().st_size / 2**20:.0f} MB", read_answer(page, name))
    run.note("memory of the studio, at most", f"{run.count_memory():.1f} GB")


def read_answer(page: Page, name: str) -> str:
    """What the page says of a file: in its list, or in a message, which is closed."""
    said = [row.inner_text().replace("\n", " ") for row in page.locator(".clip").filter(has_text=name).all()]
    for note in page.locator(".q-notification").all():
        said.append(note.locator(".q-notification__message").inner_text())
    for button in page.get_by_role("button", name="Close").all():
        button.click()
    return "; ".join(said).replace("close", "")[:200] or "nothing"


def write_large(path: Path, size: int, clip: Path) -> Path:
    """A BVH file of so many bytes, of a clip again and again."""
    text = clip.read_text()
    head, _, frames = text.partition("Frame Time:")
    time_line, _, rows = frames.partition("\n")
    count = (size - len(text)) // len(rows) + 1
    frame_count = rows.count("\n") * count
    head = head[: head.index("Frames:")] + f"Frames: {frame_count}\n"
    with path.open("w") as file:
        file.write(f"{head}Frame Time:{time_line}\n")
        for _ in range(count):
            file.write(rows)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, help="a folder of clips")
    parser.add_argument("--output", type=Path, default=Path("docs"), help="where pictures go")
    parser.add_argument("--quality", default="balanced")
    parser.add_argument("--hostile", type=Path, help="a folder of files that are none")
    arguments = parser.parse_args()
    clips = sorted(arguments.clips.glob("*.bvh"))[:5]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LEAD_CONCEPTS"] = folder
        with run_studio() as program, open_chromium() as browser:
            page, heard = open_page(browser.new_context(reduced_motion="reduce"), program.address)
            run = Run(page, program, arguments.output)
            look_at(run, clips)
            learn(run, "recorded", arguments.quality)
            if arguments.hostile:
                drop_hostile(run, arguments.hostile, clips[0])
        run.note("the command `learn`, from its start to its end", f"{time_command(clips, arguments.quality):.1f} s")
    run.note("errors on the console", "; ".join(heard.errors) or "none")
    print_table(run.rows, ("what", "figure"))


if __name__ == "__main__":
    main()
