"""GIF and MP4: frames, times, panels, and the message where PyAV is missing."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lead.motion.errors import MotionError
from lead.motion.motion import Motion
from lead.motion.render import video
from lead.motion.render.figure import COLORS
from lead.motion.render.video import LAYOUTS, Layout, Movie, check_video, write_video
from lead.motion.render.view_options import ViewOptions
from lead.motion.skeleton import tpose


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for suffix in LAYOUTS:
        monkeypatch.setitem(LAYOUTS, suffix, Layout((96, 112), 16, 10))
    monkeypatch.setattr(video, "SMALL_GIF", Layout((72, 84), 12, 8))


def make_glide(frames: int = 12, fps: float = 20.0) -> Motion:
    path = np.linspace([0, 0, 0], [0, 0, 1.0], frames)
    return Motion((tpose() + path[:, None]).astype(np.float32), fps=fps)


def limbs(picture: np.ndarray) -> int:
    color = np.array(COLORS["left"])
    picture = picture.astype(float)
    return int((picture @ color / np.linalg.norm(picture, axis=-1).clip(1) / np.linalg.norm(color) > 0.99).sum())


def test_a_gif_plays_at_the_motions_pace(tmp_path: Path) -> None:
    heard = []
    path = write_video([make_glide(31, fps=30.0)], tmp_path / "a.gif", ["one"], lambda *done: heard.append(done))
    with Image.open(path) as gif:
        assert (gif.n_frames, gif.info["duration"], gif.info["loop"], gif.size) == (21, 50, 0, (96, 128))
        frames = []
        for number in (0, 20):
            gif.seek(number)
            frames.append(np.asarray(gif.convert("RGB")).astype(int))
    assert min(map(limbs, frames)) > 50
    assert (np.abs(frames[0] - frames[1]).sum(axis=-1) > 20).any()
    assert heard[-1] == (21, 21)


def test_several_side_by_side_and_the_short_one_waits() -> None:
    movie = Movie([make_glide(4), make_glide(10)], ["exemplar of <a>", "b"], 20.0, LAYOUTS[".gif"])
    assert len(movie) == 10
    last, ended = movie.draw(9), movie.draw(5)
    assert last.shape == (128, 192, 3)
    assert min(limbs(last[:, :96]), limbs(last[:, 96:])) > 50
    np.testing.assert_array_equal(last[16:, :96], ended[16:, :96])
    assert (last[16:, 96:] != ended[16:, 96:]).any()


def test_the_short_one_begins_again() -> None:
    options = ViewOptions(loop=True)
    movie = Movie([make_glide(4), make_glide(10)], ["a", "b"], 20.0, LAYOUTS[".gif"], options)
    pictures = [movie.draw(frame)[16:] for frame in range(10)]
    for frame in range(4, 10):
        np.testing.assert_array_equal(pictures[frame][:, :96], pictures[frame % 4][:, :96])
    assert (pictures[4][:, :96] != pictures[3][:, :96]).any()
    np.testing.assert_array_equal(movie.draw(9), [picture.copy() for picture in movie.draw_all(lambda *_: None)][9])


@pytest.mark.parametrize("loop", [False, True])
def test_the_frames_of_a_chunk_are_those_drawn_alone(loop: bool) -> None:
    movie = Movie([make_glide(11), make_glide(23)], ["a", "b"], 20.0, LAYOUTS[".gif"], ViewOptions(loop=loop))
    for frame, picture in enumerate(movie.draw_all(lambda *_: None)):
        assert np.abs(picture.astype(int) - movie.draw(frame)).max() <= 2, frame


def test_a_gif_shows_what_was_drawn(tmp_path: Path) -> None:
    motions = [make_glide(5), make_glide(9), make_glide(1)]
    path = write_video(motions, tmp_path / "a.gif", list("abc"))
    movie = Movie(motions, list("abc"), 20.0, video.SMALL_GIF)
    with Image.open(path) as gif:
        assert (gif.n_frames, gif.size) == (9, (216, 96))
        for frame in range(9):
            gif.seek(frame)
            shown = np.asarray(gif.convert("RGB")).astype(int)
            assert np.abs(shown - movie.draw(frame)).mean() < 2, frame


def test_a_still_gif_keeps_its_length(tmp_path: Path) -> None:
    still = Motion(tpose()[None].repeat(30, 0).astype(np.float32), fps=20.0)
    with Image.open(write_video([still], tmp_path / "a.gif", ["still"])) as gif:
        total = 0
        for frame in range(gif.n_frames):
            gif.seek(frame)
            total += gif.info["duration"]
    assert total == 1500


def test_many_take_rows_of_four() -> None:
    movie = Movie([make_glide(2)] * 6, list("abcdef"), 20.0, LAYOUTS[".gif"])
    picture = movie.draw(0)
    assert picture.shape == (256, 384, 3)
    assert (picture[128:, 192:] == 255).all()
    assert limbs(picture[128:, 96:192]) > 50


def test_too_many_for_one_video(tmp_path: Path) -> None:
    with pytest.raises(MotionError, match=r"a\.gif: 17 motions.*at most 16, or html"):
        write_video([make_glide(2)] * 17, tmp_path / "a.gif")


def test_sizes_suit_h264() -> None:
    for layout in (Layout((480, 560), 36, 18), *LAYOUTS.values()):
        assert not any(size % 2 for size in (*layout.panel, layout.title))


@pytest.mark.skipif(importlib.util.find_spec("av") is None, reason="PyAV is an extra")
@pytest.mark.parametrize(("fps", "rate", "frames"), [(20.0, 20, 12), (29.97, 29.97, 12), (120.0, 30, 3)])
def test_an_mp4_holds_every_frame(tmp_path: Path, fps: float, rate: float, frames: int) -> None:
    import av

    path = write_video([make_glide(12, fps)], tmp_path / "a.mp4")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert stream.codec_context.name == "h264"
    assert float(stream.average_rate) == pytest.approx(rate, abs=0.01)
    assert len(decoded) == frames
    assert decoded[0].shape == (128, 96, 3)
    assert min(map(limbs, decoded)) > 50


def test_without_pyav_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(video.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MotionError, match=r"pip install 'lead-invert\[video\]'"):
        write_video([make_glide()], tmp_path / "a.mp4")
    check_video(".gif")
    assert not list(tmp_path.iterdir())
