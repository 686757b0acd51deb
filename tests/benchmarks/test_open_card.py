"""The open base's card: tables of invented figures, both bases side by side."""

import json

import pytest

from benchmarks.bases.open_card import MARKERS, main
from lead.bases import BASES
from lead.eval.protocol import COLUMNS, ROWS


@pytest.fixture
def folder(tmp_path):
    for base, share in zip(BASES, (0.9, 0.5), strict=True):
        score = {"prompts": 7, "mean": share, "mostly": share / 2}
        suite = dict.fromkeys(("all", "plain", "paraphrases"), score) | {"samples": 4}
        suite |= {"lengths": {"2.0": score}, "families": {"walking": score}}
        rows = {row: {key: {"mean": share, "interval": 0.01} for key in COLUMNS} for row in ROWS}
        (tmp_path / f"suite-{base}.json").write_text(json.dumps(suite))
        (tmp_path / f"test-{base}.json").write_text(json.dumps({"splits": {"test": rows}}))
    return tmp_path


def test_both_bases_stand_side_by_side_in_the_card(folder, monkeypatch, capsys):
    card = folder / "card.md"
    card.write_text(f"before\n{MARKERS[0]}\nold\n{MARKERS[1]}\nafter\n")
    monkeypatch.setattr("benchmarks.bases.open_card.CARD", card)
    assert main([str(folder), "--card"]) == 0
    text = card.read_text()
    assert text.startswith("before") and text.endswith("after\n") and "old" not in text
    for line in (
        "| prompt suite | prompts | embedded | open |", "| all | 7 | 0.90 | 0.50 |", "| at 2 s | 7 | 0.90 | 0.50 |",
        "| prompts at .75 or more | 7 | 0.45 | 0.25 |", "| walking | 7 | 0.90 | 0.50 |",
    ):  # fmt: skip
        assert line in text.splitlines()
    assert "4 (embedded), 4 (open)" in text
    assert text.count("| real motion |") == text.count("| open: LEAD |") == text.count("| embedded: LEAD |") == 1
    assert capsys.readouterr().out.strip() in text


def test_missing_figures_are_named(folder, capsys):
    (folder / "test-open.json").unlink()
    assert main([str(folder)]) == 1
    assert "test-open.json missing" in capsys.readouterr().err
