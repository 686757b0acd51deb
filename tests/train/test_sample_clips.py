"""A stand-in base whose motions show what they are asked for, or not: only those that do become training clips."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from walks import synthesize_steps, synthesize_wave

from lead import Lead
from lead.data import dataset
from lead.data.compose.compose import compose_data
from lead.data.compose.truth import holds
from lead.data.layout import SAMPLED, read_meanings, read_split, read_whole_captions
from lead.data.prepare import prepare_data
from lead.errors import LeadError
from lead.motion import Motion
from lead.motion.features import Stats, features_to_joints
from lead.motion.skeleton import HUMANML3D, KIT
from lead.text.parsing import parse
from lead.train.sample_clips import Topic, sample_clips


class StandIn(Lead):
    """Walks forward, whatever it is asked for; for one seed of two it stands still instead."""

    name, skeleton, seconds_range = "stand-in", HUMANML3D, (0.8, 9.8)

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)
        self.prompts: list[str] = []

    def generate(self, prompts, *, seconds, seed, guidance):  # type: ignore[override]
        self.prompts += prompts
        return [self.move(length, number) for length, number in zip(seconds, seed, strict=True)]

    def move(self, seconds: float, seed: int) -> Motion:
        motion = synthesize_steps(max(seconds, 2.5))
        return motion if seed % 2 else Motion(np.repeat(motion.joints[:1], len(motion.joints), axis=0), 20.0)


@pytest.fixture(scope="module")
def composed(tmp_path_factory) -> Path:
    source, out = tmp_path_factory.mktemp("clips"), tmp_path_factory.mktemp("out") / "data"
    rows = []
    for number, caption in enumerate(["a person walks forward", "someone walks forward", "a person stands still"]):
        motion = synthesize_steps(3.0 + 0.5 * number) if "walk" in caption else synthesize_wave(3.0)
        if "stand" in caption:
            motion.joints[:] = motion.joints[:1]
        motion.save(source / f"{number}.npy")
        rows.append({"clip": f"{number}.npy", "captions": [caption], "split": "train"})
    (source / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    prepare_data(source, out)
    compose_data(out, attempts=60, processes=1)
    return out


@pytest.fixture
def folder(composed, tmp_path) -> Path:
    return Path(shutil.copytree(composed, tmp_path / "data"))


def test_what_shows_its_caption_becomes_a_clip(folder):
    base = StandIn()
    counts = sample_clips(base, folder, attempts=64)
    names, told = read_split(folder / f"{SAMPLED}.txt"), read_meanings(folder)
    assert sum(tried for _, tried in counts.values()) == len(base.prompts) == 64
    assert sum(shown for shown, _ in counts.values()) == len(names)
    assert 0 < len(names) < 64
    for name in names:
        joints = features_to_joints(np.load(folder / "new_joint_vecs" / f"{name}.npy")).astype(float)
        captions = read_whole_captions(folder, name)
        assert captions[0] in base.prompts
        assert told[name]
        assert holds(parse(captions[0]), joints)


def test_the_clips_are_read_with_their_meanings(folder):
    sample_clips(StandIn(), folder, attempts=32)
    clips = dataset.load(folder, SAMPLED, Stats.read(folder))
    assert clips
    assert all(clip.meaning and clip.captions for clip in clips)


def test_a_seed_gives_the_same_clips_and_another_run_replaces_them(folder):
    sample_clips(StandIn(), folder, attempts=32, seed=1)
    before = {path.name: path.read_bytes() for path in folder.rglob("S*") if path.is_file()}
    other = sample_clips(StandIn(), folder, attempts=32, seed=2)
    assert len(list((folder / "new_joint_vecs").glob("S*"))) == sum(shown for shown, _ in other.values())
    assert sum(name.startswith("S") for name in read_meanings(folder)) == sum(shown for shown, _ in other.values())
    sample_clips(StandIn(), folder, attempts=32, seed=1)
    assert before == {path.name: path.read_bytes() for path in folder.rglob("S*") if path.is_file()}


def test_what_is_done_half_of_the_time_is_tried_most():
    sometimes, never, always = (Topic(frames=[40] * 4, tried=20, shown=shown) for shown in (10, 0, 20))
    assert sometimes.weight > 2 * max(never.weight, always.weight)
    assert min(never.weight, always.weight) > 0


def test_a_data_set_that_was_not_composed_is_refused(folder):
    (folder / "train_composed.txt").unlink()
    with pytest.raises(LeadError, match=r"no composed clips: run `lead data compose"):
        sample_clips(StandIn(), folder)


def test_a_base_of_other_joints_is_refused(tmp_path):
    class Other(StandIn):
        skeleton = KIT

    with pytest.raises(LeadError, match="22 joints"):
        sample_clips(Other(), tmp_path)
