"""The extension gives what the modules give, for any shape, mask and number of threads; else the modules compute."""

import copy
import subprocess
import sys
import threading
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lead.kernels import native, optimize
from lead.kernels.replacement import Replacement
from lead.networks.denoiser import Denoiser, DenoiserConfig
from lead.networks.layers import Transformer, lengths_to_mask
from lead.networks.lora import Addition, LoRA, apply_lora
from lead.networks.mld import MldDenoiser, MldDenoiserConfig, SkipTransformer
from lead.text.transformer import Blocks

pytestmark = pytest.mark.skipif(not native.LEVEL, reason="the extension was not built here")
WIDTHS = [(64, 4, 96), (40, 4, 72), (96, 1, 50)]
"""Width, heads, feed-forward: heads of 16, 10 and 96 numbers."""


def network(kind, width=64, heads=4, ff=96):
    """An optimized transformer; `plain` evaluates its modules."""
    torch.manual_seed(0)
    made = {
        "plain": lambda: Transformer(width, 2, heads, ff),
        "skips": lambda: Transformer(width, 5, heads, ff, skips=True),
        "mld": lambda: SkipTransformer(width, 5, heads, ff, 0.1),
        "mld memory": lambda: SkipTransformer(width, 3, heads, ff, 0.1, memory=True),
    }[kind]()
    for name, parameter in made.named_parameters():
        if "norm" in name or "bias" in name:
            nn.init.normal_(parameter, 1.0 if name.endswith("weight") else 0.0, 0.3)
    return optimize(made.eval())


def inputs(kind, batch, tokens, width=64):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(batch, tokens, width, generator=generator)
    memory = torch.randn(batch, 1, width, generator=generator)
    mask = lengths_to_mask(torch.randint(1, tokens + 1, (batch,), generator=generator), tokens)
    return (x, mask, memory) if kind == "mld memory" else (x, mask)


def plain_copy(module):
    """The module with torch's own classes and the same weights, hooks included."""
    module = copy.deepcopy(module)
    for part in module.modules():
        if isinstance(part, Replacement):
            part.__class__ = next(base for base in type(part).__mro__ if not issubclass(base, Replacement))
    return module


def plain(module, *args, **options):
    with torch.no_grad():
        return plain_copy(module)(*args, **options)


@torch.no_grad()
def native_only(module, *args, **options):
    """The module's outputs; an error where the extension left them to torch."""
    assert module.pack(args[0]) is not None
    return module(*args, **options)


