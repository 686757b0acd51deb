"""Networks in files: built from a config and tensors of unknown origin, written whole or not at all.

A stranger's config and tensors are compared before memory is taken. Also here: the trained parts of a run folder (each
a safetensors file of weights, its config in the metadata), the compact form of a base's tensors, the names that its
parts have in files, and fingerprints.
"""

import hashlib
import json
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from lead.errors import LeadError
from lead.motion.atomic import atomic_write as write_file_atomically

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

M = TypeVar("M", bound=nn.Module)
T = TypeVar("T")

_UNQUESTIONED = 1024
"""A number in a config that is larger than this has to be the size of some tensor."""
_MAY_BE_ZERO = ("merges", "seam_width", "params", "vectors", "d_token", "dropout", "guidance", "beta_start")
"""Numbers of a config for which 0 is a choice; all others count something that has to be there."""
_WHOLE = frozenset(
    ("width", "layers", "heads", "ff", "d_latent", "d_text", "d_motion", "d", "d_token", "frames_per_latent",
     "frames_per_token", "features", "feats", "positions", "latents", "context", "merges", "motion_layers",
     "text_layers", "max_words", "seam_width", "params", "vectors", "steps", "sampling_steps")
)  # fmt: skip
"""Sizes and counts in a config: 2.0 is none of them, for it would be found out in the middle of a motion."""
_CONSTRUCTOR_ERRORS = (
    KeyError, TypeError, ValueError, AttributeError, RuntimeError, IndexError, ArithmeticError, AssertionError,
)  # fmt: skip
"""What a constructor may raise for values that it is not meant for."""
_SCALE = "/scale"
_EXACT = ("mean", "std", "vae.latent_scale")
_FINE = ("vae.", "projector.linear_")
"""Tensors that the compact form does not put into 8 bits: the VAE would shake, the projector's linear map would
blur the path."""
FILE_NAMES = {"style_tokens": "manners"}
"""Parts of a base that have another name in files of the format lead/1, and in run folders."""
STAGE_OF_PART = {"denoiser": "diffusion", "manners": "diffusion"}
"""The stage that writes a part of a run folder, where it has another name."""


