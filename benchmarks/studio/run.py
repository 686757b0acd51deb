"""The recorded run of the studio: a browser drops clips, learns a word, generates with it, and exports it on a rig.

    python -m benchmarks.studio.run DIR_OF_CLIPS [--output studio-run] [--quality balanced] [--rig my-character.bvh]

No shell is used between the page's opening and the exported file. Five BVH files of the folder are dropped; the rig is
the first file's, unless another is given. Each step is timed, with a picture studio-<step>.jpg; the times are printed
as a table, with the machine's load. Then the file is checked: the rig's joints and offsets, all values finite, and the
bytes of the command `generate` with the same word, prompt, seed and rig. Needs Chromium, and the extras studio and dev.
The library is a new one. Players stand still, since Chromium draws without a GPU and would take the learning's time.
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

import numpy as np
from playwright.sync_api import Page

from benchmarks.studio.driver import (
    count_shown,
    drop,
    list_titles,
    open_chromium,
    open_page,
    open_tab,
    run_studio,
    wait_for_motions,
)
from cli.console import print_table
from lead import Motion
from lead.motion.formats.bvh import read_bvh

PLAYERS = "[...document.querySelectorAll('motion-player')].filter(one => one.player)"
PATIENCE = 600_000
"""Milliseconds for what takes long."""
DROPPED = 5
SEED = 7


@dataclass
class Run:
    """A run and its figures."""

    page: Page
    output: Path
    started: float
    """When the command was called."""
    rows: list[tuple[str, str, str]] = field(default_factory=list)
    """What was done, what it took, seconds since the start."""

    def note(self, what: str, figure: str) -> None:
        """A row of the table."""
        self.rows.append((what, figure, f"{time.monotonic() - self.started:.1f} s"))

    def take_picture(self, name: str) -> None:
        """A picture of the page, while its players stand still, as they draw best."""
        self.page.evaluate(f"{PLAYERS}.forEach(one => one.player.change({{ playing: false, time: 1.5 }}))")
        self.page.wait_for_timeout(1000)
        self.page.screenshot(path=self.output / f"studio-{name}.jpg", type="jpeg", quality=80)


def look_at(run: Run, clips: Sequence[Path]) -> None:
    """Clips are dropped, read and looked at; the last is trimmed."""
    page = run.page
    open_tab(page, "Clips")
    run.take_picture("empty")
    started = time.monotonic()
    drop(page, clips)
    page.get_by_text(f"{len(clips)} clips, ").wait_for(timeout=PATIENCE)
    run.note(f"{len(clips)} files dropped until they are read", f"{time.monotonic() - started:.1f} s")
    page.get_by_text("taken for: ").wait_for(timeout=PATIENCE)
    run.note("until it is said what they are taken for", f"{time.monotonic() - started:.1f} s")
    run.take_picture("dropped")
    page.locator(".clip").last.click()
    box = page.locator(".q-range .q-slider__thumb").nth(1).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] - 80, box["y"] + box["height"] / 2, steps=8)
    started = time.monotonic()
    page.mouse.up()
    page.wait_for_timeout(500)  # the page says what is done five times a second
    page.locator(":text('looking at the clips'):visible").first.wait_for(state="detached", timeout=PATIENCE)
    run.note("one is trimmed, and all are looked at again", f"{time.monotonic() - started:.1f} s")
    run.take_picture("clips")


def learn(run: Run, word: str, quality: str) -> None:
    """A word is learned; the page is asked all the while."""
    page = run.page
    open_tab(page, "Learn")
    page.get_by_label("the new word").fill(word)
    page.get_by_role("button", name=quality).click()
    started, first, pictured, saved, slowest = time.monotonic(), 0.0, False, 0.0, 0.0
    page.get_by_role("button", name="Learn", exact=True).click()
    while True:
        asked = time.monotonic()
        text = page.locator(".q-tab-panel").last.inner_text()
        slowest = max(slowest, time.monotonic() - asked)
        if not first and any(" after " in title for title in list_titles(page)):
            first = time.monotonic() - started
        if first and not pictured and "loss" in text:
            run.take_picture("learning")
            pictured = True
        if not saved and "is learned:" in text:
            saved = time.monotonic() - started
        if "License of the word" in text and "Stop" not in text and "Skip" not in text:
            break
        assert time.monotonic() - started < PATIENCE / 1000, text
        page.wait_for_timeout(200)
    run.note("learning: until its first motion", f"{first:.1f} s")
    run.note("learning: until the word is in the library", f"{saved:.1f} s")
    run.note("learning: with its report", f"{time.monotonic() - started:.1f} s")
    run.note("learning: the page's slowest answer meanwhile", f"{1000 * slowest:.0f} ms")
    run.take_picture("report")


def use(run: Run) -> str:
    """The word is used in a prompt, and the motion is kept. The prompt."""
    page = run.page
    page.get_by_role("button", name="Use it").click()
    field = page.get_by_label("what the person does")
    field.wait_for()
    prompt = field.input_value()
    page.get_by_label("seed").locator("visible=true").first.fill(str(SEED))
    shown, started = count_shown(page), time.monotonic()
    page.get_by_role("button", name="Generate").click()
    wait_for_motions(page, shown)
    run.note(f"“{prompt}”, an exemplar, the same seed without the word", f"{time.monotonic() - started:.1f} s")
    run.take_picture("used")
    page.get_by_role("button", name="Keep").click()
    return prompt


def export(run: Run, rig: Path) -> Path:
    """What was kept, on the rig, as a file that the browser downloads."""
    page = run.page
    open_tab(page, "Export")
    started = time.monotonic()
    page.locator("input[type=file]").locator("xpath=self::*[contains(@accept, '.bvh')]").last.set_input_files(rig)
    page.get_by_text(f"on {rig.name}").wait_for()
    run.note("a file with the rig, until it is read", f"{time.monotonic() - started:.1f} s")
    started = time.monotonic()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    place = run.output / download.value.suggested_filename
    download.value.save_as(place)
    run.note(f"its download, {place.name}", f"{time.monotonic() - started:.1f} s")
    run.take_picture("exported")
    return place


def check(run: Run, exported: Path, rig: Path, prompt: str, word: str) -> None:
    """Compare the exported file with the rig and with the command's files."""
    own, ours = read_bvh(rig), read_bvh(exported)
    assert ours.names == own.names, (ours.names, own.names)
    off = float(np.abs(ours.offsets - own.offsets).max())
    assert off < 1e-4, f"offsets differ by up to {off}"
    motion = Motion.read(exported)
    assert np.isfinite(ours.values).all() and np.isfinite(motion.joints).all()
    run.note("exported: joints of the rig; offsets that differ", f"{len(own.names)}; {off:g}")
    run.note("exported: seconds, frames a second", f"{motion.seconds:.2f}, {motion.fps:g}")
    with tempfile.TemporaryDirectory() as folder:
        with_word, without = (
            call_generate(text, rig, Path(folder) / str(place))
            for place, text in enumerate((prompt, prompt.replace(f" in <{word}> style", "")))
        )
        same = with_word.read_bytes() == exported.read_bytes()
        plain = Motion.read(without).joints
    apart = 100 * float(np.linalg.norm(_stay(motion.joints) - _stay(plain), axis=-1).mean())
    run.note("exported: the bytes of `generate` with the word", "the same" if same else "OTHERS")
    run.note("exported: how far its poses are from those without the word", f"{apart:.0f} cm a joint")
    assert same and apart > 1.0


