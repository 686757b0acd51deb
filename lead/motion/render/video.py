"""MP4 and GIF of motions: figures side by side, each followed by its camera over the ground grid, titles above.

Figures are drawn by `lead.motion.render.rasterizer`, without a display or a GPU. GIFs are written by
`lead.motion.render.gif`. PyAV writes MP4 (H.264) and is an extra: `pip install 'lead-invert[video]'`. All motions start
together; one that has ended holds its last pose, or begins again, until the longest has ended.
"""

import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from lead.motion.errors import MotionError
from lead.motion.motion_like import MotionLike
from lead.motion.render.gif import PALETTE_FRAMES, Picture, write_gif
from lead.motion.render.rasterizer import Figures, Stage, View, fit_view, pose_figures
from lead.motion.render.text import FAINT, INK, WHITE, load_font, shorten, to_drawable
from lead.motion.render.view_options import ViewOptions
from lead.motion.resample import resample

GIF_FPS = 20.0
"""A GIF's times are whole hundredths of a second; this rate is exact."""
MAX_FPS = 30.0
COLUMNS, MOST = 4, 16
"""Motions beside each other, and in one video."""
CHUNK = 8
"""Frames of a motion that are drawn together."""

Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Layout:
    """Sizes in pixels, all even as H.264 wants them."""

    panel: tuple[int, int]
    title: int
    text: int


LAYOUTS = {".mp4": Layout((480, 560), 36, 18), ".gif": Layout((320, 384), 28, 14)}
SMALL_GIF, LARGE_PANELS = Layout((240, 288), 24, 12), 2
"""What a GIF of more than LARGE_PANELS motions has: its size grows with its pixels."""


def check_video(suffix: str) -> None:
    """Raise MotionError where this Python lacks what a file with the suffix (".mp4", ".gif") needs."""
    if suffix == ".mp4" and importlib.util.find_spec("av") is None:
        raise MotionError(
            "mp4 needs PyAV, which is not installed: pip install 'lead-invert[video]'. gif and html need nothing more."
        )


def write_video(
    motions: Sequence[MotionLike],
    path: str | os.PathLike[str],
    titles: Sequence[str] | None = None,
    report: Report = lambda done, total: None,
    options: ViewOptions = ViewOptions(),
) -> Path:
    """Write an .mp4 or .gif of all motions side by side; `report` is called after each frame.

    Without titles the motions' own names are used. `options` switch on loops, trails and foot contacts. Raises
    MotionError for another suffix, for more than 16 motions, and for MP4 without PyAV.
    """
    path = Path(path)
    if path.suffix not in LAYOUTS:
        raise MotionError(f"{path}: cannot write {path.suffix or 'a file without suffix'}; use .mp4 or .gif.")
    check_video(path.suffix)
    if len(motions) > MOST:
        raise MotionError(
            f"{path.name}: {len(motions)} motions do not fit into one video; give at most {MOST}, or html."
        )
    titles = titles or [motion.name for motion in motions]
    assert len(titles) == len(motions) > 0, f"{len(titles)} titles for {len(motions)} motions"
    fps = GIF_FPS if path.suffix == ".gif" else min(MAX_FPS, max(motion.fps for motion in motions))
    small = path.suffix == ".gif" and len(motions) > LARGE_PANELS
    movie = Movie(motions, titles, fps, SMALL_GIF if small else LAYOUTS[path.suffix], options)
    (_write_gif if path.suffix == ".gif" else _write_mp4)(movie, path, report)
    return path


