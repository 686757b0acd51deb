"""MLD's networks equal MLD's own outputs; its checkpoints become run folders, and these become bases."""

import json
from functools import partial

import numpy as np
import pytest
import torch
from typer.testing import CliRunner
from walks import synthesize_walk

from cli.base import app
from inversion import learn
from lead.checkpoint import save_part
from lead.diffusion import Diffusion, guide, sample
from lead.errors import LeadError
from lead.kernels import optimize
from lead.model import Lead
from lead.motion.features import Stats
from lead.networks.mld import MLD_DIFFUSION, MldDenoiser, MldDenoiserConfig, MldVAE, MldVAEConfig
from lead.networks.projector import Projector, ProjectorConfig
from lead.text.openclip import transformers_to_open_clip
from lead.text.tower import PRESETS, TextConfig, TextTower, clip_tower
from lead.train.assemble import assemble, load_tower
from lead.train.import_mld import build_denoiser, build_vae, import_mld, read_checkpoint
from lead.train.stage import TrainConfig
from lead.train.stages.projector import train_projector
from lead.train.stages.vae import train_vae

TOWER = TextConfig(width=32, layers=1, heads=2, d_text=24, merges=300)
SMALL = {"d_latent": 16, "layers": 3, "heads": 4, "ff": 32, "positions": 300}


@pytest.fixture(scope="module")
def fixture(pack):
    """The published-like checkpoint's path, and what MLD's own code gives for it."""
    with np.load(pack / "fixtures" / "mld-mini_io.npz") as file:
        return pack / "fixtures" / "mld-mini.ckpt", {key: torch.from_numpy(file[key]) for key in file.files}


def assert_equal_to_mlds(ours, theirs):
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)


@pytest.mark.parametrize("fast", [False, True])
@torch.no_grad()
def test_outputs_equal_mlds_own(fixture, fast):
    path, io = fixture
    tensors, lengths = read_checkpoint(path), io["lengths"]
    vae, denoiser = build_vae(tensors, 4, path), build_denoiser(tensors, 4, path)
    if fast:
        vae, denoiser = optimize(vae), optimize(denoiser)
    mu, log_variance = vae.encode(io["features"], lengths)
    assert_equal_to_mlds(mu, io["mu"])
    assert_equal_to_mlds((0.5 * log_variance).exp(), io["std"])
    assert_equal_to_mlds(vae.decode(io["z"], lengths), io["decoded"])
    text, empty = io["text"][:, 0], io["uncond"][:1, 0]
    assert_equal_to_mlds(denoiser(io["z_t"], io["t"].expand(2), text, lengths), io["eps"])
    diffusion, steps = Diffusion(MLD_DIFFUSION), int(io["ddim_steps"])
    condition = partial(denoiser.condition, times=diffusion.sampling_times(steps)[:-1])
    network = guide(condition, text, empty, lengths, float(io["guidance"]))
    sampled = sample(diffusion, network, io["noise"], steps)
    assert_equal_to_mlds(sampled, io["sampled"])
    assert_equal_to_mlds(vae.decode(sampled, lengths), io["motion"])


def test_a_clip_does_not_depend_on_its_neighbors():
    torch.manual_seed(0)
    vae = MldVAE(MldVAEConfig(**SMALL)).eval().requires_grad_(False)
    features, lengths = torch.randn(2, 60, 263), torch.tensor([40, 60])
    mu, log_variance = vae.encode(features, lengths)
    assert mu.shape == log_variance.shape == (2, 1, 16) and vae.latent_lengths(lengths).tolist() == [1, 1]
    alone, _ = vae.encode(features[:1, :40], lengths[:1])
    torch.testing.assert_close(alone, mu[:1], atol=1e-5, rtol=1e-4)
    decoded = vae.decode(mu, lengths)
    assert decoded.shape == (2, 60, 263) and not decoded[0, 40:].any()
    torch.testing.assert_close(vae.decode(mu[:1], lengths[:1]), decoded[:1, :40], atol=1e-5, rtol=1e-4)


