"""The tensors of a concept: their names, forms and limits in a file, and their typed form for a base model.

Conventions: float32 and float16, little endian. A size's name, such as d_token, means the same number in all tensors.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float16, Float32

from concepts.errors import ConceptError
from concepts.schedule import StyleSchedule
from concepts.text import quote

Shape = tuple[str | int, ...]
"""Names of sizes, and sizes that are fixed."""

DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2")}
TENSORS: dict[str, tuple[str, Shape]] = {
    "token_embedding": ("F32", ("vectors", "d_token")),
    "init": ("F32", ("vectors", "d_token")),
    "direction": ("F32", ("d_latent",)),
    "direction.seen": ("F32", ("actions", "d_latent")),
    "probe.cond": ("F32", ("d_text",)),
    "preview.joints": ("F16", ("frames", "joints", 3)),
}
"""dtype and shape by name, for all tensors but the adapter's."""
DROPPED = {1: frozenset({"residual", "latent_prior.mean", "latent_prior.std"})}
"""By major version of the format: tensors that a file may have and that the reader leaves out."""
ADAPTER, DOWN, UP = "adapter.", "/down", "/up"
_ADAPTER_NAME = re.compile(r"adapter\.([A-Za-z0-9_.]{1,120})/(down|up)")
MAX_ADAPTER_TENSORS = 1024
MAX_SIZES = {
    "vectors": 64,  # a prompt has 77 places
    "d_token": 8192,
    "d_text": 8192,
    "d_latent": 8192,
    "actions": 256,  # as many as there are templates
    "frames": 100_000,
    "joints": 64,
    "rank": 64,
    "in": 16384,
    "out": 16384,
}
LARGEST = {
    "token_embedding": 10.0, "init": 10.0, "direction": 10.0, "direction.seen": 10.0, "probe.cond": 100.0,
    "preview.joints": 1000.0,
}  # fmt: skip
"""The greatest root mean square of a vector of each tensor; of joints, in meters. A base's latents have about 1, its
embeddings less."""
LARGEST_ADAPTER = 10.0
"""The same for the numbers of up x down, which are added to a layer's weights; these have about 0.1."""


@dataclass(frozen=True, eq=False)
class ConceptTensors:
    """All of a concept that acts at generation, as a base model takes it under the concept's token.

    The arrays are writable copies.
    """

    token_embedding: Float32[np.ndarray, "vectors d_token"]
    """Stands in the place of the token's embeddings in the text tower."""
    initializer: str | Float32[np.ndarray, "initial_vectors d_token"] | None
    """A phrase or vectors, towards which strengths below 1 go; None for the base's neutral phrase."""
    direction: Float32[np.ndarray, " d_latent"] | None
    """Times the schedule's `direction_scale` it is added to the latents."""
    seen_directions: Float32[np.ndarray, "actions d_latent"] | None
    """In its place on the actions of the training prompts, one each; None where they show one action."""
    adapter: Mapping[str, tuple[Float16[np.ndarray, "rank inputs"], Float16[np.ndarray, "outputs rank"]]]
    """LoRA of the denoiser: down and up by the layer's name; empty where there is none."""
    schedule: StyleSchedule | None
    """Where there is a direction, and only there."""
    training_prompts: tuple[str, ...]
    """Prompts that the concept was trained on, each with `{}` in the token's place."""

    def __repr__(self) -> str:
        parts = [f"{len(self.token_embedding)} vectors", *(["a direction"] if self.direction is not None else [])]
        return f"ConceptTensors({', '.join(parts)}, an adapter of {len(self.adapter)} layers)"


def tensor_form(name: str) -> tuple[str, Shape] | None:
    """A tensor's dtype and shape by its name; None where a concept has no such tensor.

    `adapter.<layer>/down` and `/up` are F16 [rank, in of the layer] and [out of the layer, rank].
    """
    if match := _ADAPTER_NAME.fullmatch(name):
        layer, end = match.groups()
        rank = f"rank of {layer}"
        return "F16", (rank, f"in of {layer}") if end == "down" else (f"out of {layer}", rank)
    return TENSORS.get(name)


def require_form(name: str) -> tuple[str, Shape]:
    """`tensor_form`; ConceptError where a concept has no such tensor."""
    form = tensor_form(name)
    if form is None:
        known = ", ".join((*TENSORS, "adapter.<layer>/down", "adapter.<layer>/up"))
        raise ConceptError(f"unknown tensor {quote(name)}: a concept has only {known}")
    return form