@pytest.mark.parametrize("level", [256, 512])
@pytest.mark.parametrize("kind", ["plain", "skips", "mld", "mld memory"])
@pytest.mark.parametrize("size", WIDTHS)
def test_outputs_are_torchs(kind, size, level, monkeypatch):
    if level > native.LEVEL:
        pytest.skip("this machine has no AVX-512")
    monkeypatch.setattr(native, "LEVEL", level)
    module = network(kind, *size)
    for batch, tokens in ((1, 1), (2, 3), (5, 17), (3, 40), (33, 7)):
        given = inputs(kind, batch, tokens, size[0])
        theirs, wanted = plain(module, *given), slice(tokens // 2, None)
        torch.testing.assert_close(native_only(module, *given), theirs, atol=2e-5, rtol=1e-4)
        ours = native_only(module, *given, wanted=wanted)
        torch.testing.assert_close(ours, theirs[:, wanted], atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["skips", "mld memory"])
def test_outputs_do_not_depend_on_threads_and_neighbors(kind, set_threads):
    module = network(kind)
    for batch, tokens in ((1, 5), (2, 70), (5, 33), (33, 7)):
        given = inputs(kind, batch, tokens)
        set_threads(1)
        alone = native_only(module, *given)
        assert torch.equal(native_only(module, *[part[:1] for part in given]), alone[:1])
        for count in (2, 3, 7):  # the last more than a matrix has panels
            set_threads(count)
            for _ in range(5):
                assert torch.equal(native_only(module, *given), alone)


@pytest.mark.parametrize("quick", [False, True])
def test_causal_blocks_are_torchs(quick):
    torch.manual_seed(0)
    blocks, x = optimize(Blocks(64, 3, 4, quick).eval()), torch.randn(3, 21, 64)
    causal = torch.full((21, 21), -torch.inf).triu(1)
    torch.testing.assert_close(native_only(blocks, x, causal), plain(blocks, x, causal), atol=2e-5, rtol=1e-4)
    short = native_only(blocks, x[:, :4], causal[:4, :4])
    torch.testing.assert_close(short, plain(blocks, x, causal)[:, :4], atol=2e-5, rtol=1e-4)


@settings(deadline=None, max_examples=200)
@given(x=st.lists(st.floats(-1e4, 1e4, width=32) | st.floats(-8, 8, width=32), min_size=1, max_size=40))
def test_gelu_is_exact_to_a_millionth(x):
    values = torch.tensor(x, dtype=torch.float32)
    with torch.no_grad():
        layer = optimize(nn.Linear(1, 1, bias=False))
        layer.weight.fill_(1.0)
        ours = layer.multiply(values[:, None], gelu=True)[:, 0]
    exact = nn.functional.gelu(values.double())
    assert ((ours - exact).abs() <= 1e-6 + 1.2e-7 * values.abs()).all()


@settings(deadline=None, max_examples=50)
@given(tokens=st.integers(1, 40), scale=st.floats(0.01, 300), seed=st.integers(0, 99))
def test_softmax_is_exact_however_sharp(tokens, scale, seed):
    """One head whose queries and keys are x itself, its values x, and nothing after: softmax(s x x^T) x."""
    torch.manual_seed(seed)
    module, x = optimize(Transformer(16, 1, 1, 16).eval()), torch.randn(2, tokens, 16)
    block = module.blocks[0]
    with torch.no_grad():
        for parameter in (*block.attention.parameters(), *block.ff[3].parameters()):
            parameter.zero_()
        block.attention.qkv.weight.copy_(torch.cat([scale * torch.eye(16), torch.eye(16), torch.eye(16)]))
        block.attention.out.weight.copy_(torch.eye(16))
        exact = copy.deepcopy(module).double()(x.double(), torch.ones(2, tokens, dtype=torch.bool))
    ours = native_only(module, x, torch.ones(2, tokens, dtype=torch.bool))
    torch.testing.assert_close(ours.double(), exact, atol=1e-6 * (3 + scale), rtol=0)


@pytest.mark.parametrize("kind", ["skips", "mld", "mld memory"])
def test_adapters_are_added_row_by_row(kind):
    module = network(kind)
    given = inputs(kind, 6, 9)
    some, other = (LoRA.initialize(module, rank, torch.Generator().manual_seed(rank)) for rank in (3, 40))
    assert len(some.layers) > 4
    strengths = torch.tensor([1.0, 0.0, 0.5, -1.5, 0.0, 2.0])
    with torch.no_grad():
        for up in (*some.up, *other.up):
            up.normal_(std=0.1)
    without = native_only(module, *given)
    for adapters in ([(some, strengths)], [(other, torch.ones(1))], [(some, strengths), (other, 1 - strengths)]):
        with apply_lora(module, adapters):
            ours, theirs = native_only(module, *given), plain(module, *given)
            torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)
            assert not torch.allclose(ours, without, atol=1e-2)
            if len(adapters) == 1:
                untouched = adapters[0][1].expand(6) == 0
                assert torch.equal(ours[untouched], without[untouched])
            with torch.no_grad():
                adapters[0][0].up[0].mul_(1.5)
            torch.testing.assert_close(native_only(module, *given), plain(module, *given), atol=1e-5, rtol=1e-4)
        assert torch.equal(native_only(module, *given), without)


