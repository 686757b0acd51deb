"""Writing generated motions: file names, and all files or none."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from walks import synthesize_steps

from cli import write_outputs
from cli.errors import UsageError
from cli.write_outputs import DATA_FORMATS, parse_formats, slug, write_data, write_motions
from lead.motion.errors import MotionError
from lead.motion.motion import Motion
from lead.motion.motion_like import TimeMark
from lead.motion.render.sheets import contact_sheet
from lead.motion.render.video import LAYOUTS, Layout
from lead.motion.skeleton import tpose
from lead.motion.suffixes import READS

DRAW_SHEET = "lead.motion.render.sheets.contact_sheet"


def make_standing_motion(frames: int = 20) -> Motion:
    return Motion(np.tile(tpose(), (frames, 1, 1)).astype(np.float32))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("A person walks in <elderly> style", "a-person-walks-in-elderly-style"),
        ("../../etc/passwd", "etc-passwd"),
        ("Étude: pas de  deux!", "étude-pas-de-deux"),
        ("E\u0301tude", "étude"),
        ("歩く", "歩く"),
        ("ウォーク/走る", "ウォーク-走る"),
        ("चलना", "चलना"),
        ("!?", "motion"),
        ("歩" * 60, "歩" * 40),
        ("take " * 12 + "in <elderly> style", "take-" * 10 + "ta-elderly"),
        ("歩" * 60 + " in <elderly> style", "歩" * 40 + "-elderly"),
        ("take " * 12 + f"<{'a' * 63}>", "take-take-take-t-" + "a" * 60),
        ("A\ud800b", "a-b"),
        ("word " * 40, "word-" * 11 + "word"),
    ],
)
def test_slug(prompt: str, expected: str) -> None:
    assert slug(prompt) == expected


def test_a_file_system_without_the_letters_gets_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    def encode(name: str) -> bytes:
        return name.encode("latin-1")

    monkeypatch.setattr(write_outputs.os, "fsencode", encode)
    assert slug("Étude") == "étude"
    assert slug("ウォーク in <elderly> style") == "in-elderly-style"


def test_parse_formats() -> None:
    assert parse_formats(" BVH, .png,bvh,") == ["bvh", "png"]
    with pytest.raises(UsageError, match=r"dae, mov.*bvh, npz, amass, npy, glb, fbx, vrma, usd, png, html, mp4, gif"):
        parse_formats("bvh,dae,mov")
    with pytest.raises(UsageError, match=r"--to ,: it names none"):
        parse_formats(",", "--to")


def test_fbx_without_blender_is_refused_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAD_BLENDER", "no-such-blender")
    with pytest.raises(MotionError, match="LEAD_BLENDER=no-such-blender"):
        parse_formats("bvh,fbx")
    assert parse_formats("bvh,vrma,usd") == ["bvh", "vrma", "usd"]


def test_numbers_within_equal_slugs(tmp_path: Path) -> None:
    prompts = ["a walk", "a walk!", "a run"]
    groups, views = write_motions([make_standing_motion()] * 3, prompts, ["npz"], tmp_path / "out", seed=7)
    assert names(tmp_path / "out") == ["a-run-seed7-01.npz", "a-walk-seed7-01.npz", "a-walk-seed7-02.npz"]
    assert [group[0].name for group in groups] == [
        "a-walk-seed7-01.npz",
        "a-walk-seed7-02.npz",
        "a-run-seed7-01.npz",
    ]
    assert views == []


def test_many_motions_make_several_sheets_and_one_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_outputs, "TOGETHER", 2)
    rows = []
    monkeypatch.setattr(DRAW_SHEET, lambda shown, titles, options: rows.append(titles) or contact_sheet(shown, titles))
    monkeypatch.setitem(LAYOUTS, ".gif", Layout((96, 112), 16, 10))
    exemplar = Motion(make_standing_motion(3).joints, name="exemplar of <a>")
    _, views = write_motions(
        [make_standing_motion(3)] * 3, ["a", "a", "b"], ["png", "html", "gif"], tmp_path, seed=0, exemplars=[exemplar]
    )
    assert [path.name for path in views] == [
        "a-and-1-more-seed0-sheet1.png",
        "a-and-1-more-seed0-sheet2.png",
        "a-and-1-more-seed0.html",
        "a-and-1-more-seed0-sheet1.gif",
        "a-and-1-more-seed0-sheet2.gif",
    ]
    assert names(tmp_path) == sorted(path.name for path in views)
    assert rows == [["exemplar of <a>", "1. a", "2. a"], ["exemplar of <a>", "3. b"]]


def test_a_failure_in_the_middle_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(DRAW_SHEET, fails)
    with pytest.raises(OSError, match="space"):
        write_motions([make_standing_motion()], ["a walk"], ["bvh", "png"], tmp_path / "out", seed=0)
    assert names(tmp_path) == []
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("kept")
    with pytest.raises(OSError, match="space"):
        write_motions([make_standing_motion()], ["a walk"], ["bvh", "png"], tmp_path / "out", seed=0)
    assert names(tmp_path / "out") == ["mine.txt"]


def test_titles_that_no_font_can_draw_are_numbered_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lead.motion.render.text.SYSTEM_FONTS", ())
    write_motions([make_standing_motion(3)] * 2, ["a walk", "歩く"], ["png", "html"], tmp_path, seed=0)
    told = " ".join(capsys.readouterr().err.split())
    assert told.count("No. 2 is '歩く'") == 1 and "a walk" not in told.partition("titles:")[2]
    segments = (TimeMark(0.0, 0.5, "a walk"), TimeMark(0.5, 1.0, "歩く"))
    write_motions([replace(make_standing_motion(), marks=segments)], ["a story"], ["png"], tmp_path, seed=0)
    assert "No. 2 is '2. 歩く'" in " ".join(capsys.readouterr().err.split())


def test_views_leave_out_the_frame_with_which_a_loop_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[int] = []
    sheet = contact_sheet

    def note(motions, titles, **options):
        shown.extend(len(motion.joints) for motion in motions)
        return sheet(motions, titles, **options)

    monkeypatch.setattr(DRAW_SHEET, note)
    walk = synthesize_steps(3.0)
    write_motions([walk.loop(), walk], ["loop", "walk"], ["npy", "png"], tmp_path / "out", 0)
    assert shown == [20, 60]
    assert len(Motion.read(tmp_path / "out" / "loop-seed0-01.npy").joints) == 21


def test_a_rate_that_files_do_not_hold_is_told_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fast, usual = Motion(make_standing_motion().joints, fps=60.0), make_standing_motion()
    write_motions([fast, usual, fast], ["a", "b", "c"], ["npy", "npz"], tmp_path / "out", 0)
    said = " ".join(capfd.readouterr().err.split())
    assert said.count("hint:") == 1 and "npy holds no frame rate and is read at 20 frames a second" in said
    assert "these are at 60: read them with --fps, or write npz" in said
    read = Motion.read(tmp_path / "out" / "a-seed0-01.npy")
    assert read.fps == 20, "what the hint says of readers"
    write_motions([usual], ["b"], ["npy", "npz"], tmp_path / "usual", 0)
    write_motions([fast], ["a"], ["npz", "bvh"], tmp_path / "held", 0)
    assert "hint" not in capfd.readouterr().err


@pytest.mark.parametrize("form", DATA_FORMATS)
def test_formats_that_hold_the_rate_are_read_at_it(form: str, tmp_path: Path) -> None:
    if form == "fbx":
        pytest.importorskip("bpy")
    fast = Motion(synthesize_steps(1.0).joints, fps=48.0)
    path = write_data(fast, tmp_path / "a", form)
    if path.suffix in READS:
        assert (Motion.read(path).fps == pytest.approx(48.0)) == DATA_FORMATS[form].holds_rate
