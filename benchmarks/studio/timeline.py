"""The tabs Blend, Library and Timeline of the studio, driven by a browser; each is pictured, and times are printed.

    python -m benchmarks.studio.timeline --words a-folder-of-concepts [--clip walk.bvh] [--output docs]

Needs Chromium, and the extras studio and dev. The library is a new one with the words of the folder, two of which are
styles of the embedded base, by default `elderly` and `exhausted`. Without a clip the poses come from a motion that is
generated first. Chromium draws without a GPU (SwiftShader). Pictures are called studio-<name>.jpg.
"""

import argparse
import os
import tempfile
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import FloatRect, Page

from benchmarks.studio.driver import Heard, open_chromium, open_page, open_tab, run_studio
from cli.console import print_table
from concepts import Library

PATIENCE = 180_000
"""Milliseconds to wait for a motion."""
SLIDES = 12
"""Times that the blend's slider is moved."""
_WATCH = """() => { window.shown = [];
  for (const player of [...document.querySelectorAll('motion-player')].filter(one => one.offsetParent)) {
    const set = player.set.bind(player);
    player.set = (name, value) => {
      if (name === 'motions') window.shown.push(performance.now());
      return set(name, value);
    };
  } }"""
"""Notes when the open tab's player is given motions."""


@dataclass
class Recording:
    """A run, its pictures and its figures."""

    page: Page
    heard: Heard
    process: int
    """The studio's."""
    output: Path
    styles: tuple[str, str]
    clip: Path | None
    rows: list[tuple[str, str, str]] = field(default_factory=list)
    """What was done, what was measured, the figure."""

    def take_picture(self, name: str) -> None:
        """A picture of the page."""
        self.page.wait_for_timeout(700)
        self.page.screenshot(path=self.output / f"studio-{name}.jpg", type="jpeg", quality=80)

    def note(self, step: str, what: str, figure: str) -> None:
        """A row of the table."""
        self.rows.append((step, what, figure))

    def press(self, name: str) -> None:
        """Press a button of the open tab."""
        self.page.get_by_role("button", name=name, exact=True).locator("visible=true").first.click()

    def wait_for_motion(self, before: int) -> None:
        """Wait until the open tab's player was given more motions than before."""
        self.page.wait_for_function("before => window.shown.length > before", arg=before)

    def count_shown(self) -> int:
        """How often the open tab's player was given motions since it is watched."""
        return int(self.page.evaluate("window.shown.length"))


def look_into_library(run: Recording) -> None:
    """A word's card, its checks, a file that goes out and comes in again, and one that is none."""
    page, word = run.page, run.styles[0]
    open_tab(page, "Library")
    page.get_by_text(f"<{word}>", exact=True).first.click()
    page.get_by_text("recordings").first.wait_for()
    run.take_picture("library")
    started = time.monotonic()
    page.get_by_role("button", name="Verify").click()
    page.get_by_text("every check passed").wait_for()
    run.note("library", "every check of a file and of the base", f"{1000 * (time.monotonic() - started):.0f} ms")
    page.get_by_role("button", name="Export").first.click()
    with page.expect_download() as download:
        page.get_by_text("concept file", exact=True).click()
    data = Path(download.value.path()).read_bytes()
    sent = {"name": f"{word}.safetensors", "mimeType": "application/octet-stream", "buffer": data}
    page.locator("input[type=file]").first.set_input_files(files=[sent])  # type: ignore[list-item]
    page.get_by_text(f"The library has <{word}> already").wait_for()
    page.get_by_label("another name").fill("a-copy")
    run.press("Add")
    page.get_by_text("<a-copy> is in the library.").wait_for()
    page.locator("input[type=file]").first.set_input_files(files=[{**sent, "buffer": data[:100]}])  # type: ignore[list-item]
    page.locator(".q-notification").get_by_text(f"{word}.safetensors").wait_for()
    run.note("library", "a file that is cut off", page.locator(".q-notification__message").inner_text())
    page.locator(".q-notification").get_by_role("button").click()


