"""Seconds and peak memory for many motions and for many concepts: a table, JSON and docs/growth.png.

    python -m benchmarks.speed.growth [--motions 1 10 100 1000] [--words 1 3 10 30] [--output runs/growth.json]
    python -m benchmarks.speed.growth --plot runs/growth.json        # draws an earlier run's figures

Each point is one command from the shell: `generate --prompts` (4 s a motion, BVH) or `learn --each --quality fast` (a
folder of two clips a concept, one at a time), on the embedded base. Seconds are processor time of the command and its
children; memory is the largest resident set of one process. Thinner lines are extrapolated from the cost of one more
item between the last two points.
"""

import argparse
import itertools
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from benchmarks.bases.base import write_json
from benchmarks.pack import REPOSITORY

PICTURE = REPOSITORY / "docs" / "growth.png"
ACTIONS = ("walks in a circle", "waves with the right hand", "runs forward", "turns around", "jumps", "kicks")
MOST = 1000
"""Where the axes end."""
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 480, 340, 64, 44, 18, 44
INK, GRID, MOTIONS, WORDS = "#222222", "#dddddd", "#1f6fb4", "#c0561b"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--motions", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--words", type=int, nargs="+", default=[1, 3, 10, 30])
    parser.add_argument("--output", type=Path, default=REPOSITORY / "runs" / "growth.json")
    parser.add_argument("--plot", type=Path, help="draw this file's figures, measure nothing")
    args = parser.parse_args()
    if args.plot:
        figures = json.loads(args.plot.read_text())
    else:
        figures = {"motions": [], "words": []}
        for what, measure, counts in (("motions", measure_motions, args.motions), ("words", measure_words, args.words)):
            for count in sorted(counts):
                with tempfile.TemporaryDirectory() as folder:
                    figures[what].append({"count": count, **measure(Path(folder), count)})
                print(what, figures[what][-1], flush=True)
                write_json(args.output, figures)
    plot(figures).save(PICTURE, optimize=True)
    for what in ("motions", "words"):
        more = marginal_seconds(figures[what])
        print(f"one more of {MOST} {what}: {more:.3f} s; {MOST} in all: {extrapolate(figures[what], MOST):.0f} s")
    return 0


def measure_motions(folder: Path, count: int) -> dict[str, Any]:
    """Measures `generate --prompts` for `count` motions."""
    listing = folder / "prompts.txt"
    listing.write_text("".join(f"a person {action}\n" for action in itertools.islice(itertools.cycle(ACTIONS), count)))
    told = run(["generate", "--prompts", str(listing), "--output", str(folder / "out")], folder)
    assert len(list(folder.glob("out/shard-*/*.bvh"))) == count
    return told


def measure_words(folder: Path, count: int) -> dict[str, Any]:
    """Measures `learn --each` for `count` concepts."""
    start = f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); import examples.make_concept as x; x.main()"
    for number in range(count):
        clips = folder / "words" / f"word-{number:03d}"
        subprocess.run([sys.executable, "-c", start, str(clips)], check=True, stdout=subprocess.DEVNULL)
        for clip in sorted(clips.iterdir())[2:]:
            clip.unlink()
    told = run(["learn", str(folder / "words"), "--each", "--quality", "fast"], folder)
    assert len(list(folder.glob("library/*.safetensors"))) == count
    return told


def run(command: Sequence[str], folder: Path) -> dict[str, Any]:
    """Runs a command of lead-invert; returns its processor seconds and its peak memory in MB."""
    start = f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); import cli.invert; cli.invert.main()"
    env = os.environ | {"LEAD_CONCEPTS": str(folder / "library")}
    log = (folder / "log").open("w+")
    with log, subprocess.Popen([sys.executable, "-c", start, *command], env=env, stdout=log, stderr=log) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        assert not process.returncode, log.read()
    return {"cpu_seconds": round(used.ru_utime + used.ru_stime, 2), "peak_mb": round(used.ru_maxrss / 1024)}


def marginal_seconds(points: Sequence[dict[str, Any]]) -> float:
    """Seconds for one more, between the last two points."""
    (a, b) = points[-2:]
    return (b["cpu_seconds"] - a["cpu_seconds"]) / (b["count"] - a["count"])


def extrapolate(points: Sequence[dict[str, Any]], count: int) -> float:
    last = points[-1]
    return last["cpu_seconds"] + marginal_seconds(points) * (count - last["count"])


def plot(figures: dict[str, Any]) -> Image.Image:
    """Seconds in all, seconds each, and peak memory, against how many; both kinds of work in each panel."""
    page = Image.new("RGB", (3 * WIDTH, HEIGHT), "white")
    panels = (
        ("processor seconds in all", lambda p: p["cpu_seconds"], (1, 100_000)),
        ("processor seconds each", lambda p: p["cpu_seconds"] / p["count"], (0.01, 100)),
        ("peak memory, MB", lambda p: p["peak_mb"], (100, 10_000)),
    )
    for number, (title, value, limits) in enumerate(panels):
        lines = []
        for what, color in (("motions", MOTIONS), ("words", WORDS)):
            points = figures[what]
            end = {"count": MOST, "cpu_seconds": extrapolate(points, MOST), "peak_mb": points[-1]["peak_mb"]}
            guessed = [points[-1], end] if points[-1]["count"] < MOST else []
            lines.append((what, color, [[(p["count"], value(p)) for p in part] for part in (points, guessed)]))
        page.paste(panel(title, limits, lines), (number * WIDTH, 0))
    return page


def panel(title: str, limits: tuple[float, float], lines: Sequence[Any]) -> Image.Image:
    """One diagram with logarithmic axes."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(13)
    low, high = map(math.log10, limits)

    def place(point: tuple[float, float]) -> tuple[float, float]:
        across, up = math.log10(point[0]) / math.log10(MOST), (math.log10(point[1]) - low) / (high - low)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    for power in range(round(low), round(high) + 1):
        x, y = place((1, 10.0**power))
        draw.line((x, y, WIDTH - RIGHT, y), fill=GRID)
        draw.text((x - 6, y), f"{10.0**power:,g}", fill=INK, font=font, anchor="rm")
    for power in range(round(math.log10(MOST)) + 1):
        x, y = place((10**power, limits[0]))
        draw.line((x, y, x, TOP), fill=GRID)
        draw.text((x, y + 8), f"{10**power:,}", fill=INK, font=font, anchor="mt")
    draw.text((LEFT, 14), title, fill=INK, font=ImageFont.load_default(16))
    draw.text((WIDTH - RIGHT, HEIGHT - 6), "how many", fill=INK, font=font, anchor="rb")
    for row, (what, color, (points, guessed)) in enumerate(lines):
        for part, width in ((points, 3), (guessed, 1)):
            draw.line([place(point) for point in part], fill=color, width=width)
        for point in points:
            x, y = place(point)
            draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=color)
        draw.text((WIDTH - RIGHT - 130 + 70 * row, 18), what, fill=color, font=font)
        if guessed:
            draw.text(place(guessed[1]), "extrapolated", fill=color, font=font, anchor="rb")
    return image


if __name__ == "__main__":
    sys.exit(main())
