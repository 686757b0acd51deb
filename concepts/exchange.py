"""Words to and from other programs' textual inversion files: one tensor by its token's name, as safetensors.

diffusers and its like keep a word so: {"<name>": [vectors, d_token]}, or [d_token] for a single vector. That is all
of it: no direction, no adapter, nothing of where the word comes from. It means the same only in the same text tower.
Pickled files of that kind (.bin, .pt) can run code and are not read.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from concepts.concept import SUFFIX, Concept
from concepts.container import MAX_SIZES, read_bytes, write_bytes
from concepts.errors import ConceptError
from concepts.text import TOKEN, quoted

DTYPES: dict[str, Any] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "BF16": np.dtype("<u2")}


@dataclass(frozen=True, eq=False)
class ForeignWord:
    """What another program's file says of a word."""

    name: str
    """As the file has it; a well-formed token or not."""
    token_embedding: Float32[np.ndarray, "vectors d_token"]


def export_vectors(concept: Concept, path: str | Path) -> list[str]:
    """Write a word's vectors for diffusers; returns what of the word stays behind: names of tensors, and "adapter".

    Equal words give equal bytes.
    """
    from safetensors.numpy import save

    path = Path(path)
    if path.suffix != SUFFIX:
        raise ConceptError(f"{path}: expected a file name that ends in {SUFFIX}, as in {concept.slug}-vectors{SUFFIX}")
    try:
        write_bytes(path, save({concept.token: concept.token_embedding}, metadata={"format": "pt"}))
    except ConceptError as error:
        raise ConceptError(f"{path}: {error}") from None
    return sorted({"adapter" if name.startswith("adapter.") else name for name in concept.tensors})


def import_vectors(path: str | Path) -> ForeignWord:
    """A word's name and vectors from another program's file; ConceptError where it holds anything else."""
    path = Path(path)
    try:
        return _foreign_word(read_bytes(path))
    except ConceptError as error:
        raise ConceptError(f"{path}: {error}") from None


def _foreign_word(data: bytes) -> ForeignWord:
    import safetensors

    try:
        tensors = safetensors.deserialize(data)
    except safetensors.SafetensorError as error:
        raise ConceptError(
            f"not a safetensors file ({error}); pickled words (.bin, .pt) can run code: convert them to safetensors"
        ) from None
    if len(tensors) != 1:
        names = ", ".join(quoted(name) for name, _ in tensors[:8])
        raise ConceptError(f"{len(tensors)} tensors ({names}); expected one, named after its word")
    name, entry = tensors[0]
    if entry["dtype"] not in DTYPES:
        raise ConceptError(f"the tensor is of type {quoted(entry['dtype'])}, expected {', '.join(DTYPES)}")
    numbers = np.frombuffer(bytes(entry["data"]), DTYPES[entry["dtype"]])
    if entry["dtype"] == "BF16":  # the upper half of a float32
        numbers = (numbers.astype("<u4") << 16).view("<f4")
    shape = entry["shape"]
    if len(shape) not in (1, 2) or not numbers.size or numbers.size // shape[-1] > MAX_SIZES["vectors"]:
        raise ConceptError(f"the tensor has shape {shape}, expected [vectors, d_token], at most {MAX_SIZES['vectors']}")
    vectors = numbers.astype(np.float32).reshape(-1, shape[-1])
    if not np.isfinite(vectors).all():
        raise ConceptError("the vectors have NaN or infinite numbers: get the file again")
    return ForeignWord(name, vectors)


def token_of(word: ForeignWord, path: Path) -> str:
    """The token under which the file has the word, if it can be one here."""
    if not TOKEN.fullmatch(word.name):
        raise ConceptError(f'{path}: the word is called {quoted(word.name)} there: name it with --token "<name>"')
    return word.name
