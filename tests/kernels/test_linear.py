"""Fast linear maps and attention equal torch's. Gradients, other precisions and changed weights are left to torch."""

import copy
import subprocess
import sys

import pytest
import torch
from torch import nn

from lead.kernels import optimize
from lead.kernels.linear import FastLinear, attend
from lead.kernels.replacement import kernels_apply
from lead.networks.layers import Attention, mask_to_bias
from lead.networks.mld import MldDenoiser, MldDenoiserConfig, MldVAE, MldVAEConfig
from lead.networks.vae import Seams

SMALL = {"d_latent": 32, "layers": 3, "heads": 4, "ff": 64, "positions": 100}


def test_where_kernels_apply():
    x = torch.zeros(2, 3)
    assert not kernels_apply(x)
    with torch.no_grad():
        assert kernels_apply(x) and not kernels_apply(x.double())
        with torch.autocast("cpu", torch.bfloat16):
            assert not kernels_apply(x)
        assert kernels_apply(x)


@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize("rows", [1, 6, 70])
def test_a_linear_map_is_torchs_and_follows_its_weight(rows, built, monkeypatch):
    """By the extension, and by oneDNN where it was not built."""
    if not built:
        monkeypatch.setattr("lead.kernels.native.LEVEL", 0)
    torch.manual_seed(0)
    layer, x = optimize(nn.Linear(48, 80)), torch.randn(2, rows, 48)
    assert isinstance(layer, FastLinear)
    with torch.no_grad():
        theirs, plus = nn.functional.linear(x, layer.weight, layer.bias), torch.randn(2, rows, 80)
        torch.testing.assert_close(layer(x), theirs)
        torch.testing.assert_close(layer.multiply(x, plus=plus), theirs + plus)
        torch.testing.assert_close(layer.multiply(x, gelu=True), nn.functional.gelu(theirs))
        unbiased = optimize(nn.Linear(48, 80, bias=False))
        torch.testing.assert_close(unbiased(x), x @ unbiased.weight.T)
        layer.bias.add_(1.0)
        torch.testing.assert_close(layer(x), theirs + 1)
        layer.weight.mul_(2.0)
        torch.testing.assert_close(layer(x), nn.functional.linear(x, layer.weight, layer.bias))
        layer.weight = nn.Parameter(torch.randn(80, 48))
        torch.testing.assert_close(layer(x), nn.functional.linear(x, layer.weight, layer.bias))
        other = copy.deepcopy(layer)
        other.weight.zero_()
        torch.testing.assert_close(other(x), other.bias.expand(2, rows, 80))
    with torch.inference_mode():
        made_here = optimize(nn.Linear(48, 80))
        assert torch.equal(made_here(x), nn.functional.linear(x, made_here.weight, made_here.bias))
    assert torch.equal(layer(x), nn.functional.linear(x, layer.weight, layer.bias))  # gradients are recorded
    assert layer(x).requires_grad
    layer.double()
    with torch.no_grad():
        assert torch.equal(layer(x.double()), nn.functional.linear(x.double(), layer.weight, layer.bias))


def test_nothing_is_replaced_without_kernels_or_on_another_device(monkeypatch):
    assert type(optimize(nn.Linear(8, 4, device="meta"))) is nn.Linear
    with monkeypatch.context() as patch:
        patch.setattr("platform.machine", lambda: "aarch64")
        assert type(optimize(nn.Linear(8, 4))) is nn.Linear
    monkeypatch.setattr("lead.kernels.native.LEVEL", 0)
    monkeypatch.setattr("lead.kernels.linear.HAS_ONEDNN", False)
    assert type(optimize(nn.Linear(8, 4))) is nn.Linear


def test_names_hooks_and_parameters_stay(tiny_base):
    assert type(tiny_base.denoiser.latents_in) is FastLinear
    plain = type(tiny_base)(tiny_base.config)
    assert list(plain.state_dict()) == list(tiny_base.state_dict())
    plain.load_state_dict(tiny_base.state_dict())
    before, seen = plain.fingerprints, []
    weights = list(plain.parameters())
    plain.denoiser.latents_in.register_forward_hook(lambda *args: seen.append(args))
    assert optimize(optimize(plain)) is plain and plain.fingerprints == before == tiny_base.fingerprints
    assert all(a is b for a, b in zip(plain.parameters(), weights, strict=True))
    with torch.no_grad():
        plain.denoiser(torch.zeros(1, 2, 8), torch.tensor([5]), torch.zeros(1, 24), torch.tensor([32]))
    assert len(seen) == 1


