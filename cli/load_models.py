"""Bases and concepts as the commands of `lead-invert` take them: options, loading, and whether they fit."""

import difflib
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import UsageError, existing, resolve_device, warn, working

if TYPE_CHECKING:
    import numpy as np

    from concepts import Concept
    from concepts.library import Library
    from lead import Lead
    from lead.motion.motion import Motion


class Kind(StrEnum):
    action = "action"
    style = "style"
    persona = "persona"


Base = Annotated[Path | None, typer.Option(metavar="PATH", help="Another base model (default: the embedded one).")]
AllowBaseMismatch = Annotated[
    bool,
    typer.Option(
        "--allow-base-mismatch",
        help="Use a word of another base that has the same text tower, without what belongs to other parts.",
    ),
]
Captions = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="What each clip shows: a captions.jsonl (default: what lies beside the clips).",
    ),
]


def load_concept(path: Path) -> "Concept":
    from concepts import Concept

    return Concept.load(concept_file(path))


def is_token(place: Path) -> bool:
    """Whether a concept was given by its token, not as a file."""
    return str(place).startswith("<")


def concept_file(place: Path) -> Path:
    """A concept's file, given as such or by the token of a word in the library."""
    if not is_token(place):
        return existing(place, "a concept")
    from concepts.library import Library

    return Library().locate(str(place))


def preview(concept: "Concept", name: str = "") -> "Motion | None":
    """The motion in a concept's file; None where there is none, or one on another skeleton than ours."""
    from lead.motion.motion import Motion
    from lead.motion.skeleton import JOINTS

    joints = concept.tensors.get("preview.joints")
    return None if joints is None or joints.shape[1] != len(JOINTS) else Motion(joints, concept.fps, name=name)


def words_for(prompts: Sequence[str], files: Sequence[Path]) -> "dict[Path, Concept]":
    """The concepts in files, and for what else the prompts name, the library's."""
    from concepts.library import Library
    from concepts.text import TOKEN
    from lead.text.prompts import find_tokens

    concepts = {path: load_concept(path) for path in map(concept_file, files)}
    library, loaded = Library(), {concept.token for concept in concepts.values()}
    for prompt in prompts:
        for token in find_tokens(prompt):
            if token in loaded:
                continue
            path = library.find(token) if TOKEN.fullmatch(token) else None
            if path is None:
                raise UsageError(_unknown(prompt, token, loaded, library))
            concepts[path] = library.load(token)
            loaded.add(token)
    return concepts


def _unknown(prompt: str, token: str, loaded: set[str], library: "Library") -> str:
    """What to do about a prompt's word that is nowhere."""
    given = f"given with --concept: {', '.join(sorted(loaded))}; " if loaded else ""
    near = difflib.get_close_matches(token, {*loaded, *library}, n=3)
    advice = f"did you mean {' or '.join(near)}?" if near else "give its file with --concept, or learn it"
    return f"the prompt {prompt!r} names {token}, which is not known; {given}the library: {library.offer()}; {advice}"


def load_base(path: Path | None, device: str) -> "Lead":
    from lead import Lead

    with working("loading the base model"):
        return Lead.load(path and existing(path, "--base"), device=resolve_device(device))


def condition(concept: "Concept", model: "Lead") -> "np.ndarray":
    """The base's text condition of the probe prompt; ConceptError where the word has not the base's sizes."""
    from concepts import ConceptError
    from lead.errors import LeadError

    direction, d_latent = concept.tensors.get("direction"), model.config.vae.d_latent
    if direction is not None and direction.size != d_latent:
        raise ConceptError(f"its direction has {direction.size} numbers, this base's latents have {d_latent}")
    try:
        return model.encode_text([concept.probe_prompt], words=concept.words).cpu().numpy()
    except LeadError as error:
        raise ConceptError(str(error)) from None


def check_base(concept: "Concept", path: Path, model: "Lead", allow_mismatch: bool = False) -> "Concept":
    """The concept as this base can use it; ConceptError where the word means nothing to it, or other parts differ.

    With `allow_mismatch` parts other than the text tower may differ, with a warning; what of the word would mean
    nothing there is left out.
    """
    from concepts import ConceptError

    try:
        differences = concept.check_base(model.fingerprints, model.name)
        fitted = concept.fit_to_base(model.fingerprints)
        concept.check_probe(condition(fitted, model))
        if differences and not allow_mismatch:
            raise ConceptError(
                f"{'; '.join(differences)}. The text tower, which has to be the same, is: "
                "use the base that the word was learned on, or add --allow-base-mismatch"
            )
    except ConceptError as error:
        raise ConceptError(f"{path}: {error}") from None
    for difference in differences:
        warn(difference)
    if left_out := sorted({name.split(".")[0] for name in concept.tensors.keys() - fitted.tensors.keys()}):
        warn(f"{path}: used without what belongs to those parts: {', '.join(left_out)}")
    return fitted