def _stay(joints: np.ndarray) -> np.ndarray:
    """Joints (frames, 22, 3) by their places from the pelvis."""
    return joints - joints[:, :1]


def call_generate(prompt: str, rig: Path, output: Path) -> Path:
    """The file that the command `generate` writes."""
    command = [sys.executable, "-m", "cli.invert", "generate", prompt, "--seed", str(SEED), "--rig", str(rig)]
    subprocess.run([*command, "--format", "bvh", "--output", str(output)], check=True, capture_output=True)
    (file,) = output.glob("*.bvh")
    return file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, help="a folder of BVH files that show one style")
    parser.add_argument("--word", default="recorded", help="its name")
    parser.add_argument("--output", type=Path, default=Path("studio-run"), help="where pictures and the file go")
    parser.add_argument("--quality", default="balanced")
    parser.add_argument("--rig", type=Path, help="a file with the rig; the first clip's otherwise")
    arguments = parser.parse_args()
    clips = sorted(arguments.clips.glob("*.bvh"))[:DROPPED]
    rig = arguments.rig or clips[0]
    arguments.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LEAD_CONCEPTS"] = folder
        started = time.monotonic()
        with run_studio() as program, open_chromium() as browser:
            page, heard = open_page(browser.new_context(reduced_motion="reduce"), program.address)
            run = Run(page, arguments.output, started)
            run.note("the command to its address", f"{program.seconds:.1f} s")
            look_at(run, clips)
            learn(run, arguments.word, arguments.quality)
            prompt = use(run)
            exported = export(run, rig)
            run.note("memory of the studio, at most", f"{program.count_memory():.1f} GB")
        check(run, exported, rig, prompt, arguments.word)
    run.note("hosts that were asked; errors on the console", f"{len(heard.hosts)}; {heard.errors or 'none'}")
    run.note("the machine's load: processors, programs that compute", f"{os.cpu_count()}, {os.getloadavg()[1]:.0f}")
    print_table(run.rows, ("step", "figure", "at"))


if __name__ == "__main__":
    main()
