"""`lead-invert convert` and `view`: from every readable format to every writable format."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from commands import fails, left_behind
from PIL import Image
from typer.testing import CliRunner, Result

from cli import invert
from cli.commands import view
from lead import Motion
from lead.motion.bodies import smpl_mesh as bodies
from lead.motion.heading import facing
from lead.motion.render.video import LAYOUTS, Layout

ELBOW, WRIST = 19, 21
"""The right ones."""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, small videos, and a browser that only notes what it is to open."""
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    for suffix in LAYOUTS:
        monkeypatch.setitem(LAYOUTS, suffix, Layout((96, 112), 16, 10))
    return place


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    urls: list[str] = []
    monkeypatch.setattr(view.webbrowser, "open", lambda url: urls.append(url) or True)
    return urls


@pytest.fixture
def brief(walk: Motion, tmp_path: Path) -> Path:
    """A folder of two clips of half a second."""
    folder = tmp_path / "brief"
    folder.mkdir()
    for number in range(2):
        Motion(walk.joints[:10], walk.fps).save(folder / f"take-{number}.bvh")
    return folder


def run(*words: object) -> Result:
    return CliRunner().invoke(invert.app, list(map(str, words)))


@pytest.mark.parametrize("form", ["bvh", "npz", "amass", "npy", "glb"])
def test_data_that_is_written_reads_back(clips: Path, walk: Motion, form: str) -> None:
    result = run("convert", clips / "take-0.bvh", "--to", form, "--json")
    assert result.exit_code == 0, result.output
    (clip,) = json.loads(result.stdout)["clips"]
    (path,) = clip["files"]
    back = Motion.read(path)
    assert len(back.joints) == clip["frames"] == len(walk.joints)
    np.testing.assert_allclose(np.ptp(back.joints[:, 0], axis=0), np.ptp(walk.joints[:, 0], axis=0), atol=0.15)
    ours, theirs = (facing(motion.joints)[[0, -1]] for motion in (walk, back))
    np.testing.assert_allclose(theirs, ours, atol=0.1)


def test_a_folder_to_several_formats_says_what_it_wrote(brief: Path) -> None:
    result = run("convert", brief, "--to", "npz,html,png,gif", "--rate", 10, "-o", "made")
    assert result.exit_code == 0, result.output
    endings = (".gif", ".html", ".npz", ".png")
    expected = [f"made/take-{number}{ending}" for number in range(2) for ending in endings]
    assert [str(path) for path in left_behind()[1:]] == expected
    assert "8 files in made" in result.stdout
    assert Motion.read("made/take-0.npz").fps == 10.0
    with Image.open("made/take-0.gif") as gif, Image.open("made/take-0.png") as sheet:
        assert gif.n_frames > 5 and sheet.width > 1000


def test_on_the_rig_of_a_clip(clips: Path, walk: Motion) -> None:
    text = (clips / "take-0.bvh").read_text()
    rig = clips.parent / "mine.bvh"
    rig.write_text(text.replace("left_hip", "LeftUpLeg").replace("right_hip", "RightUpLeg"))
    walk.save(clips.parent / "walk.npz")
    assert run("convert", clips.parent / "walk.npz", "--to", "bvh", "--rig", rig).exit_code == 0
    assert "LeftUpLeg" in Path("out/walk.bvh").read_text()
    fails_beside = run("convert", clips.parent / "walk.npz", "--to", "npy", "--rig", rig, "-o", "other")
    assert fails_beside.exit_code == 1 and "skeleton of bvh, fbx, usd files" in fails_beside.stderr
    assert not Path("other").exists()


