import json

import numpy as np
import pytest
from walks import synthesize_walk

from lead.data.dataset import MAX_FRAMES, UNIT, Clip, collate, load
from lead.data.layout import STYLE_TOKEN, read_rules
from lead.data.prepare import prepare_data
from lead.data.vary import caption_mirrors, vary_data
from lead.errors import LeadError


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A small prepared and varied data set of walks."""
    source = tmp_path_factory.mktemp("clips")
    rows = []
    for number in range(6):
        synthesize_walk(2.0 + 0.3 * number, seed=number).save(source / f"w{number}.bvh")
        split = "train" if number < 4 else "val"
        rows.append({"clip": f"w{number}.bvh", "captions": ["a person walks.", "someone # strolls"], "split": split})
    (source / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    out = tmp_path_factory.mktemp("out") / "data"
    assert prepare_data(source, out) == {"train": 4, "val": 2, "test": 0}
    counts = vary_data(out, copies=2)
    assert counts["train_varied"] > 4 and counts["train_mirrored"] > 4
    return out


def test_clips_that_would_have_one_name_are_refused(tmp_path):
    for clip in ("s/a.bvh", "s_a.npy"):
        (tmp_path / "source" / clip).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "source" / clip).touch()
        (tmp_path / "source" / clip).with_suffix(".txt").write_text("a person walks")
    with pytest.raises(LeadError, match=r"s/a\.bvh and s_a\.npy would both be s_a"):
        prepare_data(tmp_path / "source", tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_layout_is_humanml3ds(data):
    assert {p.name for p in data.iterdir()} >= {
        "new_joint_vecs",
        "texts",
        "train.txt",
        "val.txt",
        "Mean.npy",
        "Std.npy",
    }
    assert np.load(data / "new_joint_vecs" / "w0.npy").shape == (39, 263)
    line = (data / "texts" / "w0.txt").read_text().splitlines()[1]
    assert line == "someone strolls#someone/OTHER strolls/OTHER#0.0#0.0"


def test_statistics_come_from_the_training_split(data):
    features = np.concatenate([np.load(data / "new_joint_vecs" / f"w{n}.npy") for n in range(4)])
    np.testing.assert_allclose(np.load(data / "Mean.npy"), features.mean(axis=0), atol=1e-5)
    normal = np.concatenate([clip.features for clip in load(data, "train")])
    assert abs(normal.mean()) < 1e-3


def test_variations_carry_captions_and_style_parameters(data):
    varied = load(data, "train_varied")
    assert all(clip.style_params is not None and clip.captions for clip in varied)
    wild = [clip for clip in varied if clip.id.startswith("V1_")]
    assert wild and all(STYLE_TOKEN in caption for clip in wild for caption in clip.captions)
    mirrors = load(data, "train_mirrored")
    assert all(bool(clip.captions) == clip.id.startswith("M0_") for clip in mirrors)  # only plain ones are captioned
    assert {clip.id for clip in load(data, "val")} == {"w4", "w5"}  # only training clips are varied


def test_a_clip_shows_what_composition_found_or_what_its_first_caption_says(data):
    assert {clip.meaning for clip in load(data, "train")} == {"a person walks."}
    (data / "meanings.json").write_text(json.dumps({"w0": "walk forward; slowly", "w1": "stand"}))
    try:
        found = {clip.id: (clip.meaning, clip.action) for split in ("train", "train_varied", "train_mirrored")
                 for clip in load(data, split)}  # fmt: skip
    finally:
        (data / "meanings.json").unlink()
    assert found["w0"] == ("walk forward; slowly", "walk forward slowly") and found["w1"] == ("stand", "stand")
    slow = ("walk forward; slowly; V0_w0", "walk forward slowly")
    assert found["V0_w0"] == slow == (found["V0_w0"][0], found["M1_w0"][1])
    assert found["w2"][0] == "a person walks." and found["M1_w2"][0] == "M1_w2"
    assert Clip("a", np.ones((30, 263), np.float32), ("x",)).action == ""


def test_at_most_so_many_clips_are_read_spread_over_all(data):
    every, some = load(data, "train"), load(data, "train", most=2)
    assert [clip.id for clip in some] == [every[0].id, every[-1].id]
    for clip, whole in zip(some, (every[0], every[-1]), strict=True):
        np.testing.assert_array_equal(clip.features, whole.features)
        assert (clip.captions, clip.meaning) == (whole.captions, whole.meaning)
    assert len(load(data, "train", most=99)) == len(every)


def test_reading_twice_gives_the_same(data):
    """What is read is normalized, what is kept for the next time is not."""
    first, second = load(data, "train_varied"), load(data, "train_varied")
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.features, b.features)


def test_mirrors_say_only_what_training_says(tmp_path):
    said = {
        "w0": ("train", "A person turns left."), "w1": ("train", "a person turns right."), "w2": ("val", "a person."),
        "w3": ("train", "a man turns right with a swagger"), "w4": ("test", "a man turns left with a swagger"),
        "w5": ("train", "he hops on the left leg"),
    }  # fmt: skip
    rows = []
    for name, (split, caption) in said.items():
        synthesize_walk(2.0).save(tmp_path / f"{name}.npy")
        rows.append({"clip": f"{name}.npy", "captions": [caption], "split": split})
    (tmp_path / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    out = tmp_path / "data"
    prepare_data(tmp_path, out)
    vary_data(out, copies=1)
    expected = {"M0_w0": ("A person turns right.",), "M0_w1": ("a person turns left.",), "M0_w3": (), "M0_w5": ()}
    assert {clip.id: clip.captions for clip in load(out, "train_mirrored")} == expected
    assert caption_mirrors(out) == 2
    (out / "test.txt").write_text("w0\n")  # nothing is held back any more, and nothing more is known
    assert caption_mirrors(out) == 2
    (out / "texts" / "w0.txt").unlink()
    assert caption_mirrors(out) == 0  # what mirrors were captioned with is withdrawn
    assert not any(clip.captions for clip in load(out, "train_mirrored"))


def test_a_prepared_folder_says_that_it_is_ours(data):
    said = json.loads((data / "dataset.json").read_text())
    assert said == {"format": "lead-data/1", "rules": "own", "fps": 20.0}
    assert read_rules(data).name == "lead" and read_rules(data).longest is None
    (data / "dataset.json").unlink()
    assert read_rules(data).name == "lead"  # a folder of before
    (data / "dataset.json").write_text(json.dumps(said))


def test_collate_pads_with_zeros_and_cuts_to_units():
    clips = [Clip("a", np.ones((30, 263), np.float32), ("x",)), Clip("b", np.ones((999, 263), np.float32), ("y",))]
    batch = collate(clips)
    assert batch.lengths.tolist() == [28, MAX_FRAMES // UNIT * UNIT]
    assert batch.features[0, :28].all() and not batch.features[0, 28:].any()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no captioned clips"),
        ({"captions.jsonl": "{not json"}, "line 1: expected"),
        ({"captions.jsonl": '{"clip": "a.npy", "captions": []}'}, "line 1: 'a.npy' has no caption yet"),
        ({"captions.jsonl": "[" * 200_000}, "line 1: expected"),
        ({"captions.jsonl": '{"clip": "a.npy", "captions": ["x"], "split": "../x"}'}, "line 1: expected"),
        ({"captions.jsonl": '{"clip": "a.npy", "captions": ["x"]}'}, "cannot be used"),
        ({"a.bvh": "hello", "a.txt": "a person walks"}, "cannot be used"),
        ({"a.bvh": "hello", "a.txt": "\n"}, r"a\.txt has no caption"),
    ],
)
def test_bad_folders_leave_nothing(tmp_path, files, message):
    source = tmp_path / "clips"
    source.mkdir()
    for name, text in files.items():
        (source / name).write_text(text)
    with pytest.raises(LeadError, match=message):
        prepare_data(source, tmp_path / "data")
    assert [p.name for p in tmp_path.iterdir()] == ["clips"]


def test_a_folder_that_is_in_use_is_kept(data, tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    synthesize_walk().save(tmp_path / "w.npy")
    (tmp_path / "w.txt").write_text("a person walks")
    with pytest.raises(LeadError, match="not empty"):
        prepare_data(tmp_path, data)
    assert load(data, "train")


def test_missing_split(data):
    with pytest.raises(LeadError, match=r"no test2\.txt"):
        load(data, "test2")
