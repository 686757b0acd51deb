"""`--animation`: files that hold several animations, in the commands that read clips."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import fails
from gltf_files import join_glb, split_glb
from typer.testing import Result
from walks import synthesize_walk

from cli.errors import UsageError
from cli.options import ReadingOptions
from cli.read_inputs import read_clips
from lead.motion.bodies.glb import format_glb
from lead.motion.rigs.retarget import motion_to_bvh

Run = Callable[..., Result]
EVERY = ReadingOptions(animation="all")


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A file of four animations: an empty one, a walk, another that is half a second long, and a walk again."""
    document, binary = split_glb(format_glb(motion_to_bvh(synthesize_walk(3.0).joints, 20.0), "Walk"))
    (walk,) = document["animations"]
    document["accessors"] += [{**accessor, "count": 10} for accessor in document["accessors"]]
    shift = len(document["accessors"]) // 2
    brief = [{end: sampler[end] + shift for end in ("input", "output")} for sampler in walk["samplers"]]
    document["animations"] = [
        {"name": "Bind", "channels": [], "samplers": []}, walk, {**walk, "name": "Turn", "samplers": brief},
        {**walk, "name": "Rig|Run fast!"},
    ]  # fmt: skip
    path = tmp_path / "pack.glb"
    path.write_bytes(join_glb(document, binary))
    return path


def test_one_or_all_are_read(pack: Path) -> None:
    said: list[str] = []
    (one,), (motion,) = read_clips([pack], said.append)
    assert (one, motion.name, len(motion.joints)) == (pack, "pack", 60)
    assert "4 animations: 2 'Walk' was read" in said[0] and "3 'Turn', 4 'Rig|Run fast!'" in said[0]
    said.clear()
    paths, motions = read_clips([pack], said.append, EVERY)
    assert paths == [pack, pack]
    assert [motion.name for motion in motions] == ["pack-2-Walk", "pack-4-Rig_Run_fast"]
    assert [line.partition(": ")[2][:30] for line in said] == [
        "animation 1 'Bind' was passed ", "10 frames at 20 fps (10 at 20 "
    ]  # fmt: skip
    assert f"{pack} [pack-3-Turn]" in said[1]
    assert read_clips([pack], said.append, ReadingOptions(animation="run fast!"))[1][0].notes == ()


def test_a_folder_with_other_files(pack: Path) -> None:
    said: list[str] = []
    synthesize_walk().save(pack.with_name("walk.bvh"))
    paths, _ = read_clips([pack.parent], said.append, EVERY)
    assert [path.name for path in paths] == ["pack.glb", "pack.glb", "walk.bvh"]
    paths, _ = read_clips([pack.parent], said.append, ReadingOptions(animation="Walk"))
    assert [path.name for path in paths] == ["pack.glb"]
    assert "walk.bvh: one motion without a name, so there is no animation 'Walk'" in said[-1]


def test_what_cannot_be_used(pack: Path) -> None:
    with pytest.raises(ValueError, match="no animation 'Jump': it has 1 'Bind', 2 'Walk'"):
        read_clips([pack], print, ReadingOptions(animation="Jump"))
    with pytest.raises(UsageError, match=r"Give a longer clip. \(4 animations: 2 'Walk' was read.*--animation"):
        read_clips([pack], print, least=1000)
    with pytest.raises(UsageError, match="more than 1 clips"):
        read_clips([pack], print, EVERY, most=1)
    with pytest.raises(UsageError, match=r"no clip that can be used.*3 other animations cannot be used either"):
        read_clips([pack], print, EVERY, least=1000)


def test_convert_names_files_after_animations(run: Run, pack: Path) -> None:
    result = run("convert", pack, "--to", "npy", "--animation", "all")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "pack-2-Walk.npy", "pack-3-Turn.npy", "pack-4-Rig_Run_fast.npy"
    ]  # fmt: skip
    assert run("convert", pack, "--to", "npy", "--animation", "2", "-o", "two").exit_code == 0
    assert [path.name for path in Path("two").iterdir()] == ["pack.npy"]


def test_check_has_a_row_for_each(run: Run, pack: Path) -> None:
    result = run("check", pack, "--animation", "all", "--json")
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)["clips"]
    assert [(Path(row["file"]).name, row["frames"]) for row in rows] == [
        ("pack.glb", 0), ("pack.glb [pack-2-Walk]", 60), ("pack.glb [pack-3-Turn]", 10),
        ("pack.glb [pack-4-Rig_Run_fast]", 60),
    ]  # fmt: skip
    fails(run("convert", pack, "--to", "npy", "--animation", "Jump"), "no animation 'Jump'")


def test_view_titles(run: Run, pack: Path) -> None:
    assert run("view", pack, "--animation", "all", "--output", "page.html", "--no-open").exit_code == 0
    page = Path("page.html").read_text(encoding="utf-8")
    assert "pack-2-Walk" in page and "pack-3-Turn" in page
