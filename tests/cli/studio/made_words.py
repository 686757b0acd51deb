"""Words of the tiny base that nobody learned, made in no time."""

from dataclasses import replace

import numpy as np

from cli.load_models import encode_probe
from concepts import Concept, Kind, StyleSchedule
from lead import Lead


def make_word(base: Lead, token: str, seed: int, kind: Kind = "style", license: str = "CC BY 4.0") -> Concept:
    """A word with random vectors; a style has a direction too."""
    draw = np.random.default_rng(seed)
    is_style = kind == "style"
    word = Concept(
        token=token, token_embedding=draw.normal(size=(2, 32)).astype(np.float32), kind=kind, base=base.name,
        fingerprints=base.fingerprints, license=license, schedule=StyleSchedule() if is_style else None,
        templates=("a person walks in {} style",) if is_style else ("a person does {}",),
        tensors={"direction": draw.normal(size=8).astype(np.float32)} if is_style else {},
    )  # fmt: skip
    return replace(word, tensors={**word.tensors, "probe.cond": encode_probe(word, base)})
