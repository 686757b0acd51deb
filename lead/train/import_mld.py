"""Imports a checkpoint of MLD's trainer (Lightning) into a run folder; only the projector is then left to train.

    lead import-mld mld.ckpt run/
    lead train projector HumanML3D/ --output run/
    lead assemble HumanML3D/ run/ my-base.safetensors --name my-base

Sizes and the number of latent tokens (the paper's MLD-1 to MLD-10) are read from the tensors. Heads and the noise
schedule follow from no tensor: they are arguments. The data set must be the one that MLD was trained on: its Mean.npy
and Std.npy are part of the model. MLD's trainer leaves CLIP out of most checkpoints; the text tower then comes from
elsewhere. Only tensors and plain values are unpickled.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from lead.checkpoint import atomic_write, save_part
from lead.diffusion import DiffusionConfig
from lead.errors import LeadError
from lead.networks.mld import MLD_DIFFUSION, MldDenoiser, MldDenoiserConfig, MldVAE, MldVAEConfig
from lead.networks.style_tokens import StyleTokenConfig, StyleTokens
from lead.text.openclip import TRANSFORMERS_EMBEDDING, transformers_to_open_clip
from lead.text.tower import TextConfig, TextTower, clip_tower

Network = TypeVar("Network", bound=nn.Module)
UNUSED = {"mem_pos.pe"}
"""Tensors of the denoiser's other architecture: in every checkpoint, never used."""


def import_mld(
    checkpoint: str | Path,
    run: str | Path,
    text: TextTower | str | Path | None = None,
    heads: int = 4,
    diffusion: DiffusionConfig = MLD_DIFFUSION,
) -> dict[str, int]:
    """Writes the text tower, the VAE and the denoiser into `run`; returns each one's number of parameters.

    `text`: a tower, or CLIP ViT-L/14 weights by file, folder or open_clip's name; without it the checkpoint's own
    or, where it has none, "openai". Raises LeadError for a file that is no such checkpoint, naming what is wrong.
    """
    path, run = Path(checkpoint), Path(run)
    trained = sorted(part.name for part in run.glob("*.safetensors"))
    if trained:
        raise LeadError(f"{run} holds {', '.join(trained)} already; give a new folder, nothing is written over")
    tensors = read_checkpoint(path)
    vae = build_vae(tensors, heads, path)
    denoiser = build_denoiser(tensors, heads, path, vae.config.latents)
    if denoiser.config.d_latent != vae.config.d_latent:
        raise LeadError(
            f"{path}: its denoiser is {denoiser.config.d_latent} wide, the latents of its VAE {vae.config.d_latent}; "
            "they are not of one model"
        )
    tower = text if isinstance(text, TextTower) else _find_tower(tensors, text, path)
    if tower.d_text != denoiser.config.d_text:
        raise LeadError(
            f"{path}: its denoiser reads text features of {denoiser.config.d_text} numbers, the text tower gives "
            f"{tower.d_text}; give the tower that MLD was trained with by --text"
        )
    run.mkdir(parents=True, exist_ok=True)
    style_tokens = StyleTokens(StyleTokenConfig(params=0, vectors=0, d_token=tower.d_token))  # MLD has none
    save_part(run / "text.safetensors", tower, "text", tower.config)
    save_part(run / "vae.safetensors", vae, "vae", vae.config)
    save_part(run / "denoiser.safetensors", denoiser, "denoiser", denoiser.config)
    save_part(run / "manners.safetensors", style_tokens, "manners", style_tokens.config)
    note = {"imported": path.name, "config": asdict(denoiser.config), "diffusion": asdict(diffusion)}
    with atomic_write(run / "diffusion.json") as partial:
        partial.write_text(json.dumps(note, indent=2))
    parts: dict[str, nn.Module] = {"text": tower, "vae": vae, "denoiser": denoiser}
    return {part: sum(p.numel() for p in module.parameters()) for part, module in parts.items()}


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The state dict of a checkpoint, read without running code from it."""
    if not path.is_file():
        raise LeadError(f"{path} does not exist; give a checkpoint of MLD's trainer, such as mld_humanml3d.ckpt")
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise LeadError(_explain_unreadable(path)) from error
    tensors = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else {}
    parts = sorted({str(name).split(".")[0] for name in tensors})
    if not {"vae", "denoiser"} <= set(parts):
        raise LeadError(
            f"{path} holds {', '.join(parts[:12]) or 'no state dict'}; expected vae.* and denoiser.*, "
            "a checkpoint of MLD's diffusion stage"
        )
    return dict(tensors)


def _explain_unreadable(path: Path) -> str:
    try:
        classes = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # not the format of a checkpoint
        return f"{path} is not a checkpoint that torch can read; is the download complete?"
    return (
        f"{path} holds objects of {', '.join(classes)}, which are not read from a file of unknown origin; where you "
        "trust it and MLD runs, keep its tensors alone: "
        f"python -c \"import torch; c = torch.load('{path.name}', map_location='cpu', weights_only=False); "
        "torch.save({'state_dict': c['state_dict']}, 'tensors.ckpt')\""
    )


def build_vae(tensors: Mapping[str, Tensor], heads: int, path: Path) -> MldVAE:
    """The VAE in a checkpoint's tensors."""
    part = _Part(tensors, "vae.", path)
    tokens, width = part.read_shape("global_motion_token", 2)
    if "dist_layer.weight" in part.tensors:
        raise LeadError(
            f"{path}: the VAE has a dist_layer, as MLD's ablation MLP_DIST; only a VAE without it, whose "
            "global_motion_token holds means and log-variances, can be imported"
        )
    if tokens % 2 or not tokens:
        raise LeadError(
            f"{path}: vae.global_motion_token has {tokens} rows; MLD has two for each latent token, a mean's and a "
            "log-variance's"
        )
    config = MldVAEConfig(
        part.read_shape("skel_embedding.weight", 2)[1], width, *part.read_transformer(width, heads),
        positions=part.read_shape("query_pos_encoder.pe", 3)[0], latents=tokens // 2,
    )  # fmt: skip
    return part.fill(MldVAE(config))


