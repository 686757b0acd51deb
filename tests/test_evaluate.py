"""The protocol on a stand-in for the base: what is asked of it, and what comes out."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lead.errors import LeadError
from lead.evaluate import COLUMNS, ROWS, Protocol, captioned_clips, evaluate, generated, table_rows
from lead.evaluator import Evaluator, EvaluatorConfig
from lead.metrics import Estimate
from lead.motion import Motion
from lead.motion.features import Stats, joints_to_features
from lead.motion.skeleton import tpose

CLIPS = 40
PROTOCOL = Protocol(replications=2, multimodal_texts=3, multimodal_samples=4, batch=16)


class FakeBase:
    """Reconstructs perfectly; generates people in a T-pose, as high as their latents' first number."""

    device = torch.device("cpu")
    config = SimpleNamespace(vae=SimpleNamespace(d_latent=2))
    vae = SimpleNamespace(latent_lengths=lambda lengths: lengths // 16)
    projector = SimpleNamespace(realigned=lambda z, lengths: z + 100.0)

    def __init__(self):
        self.prompts = []

    def reconstruct(self, motions, realign=False):
        return list(motions)

    def encode_text(self, prompts):
        self.prompts += prompts
        return torch.zeros(len(prompts), 1)

    def sample(self, text, lengths, noise, steps, guidance):
        return noise

    def decode(self, z, lengths):
        rise = z[:, 0, 0].tolist()
        return [Motion(still(frames, height)) for frames, height in zip(lengths.tolist(), rise, strict=True)]


def still(frames, height):
    return np.tile(tpose(), (frames, 1, 1)) + np.array([0.0, height * 0.1, 0.0])


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("new_joint_vecs", "texts"):
        (tmp_path / name).mkdir()
    rows = []
    for number in range(CLIPS):
        joints = still(19 + number, 0.0) + rng.normal(size=(19 + number, 22, 3)) * 0.01
        rows.append(joints_to_features(joints))
        np.save(tmp_path / "new_joint_vecs" / f"{number}.npy", rows[-1])
        (tmp_path / "texts" / f"{number}.txt").write_text(f"a person stands {number}#words#0.0#0.0\n")
    (tmp_path / "test.txt").write_text("\n".join(map(str, range(CLIPS))))
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
    assert seen == [(1, 2), (2, 2)]
    assert list(first) == list(ROWS)
    for row in ("mld", "lead"):
        assert set(first[row]) == set(COLUMNS)
    for row in ("real", "vae"):
        assert set(first[row]) == set(COLUMNS) - {"multimodality"}
    assert first["vae"]["fid"].mean == pytest.approx(0.0, abs=1e-6)
    assert first["vae"]["mm_dist"].mean == pytest.approx(first["real"]["mm_dist"].mean)
    assert first["real"]["fid"].mean > 0.0
    assert first["mld"]["fid"].mean > first["vae"]["fid"].mean
    again = evaluate(FakeBase(), evaluator(data), data, protocol=PROTOCOL)
    assert again == first
    other = evaluate(FakeBase(), evaluator(data), data, protocol=Protocol(2, 3, 4, 16, seed=1))
    assert other["real"] != first["real"]


def test_clips_are_whole_units_and_one_frame_sorted_by_length(data):
    lengths = [len(clip.features) for clip in captioned_clips(data, "test")]
    assert lengths == sorted(lengths)
    assert {length % 4 for length in lengths} == {1}
    assert lengths[0] == 17
    assert len(lengths) == CLIPS
    with pytest.raises(LeadError, match=r"3 captioned clips .* 'val'"):
        captioned_clips(data, "val")


def test_both_rows_are_decoded_from_the_same_latents():
    base = FakeBase()
    motions = generated(base, ["a", "b", "c"], [16, 20, 32], seed=5, batch=2, steps=None, guidance=None)
    assert base.prompts == ["a", "b", "c"]
    assert [len(motion.joints) for motion in motions["mld"]] == [16, 20, 32]
    for plain, realigned in zip(motions["mld"], motions["lead"], strict=True):
        np.testing.assert_allclose(realigned.joints[..., 1] - plain.joints[..., 1], 10.0, atol=1e-4)


def test_table_rows_show_a_dash_where_a_figure_has_no_meaning():
    figures = {key: Estimate.of([1.0, 2.0]) for key in COLUMNS}
    real = {key: value for key, value in figures.items() if key != "multimodality"}
    rows = table_rows({"real": real, "vae": real, "mld": figures, "lead": figures})
    assert [row[0] for row in rows] == list(ROWS.values())
    assert {len(row) for row in rows} == {1 + len(COLUMNS)}
    column = 1 + list(COLUMNS).index("multimodality")
    assert rows[0][column] == "-"
    assert "±" in rows[2][column]
