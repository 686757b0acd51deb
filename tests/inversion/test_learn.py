import dataclasses
from typing import get_args

import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError
from walks import synthesize_walk

from concepts import ConceptError
from inversion import InversionError, learn
from inversion.choices import Objective
from inversion.encoded_clips import encode_clips
from inversion.optimization.objectives import OBJECTIVES, Batch
from inversion.optimization.optimize import SAVE_EVERY
from inversion.optimization.pseudo_word import RATE
from inversion.templates import caption_to_action, fill_templates
from lead import Lead
from lead.base_file import LeadConfig
from lead.data.dataset import MAX_FRAMES
from lead.networks.mld import MLD_DIFFUSION, MldDenoiserConfig, MldVAEConfig
from lead.networks.projector import ProjectorConfig
from lead.networks.style_tokens import StyleTokenConfig
from lead.text.tower import PRESETS as TOWERS

pytestmark = pytest.mark.usefixtures("quick_calibration")
BAD_CHOICE = (InversionError, TypeCheckError)
"""With `--jaxtyping-packages` the type checker refuses a choice first."""


@pytest.fixture(scope="module")
def clips():
    return [synthesize_walk(2.0), synthesize_walk(2.5, seed=1)]


def test_every_objective_that_can_be_chosen_has_a_function():
    assert tuple(OBJECTIVES) == get_args(Objective)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("kind", ["style", "action"])
def test_the_loss_falls_and_the_base_stays_bit_identical(tiny_base, clips, objective, kind):
    before = {name: value.clone() for name, value in tiny_base.state_dict().items()}
    concept = learn(tiny_base, clips, "<x>", kind=kind, objective=objective, steps=20)
    assert concept.scores["loss.best"] < concept.scores["loss.start"]
    assert (concept.steps, concept.objective, concept.kind, len(concept.loss)) == (20, objective, kind, 20)
    for name, value in tiny_base.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_a_style_has_a_direction_and_an_adapter_an_action_no_direction(tiny_base, clips):
    def parts(**options):
        return {name.split(".")[0] for name in learn(tiny_base, clips, "<x>", steps=2, **options).tensors}

    always = {"probe", "preview"}
    assert parts() == always | {"direction", "adapter"}
    assert parts(kind="action") == always | {"adapter"}
    assert parts(rank=0) == always | {"direction"}
    assert parts(rank=0, direction=False) == always
    assert parts(objective="text") == always | {"direction"}


def test_a_style_of_several_actions_has_a_direction_for_each(tiny_base, clips, tmp_path):
    concept = learn(tiny_base, clips, "<x>", steps=2, captions=["a person runs", "a person waves"])
    assert concept.templates == ("a person runs in {} style", "a person waves in {} style")
    seen = concept.tensors["direction.seen"]
    assert len(seen) == 2 and not np.allclose(seen[0], seen[1])
    loaded = type(concept).load(concept.save(tmp_path / "x.safetensors"))
    for prompt in ("a person runs in <x> style", "a person waves in <x> style"):
        ours, theirs = (tiny_base.generate(prompt, words=one.words)[0].joints for one in (concept, loaded))
        np.testing.assert_array_equal(ours, theirs)


def test_encoded_clips_give_the_same_concept_as_motions(tiny_base, clips):
    said = ["a person runs", "a man crawls"]
    encoded = encode_clips(tiny_base, clips, said)
    ours, theirs = learn(tiny_base, encoded, "<x>", steps=3), learn(tiny_base, clips, "<x>", steps=3, captions=said)
    assert ours.to_bytes() == theirs.to_bytes()
    with pytest.raises(InversionError, match="give them to encode_clips"):
        learn(tiny_base, encoded, "<x>", captions=said)
    with pytest.raises(InversionError, match="no clips"):
        learn(tiny_base, encoded.select([]), "<x>")
    with pytest.raises(InversionError, match="walk-0 is 0"):
        learn(tiny_base, encode_clips(tiny_base, [synthesize_walk(0.5)], keep_short=True), "<x>")


def test_same_seed_same_bytes(tiny_base, clips):
    first, second, other = (learn(tiny_base, clips, "<x>", steps=5, seed=s).to_bytes() for s in (0, 0, 1))
    assert first == second != other


def test_a_word_does_not_depend_on_the_threads(tiny_base, clips, set_threads):
    files = set()
    for threads in (1, 2, 3):
        set_threads(threads)
        files.add(learn(tiny_base, clips, "<x>", steps=5).to_bytes())
    assert len(files) == 1


