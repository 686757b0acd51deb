import json
import logging
import os
import re
import shutil

import numpy as np
import pytest
from datasets import TOKENS, authors_folder

from lead.data import pack as packing
from lead.data.dataset import UNIT, check_data, collate, load
from lead.data.layout import read_captions, read_rules
from lead.data.pack import load_packed
from lead.data.vary import vary_data
from lead.errors import LeadError
from lead.motion.skeleton import HUMANML3D, KIT


@pytest.fixture(scope="module", params=[HUMANML3D, KIT], ids=lambda skeleton: skeleton.name)
def skeleton(request):
    return request.param


@pytest.fixture(scope="module")
def made(skeleton, tmp_path_factory):
    return authors_folder(tmp_path_factory.mktemp("authors") / skeleton.name, skeleton)


@pytest.fixture
def folder(made, tmp_path):
    """A copy to spoil."""
    return shutil.copytree(made, tmp_path / made.name, ignore=shutil.ignore_patterns(".cache"))


def test_authors_rules(made, skeleton, caplog):
    clips = {clip.id: clip for clip in load(made, "train")}
    assert read_rules(made).name == skeleton.name
    assert {name for name in clips if name.isdigit()} == {f"{n:06}" for n in range(8)}
    assert {name for name in clips if name.startswith("M")} == {f"M{n:06}" for n in range(8)}
    assert set(clips) - {f"{m}{n:06}" for m in ("", "M") for n in range(8)} == {"crops#0", "crops#1", "half", "half#1"}
    assert clips["half"].captions == ("all of it",) and clips["half#1"].captions == ("a part",)
    assert clips["000003"].captions == ("a person walks and looks left 3", "someone walks")
    whole = np.load(made / "new_joint_vecs" / "crops.npy")
    part = whole[int(4.5 * skeleton.fps) : int(8.5 * skeleton.fps)]
    found = load_packed(made, "train")
    start = int(found.lengths[: found.ids.index("crops#1")].sum())
    np.testing.assert_array_equal(found.frames[start : start + len(part)], part)
    assert found.left_out == {
        "captioned parts too short": ["crops#2"], "too short": ["short"], "too long": ["long"],
        "NaN or infinite": ["holes"],
    }  # fmt: skip
    assert "4 left out, 20 read: 1 captioned parts too short (crops#2), 1 too short (short)" in caplog.text


def test_one_crop_in_three_is_a_unit_shorter(made):
    clip = next(clip for clip in load(made, "train") if len(clip.features) % UNIT)
    longest = len(clip.features) // UNIT * UNIT
    assert collate([clip]).lengths.tolist() == [longest]
    rng = np.random.default_rng(0)
    lengths = np.array([collate([clip], rng).lengths[0] for _ in range(600)])
    assert set(lengths) == {longest, longest - UNIT}
    assert 150 < (lengths < longest).sum() < 250


def test_a_folder_may_ask_for_its_own_rules(folder):
    (folder / "dataset.json").write_text('{"format": "lead-data/1", "rules": "own"}')
    ids = {clip.id for clip in load(folder, "train")}
    assert {"short", "long", "long#1"} <= ids and "holes" not in ids
    (folder / "dataset.json").write_text('{"format": "lead-data/1", "rules": "authors"}')
    assert "short" not in {clip.id for clip in load(folder, "train")}
    (folder / "dataset.json").write_text('{"format": "other"}')
    with pytest.raises(LeadError, match=r"dataset\.json: expected"):
        load(folder, "train")


def test_folders_of_ours_without_a_description(folder):
    for path in (folder / "texts").iterdir():
        path.write_text(f"a person walks#{TOKENS.replace('DET', 'OTHER').replace('NOUN', 'OTHER')}#0.0#0.0\n")
    assert read_rules(folder).name != "lead"  # a VERB is left
    for path in (folder / "texts").iterdir():
        path.write_text("a person walks#a/OTHER person/OTHER walks/OTHER#0.0#0.0\n")
    assert read_rules(folder).name == "lead"


def test_extra_captions(folder, skeleton):
    (folder / "extra_texts").mkdir()
    (folder / "extra_texts" / "half.txt").write_text(f"bends the knee#{TOKENS}#1.0#5.0\nstays upright#x/X#0.0#0.0\n")
    clips = {clip.id: clip for clip in load(folder, "train")}
    assert clips["half"].captions == ("all of it", "stays upright")
    assert clips["half#2"].captions == ("bends the knee",)
    assert len(clips["half#2"].features) == int(4 * skeleton.fps)


