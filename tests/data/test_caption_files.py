"""The one parser of the captions that people write beside their clips."""

import subprocess
import sys
from pathlib import Path

import pytest

from lead.data.caption_files import CaptionRow, read_beside, read_listing, write_listing
from lead.errors import LeadError


def test_rows_and_empty_lines(tmp_path: Path) -> None:
    path = tmp_path / "captions.jsonl"
    path.write_text(
        '{"clip": "a/b.bvh", "captions": ["a person walks", "strolls"], "split": "val", "meta": {"x": 1}}\n\n'
        '{"clip": "c.bvh", "captions": ["hops"], "split": null}\n'
    )
    rows = read_listing(path)
    assert rows == [CaptionRow("a/b.bvh", ("a person walks", "strolls"), "val"), CaptionRow("c.bvh", ("hops",))]


@pytest.mark.parametrize(
    "line",
    [
        "{not json",
        "[]",
        "7",
        "[" * 200_000 + "]" * 200_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        '{"clip": "a.bvh"}',
        '{"clip": "a.bvh", "captions": "a person walks"}',
        '{"clip": "a.bvh", "captions": ["x", 3]}',
        '{"clip": "a\\u0000.bvh", "captions": ["x"]}',
        '{"clip": 3, "captions": ["x"]}',
        '{"clip": "a.bvh", "captions": ["\\ud800"]}',
        '{"clip": "a.bvh", "captions": ["#"]}',
        '{"clip": "a.bvh", "captions": ["x"], "split": ["train"]}',
        '{"clip": "a.bvh", "captions": ["x"], "split": "../train"}',
    ],
    ids=lambda line: line[:40],
)
def test_a_line_that_is_no_row_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "captions.jsonl"
    path.write_text('{"clip": "a.bvh", "captions": ["x"]}\n' + line + "\n")
    with pytest.raises(LeadError, match=r'captions\.jsonl, line 2: expected \{"clip": .*, found ') as caught:
        read_listing(path)
    assert len(str(caught.value)) < 400


def test_other_encodings_are_named(tmp_path: Path) -> None:
    for name in ("captions.jsonl", "a.txt"):
        (tmp_path / name).write_bytes("ein Mann läuft".encode("latin-1"))
    with pytest.raises(LeadError, match=r"captions\.jsonl: not UTF-8 text; expected captions"):
        read_listing(tmp_path / "captions.jsonl")
    with pytest.raises(LeadError, match=r"a\.txt: not UTF-8 text; expected captions"):
        read_beside(tmp_path / "a.bvh")


def test_a_byte_order_mark_and_a_line_separator_in_a_caption(tmp_path: Path) -> None:
    listing = tmp_path / "captions.jsonl"
    listing.write_text('{"clip": "a.bvh", "captions": ["a\u2028b"]}\r\n', encoding="utf-8-sig")
    assert read_listing(listing) == [CaptionRow("a.bvh", ("a\u2028b",))]


def test_the_text_beside_a_clip(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n  a person walks \nstrolls\n\n")
    assert read_beside(tmp_path / "a.bvh") == ("a person walks", "strolls")
    assert read_beside(tmp_path / "b.bvh") == ()


def test_the_parser_is_light() -> None:
    code = "import sys, lead.data.caption_files; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0


def test_what_is_written_is_read_and_an_empty_caption_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "captions.jsonl"
    rows = [CaptionRow("a.bvh", ("a person walks", "läuft")), CaptionRow("b.bvh", ("a person hops",))]
    write_listing(path, rows)
    assert read_listing(path) == rows
    write_listing(path, [*rows, CaptionRow("c.bvh", ())])
    with pytest.raises(LeadError, match=r"line 3: 'c\.bvh' has no caption yet\. Write what it shows, as \"a person"):
        read_listing(path)
    path.write_text('{"clip": "d.bvh", "captions": []}\n')
    with pytest.raises(LeadError, match=r"line 1: 'd\.bvh' has no caption yet"):
        read_listing(path)
