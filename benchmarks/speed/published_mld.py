"""MLD's published code (Chen et al., arXiv 2212.04048) as a baseline: its networks, its sampling loop, its joints.

The code is the user's: a checkout of https://github.com/ChenFengYe/motion-latent-diffusion, whose place on disk is
given. None of it is kept here. Its packages `mld.models.architectures` and `mld.data` are imported as they are. Its
class `MLD` needs pytorch_lightning and the evaluators' files. Therefore its method `_diffusion_reverse` is read out of
the file and runs by itself. The scheduler is `diffusers.DDIMScheduler`, as in MLD's config; the package has to be
installed. Text features come in, joints go out. The text encoder is not part of it.
"""

import ast
import inspect
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from lead.diffusion import DiffusionConfig
from lead.networks.mld import MldDenoiser, MldVAE

REPOSITORY = "https://github.com/ChenFengYe/motion-latent-diffusion"
LOOP = "mld/models/modeltype/mld.py"
ABLATION = SimpleNamespace(
    VAE_TYPE="actor", PE_TYPE="mld", DIFF_PE_TYPE="mld", SKIP_CONNECT=True, MLP_DIST=False
)  # fmt: skip
"""MLD's settings for HumanML3D: `configs/config_mld_humanml3d.yaml` over `configs/base.yaml`."""
UNUSED = {"mem_pos.pe"}
"""Weights of MLD's denoiser that nothing reads."""


class PublishedMld:
    """MLD's networks with the weights of ours, at inference."""

    def __init__(
        self, code: Path, vae: MldVAE, denoiser: MldDenoiser, mean: Tensor, std: Tensor, config: DiffusionConfig
    ):
        """`code` is the checkout. SystemExit says what is missing."""
        networks, loop = _import_networks(code), read_method(code / LOOP, "MLD", "_diffusion_reverse")
        c = vae.config
        sizes: dict[str, Any] = {
            "latent_dim": [1, c.d_latent], "nfeats": c.features, "ff_size": c.ff, "num_layers": c.layers,
            "num_heads": c.heads, "dropout": c.dropout, "normalize_before": False, "activation": "gelu",
            "position_embedding": "learned", "ablation": ABLATION,
        }  # fmt: skip
        self.vae = networks.MldVae(arch="encoder_decoder", **sizes).eval()
        text = denoiser.config.d_text
        self.denoiser = networks.MldDenoiser(arch="trans_enc", condition="text", text_encoded_dim=text, **sizes).eval()
        weights = {name: value for name, value in vae.state_dict().items() if name != "latent_scale"}
        self.vae.load_state_dict(weights)
        missing, unexpected = self.denoiser.load_state_dict(denoiser.state_dict(), strict=False)
        assert set(missing) <= UNUSED and not unexpected, (missing, unexpected)
        self.mean, self.std, self.recover = mean, std, networks.recover_from_ric
        scheduler = SimpleNamespace(num_inference_timesteps=config.sampling_steps, eta=0.0)
        self.loop = loop
        self.state = SimpleNamespace(
            do_classifier_free_guidance=True, guidance_scale=config.guidance, vae_type="mld",
            latent_dim=[1, c.d_latent], denoiser=self.denoiser, scheduler=make_scheduler(),
            cfg=SimpleNamespace(model=SimpleNamespace(scheduler=scheduler)),
        )  # fmt: skip
        """What `_diffusion_reverse` reads of its object."""

    @torch.no_grad()
    def generate(
        self, text: Float[Tensor, "batch d_text"], empty: Float[Tensor, "1 d_text"], lengths: list[int]
    ) -> Float[Tensor, "batch frames 22 3"]:
        """Joints, as MLD's `forward` makes them from text features; noise comes from torch's global generator."""
        both = torch.cat([empty.expand_as(text), text])[:, None]
        features = self.vae.decode(self.loop(self.state, both, lengths), lengths)
        return self.recover(features.detach().cpu() * self.std + self.mean, 22)  # type: ignore[no-any-return]


def make_scheduler() -> Any:
    """DDIM with MLD's values, from `configs/modules/scheduler.yaml`."""
    try:
        from diffusers import DDIMScheduler
    except ImportError:
        raise SystemExit("MLD's loop needs the package diffusers: pip install diffusers") from None
    return DDIMScheduler(
        num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
        clip_sample=False, set_alpha_to_one=False, steps_offset=1,
    )  # fmt: skip


def read_method(path: Path, owner: str, name: str) -> Any:
    """A method of a class in a file, as a function, without importing what the file imports."""
    if not path.is_file():
        raise SystemExit(f"{path} does not exist; give a checkout of {REPOSITORY}")
    classes = [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef)]
    methods = [node for cls in classes if cls.name == owner for node in cls.body if isinstance(node, ast.FunctionDef)]
    (method,) = (node for node in methods if node.name == name)
    scope: dict[str, Any] = {"torch": torch, "inspect": inspect}
    exec(compile(ast.Module([method], []), str(path), "exec"), scope)
    return scope[name]


def _import_networks(code: Path) -> Any:
    """MLD's classes and `recover_from_ric`, imported from the checkout as the package `mld`."""
    package = code / "mld"
    spec = spec_from_file_location("mld", package / "__init__.py", submodule_search_locations=[str(package)])
    if spec is None or not (package / "__init__.py").is_file():
        raise SystemExit(f"{package} is no package; give a checkout of {REPOSITORY}")
    sys.modules["mld"] = module_from_spec(spec)
    from mld.data.humanml.scripts.motion_process import recover_from_ric
    from mld.models.architectures.mld_denoiser import MldDenoiser
    from mld.models.architectures.mld_vae import MldVae

    return SimpleNamespace(MldDenoiser=MldDenoiser, MldVae=MldVae, recover_from_ric=recover_from_ric)
