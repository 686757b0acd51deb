import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from stand_in_concept import StandInConcept
from torch import nn

from concepts import StyleSchedule
from lead import LeadError
from lead.conditioning import (
    BESIDE_ACTION,
    STILL_T_MAX,
    ScheduledLoRA,
    activate_concepts,
    add_directions,
    select_adapters,
)
from lead.networks.lora import LoRA, apply_lora
from lead.networks.mld import SkipTransformer


@pytest.fixture
def adapter(tiny_base):
    """One that changes something: `up` is not zero."""
    adapter = LoRA.initialize(tiny_base.denoiser, 3, torch.Generator().manual_seed(0))
    with torch.no_grad():
        for up in adapter.up:
            up.normal_(std=0.3, generator=torch.Generator().manual_seed(1))
    return adapter


def inputs(base, rows=4):
    generator = torch.Generator().manual_seed(2)
    z, text = torch.randn(rows, 3, 8, generator=generator), torch.randn(rows, 24, generator=generator)
    return z, torch.full((rows,), 500), text, torch.full((rows,), 40)


@settings(deadline=None)
@given(rank=st.integers(1, 5), strength=st.floats(-2, 2), seed=st.integers(0, 99))
def test_an_adapted_layer_is_w_x_plus_s_up_down_x(rank, strength, seed):
    torch.manual_seed(seed)
    network = nn.ModuleDict({"block": nn.Linear(6, 4)}).double()
    down, up, x = torch.randn(rank, 6).double(), torch.randn(4, rank).double(), torch.randn(5, 7, 6).double()
    strengths = torch.tensor([strength, 0.0, 1.0, strength, 0.5], dtype=torch.float64)
    plain = network["block"](x)
    with apply_lora(network, [(LoRA({"block": (down, up)}), strengths)]):
        adapted = network["block"](x)
    naive = torch.stack([row + s * (r @ down.T @ up.T) for row, s, r in zip(plain, strengths, x, strict=True)])
    torch.testing.assert_close(adapted, naive)
    assert torch.equal(network["block"](x), plain)


def test_rows_of_strength_0_and_fresh_adapters_change_no_bit(tiny_base, adapter):
    rows = inputs(tiny_base)
    plain = tiny_base.denoiser(*rows)
    with apply_lora(tiny_base.denoiser, [(adapter, torch.tensor([1.0, 0.0, 0.5, 0.0]))]):
        adapted = tiny_base.denoiser(*rows)
    assert torch.equal(adapted[[1, 3]], plain[[1, 3]])
    assert not torch.allclose(adapted[[0, 2]], plain[[0, 2]], atol=1e-4)
    with apply_lora(tiny_base.denoiser, [(LoRA.initialize(tiny_base.denoiser, 2), torch.ones(4))]):
        assert torch.equal(tiny_base.denoiser(*rows), plain)
    assert torch.equal(tiny_base.denoiser(*rows), plain)


def test_adapters_touch_the_blocks_alone_and_come_back_from_their_tensors(tiny_base, adapter):
    assert len(adapter.layers) == 4 * 3 and all("blocks" in name for name in adapter.layers)
    again = LoRA.from_layers(adapter.to_layers())
    assert again.layers == adapter.layers
    for name, tensor in adapter.to_tensors().items():
        assert torch.equal(again.to_tensors()[name], tensor)
    first = adapter.layers[0]
    assert torch.equal(adapter.to_tensors()[f"adapter.{first}/down"], adapter.to_layers()[first][0])


def test_an_adapter_of_another_base_is_refused(tiny_base, adapter):
    wider = LoRA({adapter.layers[0]: (torch.zeros(3, 99), torch.zeros(5, 3))})
    elsewhere = LoRA({"blocks.77.out": (torch.zeros(3, 32), torch.zeros(32, 3))})
    for wrong in (wider, elsewhere):
        pair = wrong, torch.ones(1)
        with pytest.raises(LeadError, match="learned on another base model"), apply_lora(tiny_base.denoiser, [pair]):
            pass


@pytest.mark.parametrize("layer", ["self_attn.out_proj", "multihead_attn.out_proj"])
def test_an_adapter_of_a_layer_that_torch_never_calls_is_refused(layer):
    network = SkipTransformer(32, 3, 4, 48, 0.1, memory=True).eval()
    name = f"middle_block.{layer}"
    assert name not in LoRA.initialize(network, 2).layers and isinstance(network.get_submodule(name), nn.Linear)
    pair = LoRA({name: (torch.zeros(2, 32), torch.zeros(32, 2))}), torch.ones(1)
    with pytest.raises(LeadError, match=f"a layer {name} of 32 x 32"), apply_lora(network, [pair]):
        pass


