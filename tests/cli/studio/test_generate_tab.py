"""The tab Generate, as a person uses it."""

from collections.abc import Callable, Sequence

import pytest
from nicegui import ui
from nicegui.testing import User
from studio_user import list_titles, open_page, wait_until

from cli.studio.generate.generate_tab import GenerateDraft
from cli.studio.shelf import Shelf
from cli.studio.workshop import Workshop
from concepts import Concept
from lead import Motion
from lead.ranking import Score

Use = Callable[..., None]


def rank_last_first(motions: Sequence[Motion], prompt: str) -> list[Score]:
    """In place of `Lead.rank`, which reads a lexicon."""
    return [Score(place, float(place), None, 0.5, None, 0.0, 0.0) for place in reversed(range(len(motions)))]


def test_a_prompt_becomes_takes_the_best_of_which_plays(
    use: Use, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.studio.generate.takes.make_rank", lambda *_: rank_last_first)

    async def script(user: User) -> None:
        draft = workshop.desks[0].of(GenerateDraft)
        draft.prompt, draft.number, draft.seconds = "a person walks", 3, 2.0
        user.find(kind=ui.button, content="Generate").click()
        await wait_until(lambda: draft.made is not None)
        assert draft.made is not None and draft.take is draft.made.takes[0]
        assert [take.place for take in draft.made.takes] == [2, 1, 0]
        assert all(take.picture.startswith("data:image/png") for take in draft.made.takes)
        await wait_until(lambda: list_titles(user) == [f"a person walks, take {draft.chosen + 1}"])
        user.find(marker="take-3").click()
        await wait_until(lambda: draft.made is not None and draft.take is draft.made.takes[2])
        user.find(kind=ui.button, content="Keep").click()
        await wait_until(lambda: bool(workshop.of(Shelf).favorites))
        (favorite,) = workshop.of(Shelf).favorites
        assert draft.take is not None
        assert favorite.motion is draft.take.motion and favorite.title == "a person walks"
        await user.should_see("Kept")

    use(script)


def test_a_word_has_a_slider_that_makes_the_take_anew(use: Use, workshop: Workshop, word: Concept) -> None:
    workshop.library.add(word)

    async def script(user: User) -> None:
        draft = workshop.desks[0].of(GenerateDraft)
        user.find("what the person does").clear().type("a person walks in <limp> style")
        await user.should_see("1.00")
        draft.seconds = 1.0
        user.find(kind=ui.button, content="Generate").click()
        await wait_until(lambda: draft.made is not None)
        made = draft.made
        assert made is not None and made.exemplar is not None and made.plain is not None
        titles = ["exemplar of <limp>", "without <limp>, same seed: a person walks", made.request.text]
        await wait_until(lambda: list_titles(user) == titles)
        slider = next(one for one in user.find(kind=ui.slider).elements if one._props["max"] == 2.0)
        slider.value = 0.5
        user.find(kind=ui.slider).trigger("change")
        await wait_until(lambda: draft.made is not made)
        assert draft.made is not None and draft.made.request.text == "a person walks in (<limp>:0.5) style"
        assert draft.made.plain is made.plain and draft.made.takes[0] is not made.takes[0]
        await wait_until(lambda: list_titles(user)[-1] == "a person walks in (<limp>:0.5) style")

    use(script)


def test_a_take_that_is_made_anew_has_a_score_and_a_picture(
    use: Use, workshop: Workshop, word: Concept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.studio.generate.takes.make_rank", lambda *_: rank_last_first)
    workshop.library.add(word)

    async def script(user: User) -> None:
        draft = workshop.desks[0].of(GenerateDraft)
        draft.number, draft.seconds = 2, 1.0
        user.find("what the person does").clear().type("a person walks in <limp> style")
        await user.should_see("1.00")
        user.find(kind=ui.button, content="Generate").click()
        await wait_until(lambda: draft.made is not None)
        before = draft.take
        slider = next(one for one in user.find(kind=ui.slider).elements if one._props["max"] == 2.0)
        slider.value = 0.5
        user.find(kind=ui.slider).trigger("change")
        await wait_until(lambda: draft.take is not before and draft.take is not None and bool(draft.take.picture))
        assert before and draft.take and draft.take.place == before.place
        assert draft.take.score and draft.take.text.endswith("(<limp>:0.5) style")

    use(script)


def test_what_cannot_be_made_is_told(use: Use, workshop: Workshop) -> None:
    async def script(user: User) -> None:
        draft = workshop.desks[0].of(GenerateDraft)
        for prompt, said in (
            ("", "the prompt is empty"),
            ("a person does <nothing>", "<nothing> is not a word of the library"),
        ):
            draft.prompt = prompt
            user.find(kind=ui.button, content="Generate").click()
            await wait_until(lambda: draft.job is not None and not draft.job.is_open)
            await wait_until(lambda said=said: any(said in told for told in user.notify.messages))
            assert draft.made is None

    use(script)


def test_a_page_that_is_opened_again_shows_the_same(use: Use, workshop: Workshop) -> None:
    async def script(user: User) -> None:
        draft = workshop.desks[0].of(GenerateDraft)
        draft.prompt, draft.seconds, workshop.desks[0].tab = "a person runs", 1.0, "Generate"
        user.find(kind=ui.button, content="Generate").click()
        await open_page(user, workshop)  # before it is made
        await wait_until(lambda: draft.made is not None)
        await user.should_see(content="a person runs")
        await wait_until(lambda: list_titles(user) == ["a person runs"])
        assert len(workshop.desks) == 1

    use(script)


def test_two_pages_have_desks_of_their_own_and_one_shelf(use: Use, workshop: Workshop) -> None:
    async def script(user: User) -> None:
        other = User(user.http_client)
        await open_page(other, workshop)
        first, second = (desk.of(GenerateDraft) for desk in workshop.desks)
        first.prompt, second.prompt, first.seconds, second.seconds = "a person walks", "a person runs", 1.0, 1.0
        for one in (user, other):
            one.find(kind=ui.button, content="Generate").click()
        await wait_until(lambda: first.made is not None and second.made is not None)
        await wait_until(lambda: list_titles(user) + list_titles(other) == ["a person walks", "a person runs"])

    use(script)