def mld_tensors(vae, denoiser, clip=None):
    """A state dict as MLD's trainer saves it, its evaluator and unused positions included."""
    tensors = {f"vae.{key}": value for key, value in vae.state_dict().items() if key != "latent_scale"}
    tensors |= {f"denoiser.{key}": value for key, value in denoiser.state_dict().items()}
    tensors |= {"denoiser.mem_pos.pe": torch.zeros(500, 1, 4), "t2m_textencoder.hidden": torch.zeros(2)}
    return tensors | {f"text_encoder.text_model.{key}": value for key, value in (clip or {}).items()}


def small_tensors(d_text=24, clip=None):
    torch.manual_seed(0)
    return mld_tensors(MldVAE(MldVAEConfig(**SMALL)), MldDenoiser(MldDenoiserConfig(d_text=d_text, **SMALL)), clip)


def save_tensors(tensors, path):
    torch.save({"epoch": 1, "state_dict": tensors, "hyper_parameters": {}}, path)
    return path


def test_a_checkpoint_of_full_size_becomes_a_base(data, tmp_path):
    torch.manual_seed(0)
    config = MldVAEConfig(), MldDenoiserConfig()
    checkpoint = save_tensors(mld_tensors(MldVAE(config[0]), MldDenoiser(config[1])), tmp_path / "full.ckpt")
    counts = import_mld(checkpoint, tmp_path / "run", TextTower(TextConfig(32, 1, 2, 768, merges=300)))
    assert (counts["vae"], counts["denoiser"]) == (18_032_135, 8_221_184)
    projector = ProjectorConfig(256, 768, 32, 1, 2, 32, MldVAEConfig().frames_per_latent)
    save_part(tmp_path / "run" / "projector.safetensors", Projector(projector), "projector", projector)
    base = assemble(data, tmp_path / "run", "mld", "")
    assert (base.config.vae, base.config.denoiser, base.config.diffusion) == (*config, MLD_DIFFUSION)
    loaded = Lead.load(base.save(tmp_path / "base.safetensors"))
    assert loaded.config == base.config
    for realign in (True, False):
        before, after = (
            m.generate(["a person walks"], seconds=2.0, steps=3, realign=realign)[0] for m in (base, loaded)
        )
        assert before.joints.shape == (40, 22, 3)
        np.testing.assert_array_equal(before.joints, after.joints)


def test_the_commands_from_checkpoint_to_a_learned_word(data, tmp_path, monkeypatch):
    run, checkpoint = tmp_path / "run", save_tensors(small_tensors(), tmp_path / "mld.ckpt")
    tower = TextTower(TOWER)
    monkeypatch.setattr("lead.train.import_mld.clip_tower", lambda weights: tower)
    done = CliRunner().invoke(app, ["import-mld", str(checkpoint), str(run), "--text", "clip/", "--json"])
    assert done.exit_code == 0, done.output
    assert set(json.loads(done.output)["parameters"]) == {"text", "vae", "denoiser"}
    train_projector(data, run, train=TrainConfig(steps=2, batch=4, precision="no"))
    out = tmp_path / "base.safetensors"
    options = ["--name", "small", "--sampler", "dpm++", "--steps", "5"]
    done = CliRunner().invoke(app, ["assemble", str(data), str(run), str(out), *options])
    assert done.exit_code == 0, done.output
    base = Lead.load(out)
    diffusion = base.config.diffusion
    assert (diffusion.sampler, diffusion.sampling_steps, diffusion.guidance) == ("dpm++", 5, 7.5)
    assert (diffusion.prediction, diffusion.spacing) == ("epsilon", "leading")
    plain, other = (base.generate(["a person walks"], sampler=s)[0].joints for s in (None, "ddim"))
    assert plain.shape == other.shape and not np.array_equal(plain, other)
    assert base.reconstruct([synthesize_walk()])[0].joints.shape == (56, 22, 3)
    concept = learn(base, [synthesize_walk()], "<limp>", kind="style", captions=["a person walks"], steps=2)
    assert concept.token_embedding.shape[1] == 32


