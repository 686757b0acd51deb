"""A data set of walks is composed: the same for a seed, nothing untrue, nothing that is held back."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from datasets import authors_folder
from walks import synthesize_steps, synthesize_wave

from lead.data import dataset
from lead.data.compose import compose
from lead.data.compose.gestures import both_sides
from lead.data.compose.recipes import RECIPES
from lead.data.compose.travel import walk_backward
from lead.data.compose.truth import holds
from lead.data.layout import read_captions, read_meanings, read_split
from lead.data.prepare import prepare_data
from lead.errors import LeadError
from lead.motion.features import features_to_joints
from lead.motion.skeleton import KIT
from lead.text.meaning import Meaning
from lead.text.parsing import parse

CLIPS = {
    "w0": ("train", "a person walks forward"), "w1": ("train", "someone walks forward"),
    "happy": ("train", "a person walks forward in a happy way"), "stand": ("train", "a person stands still"),
    "odd": ("train", "xyzzy"), "val": ("val", "a person walks forward"),
    "held": ("compositional", "a person walks backward in a happy way"),
}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    source = tmp_path_factory.mktemp("clips")
    rows = []
    for number, (name, (split, caption)) in enumerate(CLIPS.items()):
        motion = synthesize_wave(3.0) if name == "stand" else synthesize_steps(2.5 + 0.5 * number)
        if name == "stand":
            motion.joints[:] = motion.joints[:1]
        motion.save(source / f"{name}.npy")
        rows.append({"clip": f"{name}.npy", "captions": [caption], "split": split})
    (source / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    out = tmp_path_factory.mktemp("out") / "data"
    prepare_data(source, out)
    return out


@pytest.fixture
def folder(data, tmp_path) -> Path:
    """The data set, not yet composed."""
    return Path(shutil.copytree(data, tmp_path / "data"))


@pytest.fixture(scope="module")
def composed(data, tmp_path_factory) -> Path:
    """The data set, composed by one process; treat it as read-only."""
    folder = Path(shutil.copytree(data, tmp_path_factory.mktemp("composed") / "data"))
    counts = compose.compose_data(folder, attempts=48, seed=1, processes=1)
    assert sum(counts.values()) == len(read_split(folder / "train_composed.txt")) > 8
    assert counts.keys() <= {recipe.__name__ for recipe in RECIPES} and len(counts) > 3
    return folder


def read_files(data: Path) -> dict[str, bytes]:
    """All that composition writes."""
    return {
        path.relative_to(data).as_posix(): path.read_bytes()
        for path in sorted(data.rglob("*"))
        if path.is_file() and ".cache" not in path.parts
    }


def test_a_seed_makes_the_same_clips_in_any_number_of_processes(composed, folder):
    compose.compose_data(folder, attempts=48, seed=1, processes=2)
    assert read_files(folder) == read_files(composed)


def test_another_seed_makes_other_clips(composed, folder):
    compose.compose_data(folder, attempts=15, seed=2, processes=1)
    first = [name for name in read_split(composed / "train_composed.txt") if name < "C000015"]
    assert read_split(folder / "train_composed.txt") != first


def test_composing_again_changes_nothing(composed, tmp_path):
    again = Path(shutil.copytree(composed, tmp_path / "data"))
    compose.compose_data(again, attempts=48, seed=1, processes=1)
    assert read_files(again) == read_files(composed)


def test_what_counts_shows_what_its_captions_say(composed):
    meanings = read_meanings(composed)
    for name in read_split(composed / "train_composed.txt"):
        joints = features_to_joints(np.load(composed / "new_joint_vecs" / f"{name}.npy")).astype(np.float64)
        captions = [caption.text for caption in read_captions(composed / "texts" / f"{name}.txt")[0]]
        assert 1 <= len(captions) == len(set(captions)) <= compose.WORDINGS
        for caption in captions:
            meaning = parse(caption)
            assert meaning is not None, caption
            unsided = meanings[name].replace(" left", "").replace(" right", "")  # some wordings leave the side out
            for action, plain in compose.WITHOUT_SIDE.items():
                unsided = re.sub(rf"(?<![\w-]){action}(?![\w-])", plain, unsided)
            assert compose.name_meaning(meaning) in (meanings[name], unsided), caption
        assert holds(meaning, joints) is not False, captions
        assert compose.MIN_CLIP_FRAMES < len(joints) <= compose.LONGEST


def test_composed_clips_are_read_with_what_they_show(composed):
    clips = {clip.id: clip for clip in dataset.load(composed, "train_composed")}
    meanings = read_meanings(composed)
    assert {name: clip.meaning for name, clip in clips.items()} == {name: meanings[name] for name in clips}
    train = {clip.id: clip for clip in dataset.load(composed, "train")}
    assert train["w0"].meaning == train["w1"].meaning == "walk forward" and train["stand"].meaning == "stand"
    assert train["happy"].action == "walk forward" and train["happy"].meaning != "walk forward"
    assert train["odd"].captions == ("xyzzy",) and train["odd"].meaning == "xyzzy"


def test_training_clips_get_further_captions(composed):
    (clip,) = (clip for clip in dataset.load(composed, "train") if clip.id == "w0")
    assert clip.captions[0] == CLIPS["w0"][1] and len(clip.captions) == len(set(clip.captions)) > 3
    assert {compose.name_meaning(parse(caption)) for caption in clip.captions} == {"walk forward"}
    assert not (composed / "extra_texts" / "val.txt").exists() and not (composed / "extra_texts" / "held.txt").exists()


def test_further_captions_of_others_stay(folder):
    lines = "he starts#he/OTHER starts/OTHER#0.0#1.0\n"
    (folder / "extra_texts").mkdir()
    (folder / "extra_texts" / "w0.txt").write_text(lines)
    compose.compose_data(folder, attempts=1, processes=1)
    assert (folder / "extra_texts" / "w0.txt").read_text().startswith(lines)
    assert len((folder / "extra_texts" / "w0.txt").read_text().splitlines()) > 3


def test_what_is_held_back_is_not_made(folder, monkeypatch):
    happily = parse(CLIPS["held"][1])
    assert compose.find_held(folder) == {("walk", "backward", way) for way in happily.ways}
    monkeypatch.setattr(compose, "RECIPES", {walk_backward: 1.0})
    made = compose.compose_data(folder, attempts=24, processes=1)
    composed = [read_meanings(folder)[name] for name in read_split(folder / "train_composed.txt")]
    assert made["walk_backward"] > 5 and set(composed) == {"walk backward"}
    (folder / "compositional.txt").unlink()
    compose.compose_data(folder, attempts=24, processes=1)
    composed = [read_meanings(folder)[name] for name in read_split(folder / "train_composed.txt")]
    assert set(composed) == {"walk backward", compose.name_meaning(happily)}


def test_a_folder_in_which_nothing_could_be_made_can_be_trained_on(folder, monkeypatch):
    monkeypatch.setattr(compose, "RECIPES", {both_sides: 1.0})
    (folder / "train_composed.txt").write_text("C000001\n")
    assert compose.compose_data(folder, attempts=5, processes=1) == {}
    assert not (folder / "train_composed.txt").exists() and dataset.load(folder, "train")


def test_progress_counts_to_the_end(folder, monkeypatch):
    monkeypatch.setattr(compose, "_make", lambda number: None)
    seen = []
    compose.compose_data(folder, attempts=120, processes=1, progress=lambda *done: seen.append(done))
    assert seen == [(50, 120), (100, 120), (120, 120)]


def test_features_of_kit_are_refused(tmp_path):
    data = authors_folder(tmp_path / "kit", KIT)
    before = read_files(data)
    with pytest.raises(LeadError, match="only HumanML3D's features are composed"):
        compose.compose_data(data)
    assert read_files(data) == before


def test_captions_that_say_nothing_are_refused(folder):
    for path in (folder / "texts").glob("*.txt"):
        path.write_text("xyzzy#xyzzy/OTHER#0.0#0.0\n")
    before = read_files(folder)
    with pytest.raises(LeadError, match=r"no training caption says an action that we know.*'a person walks forward'"):
        compose.compose_data(folder, attempts=5)
    assert read_files(folder) == before


def test_an_authors_folder_is_composed(tmp_path):
    """Parts of clips have no file of captions to themselves, so they get no further ones."""
    data = authors_folder(tmp_path / "data")
    for path in (data / "texts").glob("*.txt"):
        text = path.read_text().replace("first", "a person dances")
        path.write_text(text.replace("someone walks", "a person dances"))
    compose.compose_data(data, attempts=3, processes=1)
    extra = {path.stem for path in (data / "extra_texts").iterdir()}
    assert extra and not any("#" in name for name in extra)
    assert any(name.startswith("crops#") for name in read_meanings(data))
    assert dataset.read_rules(data).authors


def test_meanings_have_names():
    wave = Meaning("wave", "left", ("slowly",))
    walk = Meaning("walk", "forward", ("normally",), meanwhile=wave)
    assert compose.name_meaning(wave) == "wave left; slowly"
    assert compose.name_meaning(walk) == "walk forward + wave left; slowly"
    assert compose.name_meaning(Meaning("stand", then=Meaning("jump-up"))) == "stand, jump-up"


def test_wordings_follow_from_the_seed():
    meaning = Meaning("walk", "backward")
    assert compose.word(meaning, 8, "0/C1") == compose.word(meaning, 8, "0/C1") != compose.word(meaning, 8, "0/C2")
    assert {parse(text) for text in compose.word(meaning, 8, "0/C1")} == {meaning}


def test_meanings_that_are_no_table_are_refused(folder):
    for content in ("[1]", "{", '{"a": 1}'):
        (folder / "meanings.json").write_text(content)
        with pytest.raises(LeadError, match=r"meanings\.json: expected a JSON object.*lead data compose"):
            dataset.load(folder, "train")