def test_files_without_captions_are_refused(tmp_path, folder, caplog):
    path = tmp_path / "c.txt"
    path.write_text("fine#x/X#0.0#0.0\n\n#x/X#0.0#0.0\ntags#x/X#one#two\njust words\n")
    captions, bad = read_captions(path)
    assert [caption.text for caption in captions] == ["fine", "just words"] and bad == 2
    (folder / "texts" / "000001.txt").write_text("tags#x/X#one#two\n")
    assert "000001" not in {clip.id for clip in load(folder, "train")}
    assert "1 without captions (000001)" in caplog.text and "1 with caption lines that are none" in caplog.text


def test_all_missing_files_are_named_at_once(folder, skeleton):
    (folder / "Std.npy").unlink()
    for name in ("000002", "M000002"):
        (folder / "new_joint_vecs" / f"{name}.npy").unlink()
    shutil.rmtree(folder / "texts")
    with pytest.raises(LeadError) as caught:
        load(folder, "train")
    said = str(caught.value).splitlines()
    assert len(said) == 4
    assert said[1].startswith("  Std.npy is missing: ")
    assert "2 of 21 ids of train.txt have no file in new_joint_vecs/, the first is 000002.npy: " in said[2]
    assert "21 of 21 ids of train.txt have no file in texts/, the first is 000000.txt: " in said[3]
    assert all("https://github.com/EricGuo5513/HumanML3D" in line for line in said[1:])
    assert ("AMASS" if skeleton is HUMANML3D else "KIT-ML's download") in said[1]


def test_a_folder_that_is_no_data_set(tmp_path):
    with pytest.raises(LeadError, match=r"holds no data set(.|\n)*lead data prepare(.|\n)*HumanML3D(.|\n)*KIT-ML"):
        load(tmp_path, "train")
    np.save(tmp_path / "Mean.npy", np.zeros(259))
    with pytest.raises(LeadError, match="259 numbers a frame"):
        load(tmp_path, "train")


def test_a_few_missing_files_are_counted_not_refused(folder, caplog):
    """KIT-ML's own lists name a few clips that its authors do not ship."""
    ids = (folder / "train.txt").read_text().split()
    (folder / "train.txt").write_text("\n".join(ids * 6 + ["09999"]))
    (folder / "texts" / "09999.txt").write_text(f"a person walks#{TOKENS}#0.0#0.0\n")
    assert len(load(folder, "train")) == 6 * 20
    assert "1 without a readable motion file (09999)" in caplog.text


def test_the_pack_is_made_once_and_made_anew(folder, monkeypatch):
    first = {clip.id: clip.features.copy() for clip in load(folder, "train")}
    assert len(list((folder / ".cache").iterdir())) == 2
    with monkeypatch.context() as patched:
        patched.setattr("lead.data.pack._pack", lambda *_: pytest.fail("read again"))
        again = {clip.id: clip for clip in load(folder, "train")}
        assert [clip.captions for clip in again.values()] == [clip.captions for clip in load(folder, "train")]
    for name, features in first.items():
        np.testing.assert_array_equal(again[name].features, features)
    path = folder / "new_joint_vecs" / "000001.npy"
    np.save(path, np.load(path) + 1)
    os.utime(path, ns=(1, 1))
    changed = {clip.id: clip.features for clip in load(folder, "train")}
    assert not np.allclose(changed["000001"], first["000001"])
    load(folder, "val")
    assert len(list((folder / ".cache").iterdir())) == 4  # one pack a split, stale ones are gone
    whole = next((folder / ".cache").glob("train-*.npy")).read_bytes()
    for damaged in (b"broken", b"", beyond_measure(whole)):
        next((folder / ".cache").glob("train-*.npy")).write_bytes(damaged)
        np.testing.assert_array_equal(load(folder, "train")[1].features, list(changed.values())[1])
    for damaged in (b"{}", b"[" * 99999, b'{"lengths": [' + b"9" * 5000 + b"]}"):
        next((folder / ".cache").glob("train-*.json")).write_bytes(damaged)
        np.testing.assert_array_equal(load(folder, "train")[1].features, list(changed.values())[1])