def test_training_takes_mlds_vae(data, tmp_path):
    train = TrainConfig(steps=2, batch=4, warmup=1, precision="no")
    vae = train_vae(data, tmp_path, MldVAEConfig(**SMALL), train)
    assert isinstance(vae, MldVAE) and vae.latent_scale == 1


def clip_tensors(width, layers, d_text, tokens):
    """A random text tower under transformers' names."""
    torch.manual_seed(1)
    layer = {f"self_attn.{part}": (width, width) for part in ("q_proj", "k_proj", "v_proj", "out_proj")}
    layer |= {"mlp.fc1": (4 * width, width), "mlp.fc2": (width, 4 * width)}
    shapes = {
        "text_model.embeddings.token_embedding.weight": (tokens, width),
        "text_model.embeddings.position_embedding.weight": (77, width),
        "text_projection.weight": (d_text, width),
        "text_model.final_layer_norm.weight": (width,),
        "text_model.final_layer_norm.bias": (width,),
        "vision_model.embeddings.class_embedding": (width,),
    }
    for number in range(layers):
        prefix = f"text_model.encoder.layers.{number}."
        for name, shape in layer.items():
            shapes |= {f"{prefix}{name}.weight": shape, f"{prefix}{name}.bias": shape[:1]}
        for name in ("layer_norm1", "layer_norm2"):
            shapes |= {f"{prefix}{name}.weight": (width,), f"{prefix}{name}.bias": (width,)}
    return {name: torch.randn(shape) * 0.3 for name, shape in shapes.items()}


