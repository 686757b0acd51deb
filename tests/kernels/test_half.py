"""In 16 bits the extension gives what the modules give under autocast, nearer to float32; else the modules compute."""

import copy

import pytest
import torch
from torch import nn

from lead.kernels import native, optimize
from lead.kernels.layers import FastTransformer
from lead.networks.layers import Transformer, lengths_to_mask
from lead.networks.lora import LoRA, apply_lora
from lead.text.transformer import Blocks
from lead.threads import side_by_side

pytestmark = pytest.mark.skipif(not native.HALF, reason="the extension or the machine has no AVX512-BF16")
SIZES = [(64, 4, 96, 5), (40, 4, 72, 3), (96, 1, 50, 2), (256, 4, 1024, 7)]
"""Width, heads, feed-forward and layers."""


def network(width=64, heads=4, ff=96, layers=5):
    """A frozen transformer with skips, and an adapter whose additions are not 0."""
    torch.manual_seed(0)
    made = Transformer(width, layers, heads, ff, skips=True).eval().requires_grad_(False)
    for name, parameter in made.named_parameters():
        if "norm" in name or "bias" in name:
            nn.init.normal_(parameter, 1.0 if name.endswith("weight") else 0.0, 0.3)
    adapter = LoRA.initialize(made, 4, torch.Generator().manual_seed(0))
    for up in adapter.up:
        nn.init.normal_(up, 0.0, 0.1)
    return made, adapter


def inputs(batch=5, tokens=9, width=64):
    generator = torch.Generator().manual_seed(1)
    lengths = torch.randint(1, tokens + 1, (batch,), generator=generator)
    x, weights = torch.randn(2, batch, tokens, width, generator=generator)
    return x, lengths_to_mask(lengths, tokens), weights, torch.rand(batch, generator=generator)


def differentiate(module, adapter, given, autocast=True):
    """The outputs of real tokens, and the gradients of a weighted sum of them."""
    x, mask, weights, strengths = given
    x = x.clone().requires_grad_()
    adapter.zero_grad()
    with apply_lora(module, [(adapter, strengths)]), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        y = module(x, mask).float() * mask[..., None]
    (y * weights).sum().backward()
    return [y.detach(), x.grad, *(parameter.grad.clone() for parameter in adapter.parameters())]


def errors(found, exact):
    return [float((a - b).norm() / b.norm()) for a, b in zip(found, exact, strict=True)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("batch", "tokens"), [(1, 1), (3, 40), (20, 9)])
def test_outputs_and_gradients_are_nearer_to_float32_than_torchs(size, batch, tokens):
    module, adapter = network(*size)
    given = inputs(batch, tokens, size[0])
    exact = differentiate(module, adapter, given, autocast=False)
    torchs = errors(differentiate(module, adapter, given), exact)
    ours = errors(differentiate(optimize(module), adapter, given), exact)
    assert max(ours[:2]) < 0.02
    assert sum(ours) <= 1.1 * sum(torchs)


@pytest.mark.parametrize(("batch", "tokens"), [(1, 1), (2, 15)])
def test_a_causal_transformer_too(batch, tokens):
    torch.manual_seed(0)
    module = Blocks(64, 3, 4, quick_gelu=False).eval().requires_grad_(False)
    x, weights = torch.randn(2, batch, tokens, 64)
    causal = torch.full((tokens, tokens), -torch.inf).triu(1)

    def run(network, autocast=True):
        given = x.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            y = network(given, causal).float()
        (y * weights).sum().backward()
        return [y.detach(), given.grad]

    exact, torchs = run(module, autocast=False), run(module)
    assert sum(errors(run(optimize(module)), exact)) <= 1.1 * sum(errors(torchs, exact))
    with torch.autocast("cpu", torch.bfloat16):
        assert module.pack_halves(x).spare


def test_without_gradients_outputs_are_the_same():
    module, adapter = network()
    given = inputs()
    y, *_ = differentiate(optimize(module), adapter, given)
    x, mask, _, strengths = given
    with torch.no_grad(), apply_lora(module, [(adapter, strengths)]), torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(module(x, mask) * mask[..., None], y)
        assert len(module.pack_halves(x).spare) == 1


def test_a_sample_does_not_depend_on_the_others_nor_on_padding():
    module, adapter = network()
    x, mask, _, strengths = inputs(batch=30)
    with torch.no_grad(), apply_lora(optimize(module), [(adapter, strengths)]), torch.autocast("cpu", torch.bfloat16):
        every = module(x, mask)
    for row in (0, 17, 29):
        count = int(mask[row].sum())
        one = slice(row, row + 1)
        autocast = torch.autocast("cpu", torch.bfloat16)
        with torch.no_grad(), apply_lora(module, [(adapter, strengths[one])]), autocast:
            alone = module(x[one, :count], mask[one, :count])
        assert torch.equal(alone[0], every[row, :count])


def test_two_threads_give_the_gradients_of_one():
    module, adapter = network()
    optimize(module)
    halves = [tuple(part[rows] for part in inputs(batch=8)) for rows in (slice(4), slice(4, None))]
    alone = [differentiate(module, copy.deepcopy(adapter), half) for half in halves]
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with apply_lora(module, []), side_by_side(2) as each:
            both = each(lambda half: differentiate(copy.deepcopy(module), copy.deepcopy(adapter), half), halves)
    finally:
        torch.set_num_threads(before)
    for one, other in zip(alone, both, strict=True):
        assert all(map(torch.equal, one, other))


def test_memory_is_used_again_and_a_second_backward_pass_is_refused():
    module, adapter = network()
    given = inputs()
    differentiate(optimize(module), adapter, given)
    x, mask, *_ = given
    with torch.autocast("cpu", torch.bfloat16):
        halves = module.pack_halves(x)
        (kept,) = halves.spare
        differentiate(module, adapter, given)
        assert [part.data_ptr() for part in halves.spare] == [kept.data_ptr()]
        y = module(x.requires_grad_(), mask).sum()
    y.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="second backward pass"):
        y.backward()


@pytest.mark.parametrize("case", ["trained", "training", "hook", "float16"])
def test_else_the_modules_compute(case):
    module, _ = network()
    assert isinstance(optimize(module), FastTransformer)
    x, mask, *_ = inputs()
    if case == "trained":
        module.blocks[0].ff[0].weight.requires_grad_()
    if case == "training":
        module.train()
    if case == "hook":
        module.blocks[1].attention.qkv.register_forward_hook(lambda *_: None)
    with torch.autocast("cpu", torch.float16 if case == "float16" else torch.bfloat16):
        assert module.pack_halves(x) is None
        assert module(x, mask).shape == x.shape


def test_a_changed_weight_is_packed_again():
    module, _ = network()
    optimize(module)
    x, mask, *_ = inputs()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        before = module(x, mask)
        module.blocks[0].ff[0].weight.mul_(0.5)
        assert not torch.equal(module(x, mask), before)
