"""The tab Blend: a slider between two words, and the motion that follows it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from made_words import make_word
from nicegui import ui
from nicegui.testing import User
from studio_user import find_in, list_titles, wait_until

from cli.errors import UsageError
from cli.studio.shelf import Shelf
from cli.studio.words.blend_tab import BlendDraft
from cli.studio.words.blending import OPPOSITE, Mix, generate_mix, save_word
from cli.studio.worker import Job
from cli.studio.workshop import Workshop
from concepts import Concept, ConceptError, blend, negate
from lead import Lead

Use = Callable[..., None]


def work(job: Job) -> None:
    """What a job of a test does."""


JOB = Job("blending", work, print)


@pytest.fixture
def words(workshop: Workshop, tiny_base: Lead) -> tuple[Concept, Concept]:
    """Two words of one kind, in the library."""
    made = make_word(tiny_base, "<limp>", 0), make_word(tiny_base, "<strut>", 1, license="CC0-1.0")
    for word in made:
        workshop.library.add(word)
    return made


def test_the_motion_follows_the_slider_and_the_ends_stand_beside_it(
    use: Use, workshop: Workshop, words: tuple[Concept, Concept]
) -> None:
    async def script(user: User) -> None:
        user.find(kind=ui.tab, content="Blend").click()
        draft = workshop.desks[0].of(BlendDraft)
        draft.prompt, draft.seconds = "a person waves in {} style", 1.0
        await wait_until(lambda: all(len(one.options) > 1 for one in find_in(user, "Blend", ui.select).elements))
        first, second = sorted(find_in(user, "Blend", ui.select).elements, key=lambda one: one.id)
        first.value, second.value = "<limp>", "<strut>"
        await wait_until(lambda: draft.has_ends)
        titles = ["100% <limp>, 0% <strut>", "50% <limp>, 50% <strut>", "0% <limp>, 100% <strut>"]
        assert list_titles(user, "Blend") == titles
        before, ends = draft.mixed, draft.ends
        slider = next(one for one in find_in(user, "Blend", ui.slider).elements if one._props["max"] == 1)
        for weight in (0.6, 0.7, 0.8):  # faster than motions are made: the last one counts
            slider.value = weight
        await wait_until(lambda: draft.mixed is not None and draft.mixed.mix.weight == 0.8)
        assert draft.mixed is not before and draft.ends is ends
        assert list_titles(user, "Blend")[1] == "20% <limp>, 80% <strut>"
        find_in(user, "Blend", ui.button, "Keep").click()
        (favorite,) = workshop.of(Shelf).favorites
        assert favorite.tokens == ("<limp>", "<strut>")
        find_in(user, "Blend", ui.input, "name").type("swagger")
        find_in(user, "Blend", ui.button, "Save").click()
        await user.should_see("<swagger> is in the library. Its license: CC BY 4.0; CC0-1.0.", retries=40)

    use(script)
    found = workshop.library.load("<swagger>")
    expected = blend(*words, weight=0.8, token="<swagger>")
    np.testing.assert_array_equal(found.token_embedding, expected.token_embedding)
    assert found.license == expected.license and found.tensors["preview.joints"].shape == (60, 22, 3)


def test_a_word_and_its_opposite_are_one_way(workshop: Workshop, words: tuple[Concept, Concept]) -> None:
    mix = Mix("<limp>", OPPOSITE, 0.5, "a person walks in {} style", 1.0)
    motions = [generate_mix(workshop, replace(mix, weight=weight), JOB) for weight in (0.0, 0.25, 0.5, 1.0)]
    base = workshop.base
    plain = base.generate(["a person walks in <limp> style"], seconds=1.0, words=words[0].words)[0]
    other = negate(words[0])
    against = base.generate([f"a person walks in {other.token} style"], seconds=1.0, words=other.words)[0]
    np.testing.assert_array_equal(motions[0].motion.joints, plain.joints)
    np.testing.assert_array_equal(motions[3].motion.joints, against.joints)
    assert motions[1].prompt == "a person walks in (<limp>:0.50) style"
    assert [one.mix.title for one in motions[1:]] == ["50% <limp>", "0% <limp>", "100% the opposite of <limp>"]
    assert save_word(workshop, mix, "", JOB).token == "<not-limp>"
    assert workshop.library.load("<not-limp>").objective == "negate"


def test_what_cannot_be_blended_is_told(workshop: Workshop, words: tuple[Concept, Concept]) -> None:
    workshop.library.add(make_word(workshop.base, "<kick>", 2, kind="action"))
    with pytest.raises(ConceptError, match="these kinds cannot be blended"):
        generate_mix(workshop, Mix("<limp>", "<kick>"), JOB)
    with pytest.raises(UsageError, match=r"the prompt .a person walks.: expected one \{\}"):
        generate_mix(workshop, Mix("<limp>", "<strut>", prompt="a person walks"), JOB)
    with pytest.raises(ConceptError, match="the library has <strut> already"):
        save_word(workshop, Mix("<limp>", "<strut>"), "strut", JOB)
    with pytest.raises(ConceptError, match="<gone> is not a word of the library"):
        generate_mix(workshop, Mix("<gone>", "<strut>"), JOB)
