"""MP4 and GIF of motions: figures side by side, each followed by its camera over the ground grid, titles above.

Figures are drawn by `lead.motion.render.rasterizer`, without a display or a GPU. Pillow writes GIF. PyAV writes MP4
(H.264) and is an extra: `pip install 'lead-invert[video]'`. All motions start together; a motion that has ended stands
still until the longest has ended.
"""

import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from lead.motion.errors import MotionError
from lead.motion.motion_like import MotionLike
from lead.motion.render.rasterizer import Figures, Stage, View, fit_view, pose_figures
from lead.motion.render.text import FAINT, INK, WHITE, load_font, shorten
from lead.motion.resample import resample

GIF_FPS = 20.0
"""A GIF's times are whole hundredths of a second; this rate is exact."""
MAX_FPS = 30.0
COLUMNS, MOST = 4, 16
"""Motions beside each other, and in one video."""
PALETTE_FRAMES = 4
"""Frames from which a GIF's 256 colors are taken."""

Picture = UInt8[np.ndarray, "height width 3"]
Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Layout:
    """Sizes in pixels, all even as H.264 wants them."""

    panel: tuple[int, int]
    title: int
    text: int


LAYOUTS = {".mp4": Layout((480, 560), 36, 18), ".gif": Layout((320, 384), 28, 14)}


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
) -> Path:
    """Write an .mp4 or .gif of all motions side by side; `report` is called after each frame.

    Without titles the motions' own names are used. Raises MotionError for another suffix, for more than 16 motions, and
    for MP4 without PyAV.
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
    movie = Movie(motions, titles, fps, LAYOUTS[path.suffix])
    (_write_gif if path.suffix == ".gif" else _write_mp4)(movie, path, report)
    return path


class Movie:
    """Pictures of motions, all at the rate `fps`; `len()` is their number."""

    def __init__(self, motions: Sequence[MotionLike], titles: Sequence[str], fps: float, layout: Layout) -> None:
        self.fps, self.layout = fps, layout
        self.figures = [pose_figures(resample(motion.joints, motion.fps, fps), fps) for motion in motions]
        some = [figures.at(range(0, len(figures.ends), 5)) for figures in self.figures]
        self.stage = Stage(fit_view(View(*layout.panel), some, margin=0.03 * layout.panel[1]))
        width, height = layout.panel[0], layout.panel[1] + layout.title
        columns = min(COLUMNS, len(motions))
        sheet = Image.new("RGB", (columns * width, ceil(len(motions) / columns) * height), WHITE)
        draw = ImageDraw.Draw(sheet)
        self.places = [(index // columns * height, index % columns * width) for index in range(len(motions))]
        for (top, left), title in zip(self.places, titles, strict=True):
            room = width - int(3.5 * layout.text) - 20
            words = shorten(title, room, layout.text)
            draw.text((left + 10, top + layout.title / 2), words, INK, load_font(layout.text), anchor="lm")
        self.sheet = np.asarray(sheet)

    def __len__(self) -> int:
        return max(len(figures.ends) for figures in self.figures)

    def draw(self, frame: int) -> Picture:
        """The picture of a frame, with its time at the top right."""
        picture = self.sheet.copy()
        for (top, left), figures in zip(self.places, self.figures, strict=True):
            panel = self._draw_panel(figures, min(frame, len(figures.ends) - 1))
            picture[top + self.layout.title :, left:][: panel.shape[0], : panel.shape[1]] = panel
        image = Image.fromarray(picture)
        spot, size = (picture.shape[1] - 10, self.layout.title / 2), self.layout.text - 3
        ImageDraw.Draw(image).text(spot, f"{frame / self.fps:.1f} s", FAINT, load_font(size), anchor="rm")
        return np.asarray(image)

    def _draw_panel(self, figures: Figures, frame: int) -> Picture:
        return self.stage.draw(figures.ends[frame], figures.radii, figures.targets[frame])

    def draw_all(self, report: Report) -> Iterator[Picture]:
        """The pictures in order; `report` is called after each."""
        for frame in range(len(self)):
            yield self.draw(frame)
            report(frame + 1, len(self))


def _write_gif(movie: Movie, path: Path, report: Report) -> None:
    """Write with one palette for all frames and no dithering, so that what stands still costs no bytes."""
    spread = np.linspace(0, len(movie) - 1, PALETTE_FRAMES).astype(int).tolist()
    samples = Image.fromarray(np.concatenate([movie.draw(frame) for frame in spread]))
    palette = samples.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    pictures = (Image.fromarray(picture) for picture in movie.draw_all(report))
    frames = (picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures)
    first = next(frames)
    first.save(path, save_all=True, append_images=frames, duration=round(1000 / movie.fps), loop=0)


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
