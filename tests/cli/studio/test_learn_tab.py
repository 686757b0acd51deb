"""The tab Learn: a word is learned as the command learns it, seen meanwhile, stopped, and kept when the page goes."""

from pathlib import Path

import pytest
from nicegui.testing import User
from studio_user import open_tab, wait_until

from cli.jobs.learn_one import LearnOptions
from cli.studio.clips.clip_list import ClipList
from cli.studio.clips.clip_work import add_paths, snap_parts
from cli.studio.clips.learn_tab import LearnDraft
from cli.studio.clips.learning import LearnRun, Order, start_learning
from cli.studio.clips.report_view import draw_curve, list_sentences, list_views
from cli.studio.workshop import Workshop
from concepts import Concept, Exemplar

pytestmark = pytest.mark.usefixtures("quick_calibration")
FAST = LearnOptions(quality="fast", steps=2)


async def add_clips(workshop: Workshop, clips: Path) -> ClipList:
    """The clips of a folder, looked at, on the first desk."""
    await wait_until(lambda: bool(workshop.desks))
    found = workshop.desks[0].of(ClipList)
    add_paths(workshop, found, sorted(clips.iterdir()))
    await wait_until(lambda: found.looked is not None, 120.0)
    return found


async def end(run: LearnRun) -> LearnRun:
    """Wait until a run is over."""
    await wait_until(lambda: not run.is_open, 120.0)
    return run


def test_the_file_is_the_commands_file(use, run, workshop: Workshop, clips: Path) -> None:
    options = ("--steps", 3, "--seed", 5, "--license", "CC0", "-o", "limp.safetensors")
    assert run("learn", clips, "--token", "<limp>", *options).exit_code == 0

    async def script(user: User) -> None:
        await add_clips(workshop, clips)
        await open_tab(user, "Learn")
        await user.should_see("the new word", retries=100)
        draft = workshop.desks[0].of(LearnDraft)
        draft.token, draft.steps, draft.seed, draft.license = "limp", 3, 5, "CC0"
        user.find(marker="learn").click()
        await wait_until(lambda: draft.run is not None)
        assert draft.run
        await end(draft.run)
        assert draft.run.job and draft.run.job.state == "done", draft.run.job.error
        assert draft.run.preview is not None and draft.run.first_motion and draft.run.trials
        assert len(draft.run.losses) == 3
        await user.should_see("It reproduces the clips")
        views = list_views(draft.run)
        assert all(2 <= len(shown) <= 4 for shown in views.values()) and len(views) > 2

    use(script)
    assert (workshop.library.folder / "limp.safetensors").read_bytes() == Path("limp.safetensors").read_bytes()


def test_a_word_of_a_trimmed_clip_is_that_of_the_trimmed_motion(use, workshop: Workshop, clips: Path) -> None:
    async def script(user: User) -> None:
        found = await add_clips(workshop, clips)
        found.clips[0].span = (0.5, 2.5)
        order = Order("<part>", FAST, tuple(snap_parts(found.clips)))
        learned = (await end(start_learning(workshop, order, lambda: None))).learned
        assert learned and found.clips[0].motion is not None
        part = found.clips[0].motion.trim(0.5, 2.5)
        assert learned.concept.exemplars[0].sha256 == Exemplar.from_joints(part.joints, part.fps).sha256

    use(script)


def test_learning_goes_on_without_a_page(use, workshop: Workshop, clips: Path) -> None:
    async def script(user: User) -> None:
        found, draft = await add_clips(workshop, clips), workshop.desks[0].of(LearnDraft)
        await open_tab(user, "Learn")
        await user.should_see("the new word", retries=100)
        draft.run = start_learning(
            workshop, Order("<limp>", FAST, tuple(snap_parts(found.clips))), draft.changed.emit
        )  # fmt: skip
        workshop.desks[0].pages.clear()  # the page is gone
        await end(draft.run)
        assert workshop.library.names() == ["<limp>"]
        await user.open("/")
        assert workshop.desks[0].of(LearnDraft) is draft
        await user.should_see("<limp> is learned")

    use(script)


def test_stop_keeps_the_best_and_before_the_first_step_nothing(use, workshop: Workshop, clips: Path) -> None:
    async def script(user: User) -> None:
        parts = tuple(snap_parts((await add_clips(workshop, clips)).clips))
        many = LearnOptions(quality="fast", steps=5000)
        run = start_learning(workshop, Order("<long>", many, parts), lambda: None)
        await wait_until(lambda: run.done > 0, 30.0)
        run.stop()
        await end(run)
        assert run.learned and run.learned.concept.steps < 5000 == run.learned.steps_asked
        assert "of 5000 steps" in list_sentences(run)[0]
        assert Concept.load(workshop.library.path("<long>")).steps == run.learned.concept.steps
        early = start_learning(workshop, Order("<none>", many, parts), lambda: None)
        early.stop()
        await end(early)
        assert early.job and early.job.state == "stopped" and workshop.library.names() == ["<long>"]

    use(script)


def test_two_pages_cannot_learn_the_same_word(use, workshop: Workshop, clips: Path) -> None:
    async def script(user: User) -> None:
        parts = tuple(snap_parts((await add_clips(workshop, clips)).clips))
        first, second = (start_learning(workshop, Order("<limp>", FAST, parts, seed=n), lambda: None) for n in (1, 2))
        await end(first)
        await end(second)
        assert first.learned and first.learned.concept.seed == 1
        assert second.job and second.job.state == "failed" and "the library has <limp> already" in second.job.error
        assert Concept.load(workshop.library.path("<limp>")).seed == 1

    use(script)


def test_what_cannot_be_learned_is_told_before_the_work(use, workshop: Workshop, word: Concept) -> None:
    workshop.library.add(word)
    cases = (("", "has no name"), ("hop", "no clips to learn from"), ("a b>", "a b"), ("limp", "or tick “replace"))

    async def script(user: User) -> None:
        await open_tab(user, "Learn")
        await user.should_see("the new word", retries=100)
        draft = workshop.desks[0].of(LearnDraft)
        for token, message in cases:
            draft.token = token
            user.find(marker="learn").click()
            await wait_until(lambda message=message: any(message in text for text in user.notify.messages))
        assert draft.run is None

    use(script)


def test_the_curve_spans_the_steps() -> None:
    assert draw_curve([1.0], 10) == ""
    picture = draw_curve([1.0, 0.5], 3)
    assert "0.0,4.0 150.0,86.0" in picture and "from 1.000 to 0.500" in picture