def blend(run: Recording) -> None:
    """Two styles, and a slider that is moved: how long from its rest to the new motion."""
    page = run.page
    open_tab(page, "Blend")
    page.evaluate(_WATCH)
    for label, word in zip(("first word", "second word"), run.styles, strict=True):
        page.get_by_label(label).click()
        page.get_by_role("option", name=f"<{word}>, style").click()
    page.get_by_text(f"100% <{run.styles[1]}>").first.wait_for(state="attached")
    page.wait_for_timeout(1000)
    box = find_box(page, "[aria-label=blend]")
    times, spent = [], measure_cpu(run.process)
    for number in range(SLIDES):
        before = run.count_shown()
        x = box["x"] + box["width"] * ((number * 5) % SLIDES + 0.5) / SLIDES
        page.mouse.move(x, box["y"] + box["height"] / 2)
        page.mouse.down()
        rested = page.evaluate("performance.now()")
        page.mouse.up()
        run.wait_for_motion(before)
        times.append(page.evaluate("window.shown.at(-1)") - rested)
        page.wait_for_timeout(300)
    times.sort()
    run.note("blend", "the program's CPU time for each", f"{1000 * (measure_cpu(run.process) - spent) / SLIDES:.0f} ms")
    run.note(
        "blend", "slider's rest to the new motion: median, longest", f"{times[len(times) // 2]:.0f}, {times[-1]:.0f} ms"
    )
    run.take_picture("blend")
    page.get_by_label("name").fill("halfway")
    run.press("Save")
    page.get_by_text("<halfway> is in the library.").wait_for()
    page.get_by_role("button", name="Keep").click()


def make_timeline(run: Recording) -> None:
    """Segments that are typed, dragged and reordered; their motion; the file."""
    page = run.page
    open_tab(page, "Timeline")
    page.evaluate(_WATCH)
    run.press("From a text or a file")
    text = f"a person walks in <{run.styles[0]}> style 4s, then sits down on a chair 3s, "
    text += "then stands up from a chair 3s, then waves 3s"
    page.locator("textarea").fill(text)
    run.press("Take the text")
    page.get_by_text("4 segments, 13.0 s").wait_for()
    page.locator(".q-dialog").wait_for(state="detached")
    border = find_box(page, ".track-border")
    drag(page, (border["x"] + 4, border["y"] + 20), (border["x"] + 75, border["y"] + 20))
    page.get_by_text("4 segments, 14.0 s").wait_for()
    before, started = run.count_shown(), time.monotonic()
    run.press("Generate")
    run.wait_for_motion(before)
    run.note("timeline", "14 s of four segments", f"{1000 * (time.monotonic() - started):.0f} ms")
    page.wait_for_timeout(5000)
    run.take_picture("timeline")
    with page.expect_download() as download:
        run.press("Save")
    table = tomllib.loads(Path(download.value.path()).read_text())
    run.note("timeline", "the saved file's segments", str(len(table["segments"])))
    run.press("Keep")


def follow_path(run: Recording) -> None:
    """One segment along a path that is drawn."""
    page = run.page
    for _ in range(3):
        page.locator("button", has_text="delete").locator("visible=true").last.click()
        page.wait_for_timeout(500)
    page.get_by_label("segment 1").fill("a person walks")
    page.get_by_label("seconds", exact=True).locator("visible=true").fill("6")
    plan = find_box(page, ".floor")
    box = page.locator(".floor").get_attribute("viewBox") or ""
    meter, middle = (
        plan["width"] / float(box.split()[2]),
        (plan["x"] + plan["width"] / 2, plan["y"] + plan["height"] / 2),
    )
    page.mouse.click(*middle)
    page.wait_for_timeout(300)
    page.mouse.click(middle[0] - 2 * meter, middle[1] - meter)
    page.wait_for_timeout(300)
    drag(page, (middle[0] - 2 * meter, middle[1] - 2.5 * meter), (middle[0] + meter, middle[1] - 2.5 * meter))
    before, started = run.count_shown(), time.monotonic()
    run.press("Generate")
    page.get_by_text("the path").first.wait_for()
    run.wait_for_motion(before)
    run.note("path", "6 s along a path", f"{1000 * (time.monotonic() - started):.0f} ms")
    run.note("path", "how near", page.get_by_text("cm off").first.inner_text())
    page.wait_for_timeout(2000)
    run.take_picture("path")


