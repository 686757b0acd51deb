"""Drives a player page in headless Chromium, checks what it does, and takes pictures of it.

    python -m benchmarks.studio.check_page page.html --output pictures [--chromium /usr/bin/chromium]

The checks run once with WebGL and once without it, where the 2D canvas takes over. The figures are visible. A click on
the timeline changes the pose, and arrow keys do too. The page plays. Dragging turns the view, the wheel zooms. All
motions can be overlaid. The theme changes. The page requests nothing but itself. The console stays empty. The script
drives Chromium by its DevTools protocol through a pipe: it needs only Chromium and Pillow.
Exits with 1 if a check fails.
"""

import argparse
import base64
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = "document.querySelector('motion-player')?.shadowRoot"
"""What the player is made of, within its element."""
WIDTH, HEIGHT = 1200, 760
PATIENCE = 60.0  # seconds
LEFT_AND_RIGHT = ((52, 118, 196), (232, 126, 58))
NO_GL = ("--disable-gpu", "--disable-software-rasterizer", "--disable-3d-apis")


class Browser:
    """A headless Chromium with one page, and the events that it sent."""

    def __init__(self, chromium: str, profile: Path, options: tuple[str, ...]) -> None:
        read, self._write = os.pipe()
        self._read, write = os.pipe()
        arguments = (
            chromium, "--headless=new", "--no-sandbox", "--remote-debugging-pipe", f"--user-data-dir={profile}",
            f"--window-size={WIDTH},{HEIGHT}", "--hide-scrollbars", "--disable-background-networking", *options,
        )  # fmt: skip

        def as_three_and_four() -> None:
            kept = os.dup(read), os.dup(write)
            os.dup2(kept[0], 3)
            os.dup2(kept[1], 4)

        self._process = subprocess.Popen(
            arguments, preexec_fn=as_three_and_four, close_fds=False, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(read)
        os.close(write)
        self._rest, self._number, self._session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=WIDTH, height=HEIGHT, deviceScaleFactor=1, mobile=False)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol and its result; events that arrive meanwhile are stored."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            piece = os.read(self._read, 1 << 20)
            if not piece:
                raise RuntimeError("Chromium ended")
            self._rest += piece
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def settle(self) -> None:
        """Waits two frames, so that changes are drawn."""
        self.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def take_picture(self, path: Path) -> np.ndarray:
        """Write a picture of the page; its pixels, [height, width, 3]."""
        self.settle()
        content = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        path.write_bytes(content)
        return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)

    def middle(self, selector: str, along: float = 0.5) -> tuple[float, float]:
        """The position of an element, in CSS pixels from the top left."""
        box = self.evaluate(f"JSON.stringify({ROOT}.querySelector('{selector}').getBoundingClientRect())")
        box = json.loads(box)
        return box["x"] + along * box["width"], box["y"] + box["height"] / 2

    def mouse(self, kind: str, at: tuple[float, float], **more: Any) -> None:
        self.call("Input.dispatchMouseEvent", type=kind, x=at[0], y=at[1], **more)

    def click(self, at: tuple[float, float]) -> None:
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, at, button="left", clickCount=1)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.mouse("mousePressed", start, button="left", clickCount=1)
        self.mouse("mouseMoved", end, button="left", buttons=1)
        self.mouse("mouseReleased", end, button="left", clickCount=1)

    def press(self, key: str) -> None:
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def close(self) -> None:
        self.call("Browser.close")
        self._process.wait(timeout=PATIENCE)


def count_changed(one: np.ndarray, other: np.ndarray) -> int:
    """The number of pixels of the stage that differ clearly."""
    stage = slice(60, HEIGHT - 90)
    return int((np.abs(one[stage] - other[stage]).sum(axis=-1) > 60).sum())


def count_figure_pixels(picture: np.ndarray) -> int:
    """The number of pixels whose color has about the direction of a limb's color; shading changes only its length."""
    colors = picture[60 : HEIGHT - 90].reshape(-1, 3).astype(float)
    lengths = np.linalg.norm(colors, axis=1) + 1e-6
    alike = [colors @ np.array(color) / (lengths * np.linalg.norm(color)) > 0.99 for color in LEFT_AND_RIGHT]
    return min(int(found.sum()) for found in alike)


