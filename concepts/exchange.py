"""Token embeddings to and from other programs' textual inversion files: one tensor by its token, as safetensors.

diffusers and similar programs store {"<name>": [vectors, d_token]}, or [d_token] for a single vector. Such a file has
no direction, no adapter and no provenance. It means the same only in the same text tower.
Pickled files of that kind (.bin, .pt) can run code and are not read.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from concepts.concept import SUFFIX, Concept
from concepts.container import read_bytes, write_bytes
from concepts.errors import ConceptError, name_file_in_errors
from concepts.tensors import DTYPES, MAX_SIZES
from concepts.text import TOKEN, quote

READ_DTYPES = {**DTYPES, "BF16": np.dtype("<u2")}
"""Types of other programs' numbers."""


@dataclass(frozen=True, eq=False)
class ForeignEmbedding:
    """The token embedding in another program's file."""

    name: str
    """As it stands in the file; a well-formed token or not."""
    token_embedding: Float32[np.ndarray, "vectors d_token"]


def export_vectors(concept: Concept, path: str | Path) -> list[str]:
    """Write a concept's token embedding for diffusers; equal embeddings give equal bytes.

    Returns what the file leaves out: names of tensors, and "adapter".
    """
    from safetensors.numpy import save

    path = Path(path)
    if path.suffix != SUFFIX:
        raise ConceptError(f"{path}: expected a file name that ends in {SUFFIX}, as in {concept.slug}-vectors{SUFFIX}")
    with name_file_in_errors(path):
        write_bytes(path, save({concept.token: concept.token_embedding}, metadata={"format": "pt"}))
    return sorted({"adapter" if name.startswith("adapter.") else name for name in concept.tensors})


def import_vectors(path: str | Path) -> ForeignEmbedding:
    """Read another program's token embedding; ConceptError where the file holds anything else."""
    path = Path(path)
    with name_file_in_errors(path):
        return _parse_embedding(read_bytes(path))


def _parse_embedding(data: bytes) -> ForeignEmbedding:
    import safetensors

    deserialize: Callable[[bytes], list[tuple[str, dict[str, Any]]]] = safetensors.deserialize
    try:
        tensors = deserialize(data)
    except safetensors.SafetensorError as error:
        raise ConceptError(
            f"not a safetensors file ({error}); pickled words (.bin, .pt) can run code: convert them to safetensors"
        ) from None
    if len(tensors) != 1:
        names = ", ".join(quote(name) for name, _ in tensors[:8])
        raise ConceptError(f"{len(tensors)} tensors ({names}); expected one, named after its word")
    name, entry = tensors[0]
    if entry["dtype"] not in READ_DTYPES:
        raise ConceptError(f"the tensor is of type {quote(entry['dtype'])}, expected {', '.join(READ_DTYPES)}")
    numbers = np.frombuffer(bytes(entry["data"]), READ_DTYPES[entry["dtype"]])
    if entry["dtype"] == "BF16":  # the upper half of a float32
        numbers = (numbers.astype("<u4") << 16).view("<f4")
    shape = entry["shape"]
    if len(shape) not in (1, 2) or not numbers.size or numbers.size // shape[-1] > MAX_SIZES["vectors"]:
        raise ConceptError(f"the tensor has shape {shape}, expected [vectors, d_token], at most {MAX_SIZES['vectors']}")
    vectors = numbers.astype(np.float32).reshape(-1, shape[-1])
    if not np.isfinite(vectors).all():
        raise ConceptError("the vectors have NaN or infinite numbers: get the file again")
    return ForeignEmbedding(name, vectors)


def require_token(word: ForeignEmbedding, path: Path) -> str:
    """The embedding's name if it is a well-formed token, else a ConceptError."""
    if not TOKEN.fullmatch(word.name):
        raise ConceptError(f'{path}: the word is called {quote(word.name)} there: name it with --token "<name>"')
    return word.name