def test_the_parts_of_a_batch_are_its_rows():
    draw = Batch(torch.randn(7, 2, 3), torch.arange(7), torch.arange(7), torch.randn(7, 2, 3), tuple("abcdefg"))
    parts = draw.split(2)
    assert [len(part.prompts) for part in parts] == [3, 4]
    for name in ("z", "lengths", "t", "eps"):
        assert torch.equal(torch.cat([getattr(part, name) for part in parts]), getattr(draw, name))
    assert parts[0].prompts + parts[1].prompts == draw.prompts


def test_the_file_is_small_and_loads_for_this_base_only(tiny_base, clips, tmp_path):
    concept = learn(tiny_base, clips, "<x>", steps=3)
    path = concept.save(tmp_path / "x.safetensors")
    assert path.stat().st_size < 128 * 1024
    loaded = type(concept).load(path)
    assert loaded.check_base(tiny_base.fingerprints, tiny_base.name) == []
    cond = tiny_base.encode_text([loaded.probe_prompt], loaded.words)[0]
    loaded.check_probe(cond.numpy())
    with pytest.raises(ConceptError, match="other-base"):
        loaded.check_base({**tiny_base.fingerprints, "text": "0" * 64}, "other-base")


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_gradients_reach_the_text_alone(tiny_base, objective):
    z, lengths = tiny_base.encode_motion([synthesize_walk()])
    draw = Batch(z, lengths, torch.tensor([500]), torch.randn_like(z), ("a person {}",))
    text = torch.randn(1, tiny_base.text.d_text, requires_grad=True)
    OBJECTIVES[objective](tiny_base, draw, text).backward()
    assert text.grad is not None and text.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in tiny_base.parameters())


def test_objectives_do_not_see_padding(tiny_base):
    z, lengths = tiny_base.encode_motion([synthesize_walk(2.0), synthesize_walk(4.0)])
    text = torch.randn(2, tiny_base.text.d_text)
    eps = torch.randn_like(z)
    draw = Batch(z, lengths, torch.tensor([300, 700]), eps, ("", ""))
    far = z.clone()
    far[0, 3:] = 1e3
    for objective in OBJECTIVES:
        losses = [OBJECTIVES[objective](tiny_base, dataclasses.replace(draw, z=x), text) for x in (z, far)]
        torch.testing.assert_close(*losses)


def test_control_c_keeps_the_best_word(tiny_base, clips):
    def stop(done, steps, loss, score):
        if done == 7:
            raise KeyboardInterrupt

    concept = learn(tiny_base, clips, "<x>", steps=50, progress=stop)
    assert concept.steps == 7 and np.isfinite(concept.token_embedding).all()


class KilledError(Exception):
    """What a kill is to a test."""


def test_a_killed_search_goes_on_where_it_was(tiny_base, clips, tmp_path, monkeypatch):
    monkeypatch.setattr("inversion.optimization.optimize.SAVE_EVERY", 0.0)
    assert SAVE_EVERY > 0
    path, reached = tmp_path / ".x.partial", []

    def kill(done, steps, loss, score):
        if done == 33:
            raise KilledError

    def record(done, steps, loss, score):
        reached.append(done)

    options = {"steps": 45, "checkpoint": path}
    with pytest.raises(KilledError):
        learn(tiny_base, clips, "<x>", progress=kill, **options)
    assert path.is_file()
    resumed = learn(tiny_base, clips, "<x>", progress=record, **options)
    assert reached[0] == 21 and not path.exists()
    assert resumed.to_bytes() == learn(tiny_base, clips, "<x>", steps=45).to_bytes()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", None])
def test_a_foreign_or_broken_checkpoint_is_passed_over(tiny_base, clips, tmp_path, monkeypatch, content):
    monkeypatch.setattr("inversion.optimization.optimize.SAVE_EVERY", 0.0)
    path = tmp_path / ".x.partial"
    if content is None:
        states = []

        def keep(done, steps, loss, score):
            states.append(path.read_bytes() if path.is_file() else b"")

        learn(tiny_base, clips, "<y>", steps=21, checkpoint=path, progress=keep)
        content = states[-1]
        assert content
    path.write_bytes(content)
    found = learn(tiny_base, clips, "<x>", steps=3, checkpoint=path)
    assert found.to_bytes() == learn(tiny_base, clips, "<x>", steps=3).to_bytes()