def test_adapters_of_layers_with_a_memory_act_on_every_row_alone():
    network, generator = SkipTransformer(32, 3, 4, 48, 0.1, memory=True).eval(), torch.Generator().manual_seed(0)
    adapter = LoRA.initialize(network, 2, generator)
    assert len(adapter.layers) == 3 * 2 + 1  # the feed-forward of each layer, and the one join
    with torch.no_grad():
        for up in adapter.up:
            up.normal_(std=0.3, generator=generator)
        x, memory = torch.randn(3, 5, 32, generator=generator), torch.randn(3, 1, 32, generator=generator)
        mask = torch.ones(3, 5, dtype=torch.bool)
        plain = network(x, mask, memory)
        with apply_lora(network, [(adapter, torch.tensor([0.0, 1.0, 0.0]))]):
            adapted = network(x, mask, memory)
            none = network(x[:, :0], mask[:, :0], memory)
    assert torch.equal(adapted[[0, 2]], plain[[0, 2]]) and not torch.allclose(adapted[1], plain[1], atol=1e-2)
    assert none.shape == (3, 0, 32)


def test_a_words_adapter_and_direction_act_where_it_is_named(tiny_base, adapter):
    vectors = np.zeros((2, 32), dtype=np.float32)
    prompts = ["a person walks", "a person <x>", "someone runs in <X> style"]
    plain = tiny_base.generate(prompts, words={"<x>": vectors}, seed=1)
    for more in ({"adapter": adapter.to_layers()}, {"direction": torch.full((8,), 0.5)}):
        words = {"<x>": StandInConcept(vectors, **more)}
        moved = tiny_base.generate(prompts, words=words, seed=1)
        np.testing.assert_array_equal(moved[0].joints, plain[0].joints)
        for row in (1, 2):
            assert not np.allclose(moved[row].joints, plain[row].joints, atol=1e-3)
    alone = tiny_base.generate(prompts[:1], words=words, seed=1)[0].joints
    np.testing.assert_array_equal(alone, tiny_base.generate(prompts[:1], seed=1)[0].joints)


def test_a_direction_is_added_to_the_latents(tiny_base):
    seen = []
    decode = tiny_base.decode
    tiny_base.decode = lambda z, *args, **options: seen.append(z) or decode(z, *args, **options)
    try:
        for direction in (0.0, 0.125):
            schedule = StyleSchedule(direction_scale=2.0)
            words = {"<x>": StandInConcept(np.zeros((1, 32)), direction=np.full(8, direction), schedule=schedule)}
            tiny_base.generate(["a person <x>"], words=words, realign=False)
    finally:
        del tiny_base.decode
    torch.testing.assert_close(seen[1] - seen[0], torch.full_like(seen[0], 0.25))


def test_a_word_with_an_adapter_is_the_base_with_the_adapter_in_its_weights(tiny_base, adapter):
    """Guidance included: it strengthens what the prompt says, and not the adapter."""
    vectors, prompts = torch.zeros(2, 32), ["a person <x>", "someone runs in <x> style"]
    word = StandInConcept(vectors, adapter=adapter.to_layers())
    worded = tiny_base.generate(prompts, words={"<x>": word}, guidance=3.0)
    merged = copy.deepcopy(tiny_base)
    with torch.no_grad():
        for name, down, up in zip(adapter.layers, adapter.down, adapter.up, strict=True):
            merged.denoiser.get_submodule(name).weight += up @ down
    for one, other in zip(worded, merged.generate(prompts, words={"<x>": vectors}, guidance=3.0), strict=True):
        np.testing.assert_allclose(one.joints, other.joints, atol=1e-3)


