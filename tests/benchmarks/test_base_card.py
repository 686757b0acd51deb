"""The model card's tables and demands, from invented figures."""

import pytest

from benchmarks.bases.card import BONES, MARKERS, markdown, marks, write_between
from lead.errors import LeadError
from lead.eval.protocol import COLUMNS, ROWS


def row(value, **others):
    figures = {**dict.fromkeys((*COLUMNS, "content", "style"), value), **others}
    return {key: {"mean": mean, "interval": 0.01} for key, mean in figures.items()}


@pytest.fixture
def figures():
    real = row(1.0, r3=0.9, fid=10.0, skate=0.04)
    cells = {"cell/clips/run, young": 45, "cell/content/run, young": 0.5, "cell/style/run, young": 1.0}
    test = {name: row(2.0) for name in ROWS} | {"real": real}
    normal, young = ({f"style/clips/{name}": count} for name, count in (("normal", 7), ("young", 45)))
    named = {**normal, "style/share/normal": 0.91}
    test["real"] |= row(1.0, **named) | test["real"]
    test["lead"] = row(2.0, r3=0.86, fid=15.1, skate=0.06, content=0.95, **named)
    compositional = {name: row(1.0, **cells, **young, **{"style/share/young": 0.89}) for name in ROWS}
    error = {"clips": 3, "decode": 2.5, "decode local": 1.0, "projector": 4.0, "projector local": 2.0}
    seen = {"clips": 5, "style": 1.0, "content": 0.5, "elderly": 1.0, "exhausted": 0.0}
    return {
        "notes": "How it was measured.",
        "evaluation": {"test": test, "compositional": compositional},
        "joint_error_cm": {
            "test": error,
            "test, bandai": error | {"decode": 1.41},
            "test, uiprmd": error | {"decode": 1.5},
            "newstyle_eval": error,
            "newaction": error | {"decode": 4.01},
        },
        "recognition": {"recorded": seen, "decode": seen},
        "bones": {
            "as made": dict.fromkeys(BONES, 1e-7) | {"motions": 200},
            "read": dict.fromkeys(BONES, 2e-4) | {"motions": 200},
        },
    }


def test_marks_are_computed_from_the_figures(figures):
    met = {mark.name: (round(mark.measured, 3), mark.met) for mark in marks(figures)}
    assert met == {
        "R@3, test, as a share of real motion's": (0.956, True),
        "content by the judge, test": (0.95, True),
        "content by the judge, compositional": (1.0, True),
        "the least recognized style by the judge, test": (0.91, True),
        "the least recognized style by the judge, compositional": (0.89, False),
        "FID, test, as a multiple of the floor": (1.51, False),
        "foot skate, test, as a multiple of real motion's": (1.5, True),
        "VAE mean joint error, test, cm": (2.5, True),
        "VAE mean joint error, test, Bandai, cm": (1.41, False),
        "VAE mean joint error, test, UI-PRMD, cm": (1.5, True),
        "VAE mean joint error, newstyle_eval, cm": (2.5, True),
        "VAE mean joint error, newaction, cm": (4.01, False),
        "bones, within a motion, the largest difference": (0.0, False),
        "bones, across motions, the largest difference": (0.0, False),
        "bones, left against right, the largest difference": (0.0, False),
    }


def test_every_table_is_even_and_holds_its_figures(figures):
    text = markdown(figures)
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 8
    for lines in tables:
        assert len({line.count("|") for line in lines}) == 1
    for words in (
        "How it was measured.",
        "15.10 ±.01",
        "| run, young | 45 | .500 ±.010",
        "at most 1.5 | 1.510 | no",
        "| young | - | - | - | 45 |",
        "at most 0.0001 | 2.0e-04 | no",
    ):
        assert words in text


def test_the_tables_go_between_the_cards_markers(tmp_path):
    card = tmp_path / "README.md"
    card.write_text(f"before\n{MARKERS[0]}\nold\n{MARKERS[1]}\nafter\n")
    for text in ("new\n", "newer\n"):
        write_between(card, text)
        assert card.read_text() == f"before\n{MARKERS[0]}\n{text}{MARKERS[1]}\nafter\n"
    card.write_text("no markers")
    with pytest.raises(LeadError, match="lacks the lines"):
        write_between(card, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
