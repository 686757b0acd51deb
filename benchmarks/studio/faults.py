"""Faults in the studio, in a real browser: what is no file, what is too large, pages that go, ports that are taken.

    python -m benchmarks.studio.faults DIR_OF_CLIPS [--cases DIR_OF_HOSTILE_FILES] [--steps files words ...]

Each step is a function of `STEPS`; a line is printed at its end, and a table at the end of all. What the page says of a
file is compared with the library's own message. At the end the studio has to answer, to have written no traceback and
to leave no file behind. Needs Chromium, and the extras studio and dev. The library is a new one; each step has a minute
or two, and the file of 199 MB ten. Exit code 1 where something is wrong.
"""

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Error as BrowserError
from playwright.sync_api import Page

from benchmarks.robustness.fuzz_targets import TARGETS
from benchmarks.studio.driver import (
    Program,
    count_shown,
    drop,
    open_chromium,
    open_page,
    open_tab,
    run_studio,
    wait_for_motions,
)
from cli.console import print_table
from cli.studio.clips.reading import read_file
from cli.studio.gate import MAX_FILE
from lead.motion.read_options import ReadOptions
from lead.motion.suffixes import READS

MOTIONS = ("bvh", "npz", "amass", "npy", "fbx", "glb", "gltf")
"""The kinds of `fuzz_targets` that are clips."""
EACH = 4
"""Damaged files of a kind."""
PATIENCE, LONG = 120_000, 600_000
"""Milliseconds for a step, and for what takes long."""


@dataclass
class Run:
    """A studio, its page and what was found."""

    context: Any
    program: Program
    page: Page
    clips: Sequence[Path]
    cases: Path | None
    folder: Path
    """For files that the steps make."""
    rows: list[tuple[str, str, str]] = field(default_factory=list)
    """What was done, what was said, and what is wrong with it."""

    def note(self, what: str, said: str, wrong: str = "") -> None:
        """A row of the table."""
        self.rows.append((what, said[:160], wrong or "as expected"))
        print(f"{what}: {said[:160]}{f' WRONG: {wrong}' if wrong else ''}", flush=True)


def write_damaged(kind: str, folder: Path) -> list[Path]:
    """Damaged files of a kind; the same at each run."""
    target, rng, paths = TARGETS[kind], random.Random(0), []
    seeds = target.seeds()
    for number in range(EACH):
        data = rng.choice(target.mutators)(rng, rng.choice(seeds))
        suffix = Path(target.name).suffix
        paths.append(folder / f"damaged {kind.replace(': ', ' ')} {number}{suffix}")
        paths[-1].write_bytes(data)
    return paths


def send_files(run: Run) -> None:
    """Files of each reader, whole, damaged and hostile, beside one good clip; captions that are none."""
    page = run.page
    damaged = [path for kind in MOTIONS for path in write_damaged(kind, run.folder)]
    hostile = [path for path in run.cases.rglob("*") if path.suffix in READS] if run.cases else []
    open_tab(page, "Clips")
    for what, paths in (("damaged files of each reader", damaged), ("files of the cases", hostile)):
        if not paths:
            continue
        sent = sorted({path.name: path for path in (*paths, run.clips[0])}.values())
        started, (said, wrong) = time.monotonic(), compare_messages(page, sent)
        run.note(f"{len(sent)} {what}", f"{said}, in {time.monotonic() - started:.0f} s", wrong)
        clear(page)
    deep = run.folder / "captions.jsonl"
    deep.write_text("[" * 100_000)
    drop(page, [deep])
    run.note("captions nested 100,000 deep", read_complaint(page, "captions.jsonl"))


def compare_messages(page: Page, paths: Sequence[Path]) -> tuple[str, str]:
    """Drop files; how many are refused and taken, and where the page says else than the library."""
    drop(page, paths)
    page.wait_for_function(
        """count => { const rows = [...document.querySelectorAll('.clip')].map(row => row.innerText);
             return rows.length === count && !rows.some(text => text.includes('is read')); }""",
        arg=len(paths), timeout=LONG,
    )  # fmt: skip
    page.locator(":text('looking at the clips'):visible").first.wait_for(state="detached", timeout=LONG)
    lines = page.locator(".clip .ellipsis").all_inner_texts()
    said = dict(zip(lines[::2], lines[1::2], strict=True))
    refused, wrong = 0, []
    for path in paths:
        error = read_file(path, ReadOptions()).error
        refused += bool(error)
        if error and " ".join(error.split())[:150] not in " ".join(said[path.name].split()):
            wrong.append(f"{path.name}: {said[path.name]!r}, the library {error!r}")
    return f"{refused} refused with the library's message, {len(paths) - refused} read", "; ".join(wrong)


def clear(page: Page) -> None:
    """Take all clips away."""
    while count := page.locator(".clip").count():
        page.locator(".clip").first.get_by_role("button").click()
        page.wait_for_function("count => document.querySelectorAll('.clip').length < count", arg=count)
    page.get_by_text("Drop files or folders anywhere here").wait_for()
    page.wait_for_timeout(1000)


