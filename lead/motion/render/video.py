"""MP4 and GIF of motions: figures side by side, each followed by its camera over the ground grid, titles above.

Drawn by `lead.motion.render.rasterizer`, without a display or a GPU. GIF is written by Pillow; MP4 (H.264) by PyAV, which is an extra:
`pip install 'lead-invert[video]'`. All motions start together; one that has ended stands still until the longest has.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from lead.motion.errors import MotionError
from lead.motion.motion import Motion
from lead.motion.render.contact_sheet import FAINT, INK, WHITE
from lead.motion.render.rasterizer import Shots, Stage, View, font, framed, shortened, shots

GIF_FPS = 20.0  # its times are hundredths of a second
MAX_FPS = 30.0
COLUMNS, MOST = 4, 16
PALETTE_FRAMES = 4  # of which a GIF's 256 colors are taken

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
    """MotionError where this Python lacks what a file with the suffix needs."""
    if suffix == ".mp4" and importlib.util.find_spec("av") is None:
        raise MotionError(
            "mp4 needs PyAV, which is not installed: pip install 'lead-invert[video]'. gif and html need nothing more."
        )


def write_video(
    motions: Sequence[Motion], titles: Sequence[str], path: Path, report: Report = lambda done, total: None
) -> Path:
    """An .mp4 or .gif of all motions side by side; `report` hears of each drawn frame."""
    check_video(path.suffix)
    if len(motions) > MOST:
        raise MotionError(
            f"{path.name}: {len(motions)} motions do not fit into one video; give at most {MOST}, or html."
        )
    assert len(titles) == len(motions) > 0, f"{len(titles)} titles for {len(motions)} motions"
    fps = GIF_FPS if path.suffix == ".gif" else min(MAX_FPS, max(motion.fps for motion in motions))
    movie = Movie([motion.resample(fps) for motion in motions], titles, fps, LAYOUTS[path.suffix])
    (_write_gif if path.suffix == ".gif" else _write_mp4)(movie, path, report)
    return path


class Movie:
    """Pictures of motions, all at one rate, at `len()` times."""

    def __init__(self, motions: Sequence[Motion], titles: Sequence[str], fps: float, layout: Layout) -> None:
        self.fps, self.layout = fps, layout
        self.shots = [shots(motion) for motion in motions]
        some = [shot.at(range(0, len(shot.ends), 5)) for shot in self.shots]
        self.stage = Stage(framed(View(*layout.panel), some, margin=0.03 * layout.panel[1]))
        width, height = layout.panel[0], layout.panel[1] + layout.title
        columns = min(COLUMNS, len(motions))
        sheet = Image.new("RGB", (columns * width, ceil(len(motions) / columns) * height), WHITE)
        draw = ImageDraw.Draw(sheet)
        self.places = [(index // columns * height, index % columns * width) for index in range(len(motions))]
        for (top, left), title in zip(self.places, titles, strict=True):
            room = width - 3.5 * layout.text - 20
            words = shortened(title, room, layout.text)
            draw.text((left + 10, top + layout.title / 2), words, INK, font(layout.text), anchor="lm")
        self.sheet = np.asarray(sheet)

    def __len__(self) -> int:
        return max(len(shot.ends) for shot in self.shots)

    def draw(self, frame: int) -> Picture:
        """The picture at a time, with the time at the top right."""
        picture = self.sheet.copy()
        for (top, left), shot in zip(self.places, self.shots, strict=True):
            panel = self._panel(shot, min(frame, len(shot.ends) - 1))
            picture[top + self.layout.title :, left:][: panel.shape[0], : panel.shape[1]] = panel
        image = Image.fromarray(picture)
        spot, size = (picture.shape[1] - 10, self.layout.title / 2), self.layout.text - 3
        ImageDraw.Draw(image).text(spot, f"{frame / self.fps:.1f} s", FAINT, font(size), anchor="rm")
        return np.asarray(image)

    def _panel(self, shot: Shots, frame: int) -> Picture:
        return self.stage.draw(shot.ends[frame], shot.radii, shot.targets[frame])

    def drawn(self, report: Report) -> Iterator[Picture]:
        for frame in range(len(self)):
            yield self.draw(frame)
            report(frame + 1, len(self))


def _write_gif(movie: Movie, path: Path, report: Report) -> None:
    """One palette for all frames, no dithering: figures and ground are smooth, and what stands still costs nothing."""
    spread = np.linspace(0, len(movie) - 1, PALETTE_FRAMES).astype(int).tolist()
    samples = Image.fromarray(np.concatenate([movie.draw(frame) for frame in spread]))
    palette = samples.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    frames = (
        Image.fromarray(picture).quantize(palette=palette, dither=Image.Dither.NONE) for picture in movie.drawn(report)
    )
    first = next(frames)
    first.save(path, save_all=True, append_images=frames, duration=round(1000 / movie.fps), loop=0)


def _write_mp4(movie: Movie, path: Path, report: Report) -> None:
    from fractions import Fraction

    import av

    try:
        with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
            stream = container.add_stream(
                "libx264", Fraction(movie.fps).limit_denominator(1000), {"crf": "20", "preset": "fast"}
            )
            stream.height, stream.width = movie.sheet.shape[:2]
            stream.pix_fmt = "yuv420p"
            for picture in movie.drawn(report):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode(None))
    except (av.FFmpegError, av.codec.codec.UnknownCodecError) as error:
        raise MotionError(f"{path.name}: PyAV cannot write it ({error}); write gif or html in its place.") from None
