"""What the embedded base says of plain prompts, computed once and for all: learning looks it up.

A file beside this module has it, which `python tools/precompute.py` writes. It counts for the base with the
fingerprints in it and for the prompts in it; for all others the callers compute. Knows nothing of concepts and clips.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32
from safetensors import safe_open
from safetensors.numpy import save_file

from lead import Lead

FILE = Path(__file__).parent / "precomputed.safetensors"


@dataclass(frozen=True, eq=False)
class Precomputed:
    """Of one base."""

    name: str
    """The base's."""
    fingerprints: Mapping[str, str]
    wordings: Sequence[str]
    """Phrases and wordings of all `inversion.recognition.ACTIONS`, one after the other."""
    known: Sequence[str]
    """The phrases of those actions that the base was trained on."""
    text: Float32[np.ndarray, "known d_text"]
    """Their text features, of unit length."""
    neutral: Float32[np.ndarray, "known d_latent"]
    """The mean latents of the base's own motions of them, by `inversion.style_direction`."""
    seed: int
    """Of all motions."""
    captions: Sequence[str]
    """Of the motions of `inversion.calibration`, one a motion."""
    shown: Bool[np.ndarray, "motions"]
    """Which of them show what is asked for."""
    paths: Float32[np.ndarray, "motions"]
    """How far each goes, in meters."""

    def save(self, path: Path) -> None:
        """Writes one safetensors file; its inverse is `load_precomputed`."""
        values = vars(self)
        arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
        texts = {name: json.dumps(value) for name, value in values.items() if name not in arrays}
        save_file(arrays, path, metadata=texts)


def find_precomputed(base: Lead) -> Precomputed | None:
    """What is known of this very base beforehand; None of any other."""
    stored = load_precomputed()
    return stored if base.name == stored.name and base.fingerprints == stored.fingerprints else None


@cache
def load_precomputed(path: Path = FILE) -> Precomputed:
    """The file that comes with the package."""
    with safe_open(path, "np") as file:
        texts = {name: json.loads(text) for name, text in file.metadata().items()}
        return Precomputed(**texts, **{name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118 - no dict
