"""The protocol on a stand-in for the base: its requests and its results."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from walks import synthesize_walk

from lead.base_file import LeadConfig
from lead.errors import LeadError
from lead.eval import metrics
from lead.eval.evaluator import Evaluator, EvaluatorConfig
from lead.eval.metrics import Estimate
from lead.eval.protocol import (
    COLUMNS,
    ROWS,
    Protocol,
    Sampling,
    decode_features,
    embed_items,
    evaluate,
    explain_protocol,
    generate_rows,
    is_small,
    load_captioned_clips,
    to_table_rows,
)
from lead.model import Lead
from lead.motion import Motion
from lead.motion.features import Stats, joints_to_features
from lead.motion.skeleton import KIT, skeleton_of, tpose
from lead.networks.denoiser import DenoiserConfig
from lead.networks.projector import ProjectorConfig
from lead.networks.style_tokens import StyleTokenConfig
from lead.networks.vae import VAEConfig
from lead.text.tower import TextConfig
from lead.train.stages.evaluator import EVALUATOR_TRAIN, train_evaluator

CLIPS = 40
PROTOCOL = Protocol(replications=2, multimodal_texts=3, multimodal_samples=4, batch=16)
RECORDED = 1000.0  # the latents of recorded motions say where the fake keeps them


class FakeBase(Lead):
    """Reconstructs perfectly; generates people in a T-pose, as high as their latents' first number."""

    device = torch.device("cpu")
    config = SimpleNamespace(vae=SimpleNamespace(d_latent=2, features=263))
    projector = SimpleNamespace(realign=lambda z, lengths: z + 100.0)
    mean, std = torch.zeros(263), torch.ones(263)

    def __init__(self):
        self.prompts, self.kept = [], []
        self.vae = SimpleNamespace(
            latent_lengths=lambda lengths: lengths // 16, latent_scale=2.0, decode=self.decoded_features
        )

    def encode_motion(self, motions):
        first = len(self.kept)
        self.kept += motions
        z = torch.zeros(len(motions), 1, 2)
        z[:, 0, 0] = RECORDED + torch.arange(first, len(self.kept))
        return z, torch.tensor([len(motion.joints) - 1 for motion in motions])

    def encode_text(self, prompts):
        self.prompts += prompts
        return torch.zeros(len(prompts), 1)

    def sample(self, text, lengths, noise, steps, guidance, sampler):
        return noise

    def decode(self, z, lengths, clean_feet=False):
        return [
            self.kept[int(first - RECORDED)] if first >= RECORDED else Motion(make_still_joints(frames, first))
            for frames, first in zip(lengths.tolist(), z[:, 0, 0].tolist(), strict=True)
        ]

    def decoded_features(self, z, lengths):
        """Of recorded motions their own, else a number a clip."""
        features = torch.zeros(len(z), int(lengths.max()), 263)
        for row, first in zip(features, (z[:, 0, 0] * 2.0).tolist(), strict=True):
            if first >= RECORDED:
                own = torch.from_numpy(self.kept[round(first - RECORDED)].features())
                row[: len(own)] = own
            else:
                row[:] = first
        return features


def make_still_joints(frames, height):
    return np.tile(tpose(), (frames, 1, 1)) + np.array([0.0, height * 0.1, 0.0])


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("new_joint_vecs", "texts"):
        (tmp_path / name).mkdir()
    rows = []
    for number in range(2 * CLIPS):
        frames = 19 + number % CLIPS
        joints = make_still_joints(frames, 0.0) + rng.normal(size=(frames, 22, 3)) * 0.01
        rows.append(joints_to_features(joints))
        np.save(tmp_path / "new_joint_vecs" / f"{number}.npy", rows[-1])
        (tmp_path / "texts" / f"{number}.txt").write_text(f"a person stands {number}#a/OTHER#0.0#0.0\n")
    (tmp_path / "test.txt").write_text("\n".join(map(str, range(CLIPS))))
    (tmp_path / "train.txt").write_text("\n".join(map(str, range(CLIPS, 2 * CLIPS))))
    (tmp_path / "val.txt").write_text("0\n1\n2\n")
    Stats.from_features(np.concatenate(rows)).write(tmp_path)
    return tmp_path


def evaluator(data):
    torch.manual_seed(0)
    words = ("a", "person", "stands", *map(str, range(CLIPS)))
    tiny = EvaluatorConfig(words, d_motion=16, motion_layers=1, d_text=8, text_layers=1, heads=2, d=12)
    return Evaluator(tiny, Stats.read(data)).eval()