def test_bodies_of_the_users_model(brief: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    box = trimesh.creation.box()
    monkeypatch.setattr(bodies, "body_mesh", lambda motion, model, frame: asked.append((model, frame)) or box)
    monkeypatch.setattr(bodies, "pose_trail", lambda motion, model: asked.append(model) or trimesh.Scene([box, box]))
    model = tmp_path / "model.npz"
    fails(run("convert", brief, "--to", "obj,bvh"), "obj", "--body-model")
    fails(run("convert", brief, "--to", "obj", "--body-model", model), "model.npz", "does not exist")
    model.write_bytes(b"")
    fails(run("convert", brief, "--to", "bvh", "--body-model", model), "--body-model is for obj")
    result = run("convert", brief / "take-0.bvh", "--to", "obj,ply,trail", "--body-model", model, "--frame", 3)
    assert result.exit_code == 0, result.output
    assert asked == [(model, 3), (model, 3), model]
    assert [path.name for path in left_behind()] == ["out", "take-0.obj", "take-0.ply", "take-0.trail.glb"]
    assert len(trimesh.load_mesh("out/take-0.ply").vertices) == 8
    assert len(trimesh.load_scene("out/take-0.trail.glb").geometry) == 2


def test_reading_options_are_used(clips: Path) -> None:
    result = run("convert", clips / "take-0.bvh", "--to", "npz", "--fps", 60)
    assert result.exit_code == 0, result.output
    assert Motion.read("out/take-0.npz").fps == 60.0


def test_one_frame_is_enough(walk: Motion, tmp_path: Path) -> None:
    path = Motion(walk.joints[:1], walk.fps).save(tmp_path / "pose.npz")
    assert run("convert", path, "--to", "bvh,png").exit_code == 0
    assert len(Motion.read("out/pose.bvh").joints) == 1


def test_wrong_uses_leave_nothing(clips: Path, tmp_path: Path) -> None:
    fails(run("convert", clips, "--to", "mov"), "mov", "bvh, npz, amass")
    fails(run("convert", clips / "none.bvh", "--to", "npz"), "none.bvh", "does not exist")
    fails(run("convert", clips, clips / "take-0.bvh", "--to", "npz"), "both be written as take-0", "different folders")
    fails(run("convert", clips, "--to", "npz,bvh", "-o", clips), "take-0.bvh", "clips that are read", "--output")
    assert sorted(path.name for path in clips.iterdir()) == ["take-0.bvh", "take-1.bvh"]
    (tmp_path / "file").write_text("")
    fails(run("convert", clips, "--to", "npz", "-o", tmp_path / "file"), "file")
    fails(run("view", clips, "-o", "page.pdf"), "page.pdf", ".html", ".gif")


def test_a_failure_in_the_middle_leaves_nothing(clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lead.motion.render.player.player_page", full)
    fails(run("convert", clips, "--to", "bvh,html"), "No space left")
    fails(run("view", clips, "-o", "made/page.html"), "No space left")


def test_view_opens_a_page_of_its_own(clips: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    result = run("view", clips, "--json")
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    page = Path(said["file"])
    assert said["opened"] and opened == [page.as_uri()]
    assert "take-0" in page.read_text(encoding="utf-8") and "take-1" in page.read_text(encoding="utf-8")
    assert not left_behind()
    monkeypatch.setattr(view.webbrowser, "open", lambda url: False)
    assert "open it in a browser" in run("view", clips).stdout


def test_view_keeps_what_is_named_and_opens_it_if_asked(brief: Path, opened: list[str]) -> None:
    forms = ["html", "png", "gif"] + ["mp4"] * (importlib.util.find_spec("av") is not None)
    for form in forms:
        result = run("view", brief, "-o", f"seen.{form}")
        assert result.exit_code == 0, result.output
    assert [path.name for path in left_behind()] == sorted(f"seen.{form}" for form in forms)
    assert not opened
    run("view", brief, "-o", "seen.html", "--open")
    run("view", brief, "--no-open")
    assert len(opened) == 1


@pytest.mark.parametrize(
    ("paths", "titles"),
    [
        (["a/x.bvh", "a/y.bvh"], ["x", "y"]),
        (["a/x.bvh", "a/x.npz"], ["x.bvh", "x.npz"]),
        (["a/x.bvh", "b/x.bvh"], ["a/x.bvh", "b/x.bvh"]),
        (["c/a/x.bvh", "d/a/x.bvh"], ["c/a/x.bvh", "d/a/x.bvh"]),
    ],
)
def test_titles_tell_files_apart(paths: list[str], titles: list[str]) -> None:
    assert view.titles_of([Path(path) for path in paths]) == titles


def test_a_body_that_is_not_rigid_is_told_by_how_far(walk: Motion, tmp_path: Path) -> None:
    """A forearm that grows by 20 cm is held by npz, and by no skeleton."""
    joints = walk.joints.copy()
    forearm = joints[20:, WRIST] - joints[20:, ELBOW]
    joints[20:, WRIST] += 0.2 * forearm / np.linalg.norm(forearm, axis=-1, keepdims=True)
    files = [
        Motion(x, walk.fps).save(tmp_path / name) for x, name in ((joints, "grown.npz"), (walk.joints, "same.npz"))
    ]
    told = run("convert", *files, "--format", "bvh,npz,glb")
    assert "grown.npz is up to" in told.output and "other clip" not in told.output
    clips = json.loads(run("convert", *files, "--format", "bvh", "--json", "-o", "again").stdout)["clips"]
    grown, same = (clip["moved"] for clip in clips)
    assert grown > 0.05 > 0.01 > same
    gap = np.linalg.norm(Motion.read(clips[0]["files"][0]).joints - joints, axis=-1).max()
    assert gap == pytest.approx(grown, abs=1e-3)
    clips = json.loads(run("convert", *files, "--format", "npz", "--json", "-o", "exact").stdout)["clips"]
    assert [clip["moved"] for clip in clips] == [0, 0]
