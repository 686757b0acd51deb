"""`lead-invert studio` in a process of its own, and Chromium that shows it: for benchmarks and the browser's test.

Chromium draws without a GPU (SwiftShader), as on a machine that has none.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WIDTH, HEIGHT = 1280, 720
PATIENCE = 60_000
"""Milliseconds that a browser waits for an element."""
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-gl=angle", "--use-angle=swiftshader",
)  # fmt: skip


@dataclass
class Program:
    """A studio that runs."""

    address: str
    """With the token."""
    seconds: float
    """From the command to the address."""
    process: subprocess.Popen[str]

    def count_memory(self) -> float:
        """Gigabytes that the studio took, at most (Linux)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 2**20


@dataclass
class Heard:
    """What a page said and asked for."""

    errors: list[str] = field(default_factory=list)
    """Of the console, and uncaught."""
    hosts: set[str] = field(default_factory=set)
    """Of all requests."""


@contextmanager
def run_studio(*options: str, log: Path | None = None) -> Iterator[Program]:
    """A studio, ended by Ctrl-C. What it says of faults goes to the terminal, or to the file `log`."""
    command = [sys.executable, "-m", "cli.invert", "studio", "--no-open", *options]
    started = time.monotonic()
    with (
        log.open("w") if log else nullcontext() as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=os.environ | {"NO_COLOR": "1"}
        ) as process,
    ):
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http\S+", line)
        try:
            assert found, f"no address in {line!r}"
            yield Program(found[0], time.monotonic() - started, process)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def open_chromium(*more: str) -> Iterator[Any]:
    """A headless Chromium; `new_context()` is a person's, with cookies of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *more])
        try:
            yield browser
        finally:
            browser.close()


def open_page(context: Any, address: str) -> tuple[Page, Heard]:
    """A page of the studio when its tabs are there, and what it says from then on."""
    page = context.new_page()
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    page.set_default_timeout(PATIENCE)
    heard = Heard()
    page.on("pageerror", lambda error: heard.errors.append(str(error)))
    page.on("console", lambda said: heard.errors.append(said.text) if said.type == "error" else None)
    page.on("request", lambda request: heard.hosts.add(request.url.split("/")[2]) if "//" in request.url else None)
    page.goto(address)
    page.get_by_role("tab", name="Generate").wait_for()
    return page, heard


def open_tab(page: Page, name: str) -> None:
    """Go to a tab of the page."""
    page.get_by_role("tab", name=name).click()
    page.wait_for_timeout(300)


def drop(page: Page, paths: Sequence[Path]) -> None:
    """Drop files and folders on the tab Clips, as a person does."""
    session = page.context.new_cdp_session(page)
    files = [str(path.absolute()) for path in paths]
    for kind in ("dragEnter", "dragOver", "drop"):
        data = {"items": [], "files": files, "dragOperationsMask": 1}
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 150, "y": 400, "data": data})
    session.detach()


def list_titles(page: Page) -> Sequence[str]:
    """The titles of the motions that the first player shows."""
    found: Sequence[str] = page.evaluate(
        "[...(document.querySelector('motion-player')?.shadowRoot.querySelectorAll('#titles p') ?? [])]"
        ".map(one => one.textContent)"
    )
    return found


def count_shown(page: Page) -> int:
    """How often the first player was given motions."""
    return int(page.evaluate("document.querySelector('motion-player')?.player?.state.shown ?? 0"))


def wait_for_motions(page: Page, after: int) -> float:
    """Milliseconds until the first player has other motions and has drawn them."""
    milliseconds: float = page.evaluate(
        """after => new Promise((done, fail) => {
             const start = performance.now(), player = () => document.querySelector('motion-player')?.player;
             (function look() {
               if ((player()?.state.shown ?? 0) > after) requestAnimationFrame(() => done(performance.now() - start));
               else if (performance.now() - start > 60000) fail(new Error("no other motions were shown"));
               else requestAnimationFrame(look);
             })();
           })""",
        after,
    )
    return milliseconds


def count_frames(page: Page, seconds: float = 3.0) -> float:
    """Frames a second that the page draws."""
    rate: float = page.evaluate(
        """seconds => new Promise(done => { let n = 0; const start = performance.now();
             (function tick() { n++; performance.now() - start < 1000 * seconds ? requestAnimationFrame(tick)
               : done(n / seconds); })(); })""",
        seconds,
    )
    return rate