def naive_clip(c, ids, layers, heads):
    """CLIP's text feature (Radford et al., 2021) of one prompt, a head at a time, from transformers' names."""

    def linear(x, name):
        return x @ c[f"{name}.weight"].T + c[f"{name}.bias"]

    def norm(x, name):
        x = (x - x.mean(-1, keepdim=True)) / (x.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()
        return x * c[f"{name}.weight"] + c[f"{name}.bias"]

    x = c["text_model.embeddings.token_embedding.weight"][ids]
    x = x + c["text_model.embeddings.position_embedding.weight"][: len(ids)]
    past = torch.ones(len(ids), len(ids)).tril().bool()
    for number in range(layers):
        layer = f"text_model.encoder.layers.{number}."
        y = norm(x, f"{layer}layer_norm1")
        q, k, v = (linear(y, f"{layer}self_attn.{part}_proj").chunk(heads, dim=-1) for part in "qkv")
        mixed = []
        for head in range(heads):
            scores = q[head] @ k[head].T / q[head].shape[-1] ** 0.5
            mixed.append(scores.masked_fill(~past, -torch.inf).softmax(-1) @ v[head])
        x = x + linear(torch.cat(mixed, dim=-1), f"{layer}self_attn.out_proj")
        y = linear(norm(x, f"{layer}layer_norm2"), f"{layer}mlp.fc1")
        x = x + linear(y * torch.sigmoid(1.702 * y), f"{layer}mlp.fc2")
    return norm(x[-1], "text_model.final_layer_norm") @ c["text_projection.weight"].T


def test_the_checkpoints_own_text_tower_is_clip(tmp_path):
    clip = clip_tensors(width=128, layers=2, d_text=24, tokens=814)
    import_mld(save_tensors(small_tensors(clip=clip), tmp_path / "x.ckpt"), tmp_path / "run")
    tower = load_tower(tmp_path / "run")
    assert tower.config == TextConfig(128, 2, 2, 24, 77, 300, quick_gelu=True)
    ids = [tower.tokenizer.start, *tower.tokenizer.encode("a person walks"), tower.tokenizer.end]
    torch.testing.assert_close(tower.encode(["a person walks"])[0], naive_clip(clip, ids, 2, 2), atol=1e-4, rtol=1e-4)


def test_clip_towers_load_from_transformers_files(tmp_path, monkeypatch):
    clip = clip_tensors(width=32, layers=1, d_text=16, tokens=814)
    monkeypatch.setitem(PRESETS, "clip-vit-l-14", TextConfig(32, 1, 2, 16, merges=300))
    torch.save(clip, tmp_path / "pytorch_model.bin")
    tower = clip_tower(weights=tmp_path)
    for name, value in transformers_to_open_clip(clip).items():
        assert torch.equal(tower.transformer.state_dict()[name], value), name


class Config:
    """What an untrusted checkpoint could hold."""


def test_unusable_checkpoints_say_what_is_wrong(tmp_path):
    run, tower = tmp_path / "run", TextTower(TOWER)

    def check_refusal(tensors, match, **options):
        with pytest.raises(LeadError, match=match):
            import_mld(save_tensors(tensors, tmp_path / "x.ckpt"), run, **{"text": tower, **options})

    (tmp_path / "vae.safetensors").touch()
    with pytest.raises(LeadError, match=r"holds vae\.safetensors already; give a new folder"):
        import_mld(tmp_path / "x.ckpt", tmp_path)
    with pytest.raises(LeadError, match="does not exist"):
        import_mld(tmp_path / "none.ckpt", run)
    (tmp_path / "x.ckpt").write_bytes(b"<html>quota exceeded</html>")
    with pytest.raises(LeadError, match="is the download complete"):
        import_mld(tmp_path / "x.ckpt", run)
    torch.save({"state_dict": {}, "hyper_parameters": Config()}, tmp_path / "x.ckpt")
    with pytest.raises(LeadError, match=r"holds objects of test_mld\.Config.*torch\.save"):
        import_mld(tmp_path / "x.ckpt", run)
    check_refusal({"encoder.weight": torch.zeros(1)}, r"holds encoder; expected vae\.\* and denoiser\.\*")
    tensors = small_tensors()
    check_refusal(tensors, "16 wide, which 3 heads do not divide", heads=3)
    check_refusal({**tensors, "vae.global_motion_token": torch.zeros(3, 16)}, "has 3 rows; MLD has two for each latent")
    check_refusal({**tensors, "vae.dist_layer.weight": torch.zeros(32, 16)}, "a dist_layer, as MLD's ablation MLP_DIST")
    wide = MldDenoiser(MldDenoiserConfig(d_text=24, **{**SMALL, "d_latent": 32})).state_dict()
    other = {f"denoiser.{name}": value for name, value in wide.items()}
    check_refusal({**tensors, **other}, "denoiser is 32 wide, the latents of its VAE 16")
    changed = {**tensors, "denoiser.extra": torch.zeros(1), "vae.final_layer.bias": torch.zeros(2)}
    check_refusal(changed, r"vae\.final_layer\.bias is \[2\], expected \[263\]")
    del changed["vae.final_layer.bias"], changed["denoiser.encoder.norm.bias"]
    check_refusal(changed, r"missing vae\.final_layer\.bias")
    changed["vae.final_layer.bias"] = tensors["vae.final_layer.bias"]
    check_refusal(changed, r"missing denoiser\.encoder\.norm\.bias; unexpected denoiser\.extra")
    check_refusal(small_tensors(d_text=30), "features of 30 numbers, the text tower gives 24")
    assert not run.exists()


def test_statistics_of_another_feature_width_are_refused(data, tmp_path):
    import_mld(save_tensors(small_tensors(), tmp_path / "x.ckpt"), tmp_path / "run", TextTower(TOWER))
    projector = ProjectorConfig(16, 24, 32, 1, 2, 32, 300)
    save_part(tmp_path / "run" / "projector.safetensors", Projector(projector), "projector", projector)
    stats = Stats.read(data)
    for name, values in (("Mean", stats.mean), ("Std", stats.std)):
        np.save(tmp_path / f"{name}.npy", values[:251])
    with pytest.raises(LeadError, match=r"251 numbers, the VAE in .* reads 263"):
        assemble(tmp_path, tmp_path / "run", "x", "")