def test_a_search_that_gets_no_better_ends(tiny_base, clips, monkeypatch):
    monkeypatch.setattr("inversion.optimization.optimize.PATIENCE", 20)
    monkeypatch.setattr("inversion.optimization.optimize.BETTER", 0.0)
    concept = learn(tiny_base, clips, "<x>", steps=100, rank=0, direction=False)
    assert concept.steps == 70


@pytest.mark.slow
def test_one_step_on_mlds_shapes_and_a_clip_sized_tower(clips):
    """The published sizes with random weights: gradients reach the word alone."""
    torch.manual_seed(0)
    text = TOWERS["clip-vit-l-14"]
    vae, denoiser = MldVAEConfig(), MldDenoiserConfig(d_text=text.d_text)
    projector = ProjectorConfig(d_latent=vae.d_latent, d_text=text.d_text, frames_per_latent=MAX_FRAMES)
    style_tokens = StyleTokenConfig(d_token=text.width)
    config = LeadConfig("large", "", text, vae, denoiser, projector, MLD_DIFFUSION, style_tokens)
    base = Lead(config)
    before = base.compute_fingerprints()
    concept = learn(base, clips, "<x>", kind="action", steps=1)
    assert concept.steps == 1 and concept.token_embedding.shape == (2, 768)
    assert base.compute_fingerprints() == before and all(parameter.grad is None for parameter in base.parameters())
    assert any(name.startswith("adapter.") for name in concept.tensors)


def test_long_takes_are_cut_and_an_init_phrase_is_the_start(tiny_base):
    concept = learn(tiny_base, [synthesize_walk(25.0)], "<x>", steps=1, init="walks backward", vectors=3)
    start = tiny_base.text.token_vectors("walks backward")
    np.testing.assert_allclose(concept.token_embedding, start[torch.arange(3) % len(start)], atol=RATE)
    assert len(concept.exemplars) == 1 and concept.exemplars[0].frames == 500


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"token": "x"}, ConceptError, "<x>"),
        ({"clips": []}, InversionError, "no clips"),
        ({"clips": [synthesize_walk(0.5)]}, InversionError, r"walk-0 is 0\.50 s long"),
        ({"objective": "magic"}, BAD_CHOICE, r"choose one of denoising|Literal\['denoising'"),
        ({"quality": "superb"}, BAD_CHOICE, r"choose one of fast|Literal\['fast'"),
        ({"rank": -1}, InversionError, "rank 0 to 64"),
        ({"kind": "mood"}, BAD_CHOICE, r"choose one of action|Literal\['action'"),
        ({"steps": 0}, InversionError, "at least 1 step"),
        ({"captions": ["a person walks"]}, InversionError, "1 captions for 2 clips"),
    ],
)
def test_invalid_arguments_of_learn_are_refused(tiny_base, clips, options, error, message):
    options = {"clips": clips, "token": "<x>", "steps": 1, **options}
    with pytest.raises(error, match=message):
        learn(tiny_base, options.pop("clips"), options.pop("token"), **options)


def test_templates_name_the_clips_own_action(tiny_base, clips):
    assert caption_to_action("A person is walking to the left.") == "walking to the left"
    assert caption_to_action("jumps high") == "jumps high"
    assert fill_templates("style", ["runs"])[0][0] == "a person runs in {} style"
    assert fill_templates("action", ["runs"])[0][0] == "a person {}"
    concept = learn(tiny_base, clips, "<x>", steps=1, captions=["a person runs", "a man crawls"])
    assert concept.templates == ("a person runs in {} style", "a person crawls in {} style")


def test_who_watches_sees_the_concept_at_each_step_and_changes_nothing(tiny_base, clips):
    seen, motions = [], []

    def watch(make):
        concept = make()
        seen.append(concept)
        motions.append(tiny_base.generate(["a person walks in <limp> style"], seconds=1.0, words=concept.words)[0])

    watched = learn(tiny_base, clips, "<limp>", steps=2, quality="fast", watch=watch)
    assert watched.to_bytes() == learn(tiny_base, clips, "<limp>", steps=2, quality="fast").to_bytes()
    assert [concept.steps for concept in seen] == [0, 1, 2]
    assert len({concept.token_embedding.tobytes() for concept in seen}) == 3
    assert not np.array_equal(motions[0].joints, motions[2].joints)