def test_a_clip_that_vanishes_while_it_is_read_is_left_out_once(folder, monkeypatch):
    path, pack = folder / "new_joint_vecs" / "000001.npy", packing._pack
    content, about = path.read_bytes(), path.stat()

    def pack_without(*given):
        path.unlink()
        return pack(*given)

    with monkeypatch.context() as patched:
        patched.setattr("lead.data.pack._pack", pack_without)
        assert "000001" not in {clip.id for clip in load(folder, "train")}
    path.write_bytes(content)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert "000001" in {clip.id for clip in load(folder, "train")}


def beyond_measure(array: bytes) -> bytes:
    """An array's file that states a shape which no machine's integer holds."""
    return re.sub(rb"'shape': \([^)]*\)", b"'shape': (" + b"9" * 26 + b",)", array)


def test_a_clip_of_an_impossible_size_is_left_out(folder, caplog):
    path = folder / "new_joint_vecs" / "000001.npy"
    path.write_bytes(beyond_measure(path.read_bytes()))
    assert "000001" not in {clip.id for clip in load(folder, "train")}
    assert "1 without a readable motion file (000001)" in caplog.text


@pytest.mark.parametrize("damaged", [b"", b"PK\x03\x04 and no more", b"no archive"])
def test_damaged_statistics_and_style_files_are_named(folder, damaged):
    (folder / "manners.npz").write_bytes(damaged)
    with pytest.raises(LeadError, match=r"manners\.npz: not a readable NPZ file"):
        load(folder, "train")
    (folder / "Mean.npy").write_bytes(damaged or beyond_measure((folder / "Mean.npy").read_bytes()))
    with pytest.raises(LeadError, match=r"Mean\.npy"):
        load(folder, "train")


def test_a_folder_that_cannot_be_written_to(folder):
    (folder / ".cache").write_text("in the way, as a read-only folder is")
    assert len(load(folder, "train")) == 20
    assert (folder / ".cache").is_file()


def test_check_counts_everything(folder, skeleton, caplog):
    caplog.set_level(logging.CRITICAL)
    kind, splits, missing = check_data(folder)
    assert kind == skeleton.name and missing == []
    assert list(splits) == ["train", "val", "test"]
    train = splits["train"]
    assert (train.listed, train.clips, train.captions) == (21, 20, 36)
    assert train.left_out == {"captioned parts too short": 1, "too short": 1, "too long": 1, "NaN or infinite": 1}
    frames = sum(len(clip.features) for clip in load(folder, "train"))
    assert train.hours == pytest.approx(frames / skeleton.fps / 3600)
    (folder / "new_joint_vecs" / "000009.npy").unlink()
    _, splits, missing = check_data(folder)
    assert list(splits) == ["train", "val"] and len(missing) == 1 and "ids of test.txt" in missing[0]


def test_an_authors_folder_may_be_varied_where_it_has_22_joints(folder, skeleton, tmp_path):
    if skeleton is KIT:
        with pytest.raises(LeadError, match="22-joint"):
            vary_data(folder, copies=1)
        return
    assert vary_data(folder, copies=1) == {"train_varied": 20, "train_mirrored": 20}
    assert read_rules(folder).name == "HumanML3D"  # though captions with our tags are there now
    mirrors = {clip.id: clip for clip in load(folder, "train_mirrored")}
    assert mirrors["M0_000001"].captions == ("a person walks and looks right 1", "someone walks")
    assert len(load(folder, "train_varied")) == 20 and len(load(folder, "train")) == 20
    with pytest.raises(LeadError, match="holds no data set"):
        vary_data(tmp_path / "nothing")


def test_the_command(folder, capsys):
    from typer.testing import CliRunner

    from cli.base import app

    result = CliRunner().invoke(app, ["data", "check", str(folder), "--json"])
    said = json.loads(result.stdout)
    assert result.exit_code == 0 and said["splits"]["train"]["left_out"]["too long"] == 1
    text = CliRunner().invoke(app, ["data", "check", str(folder)])
    assert "1 too long" in text.stdout and "20" in text.stdout
    (folder / "Mean.npy").unlink()
    broken = CliRunner().invoke(app, ["data", "check", str(folder), "--json"])
    assert broken.exit_code == 1 and "Mean.npy is missing" in json.loads(broken.stdout)["missing"][0]
    assert "Mean.npy is missing" in CliRunner().invoke(app, ["data", "check", str(folder)]).stderr
