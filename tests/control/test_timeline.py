"""Timelines from Python, files and text: what is written is what is read, and one message for whatever is none."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lead.control.timeline import LARGEST_SEED, MOST_SECONDS, Segment, Timeline, _check
from lead.errors import LeadError

WORDS = ("a", "person", "walks,", "then", "waves", "3", "times", "with", "(<limp>:0.5)", "s")
PROMPTS = st.lists(st.sampled_from(WORDS), min_size=1).map(" ".join).filter(lambda text: "3 s" not in text)
SECONDS = st.floats(0.01, 200.0) | st.integers(1, 200).map(float)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(PROMPTS, SECONDS), min_size=1, max_size=5))
def test_text_is_read_as_it_was_written(rows: list[tuple[str, float]]) -> None:
    timeline = Timeline(tuple(Segment(*row) for row in rows))
    assert Timeline.parse(timeline.to_text()) == timeline


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(PROMPTS, SECONDS, st.none() | st.floats(0, 4), st.none() | st.integers(0, 2**40 - 1)),
        min_size=1,
        max_size=5,
    )
)
def test_files_are_read_as_they_were_written(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple]) -> None:
    rows[0] = (*rows[0][:2], None, rows[0][3])
    timeline, folder = Timeline(tuple(Segment(*row) for row in rows), 0.5), tmp_path_factory.getbasetemp()
    tables = [{key: value for key, value in vars(one).items() if value is not None} for one in timeline.segments]
    (folder / "story.json").write_text(json.dumps({"transition": 0.5, "segments": tables}))
    (folder / "story.toml").write_text(timeline.to_toml(), encoding="utf-8")
    assert Timeline.read(folder / "story.json") == Timeline.read(str(folder / "story.toml")) == timeline


@settings(deadline=None, max_examples=50)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: bool(text.strip())))
def test_every_prompt_can_be_written_to_a_file(tmp_path_factory: pytest.TempPathFactory, prompt: str) -> None:
    try:
        timeline = Timeline((Segment(prompt, 4.0),))
    except LeadError:  # a strength that is none
        return
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(timeline.to_toml(), encoding="utf-8", newline="")
    assert Timeline.read(path) == timeline


def test_a_part_after_then_has_the_first_subject() -> None:
    found = Timeline.parse("The man walks for 4s, then sits down 2.5 s then she waves 1s, someone <limp> 3s; jumps 1s")
    assert found.prompts == ["The man walks", "The man sits down", "she waves", "someone <limp>", "jumps"]
    assert [segment.seconds for segment in found.segments] == [4.0, 2.5, 1.0, 3.0, 1.0]
    assert Timeline.parse("an old man walks 1s, then sits 1s").prompts[1] == "an old man sits"
    assert Timeline.parse("a person walks, then sits 4s").prompts == ["a person walks, then sits"]


@pytest.mark.parametrize("unit", ["s", " s", "sec", " sec", " secs", " second", " seconds"])
@pytest.mark.parametrize("border", [", ", "; ", " then ", ", then ", " and then ", ", and then "])
def test_seconds_and_borders_are_read_as_people_write_them(unit: str, border: str) -> None:
    found = Timeline.parse(f"a person walks for 1{unit}{border}a person sits 2.5{unit}")
    assert found == Timeline((Segment("a person walks", 1.0), Segment("a person sits", 2.5)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a timeline without segments"),
        ("a person walks", "'a person walks' is no prompt with its seconds at the end"),
        ("4s", "'4s' is no prompt"),
        ("a person walks 4s and sits 3s", "'a person walks 4s and sits' is no prompt"),
        ("a person walks; a person sits 3s", "'a person walks; a person sits' is no prompt"),
        ("a person walks 4s,", "nothing follows 'on walks 4s,'"),
        ("a person walks 4s, then sits", "'sits' is no prompt"),
        ("old men walk 4s, then sit 3s", "who does 'sit'? 'old men walk' begins with no subject"),
        ("a person walks 0s", "found seconds 0.0"),
        ("a person walks -4s", "'a person walks -4s' is no prompt"),
        (f"a person walks {'9' * 400}s", "found seconds inf"),
        ("a person walks 4s " * 10_000, "a text of 180,000 letters"),
        ("a" + " " * 60_000, "'a' is no prompt"),
        (" " * 60_000 + "a", "'a' is no prompt"),
        (f"a person walks 1s{' ' * 60_000}x", "is no prompt"),
        ("; ".join(["a 1s"] * 600), "600 segments, at most 500"),
        ("a person (<limp>:3) 4s", "makes the strength of <limp> 3"),
    ],
)
def test_a_text_that_is_none(text: str, said: str) -> None:
    with pytest.raises(LeadError) as found:
        Timeline.parse(text)
    assert said in str(found.value) and len(str(found.value)) < 300


ROW = '{"prompt": "a person walks", "seconds": 4'
FILES = {
    "no file": ("gone.toml", None, "no such file"),
    "another suffix": ("story.yaml", "", "ends in .toml or .json"),
    "no TOML": ("story.toml", "segments = [", "not a TOML file"),
    "deep": ("story.json", "[" * 100_000, "not a JSON file"),
    "5000 digits": ("story.json", f'{{"transition": {"9" * 5000}}}', "not a JSON file"),
    "bytes": ("story.toml", b"\xff\xfe\x00", "not a TOML file in UTF-8"),
    "a list": ("story.json", "[]", "found a list, expected an object with segments"),
    "no segments": ("story.toml", "transition = 1", "expected segments, a list of tables"),
    "empty": ("story.json", '{"segments": []}', "a timeline without segments"),
    "unknown key": ("story.json", '{"segment": []}', "the file has unknown 'segment'; expected segments, transition"),
    "unknown row key": ("story.json", f'{{"segments": [{ROW}, "length": 2}}]}}', "segment 1 has unknown 'length'"),
    "no seconds": ("story.json", '{"segments": [{"prompt": "a"}]}', "segment 1 has no seconds"),
    "seconds of text": ("story.json", '{"segments": [{"prompt": "a", "seconds": "4"}]}', "found seconds '4'"),
    "true": ("story.json", '{"segments": [{"prompt": "a", "seconds": true}]}', "found seconds True"),
    "NaN": ("story.json", '{"segments": [{"prompt": "a", "seconds": NaN}]}', "found seconds nan"),
    "digits": ("story.toml", f"transition = 0x{'f' * 5000}\nsegments = [{{prompt = 'a', seconds = 1}}]", "too long"),
    "many": ("story.json", f'{{"segments": [{", ".join(["{}"] * 501)}]}}', "501 segments, at most 500"),
    "no prompt": ("story.json", '{"segments": [{"prompt": " ", "seconds": 4}]}', "segment 1: found prompt ' '"),
    "seed": ("story.json", f'{{"segments": [{ROW}, "seed": -1}}]}}', "found seed -1, expected a whole number"),
    "transition": ("story.json", f'{{"transition": 9, "segments": [{ROW}}}]}}', "found transition 9, expected seconds"),
    "own transition": ("story.json", f'{{"segments": [{ROW}}}, {ROW}, "transition": -1}}]}}', "2: found transition -1"),
    "first": ("story.json", f'{{"segments": [{ROW}, "transition": 1}}]}}', "nothing is before it"),
    "long": ("story.json", '{"segments": [{"prompt": "a", "seconds": 3600}, {"prompt": "b", "seconds": 1}]}', "3601 s"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_none(tmp_path: Path, name: str) -> None:
    file, content, said = FILES[name]
    path = tmp_path / file
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(LeadError) as found:
        Timeline.read(path)
    assert str(found.value).startswith(f"{path}: ") and said in str(found.value)
    assert len(str(found.value)) < len(str(path)) + 300


def test_transitions_leave_room_for_their_segments() -> None:
    segments = (Segment("a", 9.0), Segment("b", 3.0), Segment("c", 9.0, transition=0.2), Segment("d", 9.0))
    assert Timeline(segments, 1.6).transitions == [pytest.approx(1.2), 0.2, 1.6]


def test_variations_count_stated_seeds_up() -> None:
    varied = Timeline((Segment("a", 1.0, seed=7), Segment("b", 1.0))).vary(2)
    assert [segment.seed for segment in varied.segments] == [9, None]


def test_the_largest_seed_has_variations_too() -> None:
    (varied,) = Timeline((Segment("a", 1.0, seed=LARGEST_SEED),)).vary(3).segments
    assert varied.seed == 2


def test_null_is_as_good_as_left_out(tmp_path: Path) -> None:
    (tmp_path / "story.json").write_text(f'{{"transition": null, "segments": [{ROW}, "transition": null}}]}}')
    assert Timeline.read(tmp_path / "story.json") == Timeline((Segment("a person walks", 4.0),))


def test_a_folder_of_a_files_name_is_told(tmp_path: Path) -> None:
    (tmp_path / "story.toml").mkdir()
    with pytest.raises(LeadError, match="found a folder, a device or a pipe"):
        Timeline.read(tmp_path / "story.toml")


@pytest.mark.parametrize("seconds", [0.010000000000000002, 5e-324, 3600.0, 0.1])
def test_any_number_is_written_as_it_is_read(seconds: float) -> None:
    timeline = Timeline((Segment("a", seconds),))
    assert Timeline.parse(timeline.to_text()) == timeline


def test_an_hour_is_the_most() -> None:
    assert Timeline((Segment("a", MOST_SECONDS),)).seconds == MOST_SECONDS


@pytest.mark.parametrize("border", [", and ", ", THEN ", " AND THEN "])
def test_and_after_a_comma_joins_parts_as_then_does(border: str) -> None:
    assert Timeline.parse(f"a person walks 4s{border}sits 2s").prompts == ["a person walks", "a person sits"]


@pytest.mark.parametrize("text", ['{"segments": [], "segments": []}', '{"segments": [{"prompt": "a", "prompt": "b"}]}'])
def test_what_a_file_says_twice_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "twice.json").write_text(text)
    with pytest.raises(LeadError, match=r"twice.json: '(segments|prompt)' is there twice"):
        Timeline.read(tmp_path / "twice.json")


@pytest.mark.parametrize(
    ("key", "value"), [("seconds", np.float32(4.0)), ("seconds", np.int64(4)), ("seed", np.int64(3))]
)
def test_numbers_of_numpy_are_numbers(key: str, value: object) -> None:
    _check("segment 1", key, value)
    with pytest.raises(LeadError, match=f"segment 1: found {key} "):
        _check("segment 1", key, -value)  # type: ignore[operator]