def test_an_adapter_acts_on_the_timesteps_below_its_t_max(tiny_base, adapter, monkeypatch):
    """The prompt decides at high noise what is done; the style decides at low noise how."""
    steps, levels, seen = tiny_base.config.diffusion.steps, [], []
    network = tiny_base.denoiser.forward

    def watched(z, t, *rest):
        levels.append(int(t[0]))
        seen.append(len(tiny_base.denoiser.get_submodule(adapter.layers[0])._forward_hooks))
        return network(z, t, *rest)

    monkeypatch.setattr(tiny_base.denoiser, "forward", watched)
    lengths = torch.tensor([40])
    args = tiny_base.encode_text(["a person walks"]), lengths, tiny_base.noise(lengths, 0, 0)
    for t_max in (1.0, 0.6, 0.3):
        scheduled = ScheduledLoRA(adapter, torch.ones(1), torch.full((1,), t_max))
        tiny_base.sample(*args, steps=10, adapters=[scheduled])
        assert seen == [int(level < t_max * steps) for level in levels]
        levels.clear(), seen.clear()


def test_similarity_decides_the_adapters_t_max_and_the_directions_share(tiny_base, adapter, monkeypatch):
    schedule = StyleSchedule(3.0, direction_share_seen=0.37, adapter_t_max_unseen=0.3)
    style = StandInConcept(
        torch.zeros(1, 32), None, torch.ones(8), adapter.to_layers(), schedule, ("a person runs in {} style",)
    )
    prompts = ["a person runs in <x> style", "a person runs in (<x>:0.5) style", "someone jumps like <x>"]
    features = {"a person runs": [1.0, 0.0], "someone jumps": [0.6, 0.8]}

    def encode(said, words):
        assert set(words) == {"<x>"} and torch.equal(words["<x>"], tiny_base.text.token_vectors("normally"))
        return torch.tensor([next(x for start, x in features.items() if prompt.startswith(start)) for prompt in said])

    monkeypatch.setattr(tiny_base.text, "encode", encode)
    high = StyleSchedule(3.0, 0.5, 0.5, similarity_low=0.5, similarity_high=1.0)
    for word, t_max, share in (
        (style, [1.0, 1.0, 0.65], [0.37, 0.37, 0.685]),  # a cosine of .6 is half-way from .4 to .8
        (replace(style, schedule=high), [1.0, 1.0, 0.6], [0.5, 0.5, 0.9]),
        (replace(style, training_prompts=()), [0.3, 0.3, 0.3], [1.0, 1.0, 1.0]),
        (replace(style, direction=None), [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]),
        (replace(style, adapter={}), [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]),
    ):
        (active,) = activate_concepts(tiny_base.text, prompts, {"<x>": word})
        torch.testing.assert_close(active.strengths, torch.tensor([1.0, 0.5, 1.0]))
        torch.testing.assert_close(active.t_max, torch.tensor(t_max))
        torch.testing.assert_close(active.direction_share, torch.tensor(share))
        assert torch.equal(active.adapter_scale, torch.ones(3))
        assert (active.lora is None) == (not word.adapter)
        assert word.direction is None or torch.equal(active.direction, torch.full((3, 8), 3.0))
    stronger = replace(style, schedule=replace(schedule, adapter_scale_unseen=2.0))
    (active,) = activate_concepts(tiny_base.text, prompts, {"<x>": stronger})
    torch.testing.assert_close(active.adapter_scale, torch.tensor([1.0, 1.0, 1.5]))
    (scheduled,) = select_adapters([active.select([1, 2])])
    torch.testing.assert_close(scheduled.strengths, torch.tensor([0.5, 1.5]))
    plain = {"<x>": torch.zeros(1, 32), "<y>": StandInConcept(torch.zeros(1, 32), "old")}
    assert activate_concepts(tiny_base.text, ["<x> <y>"], plain) == []
    assert activate_concepts(tiny_base.text, ["a person"], {"<x>": style}) == []


def test_strengths_beyond_1_grow_in_full_on_the_training_action_alone(tiny_base, adapter):
    """On an unseen action the adapter does no more than at 1, and the direction grows half as fast."""
    schedule = StyleSchedule(3.0, direction_share_seen=0.4, adapter_t_max_unseen=0.3, adapter_scale_unseen=1.5)
    style = StandInConcept(
        torch.zeros(1, 32), None, torch.ones(8), adapter.to_layers(), schedule, ("a person runs in {} style",)
    )
    unlike = replace(style, training_prompts=())
    prompts = ["a person runs in <x> style", "a person runs in (<x>:1.6) style"]
    for word, adapters, directions in ((style, [1.0, 1.6], [0.4, 0.64]), (unlike, [1.5, 1.5], [1.0, 1.3])):
        (active,) = activate_concepts(tiny_base.text, prompts, {"<x>": word})
        (scheduled,) = select_adapters([active])
        torch.testing.assert_close(scheduled.strengths, torch.tensor(adapters))
        torch.testing.assert_close(active.strengths * active.direction_share, torch.tensor(directions))