@pytest.mark.parametrize("built", [True, False])
def test_convolutions_over_time_are_torchs(built, monkeypatch):
    if not built:
        monkeypatch.setattr("lead.kernels.native.LEVEL", 0)
    torch.manual_seed(0)
    plain, x = Seams(7, 5), torch.randn(3, 11, 7)
    nn.init.normal_(plain[2].weight)
    mask = (torch.arange(11) < torch.tensor([[11], [4], [1]]))[..., None]
    theirs, fast = plain(x, mask), optimize(copy.deepcopy(plain))
    assert torch.equal(fast(x, mask), theirs)
    with torch.no_grad():
        torch.testing.assert_close(fast(x, mask), theirs)


def test_attention_is_softmax_over_the_real_tokens():
    torch.manual_seed(0)
    plain, x = Attention(16, 2), torch.randn(2, 7, 16)
    bias = mask_to_bias(torch.arange(7) < torch.tensor([[7], [4]]))
    fast, theirs = optimize(copy.deepcopy(plain)), plain(x, bias)
    assert torch.equal(fast(x, bias), theirs)
    with torch.no_grad():
        torch.testing.assert_close(fast(x, bias), theirs)
        torch.testing.assert_close(plain.out(attend(plain.qkv(x), 2, bias)), theirs)
    alone = plain(x[1:, :4], torch.zeros(1, 1, 1, 4))
    torch.testing.assert_close(theirs[1:, :4], alone)


def test_multihead_attention_is_torchs_own():
    torch.manual_seed(0)
    module, x = optimize(nn.MultiheadAttention(16, 4, batch_first=True).eval()), torch.randn(2, 5, 16)
    causal = torch.full((5, 5), -torch.inf).triu(1)
    theirs = module(x, x, x, need_weights=False, attn_mask=causal)[0]
    with torch.no_grad():
        torch.testing.assert_close(module.attend_to_self(x, causal, x), x + theirs)


@pytest.mark.parametrize("built", [True, False])
@torch.no_grad()
def test_mlds_networks_give_what_their_modules_give(built, monkeypatch):
    """With padding, and with several latent tokens."""
    if not built:
        monkeypatch.setattr("lead.kernels.native.LEVEL", 0)
    torch.manual_seed(0)
    plain = MldVAE(MldVAEConfig(**SMALL)).eval(), MldDenoiser(MldDenoiserConfig(d_text=24, **SMALL)).eval()
    fast = tuple(optimize(copy.deepcopy(network)) for network in plain)
    lengths = torch.tensor([40, 60])
    features, z, text, memory = (
        torch.randn(2, *shape) for shape in ((60, 263), (1, 32), (24,), (3, 32))
    )

    def outputs(vae, denoiser):
        predicted = denoiser(z, torch.tensor([3, 700]), text, lengths)
        several = vae.decoder(features[..., :32], torch.ones(2, 60, dtype=torch.bool), memory)
        return *vae.encode(features, lengths), vae.decode(z, lengths), predicted, several

    for ours, theirs in zip(outputs(*fast), outputs(*plain), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("built", [True, False])
def test_generate_gives_the_same_motions_plainly(tiny_base, built, monkeypatch):
    """By the extension, and without it."""
    if not built:
        monkeypatch.setattr("lead.kernels.native.LEVEL", 0)
    plain = type(tiny_base)(tiny_base.config)
    plain.load_state_dict(tiny_base.state_dict())
    prompts = ["a person walks", "someone waves the left hand"]
    ours, theirs = (
        base.generate(prompts, seconds=[2.0, 3.0], seed=3) for base in (copy.deepcopy(tiny_base), plain)
    )
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(torch.from_numpy(one.joints), torch.from_numpy(other.joints), atol=1e-4, rtol=0)


@torch.no_grad()
def test_the_empty_prompt_is_encoded_again_after_a_weight_changed(tiny_base, monkeypatch):
    tower = copy.deepcopy(tiny_base.text)
    seen, encode = [], tower.encode
    monkeypatch.setattr(tower, "encode", lambda prompts: seen.append(prompts) or encode(prompts))
    first = tower.encode_unconditional()
    assert tower.encode_unconditional() is first and len(seen) == 1
    tower.transformer.text_projection.mul_(2.0)
    torch.testing.assert_close(tower.encode_unconditional(), 2 * first)
    with torch.enable_grad():
        assert tower.requires_grad_(True).encode_unconditional().requires_grad
    tower.double()
    assert tower.encode_unconditional().dtype == torch.float64


def test_the_embedded_base_is_used_without_open_clip_accelerate_and_the_compiler():
    code = (
        "import sys\nfrom inversion import learn\nfrom inversion.encoded_clips import encode_clips\n"
        "from inversion.report import report\nfrom lead import Lead\n"
        "base = Lead.load()\nclips = encode_clips(base, base.generate(['a person walks'], steps=1))\n"
        "report(base, learn(base, clips, '<x>', steps=1), clips)\n"
        "slow = {'open_clip', 'torchvision', 'transformers', 'torch._dynamo', 'accelerate'} & set(sys.modules)\n"
        "sys.exit(f'loaded {slow}' if slow else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
