import numpy as np
import pytest

from benchmarks.reports.cells import Cell
from benchmarks.reports.concepts import check_labels, list_lessons
from benchmarks.reports.fit import fit_logistic, measure_agreement, predict_left_out
from benchmarks.reports.run import describe_votes
from benchmarks.reports.trials import WEAK, change_concept
from benchmarks.reports.words import WordSet, describe_ranks
from inversion import learn
from inversion.judgement.style import SEEN, UNSEEN


def cell(judges, measures, fold="a"):
    return Cell("x.full", "style", "style", fold, "runs", judges, None, measures)


def test_lessons_have_labels_that_judges_know_and_names_of_their_own(pack):
    lessons = list_lessons()
    check_labels(lessons)
    assert len({lesson.name for lesson in lessons}) == len(lessons)
    assert sum(len(lesson.variants) for lesson in lessons) >= 150
    assert {lesson.group for lesson in lessons[:9]} == {"style", "fewshot", "action", "wrong kind", "mislabeled"}
    assert all(lesson.clips and lesson.fold for lesson in lessons)


def test_a_concept_is_made_poor_after_learning(tiny_base, walk):
    concept = learn(tiny_base, [walk], "<x>", steps=2)
    weak, token = change_concept(concept, "weak"), change_concept(concept, "token")
    assert change_concept(concept, "full") is concept
    np.testing.assert_allclose(weak.tensors["direction"], WEAK * concept.tensors["direction"], rtol=1e-6)
    assert not token.tensors["direction"].any() and np.array_equal(token.token_embedding, concept.token_embedding)


def test_a_cell_where_judges_disagree_has_no_answer():
    assert cell((0.9, 0.6), ()).seen is True and cell((0.1, 0.25), ()).seen is False
    assert cell((0.9, 0.1), ()).seen is None and cell((0.5,), ()).seen is True


def test_the_fit_finds_what_judges_see_and_leaves_folds_out():
    rng = np.random.default_rng(0)
    cells = [
        cell((float(x > 0),) * 2, (float(x), float(rng.normal())), fold) for fold in "abc" for x in rng.normal(size=40)
    ]
    function = fit_logistic(cells)
    assert function((2.0, 0.0)) > SEEN and function((-2.0, 0.0)) < UNSEEN
    found = measure_agreement([*cells, cell((1.0, 0.0), (0.0, 0.0))], [*predict_left_out(cells), 0.5])
    assert found.cells == 120 and found.left_out == 1 and found.agree > 0.95 and found.forced > 0.9


def test_votes_count_what_is_sure_on_both_sides():
    text = describe_votes([(True, True), (True, False), (None, True), (False, None)])
    assert text == "0.500 of 2 cells agree; in 1 the report is not sure, in 1 the judges disagree"


def test_ranks_count_pairs_and_sets():
    sets = [WordSet("s", "a", True, {"a": 0.9, "b": 0.1}), WordSet("t", "a", False, {"a": 0.2, "b": 0.7})]
    lines = describe_ranks(sets)
    assert "above 1 of 1 wrong ones (1.000)" in lines[0] and "first in 0 of 1" in lines[2] and "(0.500)" in lines[4]
    assert sets[1].verdict("a").fit == "another word" and sets[0].pairs == [True]
    assert sets[0].scores["a"] == pytest.approx(0.9)