def test_beside_a_learned_action_a_style_has_a_longer_direction(tiny_base, adapter):
    style = StandInConcept(torch.zeros(1, 32), None, torch.ones(8), adapter.to_layers(), StyleSchedule(3.0))
    words = {"<x>": style, "<act>": StandInConcept(torch.zeros(1, 32), adapter=adapter.to_layers())}
    prompts = ["a person <act> in <x> style", "a person jumps in <x> style", "a person (<act>:0) in <x> style"]
    beside, action = activate_concepts(tiny_base.text, prompts, words)
    (alone,) = activate_concepts(tiny_base.text, prompts, {"<x>": style})
    factor = torch.tensor([BESIDE_ACTION, 1.0, 1.0])
    torch.testing.assert_close(beside.direction_share, alone.direction_share * factor)
    assert torch.equal(beside.adapter_scale, alone.adapter_scale) and torch.equal(beside.t_max, alone.t_max)
    assert action.direction is None and action.strengths.tolist() == [1.0, 0.0, 0.0]


def test_who_should_stand_is_left_alone_at_high_noise(tiny_base, adapter):
    schedule = StyleSchedule(3.0, adapter_t_max_unseen=1.0, adapter_scale_unseen=1.5)
    style = StandInConcept(torch.zeros(1, 32), None, torch.ones(8), adapter.to_layers(), schedule)
    prompts = ["a person {} in <x> style", "a person {} in (<x>:1.5) style"]
    for said, t_max, scale in (
        ("stands still", STILL_T_MAX, 1.0), ("looks around", STILL_T_MAX, 1.0), ("waves", 1.0, 1.5),
        ("stands still and waves", 1.0, 1.5), ("stands still, then walks", 1.0, 1.5), ("frobnicates", 1.0, 1.5),
    ):  # fmt: skip
        (active,) = activate_concepts(tiny_base.text, [prompt.format(said) for prompt in prompts], {"<x>": style})
        (scheduled,) = select_adapters([active])
        assert scheduled.t_max.tolist() == [t_max, t_max] and scheduled.strengths.tolist() == pytest.approx([scale] * 2)
    mild = replace(style, schedule=replace(schedule, adapter_t_max_unseen=0.3))
    (active,) = activate_concepts(tiny_base.text, ["a person stands still in <x> style"], {"<x>": mild})
    assert active.t_max.tolist() == pytest.approx([0.3])


@pytest.mark.parametrize("with_adapter", [False, True])
def test_each_training_action_has_its_own_direction(tiny_base, adapter, monkeypatch, with_adapter):
    """An action that is like none of them gets about their mean."""
    schedule = StyleSchedule(2.0, similarity_low=0.2, similarity_high=0.8)
    style = StandInConcept(
        torch.zeros(1, 32), None, torch.ones(8), adapter.to_layers() if with_adapter else {}, schedule,
        ("a person runs in {} style", "a person waves in {} style"), torch.stack([torch.zeros(8), 3 * torch.ones(8)]),
    )  # fmt: skip
    features = {"runs": [1.0, 0.0, 0.0], "waves": [0.0, 1.0, 0.0], "nods": [0.0, 0.0, 1.0], "jogs": [0.5, 0.25, 0.83]}
    monkeypatch.setattr(
        tiny_base.text,
        "encode",
        lambda said, words: torch.tensor([features[prompt.split()[2]] for prompt in said]),
    )
    prompts = [f"a person {verb} in <x> style" for verb in features]
    (active,) = activate_concepts(tiny_base.text, prompts, {"<x>": style})
    runs, waves, nods, jogs = active.direction[:, 0].tolist()
    assert runs == pytest.approx(0.0, abs=1e-3) and waves == pytest.approx(6.0, abs=1e-3)
    assert nods == pytest.approx(3.0) and jogs == pytest.approx(6.0 / (1.0 + np.exp(2.5)), abs=1e-2)
    share = 0.37 if with_adapter else 1.0
    assert active.direction_share.tolist() == pytest.approx([share, share, 1.0, 1 - (1 - share) / 2], abs=0.01)
    z = add_directions(torch.zeros(4, 2, 8), [active])
    torch.testing.assert_close(z[1], torch.full((2, 8), share * waves))