def test_every_row_has_every_figure_and_the_same_seed_the_same_figures(data):
    seen = []
    first = evaluate(
        FakeBase(),
        evaluator(data),
        data,
        protocol=PROTOCOL,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen[-1] == (2 * CLIPS + 3 * 4, 2 * CLIPS + 3 * 4)
    assert list(first) == list(ROWS)
    for row in ("mld", "lead"):
        assert set(first[row]) == set(COLUMNS)
    for row in ("real", "vae"):
        assert set(first[row]) == set(COLUMNS) - {"multimodality"}
    assert first["vae"]["fid"].mean == pytest.approx(0.0, abs=1e-6)
    assert first["vae"]["mm_dist"].mean == pytest.approx(first["real"]["mm_dist"].mean)
    assert first["mld"]["fid"].mean > first["vae"]["fid"].mean
    again = evaluate(FakeBase(), evaluator(data), data, protocol=PROTOCOL)
    assert again == first
    other = evaluate(FakeBase(), evaluator(data), data, protocol=Protocol(2, 3, 4, 16, seed=1))
    assert other["real"] != first["real"]


def test_the_floor_is_all_training_clips_against_the_split(data):
    judge, skeleton = evaluator(data), skeleton_of(263)
    sets = {}
    for split in ("train", "test"):
        clips = [Motion.from_features(clip.features) for clip in load_captioned_clips(data, split)]
        sets[split] = judge.embed_motions([clip.features(skeleton) for clip in clips])
    floor = metrics.frechet_distance(sets["train"], sets["test"])
    real = evaluate(FakeBase(), judge, data, protocol=PROTOCOL)["real"]["fid"]
    assert (real.mean, real.interval) == (pytest.approx(floor, rel=1e-5), 0.0)
    (data / "train.txt").unlink()
    assert "fid" not in evaluate(FakeBase(), judge, data, protocol=PROTOCOL)["real"]


def test_multimodality_is_generated_once_or_as_published_in_every_replication(data):
    def motions(protocol):
        seen = []
        evaluate(FakeBase(), evaluator(data), data, protocol=protocol, progress=lambda *counts: seen.append(counts))
        return seen[-1][0]

    assert motions(Protocol(3, 5, 4)) == 3 * CLIPS + 5 * 4
    assert motions(Protocol(3, 5, 4, published=True)) == 3 * (CLIPS + 5 * 4)
    assert motions(Protocol(1, 100, 2)) == CLIPS + CLIPS * 2  # as many texts as there are clips
    assert (Protocol().replications, Protocol().multimodal_texts, Protocol().multimodal_samples) == (20, 100, 30)
    assert "generated once" in explain_protocol(Protocol())
    assert "generated anew in each" in explain_protocol(Protocol(published=True))


def test_as_published_features_are_judged_as_decoded(data):
    base, judge = FakeBase(), evaluator(data)
    z = torch.tensor([[[2.0, 0.0]], [[3.0, 0.0]]])
    features = decode_features(base, z, torch.tensor([16, 20]))
    assert [row.shape for row in features] == [(16, 263), (20, 263)]
    assert [float(row.mean()) for row in features] == pytest.approx([2.0, 3.0])
    np.testing.assert_array_equal(embed_items(judge, features), judge.embed_motions(features))
    published = evaluate(base, judge, data, protocol=Protocol(2, 3, 4, 16, published=True))
    assert published["vae"]["fid"].mean < 0.01
    assert published["mld"]["fid"].mean > 0.1


def test_extra_figures_are_read_from_each_row(data):
    def extra(clips, motions):
        assert len(clips) == len(motions) == CLIPS
        return {"height": float(np.mean([motion.joints[..., 1].min() for motion in motions]))}

    evaluation = evaluate(FakeBase(), evaluator(data), data, protocol=PROTOCOL, extra=extra)
    assert evaluation["lead"]["height"].mean - evaluation["mld"]["height"].mean == pytest.approx(10.0, abs=1e-3)
    assert evaluation["real"]["height"].mean == pytest.approx(0.0, abs=0.1)


def test_kit_shaped_data_have_an_evaluator_and_a_protocol_of_their_own(tmp_path):
    """251 numbers at 12.5 fps: training an evaluator, encoding, generating, joints, features again."""
    rng, data = np.random.default_rng(0), tmp_path / "data"
    for folder in ("new_joint_vecs", "texts"):
        (data / folder).mkdir(parents=True)
    rows = []
    for number in range(CLIPS):
        walk = synthesize_walk(3.0 + 0.05 * number, seed=number)
        noisy = replace(walk, joints=walk.joints + rng.normal(size=(1, 22, 3)).astype(np.float32) * 0.01)
        rows.append(noisy.features(KIT))
        np.save(data / "new_joint_vecs" / f"{number}.npy", rows[-1])
        (data / "texts" / f"{number}.txt").write_text("a person walks#a/DET person/NOUN walk/VERB#0.0#0.0\n")
    for split in ("train", "val", "test"):
        (data / f"{split}.txt").write_text("".join(f"{number}\n" for number in range(CLIPS)))
    stats = Stats.from_features(np.concatenate(rows))
    stats.write(data)

    tiny = EvaluatorConfig(("a", "person"), 251, d_motion=16, motion_layers=1, d_text=8, text_layers=1, heads=2, d=12)
    judge = train_evaluator(data, tmp_path / "run", tiny, replace(EVALUATOR_TRAIN, steps=2, batch=8, save_every=2))
    size = {"width": 32, "layers": 1, "heads": 2}
    torch.manual_seed(0)
    base = Lead(
        LeadConfig(
            text=TextConfig(width=32, layers=1, heads=2, d_text=24, context=77, merges=300),
            vae=VAEConfig(251, **size, ff=64, d_latent=8),
            denoiser=DenoiserConfig(d_latent=8, d_text=24, width=32, layers=3, heads=2, ff=64),
            projector=ProjectorConfig(d_latent=8, d_text=24, **size, ff=64),
            style_tokens=StyleTokenConfig(vectors=2, d_token=32),
        )
    )
    base.mean[:], base.std[:] = torch.from_numpy(stats.mean), torch.from_numpy(stats.std)
    for published in (False, True):
        evaluation = evaluate(base, judge, data, protocol=Protocol(1, 2, 2, published=published), steps=2)
        assert all(np.isfinite(figure.mean) for figures in evaluation.values() for figure in figures.values())
        assert evaluation["real"]["fid"].mean < 1e-3 < evaluation["lead"]["fid"].mean  # train is test here
    motion = generate_rows(base, ["a person walks"], [32], 0, Sampling(1, 2))["lead"][0]
    assert (motion.fps, motion.joints.shape) == (12.5, (32, 22, 3))


def test_base_evaluator_and_data_must_be_of_one_kind(data):
    base = FakeBase()
    base.config = SimpleNamespace(vae=SimpleNamespace(d_latent=2, features=251))
    with pytest.raises(LeadError, match=r"the base 251, the evaluator 263, the data 263"):
        evaluate(base, evaluator(data), data, protocol=PROTOCOL)


def test_clips_are_whole_units_and_one_frame_sorted_by_length(data):
    lengths = [len(clip.features) for clip in load_captioned_clips(data, "test")]
    assert lengths == sorted(lengths)
    assert {length % 4 for length in lengths} == {1}
    assert lengths[0] == 17
    assert len(lengths) == CLIPS
    assert len(load_captioned_clips(data, "val")) == 3
    (data / "val.txt").write_text("0\n")
    with pytest.raises(LeadError, match=r"1 captioned clips .* 'val': expected 2 or more"):
        load_captioned_clips(data, "val")


def test_a_split_too_small_for_r_precision_has_the_other_figures(data):
    evaluation = evaluate(FakeBase(), evaluator(data), data, "val", PROTOCOL)
    assert is_small(evaluation)
    assert set(evaluation["lead"]) == set(COLUMNS) - {"r1", "r2", "r3"}
    assert all(np.isfinite(figure.mean) for figures in evaluation.values() for figure in figures.values())
    assert to_table_rows(evaluation)[0][2:5] == ("-", "-", "-")
    assert "needs 32 clips" in explain_protocol(PROTOCOL, small=True)
    assert "needs 32 clips" not in explain_protocol(PROTOCOL)
    assert not is_small(evaluate(FakeBase(), evaluator(data), data, protocol=PROTOCOL))


def test_both_rows_are_decoded_from_the_same_latents_and_no_caption_is_encoded_twice():
    base, captions = FakeBase(), ["a", "b", "b", "c"]
    motions = generate_rows(base, captions, [16, 20, 20, 32], 5, Sampling(batch=3))
    assert base.prompts == ["a", "b", "c"]
    assert [len(motion.joints) for motion in motions["mld"]] == [16, 20, 20, 32]
    for plain, realigned in zip(motions["mld"], motions["lead"], strict=True):
        np.testing.assert_allclose(realigned.joints[..., 1] - plain.joints[..., 1], 10.0, atol=1e-4)


def test_table_rows_show_a_dash_where_a_figure_has_no_meaning():
    figures = {key: Estimate.of([1.0, 2.0]) for key in COLUMNS}
    real = {key: value for key, value in figures.items() if key != "multimodality"}
    rows = to_table_rows({"real": real, "vae": real, "mld": figures, "lead": figures})
    assert [row[0] for row in rows] == list(ROWS.values())
    assert {len(row) for row in rows} == {1 + len(COLUMNS)}
    column = 1 + list(COLUMNS).index("multimodality")
    assert rows[0][column] == "-"
    assert "±" in rows[2][column]
