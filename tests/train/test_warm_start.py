"""Training that goes on from a base: it begins with the base's weights and statistics, and stays with one base."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import authors_folder
from walks import synthesize_walk

from lead.bases import EMBEDDED
from lead.data.prepare import prepare_data
from lead.errors import LeadError
from lead.motion.features import Stats
from lead.motion.skeleton import KIT
from lead.train.assemble import assemble
from lead.train.stage import TrainConfig
from lead.train.stages.diffusion import train_diffusion
from lead.train.stages.projector import train_projector
from lead.train.stages.text import TextLoss, train_text
from lead.train.stages.vae import train_vae
from lead.train.warm_start import begin_from, load_start, read_stats


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    source = tmp_path_factory.mktemp("clips")
    rows = []
    for number in range(4):
        synthesize_walk(1.5 + 0.2 * number, seed=number).save(source / f"w{number}.npy")
        split = "train" if number < 3 else "val"
        rows.append({"clip": f"w{number}.npy", "captions": ["a person walks", f"somebody {number}"], "split": split})
    (source / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    prepare_data(source, out := tmp_path_factory.mktemp("out") / "data")
    return out


@pytest.fixture(scope="module")
def base(tiny_base, tmp_path_factory) -> Path:
    return tiny_base.save(tmp_path_factory.mktemp("base") / "base.safetensors")


def test_a_run_goes_on_from_one_base(base, data, tmp_path):
    run = tmp_path / "run"
    assert load_start(run) is None
    begin_from(base, run)
    begin_from(base, run)  # the same command again
    assert (run / "start.safetensors").read_bytes() == base.read_bytes()
    other = tmp_path / "other.safetensors"
    other.write_bytes(base.read_bytes() + b" ")
    with pytest.raises(LeadError, match=r"run began from another base than .*other\.safetensors; give another run"):
        begin_from(other, run)
    assert (run / "start.safetensors").read_bytes() == base.read_bytes()


def test_a_run_that_began_without_a_base_stays_so(base, tmp_path):
    (tmp_path / "vae.safetensors").touch()
    with pytest.raises(LeadError, match="trained without a base to go on from"):
        begin_from(base, tmp_path)
    assert not (tmp_path / "start.safetensors").exists()


def test_what_is_no_base_is_refused_before_anything_is_written(tmp_path):
    (tmp_path / "odd.safetensors").write_bytes(b"PK\x03\x04 not this")
    for name in ("odd.safetensors", "nowhere.safetensors"):
        with pytest.raises(LeadError, match=name):
            begin_from(tmp_path / name, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_embedded_base_is_meant_by_none(tmp_path):
    begin_from(None, tmp_path)
    assert (tmp_path / "start.safetensors").read_bytes() == EMBEDDED.read_bytes()


def test_the_statistics_are_the_bases(base, tiny_base, data, tmp_path):
    run = tmp_path / "run"
    np.testing.assert_array_equal(read_stats(data, run).mean, Stats.read(data).mean)
    begin_from(base, run)
    found = read_stats(data, run)
    np.testing.assert_array_equal(found.mean, tiny_base.mean.numpy())
    assert not np.array_equal(found.mean, Stats.read(data).mean)
    kit = authors_folder(tmp_path / "kit", KIT)
    with pytest.raises(LeadError, match=r"kit has 251 features a frame, the base .*263"):
        read_stats(kit, run)


def test_without_a_learning_rate_every_part_stays_the_bases(base, tiny_base, data, tmp_path):
    """Also its networks' sizes, which are not the presets'."""
    begin_from(base, tmp_path)
    nothing = TrainConfig(steps=1, batch=2, lr=0.0, precision="no")
    losses = TextLoss(distil=0.0, meanings=4, words=2, distinct_meanings=8, distinct_words=8)
    train_text(data, tmp_path, train=nothing, weights=losses)
    train_vae(data, tmp_path, train=nothing)
    train_diffusion(data, tmp_path, train=nothing)
    train_projector(data, tmp_path, train=nothing)
    made = assemble(data, tmp_path, "again", "")
    for part in ("text", "vae", "denoiser", "projector", "style_tokens"):
        assert getattr(made.config, part) == getattr(tiny_base.config, part), part
    before, after = tiny_base.state_dict(), made.state_dict()
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name for name in changed if not name.startswith("text.")} == set()
    assert len(changed) <= 1  # the scale of text features follows from the data set's captions