@torch.no_grad()
@pytest.mark.parametrize("kind", ["mld", "mld memory"])
def test_hooks_that_torchs_attention_never_calls_change_nothing(kind):
    """Its output layer is a linear layer by name; the one beside the memory computes rows of samples, not of tokens."""
    module, given = network(kind), inputs(kind, 6, 9)
    layers = [layer for name, layer in module.named_modules() if name.endswith("out_proj")]
    without = native_only(module, *given)
    for layer in layers:
        layer.register_forward_hook(Addition(torch.randn(40, 64), torch.randn(64, 40), torch.ones(6)))
    assert layers and torch.equal(native_only(module, *given), without)
    torch.testing.assert_close(plain(module, *given), without, atol=2e-5, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("adapted", [False, True])
@pytest.mark.parametrize("kind", ["plain", "skips", "mld", "mld memory"])
def test_no_tokens_and_no_samples_give_none(kind, adapted):
    module = network(kind)
    adapter = LoRA.initialize(module, 3)
    for batch, tokens in ((2, 0), (0, 3), (0, 0)):
        x, mask, *memory = inputs(kind, batch, max(tokens, 1))
        with apply_lora(module, [(adapter, torch.ones(batch))] if adapted else []):
            found = native_only(module, x[:, :tokens], mask[:, :tokens], *memory)
        assert found.shape == (batch, tokens, 64)
    given = inputs(kind, 2, 5)
    packed, (x, mask, *memory) = module.pack(given[0]), given
    empty, memory = x[:, :0].clone(), memory[0][:, 0] if memory else None
    in_pieces = packed.prepare([empty, x, empty], mask, memory=memory)
    assert torch.equal(in_pieces(), native_only(module, *given))
    for wanted in (slice(5, 5), slice(9, None), slice(4, 2)):
        assert native_only(module, *given, wanted=wanted).shape == (2, 0, 64)


@torch.no_grad()
def test_a_changed_weight_is_followed():
    module = network("skips")
    x, mask = inputs("skips", 2, 5)
    seen = [native_only(module, x, mask)]
    changes = [
        lambda: module.blocks[1].attention.qkv.bias.add_(1.0),
        lambda: module.norm.weight.mul_(2.0),
        lambda: setattr(module.joins[0], "weight", nn.Parameter(torch.randn(64, 128))),
        lambda: module.blocks.__setitem__(0, copy.deepcopy(module.blocks[3])),
        lambda: module.load_state_dict(network("skips").state_dict()),
    ]
    for change in changes:
        change()
        seen.append(native_only(module, x, mask))
        torch.testing.assert_close(seen[-1], plain(module, x, mask), atol=2e-5, rtol=1e-4)
    assert torch.equal(seen[-1], seen[0])
    assert not any(torch.equal(a, b) for a, b in pairwise(seen))
    other = copy.deepcopy(module)
    other.norm.weight.zero_()
    assert torch.equal(native_only(other, x, mask), other.norm.bias.expand_as(x))
    assert torch.equal(native_only(module, x, mask), seen[0])


class Wrapper(nn.Module):
    """A layer around another one, as hand-made adapters are."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return 2 * self.inner(x)


class Doubled(nn.Linear):
    """A linear layer with a `forward` of its own."""

    def forward(self, x):
        return 2 * super().forward(x)


def doubled(layer):
    made = Doubled(layer.in_features, layer.out_features)
    made.load_state_dict(layer.state_dict())
    return made


def hooked(layer):
    layer.register_forward_pre_hook(lambda module, args: (2 * args[0],))
    return layer


@pytest.mark.parametrize("change", [Wrapper, doubled, hooked])
@pytest.mark.parametrize("place", ["latents_in", "transformer.blocks.0.attention.qkv", "transformer.blocks.1.ff.0"])
def test_a_replaced_or_hooked_layer_computes_itself(change, place):
    config = DenoiserConfig(d_latent=8, d_text=12, width=32, layers=2, heads=4, ff=48, frames_per_latent=4)
    module = optimize(Denoiser(config).eval())
    text, lengths, times = torch.randn(2, 12), torch.tensor([16, 12]), torch.tensor([7, 3])
    z, t = torch.randn(2, 4, 8), torch.tensor([3, 3])
    with torch.no_grad():
        module.condition(text, lengths, times)(z, t)  # packs
        parent, name = module.get_submodule(place.rpartition(".")[0]), place.rpartition(".")[2]
        setattr(parent, name, change(getattr(parent, name)))
        found = module.condition(text, lengths, times)(z, t)
        expected = plain_copy(module).condition(text, lengths, times)(z, t)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_where_torch_evaluates(monkeypatch):
    module = network("skips")
    x, mask = inputs("skips", 2, 5)
    assert module.pack(x) is None and module(x, mask).requires_grad
    with torch.no_grad():
        assert module.pack(x) is not None
        assert module.pack(x.double()) is None
        with torch.autocast("cpu", torch.bfloat16):
            assert module.pack(x) is None
        module.blocks[2].train()
        assert module.pack(x) is None
        module.eval()
        seen = []
        handle = module.blocks[0].register_forward_hook(lambda *args: seen.append(args))
        module(x, mask)
        handle.remove()
        assert len(seen) == 1 and module.pack(x) is not None
        assert copy.deepcopy(module).double().pack(x) is None
        with torch.inference_mode():
            made_here = network("skips")
        assert made_here.pack(x) is None
        ours = module(x, mask)
        monkeypatch.setattr(native, "LEVEL", 0)
        module = copy.deepcopy(module)
        assert module.pack(x) is None
        torch.testing.assert_close(module(x, mask), ours, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["ours", "mld"])
@torch.no_grad()
def test_a_conditioned_denoiser_is_the_denoiser(kind):
    torch.manual_seed(0)
    if kind == "mld":
        denoiser = MldDenoiser(MldDenoiserConfig(32, 24, 3, 4, 64)).eval()
    else:
        denoiser = Denoiser(DenoiserConfig(32, 24, 64, 3, 4, 64)).eval()
        nn.init.normal_(denoiser.latents_out.weight, std=0.1)
    fast, latents = optimize(copy.deepcopy(denoiser)), 1 if kind == "mld" else 4
    z, text, lengths = torch.randn(3, latents, 32), torch.randn(3, 24), torch.tensor([40, 60, 20])
    times = torch.tensor([900, 5])
    plain_network, network = (part.condition(text, lengths, times) for part in (denoiser, fast))
    for t in times:
        theirs = denoiser(z, t.expand(3), text, lengths)
        assert torch.equal(plain_network(z, t.expand(3)), theirs)
        torch.testing.assert_close(network(z, t.expand(3)), theirs, atol=2e-5, rtol=1e-4)
        torch.testing.assert_close(fast(z, t.expand(3), text, lengths), theirs, atol=2e-5, rtol=1e-4)


def test_several_callers_at_once(set_threads):
    set_threads(2)
    module = network("skips")
    given = [inputs("skips", batch, 9) for batch in (1, 2, 5)]
    expected, wrong = [native_only(module, *part) for part in given], []

    def work(part, theirs):
        wrong.extend(1 for _ in range(100) if not torch.equal(native_only(module, *part), theirs))

    workers = [threading.Thread(target=work, args=pair) for pair in zip(given, expected, strict=True)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_a_fork_has_no_helpers_and_does_without():
    code = (
        "import os, sys, torch\nfrom lead.kernels import optimize\n"
        "from lead.networks.layers import Transformer\ntorch.set_num_threads(2)\n"
        "with torch.no_grad():\n"
        "    network, x = optimize(Transformer(64, 2, 4, 96).eval()), torch.randn(1, 4, 64)\n"
        "    mask = torch.ones(1, 4, dtype=torch.bool)\n    here = network(x, mask)\n    child = os.fork()\n"
        "    same = torch.equal(network(x, mask), here)\n"
        "if not child:\n    os._exit(0 if same else 1)\nsys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@torch.no_grad()
@pytest.mark.parametrize("kind", ["skips", "mld"])
def test_a_prepared_call_reads_what_its_pieces_hold_now(kind):
    module, (x, mask) = network(kind), inputs(kind, 3, 6)
    packed = module.pack(x)
    shared, own = x[:1, :2].clone(), x[:, 2:].clone()
    evaluate = packed.prepare([shared.expand(3, -1, -1), own], mask, slice(1, 5))
    for step in range(3):
        shared.add_(step)
        own.mul_(0.5)
        whole = torch.cat([shared.expand(3, -1, -1), own], dim=1)
        assert torch.equal(evaluate(), packed.prepare([whole], mask, slice(1, 5))())


@pytest.mark.parametrize(
    ("field", "value"),
    [("heads", 0), ("heads", -4), ("heads", 3), ("width", 0), ("width", 128), ("hidden", 10_000), ("count", 0),
     ("count", -1), ("joins", 9), ("joins", -1), ("width", 1 << 62), ("hidden", 1 << 62), ("joins", 1 << 62),
     ("count", 1 << 62), ("heads", 1 << 62)],
)  # fmt: skip
@torch.no_grad()
def test_the_extension_refuses_sizes_that_do_not_fit(field, value):
    transformer = network("plain")
    x, _ = inputs("plain", 2, 3)
    packed = transformer.pack(x)
    evaluate = packed.prepare([x], None)
    evaluate()
    setattr(packed.stack, field, value)
    with pytest.raises(ValueError, match="the sizes do not fit"):
        evaluate()


@torch.no_grad()
@pytest.mark.parametrize("part", ["value", "put"])
def test_the_extension_refuses_an_addition_beside_the_memory(part):
    module, (x, mask, memory) = network("mld memory"), inputs("mld memory", 2, 3)
    packed = module.pack(x)
    evaluate = packed.prepare([x], mask, memory=memory[:, 0])
    evaluate()
    matrix, other = getattr(packed.stack.layers[0], part), packed.stack.layers[0].out
    matrix.rank, matrix.down, matrix.up, matrix.strengths = 8, other.panels, other.panels, other.panels
    with pytest.raises(ValueError, match="the sizes do not fit"):
        evaluate()


@torch.no_grad()
def test_the_extension_refuses_tensors_that_do_not_fit():
    packed = network("plain").pack(torch.zeros(2, 3, 64))
    with pytest.raises(ValueError, match="tokens of 32 numbers for a stack of width 64"):
        packed.prepare([torch.zeros(2, 3, 32)], None)
    with pytest.raises(ValueError, match=r"found a mask or memory \[2, 4\], expected \[2, 3\]"):
        packed.prepare([torch.zeros(2, 3, 64)], torch.ones(2, 4, dtype=torch.bool))
    matrix = native.pack(torch.zeros(4, 8), None, torch.empty(native.packed_size(8, 4)))
    with pytest.raises(ValueError, match=r"\[2, 9\] for a matrix of 8 inputs and 4 outputs"):
        native.multiply(matrix, torch.zeros(2, 9), False, None)