def build_denoiser(tensors: Mapping[str, Tensor], heads: int, path: Path, latents: int = 1) -> MldDenoiser:
    """The denoiser in a checkpoint's tensors; they do not say how many latent tokens it reads."""
    part = _Part(tensors, "denoiser.", path)
    width, d_text = part.read_shape("time_embedding.linear_1.weight", 2)
    config = MldDenoiserConfig(
        width, d_text, *part.read_transformer(width, heads), positions=part.read_shape("query_pos.pe", 3)[0],
        latents=latents,
    )  # fmt: skip
    return part.fill(MldDenoiser(config))


class _Part:
    """The tensors of a checkpoint under one prefix."""

    def __init__(self, tensors: Mapping[str, Tensor], prefix: str, path: Path):
        self.prefix, self.path = prefix, path
        found = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
        self.tensors = {name: value.float() for name, value in found.items() if name not in UNUSED}

    def read_shape(self, name: str, axes: int) -> tuple[int, ...]:
        """The shape of a tensor; LeadError where it is missing or has other axes."""
        found = self.tensors.get(name)
        if found is None or found.ndim != axes:
            what = "missing" if found is None else f"of shape {list(found.shape)}"
            raise LeadError(f"{self.path}: {self.prefix}{name} is {what}; it is no MLD as published")
        return tuple(found.shape)

    def read_transformer(self, width: int, heads: int) -> tuple[int, int, int]:
        """Layers, heads and feed-forward width of the encoder."""
        if width % heads:
            raise LeadError(f"{self.path}: {self.prefix}* is {width} wide, which {heads} heads do not divide")
        blocks = {name.split(".")[2] for name in self.tensors if name.startswith("encoder.input_blocks.")}
        ff = self.read_shape("encoder.middle_block.linear1.weight", 2)[0]
        return 2 * len(blocks) + 1, heads, ff

    def fill(self, network: Network) -> Network:
        """The network with these tensors; LeadError names each that is missing, unexpected or of another shape."""
        expected = {name: value for name, value in network.state_dict().items() if name != "latent_scale"}
        problems = [f"missing {self.prefix}{name}" for name in expected if name not in self.tensors]
        problems += [f"unexpected {self.prefix}{name}" for name in self.tensors if name not in expected]
        problems += [
            f"{self.prefix}{name} is {list(value.shape)}, expected {list(expected[name].shape)}"
            for name, value in self.tensors.items()
            if name in expected and value.shape != expected[name].shape
        ]
        if problems:
            raise LeadError(
                f"{self.path} is no MLD as published (skip transformers with memory, learned positions): "
                + "; ".join(problems)
            )
        network.load_state_dict(self.tensors, strict=False)
        return network.eval().requires_grad_(False)


def _find_tower(tensors: Mapping[str, Tensor], text: str | Path | None, path: Path) -> TextTower:
    """The given CLIP weights, else the checkpoint's own, else OpenAI's."""
    prefix = "text_encoder.text_model."
    own = {name.removeprefix(prefix): value.float() for name, value in tensors.items() if name.startswith(prefix)}
    if text is not None or TRANSFORMERS_EMBEDDING not in own:
        return clip_tower(weights="openai" if text is None else text)
    try:
        found = transformers_to_open_clip(own)
    except KeyError as error:
        raise LeadError(f"{path}: {prefix}{error.args[0]} is missing; give CLIP's weights by --text") from error
    vocabulary, width = found["token_embedding.weight"].shape
    layers = sum(name.endswith("ln_1.weight") for name in found)
    context, d_text = len(found["positional_embedding"]), found["text_projection"].shape[1]
    # CLIP's heads are 64 wide in every size, and its vocabulary has 514 entries beside its merges
    config = TextConfig(width, layers, max(width // 64, 1), d_text, context, vocabulary - 514, quick_gelu=True)
    tower = TextTower(config)
    tower.transformer.load_state_dict(found)
    return tower.eval().requires_grad_(False)
