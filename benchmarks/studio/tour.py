"""The recorded run of the studio: a browser drives it, without a shell, and each view is pictured; times are printed.

    python -m benchmarks.studio.tour --word proud.safetensors [--output docs] [--rig my-character.bvh]

Needs Chromium, and the extras studio and dev. The library is a new one with the word, a style of the embedded base.
Chromium draws without a GPU (SwiftShader). A step is a function of `STEPS`; pictures are called studio-<name>.png.
"""

import argparse
import os
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Page

from benchmarks.studio.driver import (
    count_frames,
    count_shown,
    list_titles,
    open_chromium,
    open_page,
    open_tab,
    run_studio,
    wait_for_motions,
)
from cli.console import print_table
from concepts import Concept, Library

PLAYERS = "[...document.querySelectorAll('motion-player')].filter(one => one.player)"
SLIDES = 8
"""Times that a slider is moved."""


@dataclass
class Recording:
    """A run, its pictures and its figures."""

    page: Page
    output: Path
    rig: Path | None
    token: str
    process: int
    """The studio's, by its number."""
    rows: list[tuple[str, str, str]] = field(default_factory=list)
    """What was done, what was measured, the figure."""

    def take_picture(self, name: str) -> None:
        """A picture of the page, while its players stand still, as they draw best."""
        self.page.evaluate(f"{PLAYERS}.forEach(one => one.player.change({{ playing: false }}))")
        self.page.wait_for_timeout(300)
        self.page.screenshot(path=self.output / f"studio-{name}.png")
        self.page.evaluate(f"{PLAYERS}.forEach(one => one.player.change({{ playing: true }}))")

    def processor_seconds(self) -> float:
        """What the studio's process has used of the processors."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def note(self, step: str, what: str, figure: str) -> None:
        """A row of the table."""
        self.rows.append((step, what, figure))


def generate(run: Recording) -> None:
    """A word from the completion, its takes, its strength."""
    page = run.page
    open_tab(page, "Generate")
    prompt = page.get_by_label("what the person does")
    prompt.fill(f"a person walks in {run.token[:4]}")
    page.get_by_role("button", name=run.token).click()
    prompt.press("End")
    prompt.press_sequentially(" style")
    page.get_by_label("best of").fill("4")
    shown = count_shown(page)
    page.get_by_role("button", name="Generate").click()
    run.note(
        "generate", "best of 4, the exemplar, the same seed without the word", f"{wait_for_motions(page, shown):.0f} ms"
    )
    page.wait_for_timeout(1000)
    run.take_picture("generate")
    move_slider(run)
    page.get_by_role("button", name="Keep").click()


def move_slider(run: Recording) -> None:
    """How long a slider's motion takes."""
    page, times = run.page, []
    slider, before = page.locator(".q-slider").last, run.processor_seconds()
    box = slider.bounding_box()
    assert box is not None
    for number in range(SLIDES):
        shown = count_shown(page)
        page.mouse.move(box["x"] + box["width"] * (0.3 + 0.05 * number), box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.up()
        times.append(wait_for_motions(page, shown))
        page.wait_for_timeout(300)
    spent = 1000 * (run.processor_seconds() - before) / SLIDES
    times.sort()
    run.note("slider", "processor time of the studio for each", f"{spent:.0f} ms")
    run.note(
        "slider", "its end to the new motion: median, longest", f"{times[len(times) // 2]:.0f}, {times[-1]:.0f} ms"
    )


def play_four(run: Recording) -> None:
    """Four figures at once."""
    page = run.page
    for name in ("exemplar", "without the word"):
        page.get_by_role("checkbox", name=name).click()
    page.get_by_role("checkbox", name="best 4").click()
    page.wait_for_timeout(4000)
    assert len(list_titles(page)) == 4, list_titles(page)
    run.note("play", "four figures, frames a second", f"{count_frames(page):.0f}")
    run.take_picture("four")
    page.get_by_role("checkbox", name="overlaid").click()
    page.mouse.click(900, 300)  # a view has the keys of the page that `view` writes
    page.keyboard.press("t")
    page.locator(".body--dark").wait_for()
    run.take_picture("dark")
    page.keyboard.press("t")
    page.locator(".body--light").wait_for()


def export(run: Recording) -> None:
    """What was kept, on the rig, to a download."""
    page = run.page
    open_tab(page, "Export")
    if run.rig:
        page.locator("input[type=file]").set_input_files(run.rig)
        page.get_by_text(f"on {run.rig.name}").wait_for()
    started = time.monotonic()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    run.note("export", f"{download.value.suggested_filename}", f"{1000 * (time.monotonic() - started):.0f} ms")
    run.take_picture("export")
    content = Path(download.value.path()).read_bytes()
    assert content.startswith(b"HIERARCHY") or zipfile.is_zipfile(download.value.path()), content[:80]


STEPS: Sequence[Callable[[Recording], None]] = (generate, play_four, export)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("docs"), help="where pictures go")
    parser.add_argument("--word", type=Path, required=True, help="a concept file of the embedded base, a style")
    parser.add_argument("--rig", type=Path, help="a clip with the rig to export on")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        Library(folder).add_file(arguments.word)
        token = Concept.load(arguments.word).token
        os.environ["LEAD_CONCEPTS"] = folder
        with run_studio() as program, open_chromium() as browser:
            started = time.monotonic()
            page, heard = open_page(browser.new_context(), program.address)
            run = Recording(page, arguments.output, arguments.rig, token, program.process.pid)
            run.note("start", "the command to its address", f"{program.seconds:.1f} s")
            run.note("start", "the address to the tabs", f"{time.monotonic() - started:.1f} s")
            for step in STEPS:
                step(run)
            run.note("all", "hosts that were asked; errors on the console", f"{len(heard.hosts)}; {heard.errors or 0}")
    print_table(run.rows, ("step", "what", "figure"))


if __name__ == "__main__":
    main()
