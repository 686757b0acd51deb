"""The fast ways give what torch's own give, and stand aside where gradients, precision or weights ask for it."""

import copy
import subprocess
import sys

import pytest
import torch
from torch import nn

from lead.kernels.linear import Linear, attention, convolved, inferring, linear, multihead, plainly
from lead.networks.mld import MldDenoiser, MldDenoiserConfig, MldVAE, MldVAEConfig

SMALL = {"d_latent": 32, "layers": 3, "heads": 4, "ff": 64, "positions": 100}


def test_where_the_fast_ways_are_taken():
    x = torch.zeros(2, 3)
    assert not inferring(x)
    with torch.no_grad():
        assert inferring(x) and not inferring(x.double())
        with torch.autocast("cpu", torch.bfloat16):
            assert not inferring(x)
        with plainly():
            assert not inferring(x)
        assert inferring(x)


@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize("rows", [1, 6, 70])
def test_a_linear_map_is_torchs_and_follows_its_weight(rows, built, monkeypatch):
    """By the extension, and by oneDNN where it was not built."""
    if not built:
        monkeypatch.setattr("lead.kernels.native.LEVEL", 0)
    torch.manual_seed(0)
    layer, x = Linear(48, 80), torch.randn(2, rows, 48)
    with torch.no_grad():
        theirs, plus = nn.functional.linear(x, layer.weight, layer.bias), torch.randn(2, rows, 80)
        torch.testing.assert_close(layer(x), theirs)
        torch.testing.assert_close(linear(x, layer.weight, layer.bias, plus=plus), theirs + plus)
        torch.testing.assert_close(linear(x, layer.weight, layer.bias, gelu=True), nn.functional.gelu(theirs))
        torch.testing.assert_close(linear(x, layer.weight, None), x @ layer.weight.T)
        layer.bias.add_(1.0)
        torch.testing.assert_close(layer(x), theirs + 1)
        layer.weight.mul_(2.0)
        torch.testing.assert_close(layer(x), nn.functional.linear(x, layer.weight, layer.bias))
        other = copy.deepcopy(layer)
        other.weight.zero_()
        torch.testing.assert_close(other(x), other.bias.expand(2, rows, 80))
    with torch.inference_mode():
        made_here = torch.ones(80, 48)
        assert torch.equal(linear(x, made_here, None), nn.functional.linear(x, made_here))
    assert torch.equal(layer(x), nn.functional.linear(x, layer.weight, layer.bias))  # gradients are recorded
    assert layer(x).requires_grad
    layer.double()
    with torch.no_grad():
        assert torch.equal(layer(x.double()), nn.functional.linear(x.double(), layer.weight, layer.bias))


def test_without_extension_and_onednn_everything_is_torchs_own(monkeypatch):
    monkeypatch.setattr("lead.kernels.native.LEVEL", 0)
    monkeypatch.setattr("lead.kernels.linear._HAS_ONEDNN", False)
    layer, x = Linear(8, 4), torch.randn(3, 8)
    with torch.no_grad():
        assert torch.equal(layer(x), nn.functional.linear(x, layer.weight, layer.bias))


@pytest.mark.parametrize("built", [True, False])
def test_a_convolution_over_time_is_torchs(built, monkeypatch):
    if not built:
        monkeypatch.setattr("lead.kernels.native.LEVEL", 0)
    torch.manual_seed(0)
    layer, x = nn.Conv1d(7, 5, 3, padding=1), torch.randn(3, 11, 7)
    theirs = layer(x.mT).mT
    assert torch.equal(convolved(layer, x), theirs)
    with torch.no_grad():
        torch.testing.assert_close(convolved(layer, x), theirs)
        torch.testing.assert_close(convolved(layer, x, gelu=True), nn.functional.gelu(theirs))


def test_attention_is_softmax_over_the_real_tokens():
    torch.manual_seed(0)
    qkv, real = torch.randn(2, 7, 3 * 16), torch.arange(7) < torch.tensor([[7], [4]])
    bias = torch.zeros(2, 7).masked_fill(~real, -1e9)[:, None, None, :]
    plain = attention(qkv, 2, bias)
    with torch.no_grad():
        torch.testing.assert_close(attention(qkv, 2, bias), plain)
    alone = attention(qkv[1:, :4], 2, torch.zeros(4))
    torch.testing.assert_close(plain[1:, :4], alone)


def test_multihead_attention_is_torchs_own():
    torch.manual_seed(0)
    module, x = nn.MultiheadAttention(16, 4, batch_first=True).eval(), torch.randn(2, 5, 16)
    causal = torch.full((5, 5), -torch.inf).triu(1)
    theirs = module(x, x, x, need_weights=False, attn_mask=causal)[0]
    with torch.no_grad():
        torch.testing.assert_close(multihead(module, x, causal, x), x + theirs)


@torch.no_grad()
def test_mlds_networks_give_what_their_modules_give():
    """Padding and several latent tokens included."""
    torch.manual_seed(0)
    vae, denoiser = MldVAE(MldVAEConfig(**SMALL)).eval(), MldDenoiser(MldDenoiserConfig(d_text=24, **SMALL)).eval()
    lengths = torch.tensor([40, 60])
    features, z, text = torch.randn(2, 60, 263), torch.randn(2, 1, 32), torch.randn(2, 24)

    def outputs():
        predicted = denoiser(z, torch.tensor([3, 700]), text, lengths)
        return *vae.encode(features, lengths), vae.decode(z, lengths), predicted

    with plainly():
        plain = outputs()
    for ours, theirs in zip(outputs(), plain, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)
    memory = torch.randn(2, 3, 32)
    with plainly():
        theirs = vae.decoder(features[..., :32], torch.ones(2, 60, dtype=torch.bool), memory)
    torch.testing.assert_close(
        vae.decoder(features[..., :32], torch.ones(2, 60, dtype=torch.bool), memory), theirs, atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize("built", [True, False])
def test_generate_gives_the_same_motions_plainly(tiny_base, built, monkeypatch):
    """By the extension, and where it was not built."""
    if not built:
        monkeypatch.setattr("lead.kernels.native.LEVEL", 0)
        tiny_base = copy.deepcopy(tiny_base)
    prompts = ["a person walks", "someone waves the left hand"]
    ours = tiny_base.generate(prompts, seconds=[2.0, 3.0], seed=3)
    with plainly():
        theirs = tiny_base.generate(prompts, seconds=[2.0, 3.0], seed=3)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(torch.from_numpy(one.joints), torch.from_numpy(other.joints), atol=1e-4, rtol=0)


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