class Movie:
    """Pictures of motions, all at the rate `fps`; `len()` is their number."""

    def __init__(
        self,
        motions: Sequence[MotionLike],
        titles: Sequence[str],
        fps: float,
        layout: Layout,
        options: ViewOptions = ViewOptions(),
    ) -> None:
        self.fps, self.layout, self.loop = fps, layout, options.loop
        self.figures = [pose_figures(resample(motion.joints, motion.fps, fps), fps, options) for motion in motions]
        some = [figures.at(range(0, len(figures.ends), 5)) for figures in self.figures]
        self.stage = Stage(fit_view(View(*layout.panel), some, margin=0.03 * layout.panel[1]))
        width, height = layout.panel[0], layout.panel[1] + layout.title
        columns = min(COLUMNS, len(motions))
        sheet = Image.new("RGB", (columns * width, ceil(len(motions) / columns) * height), WHITE)
        draw = ImageDraw.Draw(sheet)
        self.places = [(index // columns * height, index % columns * width) for index in range(len(motions))]
        for (top, left), title in zip(self.places, to_drawable(titles), strict=True):
            room = width - int(3.5 * layout.text) - 20
            words = shorten(title, room, layout.text)
            font = load_font(layout.text, words)
            draw.text((left + 10, top + layout.title / 2), words, INK, font, anchor="lm")
        self.sheet = np.asarray(sheet)
        self.clock = sheet.crop((sheet.width - int(3.5 * layout.text) - 10, 0, sheet.width, layout.title))
        self.font = load_font(layout.text - 3)

    def __len__(self) -> int:
        return max(len(figures.ends) for figures in self.figures)

    def draw(self, frame: int) -> Picture:
        """The picture of a frame, with its time at the top right."""
        return next(self._draw_frames(range(frame, frame + 1))).copy()

    def draw_all(self, report: Report) -> Iterator[Picture]:
        """The pictures in order; `report` is called after each. A picture is valid until the next one is drawn."""
        for frame, picture in enumerate(self._draw_frames(range(len(self)))):
            yield picture
            report(frame + 1, len(self))

    def _draw_frames(self, frames: range) -> Iterator[Picture]:
        """The pictures of these frames, all in the same memory."""
        picture = self.sheet.copy()
        with ThreadPoolExecutor(min(len(self.figures), os.cpu_count() or 1)) as pool:
            for start in range(0, len(frames), CHUNK):
                chunk = frames[start : start + CHUNK]
                panels = list(pool.map(self._draw_panels, self.figures, [chunk] * len(self.figures)))
                for place, frame in enumerate(chunk):
                    for (top, left), drawn in zip(self.places, panels, strict=True):
                        panel = drawn[min(place, len(drawn) - 1)]
                        picture[top + self.layout.title :, left:][: panel.shape[0], : panel.shape[1]] = panel
                    clock = self._draw_clock(frame)
                    picture[: clock.shape[0], -clock.shape[1] :] = clock
                    yield picture

    def _draw_panels(self, figures: Figures, frames: range) -> UInt8[np.ndarray, "frames height width 3"]:
        """One motion's pictures of these frames; fewer where it holds its last pose to the end of them."""
        count = len(figures.ends)
        if self.loop:
            return self.stage.draw_all(figures.at([frame % count for frame in frames]))
        held = min(frames.start, count - 1)
        return self.stage.draw_all(figures.at(range(held, max(min(frames.stop, count), held + 1))))

    def _draw_clock(self, frame: int) -> Picture:
        """The time of a frame, as the sheet's top right corner."""
        image = self.clock.copy()
        spot = image.width - 10, self.layout.title / 2
        ImageDraw.Draw(image).text(spot, f"{frame / self.fps:.1f} s", FAINT, self.font, anchor="rm")
        return np.asarray(image)


def _write_gif(movie: Movie, path: Path, report: Report) -> None:
    spread = np.linspace(0, len(movie) - 1, PALETTE_FRAMES).astype(int).tolist()
    write_gif(path, movie.draw_all(report), [movie.draw(frame) for frame in spread], round(1000 / movie.fps))


def _write_mp4(movie: Movie, path: Path, report: Report) -> None:
    """Write H.264; MotionError where PyAV has no encoder."""
    from fractions import Fraction

    import av

    try:
        with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
            stream = container.add_stream(
                "libx264", Fraction(movie.fps).limit_denominator(1000), {"crf": "20", "preset": "fast"}
            )
            stream.height, stream.width = movie.sheet.shape[:2]
            stream.pix_fmt = "yuv420p"
            for picture in movie.draw_all(report):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode(None))
    except (av.FFmpegError, av.codec.codec.UnknownCodecError) as error:
        raise MotionError(f"{path.name}: PyAV cannot write it ({error}); write gif or html in its place.") from None
