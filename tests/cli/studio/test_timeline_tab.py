"""The tab Timeline: segments, poses and a path, and the motion of them."""

import io
import shlex
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_words import make_word
from nicegui import ui
from nicegui.testing import User
from studio_user import find_in, wait_until

from cli.errors import UsageError
from cli.jobs.read_constraints import ConstraintOptions, read_constraints
from cli.studio.clips.clip_list import ClipList, StudioClip
from cli.studio.clips.reading import ReadFile
from cli.studio.shelf import Shelf
from cli.studio.timeline.draft import Pose, Row, TimelineDraft, make, measure_way, read_clip_of
from cli.studio.timeline.elements import FloorPlan, Track
from cli.studio.timeline.pose_dialog import PoseDialog
from cli.studio.view import MotionView
from cli.studio.worker import Job, Stopped
from cli.studio.workshop import Workshop
from lead import Lead, Motion
from lead.control.constraints import Place, PoseConstraint
from lead.control.timeline import Segment, Timeline
from lead.errors import LeadError

Use = Callable[..., None]


def work(job: Job) -> None:
    """What a job of a test does."""


def test_segments_become_one_motion_with_marks(use: Use, workshop: Workshop, tiny_base: Lead) -> None:
    workshop.library.add(make_word(tiny_base, "<limp>", 0))

    async def script(user: User) -> None:
        user.find(kind=ui.tab, content="Timeline").click()
        draft = workshop.desks[0].of(TimelineDraft)
        draft.load(Timeline((Segment("a person walks in <limp> style", 1.0), Segment("a person sits down", 2.0))))
        (track,) = find_in(user, "Timeline", Track).elements
        assert [one["seconds"] for one in track._props["segments"]] == [1.0, 2.0]
        find_in(user, "Timeline", Track).trigger("lengthen", {"index": 1, "seconds": 1.4})
        find_in(user, "Timeline", Track).trigger("move", {"index": 1, "to": 0})
        assert [row.seconds for row in draft.rows] == [1.4, 1.0] and draft.chosen == 0
        user.find("segment 1").clear().type("a person waves")
        await user.should_see("2 segments, 2.4 s")
        find_in(user, "Timeline", ui.button, "Generate").click()
        await wait_until(lambda: draft.told is not None)
        assert draft.told is not None and draft.told.tokens == ("<limp>",)
        (view,) = find_in(user, "Timeline", MotionView).elements
        (shown,) = view._props["motions"]
        assert [tuple(mark) for mark in shown["marks"]] == [
            (0.0, 1.4, "a person waves"), (1.4, 2.4, "a person walks in <limp> style")
        ]  # fmt: skip
        find_in(user, "Timeline", ui.button, "Keep").click()
        (favorite,) = workshop.of(Shelf).favorites
        assert favorite.tokens == ("<limp>",) and favorite.title.startswith("a person waves 1.4s; ")
        words = workshop.concepts.load_words(draft.to_timeline().prompts, tiny_base)
        alone = tiny_base.generate_timeline(draft.to_timeline(), words=words)
        np.testing.assert_array_equal(favorite.motion.joints, alone.joints)

    use(script)


def test_a_path_is_drawn_and_taken_back(use: Use, workshop: Workshop) -> None:
    async def script(user: User) -> None:
        user.find(kind=ui.tab, content="Timeline").click()
        draft = workshop.desks[0].of(TimelineDraft)
        find_in(user, "Timeline", FloorPlan).trigger("path", {"points": [[0, 0], [0, 2]]})
        find_in(user, "Timeline", FloorPlan).trigger("path", {"points": [[0, 0], [0, 2], [1.5, 2]]})
        await user.should_see("3.5 m, 0.9 m/s")
        draft.undo()
        assert draft.path == [(0.0, 0.0), (0.0, 2.0)] and draft.job is None
        draft.load(Timeline((Segment("a person walks", 1.0),)))
        find_in(user, "Timeline", ui.button, "Generate").click()
        await wait_until(lambda: draft.told is not None)
        await user.should_see("the path")
        (plan,) = find_in(user, "Timeline", FloorPlan).elements
        assert draft.told is not None and plan._props["trail"] == [[x, z] for x, z in draft.told.way]

    use(script)