def read_complaint(page: Page, *words: str) -> str:
    """The message on the page that has some words; it is closed."""
    note = page.locator(".q-notification")
    for word in words:
        note = note.filter(has_text=word)
    note.first.wait_for(timeout=PATIENCE)
    said = note.first.locator(".q-notification__message").inner_text()
    for button in page.locator(".q-notification").get_by_role("button").all():
        button.click()
    page.locator(".q-notification").first.wait_for(state="detached")
    return said


def send_words(run: Run) -> None:
    """Concept files that are none, on the tab Library; rigs that are none, on the tab Export."""
    page = run.page
    damaged = write_damaged("concept", run.folder)
    hostile = sorted(run.cases.rglob("*.safetensors")) if run.cases else []
    rigs = [path for kind in ("bvh", "fbx", "glb") for path in write_damaged(kind, run.folder)]
    for tab, paths in (("Library", [*damaged, *hostile]), ("Export", rigs)):
        open_tab(page, tab)
        for path in paths:
            page.locator("input[type=file]").last.set_input_files(path)
            taken = page.get_by_text(f"on {path.name}")
            page.locator(".q-notification").or_(taken).first.wait_for()
            said = read_complaint(page, path.stem[:20]) if not taken.count() else "read"
            run.note(f"{tab}: {path.name}", said, "a folder is told" if "/" in said else "")


def send_timelines(run: Run) -> None:
    """Timelines that are none."""
    page = run.page
    open_tab(page, "Timeline")
    for kind in ("timeline", "timeline: TOML"):
        for path in write_damaged(kind, run.folder):
            page.get_by_role("button", name="From a text or a file").click()
            page.locator(".q-dialog input[type=file]").set_input_files(path)
            page.locator(".q-dialog").wait_for(state="detached")
            page.wait_for_timeout(700)
            found = page.locator(".q-notification").count()
            run.note(f"Timeline: {path.name}", read_complaint(page, "damaged timeline") if found else "read")


def send_large(run: Run) -> None:
    """A BVH file that is as large as one may be, and one that is larger."""
    page = run.page
    open_tab(page, "Clips")
    path = write_large(run.folder / "too large.bvh", MAX_FILE + 1, run.clips[0])
    drop(page, [path])
    run.note(f"{path.stat().st_size / 2**20:.0f} MB", read_complaint(page, "MB"))
    path.unlink()
    path = write_large(run.folder / "large.bvh", MAX_FILE - 2**20, run.clips[0])
    started = time.monotonic()
    drop(page, [path])
    reading = page.locator(".clip").filter(has_text="is read")  # the clip beside it says "how it is read"
    reading.wait_for(timeout=LONG)
    arrived, slowest = time.monotonic() - started, 0.0
    while reading.count() and time.monotonic() - started < LONG / 1000:
        asked = time.monotonic()
        page.locator(".clip").first.all_inner_texts()
        slowest = max(slowest, time.monotonic() - asked)
        page.wait_for_timeout(500)
    took = f"sent in {arrived:.0f} s, read in {time.monotonic() - started:.0f} s, the page answers in {slowest:.1f} s"
    said = read_complaint(page, "minutes")
    run.note(f"{path.stat().st_size / 2**20:.0f} MB", f"{took}: {said}")
    clear(page)
    run.note("memory of the studio, at most", f"{run.program.count_memory():.1f} GB")


def write_large(path: Path, size: int, clip: Path) -> Path:
    """A BVH file of at least so many bytes, of a clip again and again."""
    head, _, frames = clip.read_text().partition("Frame Time:")
    time_line, _, rows = frames.partition("\n")
    rows = rows.rstrip("\n") + "\n"
    count = size // len(rows) + 1 if size > MAX_FILE else size // len(rows) - 1
    head = head[: head.index("Frames:")] + f"Frames: {rows.count(chr(10)) * count}\n"
    with path.open("w") as file:
        file.write(f"{head}Frame Time:{time_line}\n")
        for _ in range(count):
            file.write(rows)
    return path


def close_while_learning(run: Run) -> None:
    """The page is closed while a word is learned; a new one shows it."""
    drop_clips(run.page, run.clips)
    start_learning(run.page, "closed")
    run.page.get_by_text("loss").first.wait_for(timeout=LONG)
    run.page.close()
    time.sleep(2.0)
    run.page, _ = open_page(run.context, run.program.address)
    run.page.set_default_timeout(PATIENCE)
    run.page.get_by_text("<closed> is learned:").first.wait_for(timeout=LONG)
    run.note("the page is closed while it learns", "a new page shows the run; the word is in the library")


def drop_clips(page: Page, clips: Sequence[Path]) -> None:
    """Drop clips, and wait until they are looked at."""
    open_tab(page, "Clips")
    drop(page, clips)
    page.get_by_text("taken for: ").wait_for(timeout=LONG)


