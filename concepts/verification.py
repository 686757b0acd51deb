"""Every check of a concept file, reported one by one; `Concept.load` makes the same checks and reports nothing.

The checks are those of docs/concept-format.md, numbered as there. The first fault ends them. The last two are against a
base model: the caller gives its fingerprints and its text condition, and this module knows no base model.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from concepts.concept import Concept
from concepts.container import read_bytes
from concepts.errors import ConceptError

Result = Literal["passed", "warning", "failed", "not reached"]

FILE_CHECKS = (
    "file and size", "place of the header", "header", "version", "tensor entries", "offsets and checksum",
    "names, types and sizes", "numbers", "record",
)  # fmt: skip
BASE_CHECKS = ("base model", "probe")


@dataclass(frozen=True)
class Check:
    """One check of the specification and how it went."""

    number: int
    """In docs/concept-format.md."""
    name: str
    result: Result
    said: str = ""
    """What was found; where it failed, the message that loading gives."""


def verify(path: str | Path) -> list[Check]:
    """Checks 1 to 9, of the file alone. Never raises for what the file is."""
    found: list[str] = []
    fault = ""
    try:
        data = read_bytes(Path(path))
        found.append(f"a regular file of {len(data)} bytes")
        Concept.from_bytes(data, found.append)
    except ConceptError as error:
        fault = str(error)
    return _number_checks(FILE_CHECKS, 1, found, fault)


def verify_base(
    concept: Concept,
    fingerprints: Mapping[str, str],
    name: str,
    cond: Callable[[], Float[np.ndarray, "*one d_text"]],
    allow_mismatch: bool = False,
) -> list[Check]:
    """Checks 10 and 11, against a base model: its fingerprints, its name and its text condition of the probe prompt.

    `cond` is called after the text towers proved to be the same. Other parts that differ are a fault, or a warning with
    `allow_mismatch`.
    """
    found: list[str] = []
    fault = ""
    differences: list[str] = []
    try:
        differences = concept.check_base(fingerprints, name)
        if differences and not allow_mismatch:
            raise ConceptError("; ".join(differences))
        same = [part for part in concept.fingerprints if part not in concept.find_differing_parts(fingerprints)]
        found.append("; ".join(differences) or f"the same {', '.join(same)} as {name}")
        cosine = concept.check_probe(cond())
        found.append("the file has no probe.cond" if cosine is None else f"cosine {cosine:.6f} with the author's")
    except ConceptError as error:
        fault = str(error)
    checks = _number_checks(BASE_CHECKS, len(FILE_CHECKS) + 1, found, fault)
    if differences and found:
        checks[0] = replace(checks[0], result="warning")
    return checks


def _number_checks(names: tuple[str, ...], first: int, found: list[str], fault: str) -> list[Check]:
    """One check for each name: passed where something was found, failed at the fault, not reached after it."""
    checks = []
    for row, name in enumerate(names):
        if row < len(found):
            checks.append(Check(first + row, name, "passed", found[row]))
        elif row == len(found) and fault:
            checks.append(Check(first + row, name, "failed", fault))
        else:
            checks.append(Check(first + row, name, "not reached"))
    return checks