def to_read_only(name: str, array: object) -> np.ndarray:
    """A read-only copy of anything that NumPy can read, in the dtype that the tensor has in a file.

    A number that float16 cannot hold becomes infinite, which `check_numbers` refuses.
    """
    form = tensor_form(name)
    dtype = DTYPES[form[0]] if form else np.dtype("<f4")
    try:
        with np.errstate(over="ignore"):
            copy = np.array(array, dtype, order="C")
    except (TypeError, ValueError, RuntimeError):  # RuntimeError: a tensor that requires a gradient
        raise ConceptError(f"tensor {quote(name)} is not an array of numbers") from None
    copy.flags.writeable = False
    return copy


def adapter_layers(tensors: Mapping[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Copies of the adapter's down and up by layer, in the order of the layers' names."""
    layers = sorted(name.removeprefix(ADAPTER).removesuffix(DOWN) for name in tensors if name.endswith(DOWN))
    return {layer: (tensors[ADAPTER + layer + DOWN].copy(), tensors[ADAPTER + layer + UP].copy()) for layer in layers}


def check_tensors(tensors: Mapping[str, np.ndarray]) -> None:
    """ConceptError unless names and shapes are those of `TENSORS`, sizes agree and a base can mean every number."""
    check_forms(tensors)
    check_numbers(tensors)


def check_numbers(tensors: Mapping[str, np.ndarray]) -> None:
    """ConceptError where a number is NaN or infinite, and where a tensor is larger than any base means (`LARGEST`)."""
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise ConceptError(f"tensor {name} has NaN or infinite numbers: learn the concept again")
        if name in LARGEST:
            check_size(f"tensor {name}", tensor, LARGEST[name])
    for layer, (down, up) in adapter_layers(tensors).items():
        down, up = down.astype(np.float64), up.astype(np.float64)
        size = np.sqrt(max(np.vdot(down @ down.T, up.T @ up), 0.0) / (down.shape[1] * len(up)))
        if size > LARGEST_ADAPTER:
            raise ConceptError(_describe_size(f"tensors {ADAPTER}{layer}, up x down,", size, LARGEST_ADAPTER))


def check_size(what: str, tensor: np.ndarray, largest: float) -> None:
    """ConceptError, starting with `what`, where a vector's root mean square is above `largest`."""
    size = float(np.sqrt(np.square(tensor, dtype=np.float64).mean(axis=-1)).max())
    if size > largest:
        raise ConceptError(_describe_size(what, size, largest))


def _describe_size(what: str, size: float, largest: float) -> str:
    return f"{what} has numbers of {size:.3g} in the mean, expected at most {largest:g}: learn the concept again"


def check_forms(tensors: Mapping[str, np.ndarray]) -> None:
    """ConceptError unless names and ranks are those of `TENSORS`, and sizes agree and are within `MAX_SIZES`."""
    if "token_embedding" not in tensors:
        raise ConceptError("there is no tensor token_embedding [vectors, d_token]: this is not a concept")
    sizes: dict[str, tuple[int, str]] = {}
    for name, tensor in tensors.items():
        expected = require_form(name)[1]
        shown = f"[{', '.join(map(str, expected))}]"
        if tensor.ndim != len(expected):
            raise ConceptError(f"tensor {name} has shape {quote(list(tensor.shape))}, expected {shown}")
        for size, label in zip(tensor.shape, expected, strict=True):
            if isinstance(label, int):
                if size != label:
                    raise ConceptError(f"tensor {name} has shape {list(tensor.shape)}, expected {shown}")
                continue
            known, other = sizes.setdefault(label, (size, name))
            if size != known:
                raise ConceptError(f"{label} is {size} in tensor {name} but {known} in tensor {other}")
            most = MAX_SIZES[label.split(" of ")[0]]
            if not 1 <= size <= most:
                raise ConceptError(f"{label} is {size} in tensor {name}, expected 1 to {most}")
    _check_adapter(tensors)


def _check_adapter(tensors: Mapping[str, np.ndarray]) -> None:
    """ConceptError for too many layers, and for a layer with only one of its two tensors."""
    adapter = [match.groups() for name in tensors if (match := _ADAPTER_NAME.fullmatch(name))]
    if len(adapter) > MAX_ADAPTER_TENSORS:
        raise ConceptError(f"{len(adapter)} tensors of an adapter, expected at most {MAX_ADAPTER_TENSORS}")
    for layer, end in adapter:
        if (layer, other := "up" if end == "down" else "down") not in adapter:
            raise ConceptError(f"the adapter's layer {layer} has no {other}: the file is damaged, get it again")
