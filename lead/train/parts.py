"""The trained parts of a run folder: each a safetensors file of weights, its config (JSON) in the metadata.

Names of parts are a file format.  `manners` holds the map from style parameters to style tokens.  Knows nothing of
training.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from lead.checkpoint import atomic_write, parse_json
from lead.errors import LeadError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

STAGE_OF_PART = {"denoiser": "diffusion", "manners": "diffusion"}
"""The stage that writes a part, where it has another name."""


def save_part(path: Path, module: nn.Module, part: str, config: "DataclassInstance") -> None:
    """Writes a module's weights and its config; the file is moved into place."""
    tensors = {key: value.detach().cpu().contiguous() for key, value in module.state_dict().items()}
    with atomic_write(path) as partial:
        save_file(tensors, partial, metadata={"part": part, "config": json.dumps(asdict(config))})


def load_part(path: Path, part: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """State dict and config of a part that `save_part` wrote.

    Raises LeadError where the file is missing, is no safetensors file, or holds another part.
    """
    if not path.is_file():
        stage = STAGE_OF_PART.get(part, part)
        raise LeadError(f"{path} is missing; train that stage first: `lead train {stage} DATA --output {path.parent}`")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - safe_open is no dict
    except SafetensorError as error:
        raise LeadError(f"{path} is not a readable safetensors file ({error})") from error
    if metadata.get("part") != part:
        raise LeadError(f"{path} holds {metadata.get('part', 'no named part')!r}; expected the part {part!r}")
    config: dict[str, Any] = parse_json(metadata.get("config", ""), str(path))
    return tensors, config
