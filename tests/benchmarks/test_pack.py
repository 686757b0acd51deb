"""The reader of the development pack; skipped without the pack, except for its message."""

import json

import numpy as np
import pytest

from benchmarks.pack import (
    LICENSES,
    OPEN,
    has_pack,
    main,
    pack_rows,
    pack_segments,
    read_joints,
    training_rows,
    write_folder,
)
from benchmarks.pack_captions import PLAIN, plain_captions
from lead.errors import LeadError

needs_pack = pytest.mark.skipif(not has_pack(), reason="no motion pack (set LEAD_DATA)")


def test_an_absent_pack_says_what_to_set(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("LEAD_DATA", str(tmp_path))
    assert not has_pack()
    with pytest.raises(LeadError, match="LEAD_DATA"):
        pack_rows()
    assert main([str(tmp_path / "out")]) == 1
    assert str(tmp_path) in capsys.readouterr().err
    assert not (tmp_path / "out" / "captions.jsonl").exists()


@needs_pack
def test_rows_are_selected_by_split_and_source():
    train = pack_rows("train")
    assert len(train) > 1000
    assert {row["split"] for row in train} == {"train"}
    both = pack_rows(("newstyle_exemplar", "newstyle_eval"), source="bandai")
    assert {row["style"] for row in both} == {"elderly", "exhausted"}
    assert len({row["id"] for row in pack_rows()}) == len(pack_rows())
    with pytest.raises(LeadError, match="no split nowhere"):
        pack_rows("nowhere")
    with pytest.raises(LeadError, match="no source nowhere"):
        pack_rows(source="nowhere")


@needs_pack
def test_joints_are_people_in_metres():
    for row in pack_rows("test")[::50]:
        joints = read_joints(row["id"])
        assert joints.shape == (row["frames"], 22, 3)
        assert joints.dtype == np.float32
        assert 0.3 < np.ptp(joints[..., 1]) < 3.0
    with pytest.raises(LeadError, match="no clip 'nobody'"):
        read_joints("nobody")


@needs_pack
def test_the_written_folder_holds_the_same_clips(tmp_path):
    rows = pack_rows("newstyle_exemplar")[:3]
    index = write_folder(tmp_path, rows)
    lines = [json.loads(line) for line in index.read_text(encoding="utf-8").splitlines()]
    assert [line["clip"] for line in lines] == [f"{row['id']}.npy" for row in rows]
    assert lines[0]["split"] == "newstyle_exemplar"
    assert lines[0]["meta"] == {"source": "bandai", "content": "walk", "style": rows[0]["style"]}
    np.testing.assert_array_equal(np.load(tmp_path / lines[0]["clip"]), read_joints(rows[0]["id"]))
    assert not list(tmp_path.glob(".*"))


def test_a_plain_caption_says_label_and_style():
    assert plain_captions("bandai", "bow", "") == ["a person bows"]
    assert plain_captions("bandai", "bow", "normal") == ["a person bows", "a person bows normally"]
    assert plain_captions("bandai", "bow", "happy") == ["a person bows in a happy way"]
    assert plain_captions("uiprmd", "deep squat", "incorrect") == ["a person squats with poor form"]
    assert plain_captions("segments", "kick+jump", "") == ["a person kicks"]
    assert plain_captions("bandai", "punch", "") == plain_captions("nowhere", "walk", "") == []
    assert all(caption.startswith("a person ") for captions in PLAIN.values() for caption in captions.values())


@needs_pack
def test_segments_are_parts_of_training_clips(tmp_path):
    clips = {row["id"]: row for row in pack_rows()}
    segments = pack_segments()
    assert len(segments) > 100 and len({row["id"] for row in segments}) == len(segments)
    for row in segments:
        assert 0 <= row["start"] < row["end"] <= clips[row["clip"]]["frames"] and row["captions"]
        assert row["frames"] == row["end"] - row["start"] and row["split"] in ("train", "val")
    write_folder(tmp_path, segments[:2])
    for row in segments[:2]:
        part = read_joints(row["clip"])[row["start"] : row["end"]]
        np.testing.assert_array_equal(np.load(tmp_path / f"{row['id']}.npy"), part)


@needs_pack
def test_long_training_clips_give_way_to_their_segments():
    rows = training_rows()
    ids, cut = {row["id"] for row in rows}, {row["clip"] for row in pack_segments()}
    assert len(ids) == len(rows)
    assert not [row for row in pack_rows("train") if row["id"] in cut and row["seconds"] > 9.8 and row["id"] in ids]
    assert {row["id"] for row in pack_rows("newstyle_eval")} <= ids  # splits for judging stay whole


@needs_pack
def test_open_rows_have_no_non_commercial_and_no_share_alike_terms():
    assert {row["source"] for row in pack_rows()} == set(LICENSES)
    assert {"ad", "cmu", "cmu2", "deepmimic", "handkeyed", "react", "uiprmd"} == OPEN
    kept = training_rows(OPEN)
    assert {row["source"] for row in kept} == OPEN
    assert [row for row in training_rows() if row["source"] in OPEN] == kept
    parts = {clip for row in kept if (clip := row.get("clip"))}
    assert parts and parts <= {row["id"] for row in pack_rows() if row["source"] in OPEN}