def meet_poses(run: Recording) -> None:
    """A start and an end pose of a clip."""
    page = run.page
    page.locator("button", has_text="delete").locator("visible=true").first.click()
    for name in ("start", "end"):
        page.get_by_label(f"choose the {name} pose").click()
        if name == "start" and run.clip:
            page.locator(".q-dialog input[type=file]").set_input_files(run.clip)
            page.locator(".q-dialog").get_by_text(f"{run.clip.stem}, ").last.wait_for()
        slider = find_box(page, ".q-dialog [aria-label=frame]")
        page.mouse.click(
            slider["x"] + slider["width"] * (0.3 if name == "start" else 0.8), slider["y"] + slider["height"] / 2
        )
        page.wait_for_timeout(500)
        if name == "end":
            page.locator(".q-dialog").get_by_text("stands at").click()
            run.take_picture("pose")
        run.press("Take this pose")
        page.locator(".q-dialog").wait_for(state="detached")
    before, started = run.count_shown(), time.monotonic()
    run.press("Generate")
    page.get_by_text("the start pose").first.wait_for()
    run.wait_for_motion(before)
    run.note("poses", "6 s between two poses", f"{1000 * (time.monotonic() - started):.0f} ms")
    run.note("poses", "how near", page.get_by_text("the start pose").first.inner_text())
    run.press("Generate")
    page.wait_for_timeout(1000)
    started = time.monotonic()
    page.locator("button", has_text="close").locator("visible=true").first.click()
    page.locator(".q-linear-progress").locator("visible=true").wait_for(state="detached")
    run.note("poses", "from its stop to its end", f"{1000 * (time.monotonic() - started):.0f} ms")


def measure_cpu(process: int) -> float:
    """Seconds of CPU that a process has used (Linux): of a busy machine it says more than time."""
    used = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, used)) / os.sysconf("SC_CLK_TCK")


def find_box(page: Page, selector: str) -> FloatRect:
    """Where the first visible element is."""
    box = page.locator(selector).locator("visible=true").first.bounding_box()
    assert box is not None, selector
    return box


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Press, move and let go."""
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=15)
    page.mouse.up()
    page.wait_for_timeout(500)


STEPS = (look_into_library, blend, make_timeline, follow_path, meet_poses)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", type=Path, required=True, help="a folder of concept files of the embedded base")
    parser.add_argument("--styles", nargs=2, default=("elderly", "exhausted"), help="two of them")
    parser.add_argument("--clip", type=Path, help="a clip whose poses are met")
    parser.add_argument("--output", type=Path, default=Path("docs"), help="where pictures go")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for word in sorted(arguments.words.glob("*.safetensors")):
            Library(folder).add_file(word)
        os.environ["LEAD_CONCEPTS"] = folder
        with run_studio() as program, open_chromium() as browser:
            page, heard = open_page(browser.new_context(), program.address)
            page.set_default_timeout(PATIENCE)
            run = Recording(page, heard, program.process.pid, arguments.output, tuple(arguments.styles), arguments.clip)
            try:
                for step in STEPS:
                    step(run)
            finally:
                run.note("all", "hosts that were asked", str(len(heard.hosts)))
                run.note("all", "errors on the console", "; ".join(heard.errors) or "none")
                print_table(run.rows, ("step", "what", "figure"))


if __name__ == "__main__":
    main()