def test_poses_are_met_as_the_command_meets_them(
    workshop: Workshop, walk: Motion, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("STEERED_STEPS", "REFINED_STEPS"):
        monkeypatch.setattr(f"lead.control.constrained_sampling.{name}", 2)
    draft = TimelineDraft(rows=[Row("a person walks", 1.0)])
    draft.start, draft.end = Pose(walk, 3), Pose(walk, 20, Place(0.5, 1.0, 90.0))
    start, _ = draft.list_constraints()
    assert isinstance(start, PoseConstraint) and start.placed and abs(start.pose[0, [0, 2]]).max() < 1e-9
    told = make(workshop, draft.to_order(), Job("generating", work, print))
    np.testing.assert_allclose(told.motion.joints[-1, 0, [0, 2]], [0.5, 1.0], atol=1e-3)
    assert [name for name, _ in told.errors] == ["the start pose", "the end pose"]
    assert max(meters for _, meters in told.errors) < 1e-3
    job = Job("generating", work, print)
    job.cancel()
    with pytest.raises(Stopped):  # while the motion is steered
        make(workshop, draft.to_order(), job)
    draft.path = [(0.0, 0.0), (0.0, 1.0)]
    assert not draft.list_constraints()[0].placed  # type: ignore[union-attr]
    assert measure_way(draft.path) == 1.0


def test_what_cannot_be_made_is_told(workshop: Workshop, walk: Motion, tmp_path: Path) -> None:
    with pytest.raises(LeadError, match="found prompt ''"):
        TimelineDraft(rows=[Row(" ", 1.0)]).to_order()
    with pytest.raises(LeadError, match="found seconds 0"):
        TimelineDraft(rows=[Row("a person walks", None)]).to_order()
    draft = TimelineDraft(rows=[Row("a person walks", 20.0)], start=Pose(walk, 0))
    with pytest.raises(UsageError, match=r"length 20: this base makes"):
        make(workshop, draft.to_order(), Job("generating", work, print))
    draft = TimelineDraft(rows=[Row("a person walks", 1.0)], path=[(0.0, 0.0)])
    with pytest.raises(LeadError, match=r"expected 2 to 1,000"):
        draft.to_order()
    for name, text, read in (("walk.bvh", "HIERARCHY", read_clip_of), ("story.toml", "segments = 3", Timeline.read)):
        path = workshop.make_file(name)
        path.write_text(text)
        with pytest.raises(UsageError, match=rf"^{name}: "):
            workshop.read_once(path, read)
        assert not path.parent.exists()
    assert read_clip_of(walk.save(tmp_path / "take.bvh")).name == "take"


def test_poses_come_from_the_clips_that_are_learned_from(use: Use, workshop: Workshop, walk: Motion) -> None:
    async def script(user: User) -> None:
        user.find(kind=ui.tab, content="Timeline").click()
        desk = workshop.desks[0]
        clip = StudioClip(Path("limp.bvh"), read=ReadFile(replace(walk, name="limp")))
        desk.of(ClipList).add([clip])
        with user:
            PoseDialog(
                workshop, desk, "The pose", lambda pose: setattr(desk.of(TimelineDraft), "end", pose), True
            ).open()
        await user.should_see(f"limp, {walk.seconds:.1f} s")
        user.find("Take this pose").click()
        pose = desk.of(TimelineDraft).end
        assert pose is not None and pose.clip is clip.motion and pose.frame == len(walk.joints) - 1

    use(script)


def test_the_saved_file_has_the_poses_and_the_path(
    walk: Motion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    draft = TimelineDraft(rows=[Row("a person walks", 1.0)], seed=3)
    name, content = draft.to_file()
    assert name == "timeline.toml" and content.decode() == draft.to_timeline().to_toml()
    draft.start, draft.end = Pose(walk, 3), Pose(walk, 20, Place(0.5, -1.0, 90.0))
    draft.path = [(-0.5, 0.0), (0.25, 0.5)]
    name, content = draft.to_file()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert name == "timeline.zip" and sorted(archive.namelist()) == ["end.npz", "start.npz", "timeline.toml"]
        archive.extractall()
    assert Timeline.read("timeline.toml") == draft.to_timeline()
    program, command, prompt, *words = shlex.split(Path("timeline.toml").read_text().partition("\n")[0][2:])
    options = {name.removeprefix("--"): value for name, value in zip(words[::2], words[1::2], strict=True)}
    assert (program, command, prompt) == ("lead-invert", "generate", "a person walks")
    assert options.pop("seed") == "3" and options.pop("seconds") == "1"
    read = read_constraints(ConstraintOptions(**options))
    for one, other in zip(read, draft.list_constraints(), strict=True):
        if isinstance(one, PoseConstraint) and isinstance(other, PoseConstraint):
            np.testing.assert_allclose(one.pose, other.pose, atol=1e-6)
            assert (one.seconds, one.placed) == (other.seconds, other.placed)
        else:
            np.testing.assert_array_equal(one.points, other.points)  # type: ignore[union-attr]
    draft.rows.append(Row("a person sits down", 2.0))
    with zipfile.ZipFile(io.BytesIO(draft.to_file()[1])) as archive:
        assert archive.read("timeline.toml").startswith(b"# lead-invert generate --timeline timeline.toml --seed 3 ")
