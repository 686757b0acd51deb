"""The file of a base: its config, what it can do, its tensors. Knows no networks' weights, and loads none of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from lead.bases import locate_base
from lead.checkpoint import from_file_names, parse_json
from lead.diffusion import DiffusionConfig
from lead.errors import LeadError
from lead.networks.build import AnyDenoiserConfig, AnyVAEConfig, denoiser_config, vae_config
from lead.networks.denoiser import DenoiserConfig
from lead.networks.projector import ProjectorConfig
from lead.networks.style_tokens import StyleTokenConfig
from lead.networks.vae import VAEConfig
from lead.text.tower import TextConfig
from lead.text.vocabulary import Vocabulary

FORMAT = "lead/1"


@dataclass(frozen=True)
class LeadConfig:
    """Everything but the weights."""

    name: str = "lead"
    license: str = ""
    text: TextConfig = field(default_factory=TextConfig)
    vae: AnyVAEConfig = field(default_factory=VAEConfig)
    denoiser: AnyDenoiserConfig = field(default_factory=DenoiserConfig)
    projector: ProjectorConfig = field(default_factory=ProjectorConfig)
    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)
    style_tokens: StyleTokenConfig = field(default_factory=StyleTokenConfig)


_CONFIGS: Mapping[str, Callable[[dict[str, Any]], Any]] = {
    "text": lambda values: TextConfig(**values),
    "vae": vae_config,
    "denoiser": denoiser_config,
    "projector": lambda values: ProjectorConfig(**values),
    "diffusion": lambda values: DiffusionConfig(**values),
    "style_tokens": lambda values: StyleTokenConfig(**values),
}


def read_base_file(path: Path, tensors: bool = True) -> tuple[dict[str, str], dict[str, Tensor]]:
    """The metadata and, with `tensors`, the tensors of a base's file; LeadError where it is none."""
    if not path.is_file():
        raise LeadError(f"{path} does not exist; give a checkpoint of `lead train`, or none for the embedded base")
    try:
        with safe_open(path, "pt") as file:
            metadata: dict[str, str] = file.metadata() or {}
            stored = {key: file.get_tensor(key) for key in (file.keys() if tensors else ())}
    except SafetensorError as error:
        raise LeadError(f"{path} is not a readable safetensors file ({error})") from error
    if metadata.get("format") != FORMAT:
        raise LeadError(f"{path} has format {metadata.get('format', 'none')!r}; expected {FORMAT!r}, a LEAD base model")
    return metadata, stored


def read_vocabulary(path: Path | None = None) -> tuple[Vocabulary | None, str]:
    """What a base (default: the embedded one) can do, where its file says it, and its name; reads no tensor."""
    path = locate_base(path)
    metadata, _ = read_base_file(path, tensors=False)
    try:
        config = parse_json(metadata.get("config", ""), str(path))
        name, d_text = str(config["name"]), int(config["text"]["d_text"])
    except (KeyError, TypeError, ValueError) as error:
        raise LeadError(f"{path}: its config has no {error}; get the file again") from None
    text = metadata.get("vocabulary")
    return (None if text is None else Vocabulary.from_json(text, str(path), d_text)), name


def config_from_json(values: Mapping[str, Any]) -> LeadConfig:
    """The config of a file's metadata; KeyError and TypeError where it is none."""
    parts = from_file_names(values)
    return LeadConfig(parts["name"], parts["license"], **{key: part(parts[key]) for key, part in _CONFIGS.items()})
