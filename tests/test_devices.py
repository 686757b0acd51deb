"""All that computes runs on another device than the CPU and gives the CPU's result; no GPU is needed for that.

The other device is pretended (`pretend_device`): mixing devices, NumPy on its tensors and float64 are errors on it.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from copy import deepcopy

import numpy as np
import pytest
import torch
from pretend_device import Away, pretended_device
from stand_in_concept import StandInConcept
from tiny_training import train
from walks import synthesize_walk

from concepts import Concept
from inversion import learn
from inversion.encoded_clips import encode_clips
from inversion.reference import generate_like
from inversion.report import report
from inversion.restyle import restyle
from lead import Lead, Motion
from lead.control.constraints import PathConstraint, PoseConstraint
from lead.control.edit import edit_clip
from lead.control.timeline import Timeline
from lead.data.prepare import prepare_data

SAME = 1e-5
"""Meters."""


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The pretended device. What learning computes in 16 bits is in 32 here, as there is no autocast."""
    monkeypatch.setattr("inversion.optimization.optimize._in_16_bits", lambda base: base)
    with pretended_device(monkeypatch) as device:
        yield device


@pytest.fixture(scope="module")
def base(tiny_base: Lead) -> Lead:
    """On the CPU without its kernels, which round in another order."""
    plain = Lead(tiny_base.config).eval().requires_grad_(False)
    plain.load_state_dict(tiny_base.state_dict())
    return plain


@pytest.fixture
def moved(base: Lead, away: str) -> Lead:
    return deepcopy(base).to(away)


@pytest.fixture(scope="module")
def concept(base: Lead) -> Concept:
    with pytest.MonkeyPatch.context() as patch:
        _learn_quickly(patch)
        patch.setattr("inversion.optimization.optimize._in_16_bits", lambda base: base)
        patch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
        return learn(base, [synthesize_walk(), synthesize_walk(seed=1)], "<limp>", steps=2, seed=3)


def _learn_quickly(patch: pytest.MonkeyPatch) -> None:
    numbers = {"calibration.EACH": 1, "calibration.SECONDS": 1.0, "style_direction.SAMPLES": 4,
               "style_direction.FEWEST": 4, "optimization.optimize.FIXED_ROWS": 8, "judgement.trials.OWN": 2,
               "judgement.trials.EACH": 1, "judgement.trials.TRIED": 2}  # fmt: skip
    for name, number in numbers.items():
        patch.setattr(f"inversion.{name}", number)


def largest_difference(motions: list[Motion], others: list[Motion]) -> float:
    return max(np.abs(a.joints - b.joints).max() for a, b in zip(motions, others, strict=True))


def test_the_pretended_device_is_another_one(away: str) -> None:
    there, here = torch.ones(3, device=away), torch.ones(3)
    assert isinstance(there, Away) and (there + 1).tolist() == [2.0, 2.0, 2.0]
    assert torch.tensor([1.5], device=away).tolist() == [1.5] and there[[0, 2]].tolist() == [1.0, 1.0]
    assert there.cpu().numpy().tolist() == here.tolist()
    with pytest.raises(RuntimeError, match="two: "):
        there + here
    with pytest.raises(RuntimeError, match="float64"):
        there.double() + 1
    with pytest.raises(TypeError, match="another device"):
        np.asarray(there)


def test_generation(base: Lead, moved: Lead) -> None:
    rng = np.random.default_rng(0)
    adapter = {name: tuple(map(np.asarray, parts)) for name, parts in _draw_adapter(base).items()}
    vectors, direction = (rng.standard_normal(shape, dtype=np.float32) for shape in ((2, 32), 8))
    words = {"<limp>": StandInConcept(vectors, direction=direction, adapter=adapter)}
    prompts = ["a person walks in (<limp>:0.5) style", "a person jumps"]
    for sampler in ("ddim", "dpm++"):
        options = {"seconds": [2.0, 3.0], "words": words, "seed": 5, "steps": 3, "sampler": sampler}
        assert largest_difference(moved.generate(prompts, **options), base.generate(prompts, **options)) < SAME


def test_timelines_constraints_edits_and_clips_in_place_of_prompts(
    base: Lead, moved: Lead, walk: Motion, monkeypatch: pytest.MonkeyPatch
) -> None:
    for steps, number in (("STEERED_STEPS", 1), ("REFINED_STEPS", 2)):
        monkeypatch.setattr(f"lead.control.constrained_sampling.{steps}", number)
    constraints = (PoseConstraint(walk.joints[0], 0.0), PathConstraint(np.array([[0.0, 0.0], [0.2, 0.6]])))
    kept = np.arange(len(walk.joints)) < 20
    for work in (
        lambda base: base.generate_timeline(Timeline.parse("a person walks 1s, then jumps 1s"), steps=2),
        lambda base: base.generate(["a person walks"], seconds=1.0, steps=2, constraints=constraints)[0],
        lambda base: base.generate(["a person walks"], seconds=1.0, steps=2, constraints=constraints[1:])[0],
        lambda base: edit_clip(base, walk, kept, "a person jumps", seed=1),
        lambda base: generate_like(base, [walk], seconds=[1.0], seeds=[1], steps=2)[0],
        lambda base: base.reconstruct([walk], realign=True)[0],
    ):
        assert largest_difference([work(moved)], [work(base)]) < SAME


def _draw_adapter(base: Lead) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """A LoRA adapter of rank 2 for one layer of the denoiser."""
    name, layer = next((name, one) for name, one in base.denoiser.named_modules() if isinstance(one, torch.nn.Linear))
    return {name: (0.1 * torch.ones(2, layer.in_features), 0.1 * torch.ones(layer.out_features, 2))}


@pytest.mark.slow
def test_learning_reporting_and_restyling(
    base: Lead, moved: Lead, concept: Concept, walk: Motion, monkeypatch: pytest.MonkeyPatch
) -> None:
    _learn_quickly(monkeypatch)
    clips = [synthesize_walk(), synthesize_walk(seed=1)]
    found = learn(moved, clips, "<limp>", steps=2, seed=3)
    np.testing.assert_allclose(found.token_embedding, concept.token_embedding, atol=SAME)
    for name, tensor in concept.tensors.items():
        np.testing.assert_allclose(found.tensors[name], tensor, atol=1e-3, err_msg=name)  # some in 16 bits
    encoded = encode_clips(moved, clips)
    assert report(moved, found, encoded).sentences
    restyled = [restyle(base, walk, concept, caption="a person walks", draws=1) for base in (moved, base)]
    assert largest_difference(restyled[:1], restyled[1:]) < SAME


def test_training(tmp_path, away: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "clips"
    source.mkdir()
    rows = []
    for number in range(6):
        synthesize_walk(1.5 + 0.2 * number, seed=number).save(source / f"w{number}.npy")
        split = "train" if number < 4 else "val"
        rows.append({"clip": f"w{number}.npy", "captions": ["a person walks", f"walks {number}"], "split": split})
    (source / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    prepare_data(source, tmp_path / "data")
    monkeypatch.setattr("accelerate.Accelerator.device", property(lambda self: torch.device(away)))
    fused = sys.modules["torch.optim.adam"]  # which asks for the names of devices; `torch.optim` hides it
    monkeypatch.setattr(fused, "_device_dtype_check_for_fused", lambda *_, **__: None)
    devices = []
    for name in ("text", "vae", "decoder", "diffusion", "projector", "evaluator"):
        trained = train(name, tmp_path / "data", tmp_path / "run", steps=2, batch=4, val_every=2, save_every=2)
        devices.append(next(trained.parameters()).device.type)
    assert set(devices) == {away}