class _SkipInitialization(TorchFunctionMode):
    """Inside, `torch.nn.init` leaves parameters as they are, because all of them are read from the file.

    Drawing them takes seconds. On the meta device drawing normal ones imports torch's compiler, which takes two.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        if func is torch.linalg.qr:  # orthogonal initialization, which does not pass through torch.nn.init here
            return args[0], args[0].new_zeros(args[0].shape[1], args[0].shape[1])
        return func(*args, **kwargs)


def build(make: Callable[[Mapping[str, Any]], M], config: object, tensors: Mapping[str, Tensor], what: str) -> M:
    """The network that `make` makes of a config, with these tensors; LeadError starting with `what` if they do not fit.

    The network is first made without memory (on torch's meta device), and its shapes are compared with the tensors'.
    """
    try:
        if not isinstance(config, Mapping):
            raise TypeError(f"expected a table, found {config!r:.40}")
        _check_numbers(config, max((size for tensor in tensors.values() for size in tensor.shape), default=0))
        with torch.device("meta"), _SkipInitialization(), warnings.catch_warnings(action="ignore"):
            shapes = {name: tensor.shape for name, tensor in make(config).state_dict().items()}
    except _CONSTRUCTOR_ERRORS as error:
        raise LeadError(
            f"{what} has a config that this version does not know ({str(error)[:200]}); update lead-invert, or train "
            "it again"
        ) from error
    names = sorted(shapes.keys() | tensors.keys())
    if wrong := [name for name in names if _get_shape(tensors, name) != shapes.get(name)]:
        name = wrong[0]
        raise LeadError(
            f"{what} does not hold the tensors that its config names: {name} is "
            f"{_describe(_get_shape(tensors, name))}, expected {_describe(shapes.get(name))}; get the file again"
        )
    with _SkipInitialization():
        network = make(config)
    network.load_state_dict(tensors)
    return network


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """`lead.motion.atomic.atomic_write`, with LeadError where the file cannot be written, as on a full disk."""
    try:
        with write_file_atomically(path) as partial:
            yield partial
    except (OSError, RuntimeError, SafetensorError) as error:  # torch and safetensors hide the system's own
        reason = error.strerror if isinstance(error, OSError) else str(error).partition("\n")[0][:120]
        reason = "it was cut short" if "inline_container" in str(error) else reason  # torch's, of a full disk
        raise LeadError(
            f"{path} cannot be written: {reason}; {shutil.disk_usage(path.parent).free / 2**20:.0f} MB are free there"
        ) from error


def parse_json(text: str, what: str) -> Any:
    """Parse JSON; LeadError starting with `what` if the text is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LeadError(f"{what}: its description is not JSON ({str(error)[:100]}); get the file again") from None


def to_file_names(values: Mapping[str, T]) -> dict[str, T]:
    """Config entries or tensors of a base under the names of the format lead/1. The inverse of `from_file_names`."""
    return _rename_parts(values, FILE_NAMES)


def from_file_names(values: Mapping[str, T]) -> dict[str, T]:
    """Config entries or tensors of a file of the format lead/1 under the names that the code has."""
    return _rename_parts(values, {theirs: ours for ours, theirs in FILE_NAMES.items()})


def compress(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A base's tensors in the compact form: 8-bit matrices with a scale a row, the rest in 16 bits.

    The inverse is `decompress`, up to rounding.
    """
    stored = {}
    for key, value in tensors.items():
        if key in _EXACT:
            stored[key] = value
        elif value.ndim == 2 and value.numel() >= 4096 and not key.startswith(_FINE):
            scale = value.abs().amax(dim=1).clamp(min=1e-12) / 127
            stored[key] = (value / scale[:, None]).round().to(torch.int8)
            stored[key + _SCALE] = scale
        else:
            stored[key] = value.to(torch.float16)
    return stored


def decompress(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """float32 tensors of a base, compact or not."""
    tensors = {key: value.float() for key, value in stored.items() if not key.endswith(_SCALE)}
    for key in stored:
        if key.endswith(_SCALE):
            tensors[key.removesuffix(_SCALE)] *= stored[key][:, None]
    return tensors


def fingerprint(tensors: Mapping[str, Tensor]) -> str:
    """sha256 over the sorted names, types, shapes and bytes of tensors."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def _rename_parts(values: Mapping[str, T], names: Mapping[str, str]) -> dict[str, T]:
    """Keys with their first component, up to a dot, renamed."""

    def rename(key: str) -> str:
        part, dot, rest = key.partition(".")
        return names.get(part, part) + dot + rest

    return {rename(key): value for key, value in values.items()}


def _check_numbers(config: Mapping[str, Any], largest: int) -> None:
    """ValueError for a number above `largest` and `_UNQUESTIONED`, 0 or below, for a size that is a float, and NaN."""
    for name, number in _iterate_numbers(config):
        if abs(number) > max(largest, _UNQUESTIONED):
            raise ValueError(f"{name} {number!r:.40} is larger than any size in the file")
        if not number >= 0 or (number == 0 and name not in _MAY_BE_ZERO):
            raise ValueError(f"{name} is {number!r}, expected more than 0")
        if name in _WHOLE and not isinstance(number, int):
            raise ValueError(f"{name} is {number!r}, expected a whole number")


def _iterate_numbers(config: object, name: str = "a number") -> Iterator[tuple[str, float]]:
    """All numbers, each with the name of its field; truth values are none."""
    if isinstance(config, Mapping):
        for key, value in config.items():
            yield from _iterate_numbers(value, str(key))
    elif isinstance(config, list | tuple):
        for value in config:
            yield from _iterate_numbers(value, name)
    elif isinstance(config, int | float) and not isinstance(config, bool):
        yield name, config


def _get_shape(tensors: Mapping[str, Tensor], name: str) -> torch.Size | None:
    return tensors[name].shape if name in tensors else None


def _describe(shape: torch.Size | None) -> str:
    return "missing" if shape is None else str(list(shape))


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
