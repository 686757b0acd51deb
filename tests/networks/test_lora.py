import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lead import LeadError
from lead.conditioning import active_concepts
from lead.networks.lora import LoRA, apply_lora


@pytest.fixture
def adapter(tiny_base):
    """One that changes something: `up` is not zero."""
    adapter = LoRA.fresh(tiny_base.denoiser, 3, torch.Generator().manual_seed(0))
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
    with apply_lora(tiny_base.denoiser, [(LoRA.fresh(tiny_base.denoiser, 2), torch.ones(4))]):
        assert torch.equal(tiny_base.denoiser(*rows), plain)
    assert torch.equal(tiny_base.denoiser(*rows), plain)


def test_adapters_touch_the_blocks_alone_and_come_back_from_their_tensors(tiny_base, adapter):
    assert len(adapter.layers) == 4 * 3 and all("blocks" in name for name in adapter.layers)
    again = LoRA.of({"token_embedding": torch.zeros(2, 32), **adapter.tensors()})
    assert again.layers == tuple(sorted(adapter.layers))
    for name, tensor in adapter.tensors().items():
        assert torch.equal(again.tensors()[name], tensor)


def test_an_adapter_of_another_base_is_refused(tiny_base, adapter):
    wider = LoRA({adapter.layers[0]: (torch.zeros(3, 99), torch.zeros(5, 3))})
    elsewhere = LoRA({"blocks.77.out": (torch.zeros(3, 32), torch.zeros(32, 3))})
    for wrong in (wider, elsewhere):
        with pytest.raises(LeadError, match="learned on another base model"), apply_lora(tiny_base.denoiser, [(wrong, 1)]):
            pass
    tensors = adapter.tensors()
    tensors.pop(next(name for name in tensors if name.endswith("/up")))
    with pytest.raises(LeadError, match="needs /down and /up"):
        LoRA.of(tensors)


def test_a_words_adapter_and_direction_act_where_it_is_named(tiny_base, adapter):
    vectors = np.zeros((2, 32), dtype=np.float32)
    prompts = ["a person walks", "a person <x>", "someone runs in <X> style"]
    plain = tiny_base.generate(prompts, words={"<x>": vectors}, seed=1)
    for more in (adapter.tensors(), {"direction": torch.full((8,), 0.5)}):
        words = {"<x>": {"token_embedding": vectors, **more}}
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
        for direction in (0.0, 0.25):
            words = {"<x>": {"token_embedding": np.zeros((1, 32)), "direction": np.full(8, direction)}}
            tiny_base.generate(["a person <x>"], words=words, realign=False)
    finally:
        del tiny_base.decode
    torch.testing.assert_close(seen[1] - seen[0], torch.full_like(seen[0], 0.25))


def test_a_word_with_an_adapter_is_the_base_with_the_adapter_in_its_weights(tiny_base, adapter):
    """Guidance included: it strengthens what the prompt says, and not the adapter."""
    vectors, prompts = torch.zeros(2, 32), ["a person <x>", "someone runs in <x> style"]
    worded = tiny_base.generate(prompts, words={"<x>": {"token_embedding": vectors, **adapter.tensors()}}, guidance=3.0)
    merged = copy.deepcopy(tiny_base)
    with torch.no_grad():
        for name, down, up in zip(adapter.layers, adapter.down, adapter.up, strict=True):
            merged.denoiser.get_submodule(name).weight += up @ down
    for one, other in zip(worded, merged.generate(prompts, words={"<x>": vectors}, guidance=3.0), strict=True):
        np.testing.assert_allclose(one.joints, other.joints, atol=1e-3)


def test_a_manners_adapter_acts_on_all_noise_at_home_and_on_the_lowest_elsewhere(tiny_base, adapter, monkeypatch):
    """What is done is the prompt's affair, how it is done the manner's."""
    steps, levels, seen = tiny_base.config.diffusion.steps, [], []
    network = tiny_base.denoiser.forward

    def watched(z, t, *rest):
        levels.append(int(t[0]))
        seen.append(len(tiny_base.denoiser.get_submodule(adapter.layers[0])._forward_hooks))
        return network(z, t, *rest)

    monkeypatch.setattr(tiny_base.denoiser, "forward", watched)
    lengths = torch.tensor([40])
    args = tiny_base.encode_text(["a person walks"]), lengths, tiny_base.noise(lengths, 0, 0)
    for reach in (1.0, 0.6, 0.3):
        tiny_base.sample(*args, steps=10, adapters=[(adapter, torch.ones(1), torch.full((1,), reach))])
        assert seen == [int(level < reach * steps) for level in levels]
        levels.clear(), seen.clear()


def test_how_far_an_adapter_reaches_and_how_much_of_a_direction_acts(tiny_base, adapter, monkeypatch):
    vectors = {"token_embedding": torch.zeros(1, 32), **adapter.tensors()}
    manner = {**vectors, "direction": torch.zeros(8), "home": ("a person runs in {} style",)}
    prompts = ["a person runs in <x> style", "a person runs in (<x>:0.5) style", "someone jumps like <x>"]
    features = {"a person runs": [1.0, 0.0], "someone jumps": [0.6, 0.8]}

    def encode(said, words):
        assert set(words) == {"<x>"} and torch.equal(words["<x>"], tiny_base.text.token_vectors("normally"))
        return torch.tensor([next(x for start, x in features.items() if prompt.startswith(start)) for prompt in said])

    monkeypatch.setattr(tiny_base.text, "encode", encode)
    unadapted = {name: x for name, x in manner.items() if not name.startswith("adapter")}
    for word, reach, share in (
        (manner, [1.0, 1.0, 0.65], [0.37, 0.37, 0.685]),  # a cosine of .6 is half-way from away to near
        ({**manner, "home": ()}, [0.3, 0.3, 0.3], [1.0, 1.0, 1.0]),
        (vectors, [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]),
        (unadapted, [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]),
    ):
        (acting,) = active_concepts(tiny_base.text, prompts, {"<x>": word})
        torch.testing.assert_close(acting.reach, torch.tensor(reach))
        torch.testing.assert_close(acting.share, torch.tensor(share))