def drive(browser: Browser, page: Path, picture: Callable[[str], Path]) -> dict[str, Any]:
    """Uses the page as a person would; returns the observations."""
    browser.call("Page.navigate", url=page.resolve().as_uri())
    deadline = time.monotonic() + PATIENCE
    while not browser.evaluate(f"{ROOT}?.querySelector('#time')?.textContent"):
        if time.monotonic() > deadline:
            raise RuntimeError("the page never drew")
    time_text = f"{ROOT}.querySelector('#time').textContent"
    seen: dict[str, Any] = {
        "painter": browser.evaluate(f"{ROOT}.querySelector('#view').getContext('webgl2') ? 'WebGL' : '2D canvas'"),
        "frames a second": browser.evaluate(
            "new Promise(done => { let n = 0; const start = performance.now(); (function tick() { n++; "
            "performance.now() - start < 2000 ? requestAnimationFrame(tick) : done(Math.round(n / 2)); })(); })"
        ),
    }
    before = browser.evaluate(time_text)
    time.sleep(0.3)
    seen["it plays"] = before != browser.evaluate(time_text)
    browser.click(browser.middle("#line", 0.2))
    first, first_time = browser.take_picture(picture("early")), browser.evaluate(time_text)
    seen["pixels of figures"] = count_figure_pixels(first)
    browser.click(browser.middle("#line", 0.8))
    late = browser.take_picture(picture("late"))
    seen["times"] = [first_time, browser.evaluate(time_text)]
    seen["pixels changed by the timeline"] = count_changed(first, late)
    seen["the same time is the same picture"] = count_changed(late, browser.take_picture(picture("late"))) == 0
    for _ in range(8):
        browser.press("ArrowLeft")
    stepped = browser.take_picture(picture("stepped"))
    seen["pixels changed by arrow keys"] = count_changed(late, stepped)
    x, y = browser.middle("#view")
    browser.drag((x, y), (x + 160, y + 60))
    turned = browser.take_picture(picture("turned"))
    seen["pixels changed by dragging"] = count_changed(stepped, turned)
    browser.mouse("mouseWheel", (x, y), deltaX=0, deltaY=-400)
    seen["pixels changed by the wheel"] = count_changed(turned, browser.take_picture(picture("near")))
    browser.press("r")
    browser.press("t")
    seen["pixels changed by the theme"] = count_changed(stepped, browser.take_picture(picture("other-theme")))
    browser.press("t")
    browser.press("o")
    overlaid = browser.take_picture(picture("overlaid"))
    if browser.evaluate(f"{ROOT}.querySelectorAll('#which option').length") > 1:
        seen["pixels changed by overlaying"] = count_changed(stepped, overlaid)
    browser.press("1")
    browser.take_picture(picture("one"))
    return seen | collect_messages(browser, page)


def collect_messages(browser: Browser, page: Path) -> dict[str, Any]:
    """The page's requests beside itself, and its console messages."""
    urls = [e["params"]["request"]["url"] for e in browser.events if e["method"] == "Network.requestWillBeSent"]
    kinds = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled")
    said = [event["params"] for event in browser.events if event["method"] in kinds]
    # Chromium itself says in the log that it draws WebGL without a GPU.
    log = [event["params"]["entry"] for event in browser.events if event["method"] == "Log.entryAdded"]
    said += [entry for entry in log if entry["source"] != "rendering" or entry["level"] == "error"]
    return {
        "other requests": [url for url in urls if url != page.resolve().as_uri() and not url.startswith("data:")],
        "said on the console": [json.dumps(one)[:300] for one in said],
    }


def find_failures(seen: dict[str, Any]) -> list[str]:
    """The checks that failed."""
    few = [name for name, value in seen.items() if name.startswith("pixels") and value < 500]
    false = [name for name, value in seen.items() if value is False]
    return few + false + [name for name in ("other requests", "said on the console") if seen[name]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path)
    parser.add_argument("--output", type=Path, default=Path("pictures"))
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    result = {}
    for name, options in (("webgl", ()), ("canvas", NO_GL)):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            browser = Browser(arguments.chromium, Path(profile), options)
            seen = drive(browser, arguments.page, lambda what, name=name: arguments.output / f"{name}-{what}.png")
            browser.close()
        result[name] = seen | {"failed": find_failures(seen)}
    print(json.dumps(result, indent=2))
    sys.exit(any(seen["failed"] for seen in result.values()))


if __name__ == "__main__":
    main()