def start_learning(page: Page, word: str) -> None:
    """Ask for a word."""
    open_tab(page, "Learn")
    page.get_by_label("the new word").fill(word)
    page.get_by_role("button", name="fast", exact=True).click()
    page.get_by_role("button", name="Learn", exact=True).click()


def use_two_pages(run: Run) -> None:
    """Two pages learn at once: words of two names, then of one; and generate at once."""
    other, _ = open_page(run.context, run.program.address)
    other.set_default_timeout(PATIENCE)
    drop_clips(other, run.clips[:2])
    for page, word in ((run.page, "first"), (other, "second")):
        start_learning(page, word)
    for page, word in ((run.page, "first"), (other, "second")):
        page.get_by_text(f"<{word}> is learned:").first.wait_for(timeout=LONG)
    run.note("two pages learn at once", "both words are in the library")
    for page in (run.page, other):
        start_learning(page, "both")
    run.page.get_by_text("<both> is learned:").first.wait_for(timeout=LONG)
    run.note("two pages learn a word of one name", read_complaint(other, "both"))
    for page in (run.page, other):
        open_tab(page, "Generate")
        page.get_by_role("button", name="Generate", exact=True).click()
    for page in (run.page, other):
        page.wait_for_function("document.querySelector('motion-player')?.player?.state.shown > 0", timeout=LONG)
    run.note("two pages generate at once", "both show their motions")
    other.close()


def start_others(run: Run) -> None:
    """Studios that cannot start as they are asked to: on a port that is taken, and without a browser."""
    port = re.search(r":(\d+)/", run.program.address)
    assert port
    command = [sys.executable, "-m", "cli.invert", "studio"]
    ended = subprocess.run([*command, "--port", port[1]], capture_output=True, text=True, timeout=60)
    wrong = "" if ended.returncode == 1 and "Traceback" not in ended.stderr else f"exit code {ended.returncode}"
    run.note("a port that is taken", " ".join(ended.stderr.split()), wrong)
    without = {name: value for name, value in os.environ.items() if name not in ("BROWSER", "DISPLAY")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=without | {"PATH": ""}) as process:
        assert process.stdout
        said = [process.stdout.readline() for _ in range(2)][1].strip()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
    run.note("no browser", said, "" if "no browser" in said else "no message")


def generate(run: Run) -> None:
    """The page goes on working."""
    open_tab(run.page, "Generate")
    shown = count_shown(run.page)
    run.page.get_by_label("seed").locator("visible=true").first.fill("99")  # the same motion is not shown again
    run.page.get_by_role("button", name="Generate", exact=True).click()
    run.note("a motion after all that", f"{wait_for_motions(run.page, shown):.0f} ms")


STEPS: dict[str, Callable[[Run], None]] = {
    "files": send_files, "words": send_words, "timelines": send_timelines, "closing": close_while_learning,
    "pages": use_two_pages, "starting": start_others, "large": send_large, "generating": generate,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, help="a folder of clips")
    parser.add_argument("--cases", type=Path, help="a folder of hostile files")
    parser.add_argument("--steps", nargs="+", choices=list(STEPS), default=list(STEPS))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        library, sent, made = (Path(place) / name for name in ("library", "sent", "made"))
        for folder in (library, sent, made):
            folder.mkdir()
        os.environ |= {"LEAD_CONCEPTS": str(library), "TMPDIR": str(sent)}  # what the studio keeps meanwhile
        log = Path(place) / "log"
        with run_studio(log=log) as program, open_chromium() as browser:
            context = browser.new_context(reduced_motion="reduce")
            page, _ = open_page(context, program.address)
            page.set_default_timeout(PATIENCE)
            clips = sorted(arguments.clips.glob("*.bvh"))[:3]
            run = Run(context, program, page, clips, arguments.cases, made)
            for name in arguments.steps:
                try:
                    STEPS[name](run)
                except (BrowserError, AssertionError) as error:
                    run.page.screenshot(path=f"studio-fault-{name}.png")
                    run.note(name, str(error), "it did not end")
            run.note("memory of the studio, at most", f"{program.count_memory():.1f} GB")
        said = log.read_text()
        run.note("what the studio wrote", said[:160] or "nothing", said[-3000:] if "Traceback" in said else "")
        left = [str(path.relative_to(place)) for path in (*sent.iterdir(), *library.iterdir()) if not is_kept(path)]
        run.note("files that are left", ", ".join(left) or "none", ", ".join(left))
    print_table(run.rows, ("what", "said", "wrong"))
    sys.exit(any(wrong != "as expected" for *_, wrong in run.rows))


def is_kept(path: Path) -> bool:
    """Whether a path is a concept's file, or the library's lock."""
    return path.suffix == ".safetensors" or path.name == ".lock"


if __name__ == "__main__":
    main()
