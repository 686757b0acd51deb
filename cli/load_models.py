"""Bases and concepts as the commands of `lead-invert` load them, and whether they fit each other."""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cli.console import hint, spinner, warn
from cli.errors import UsageError
from cli.options import find_base, require_path, resolve_device
from lead.bases import name_other

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float

    from concepts import Concept, Library
    from lead import Lead, Motion


def load_base(base: str | Path | None, device: str) -> "Lead":
    """The base model that `--base` means, or the embedded one."""
    from lead import Lead

    with spinner("loading the base model"):
        return Lead.load(find_base(base), device=resolve_device(device))


def check_seconds(model: "Lead", seconds: float, option: str = "--seconds", longer: str = "") -> None:
    """UsageError where a base makes no motion of this length; `longer` says how to get a longer one."""
    shortest, longest = model.seconds_range
    if not shortest <= seconds <= longest:
        advice = f" {longer}" if longer and seconds > longest else ""
        raise UsageError(f"{option} {seconds:g}: this base makes {shortest:g} to {longest:g} s.{advice}")


def to_token(name: str) -> str:
    """A token, given with its brackets (which a shell wants in quotes), with one of them, or without."""
    from concepts import check_token

    return check_token(f"<{name.strip().removeprefix('<').removesuffix('>').strip()}>")


def is_token(place: Path) -> bool:
    """Whether a concept is given by its token or name, not as a file."""
    return str(place).startswith("<") or not (place.exists() or place.suffix or len(place.parts) > 1)


def find_concept(place: Path) -> Path:
    """A concept's file, given as such or by the token or name of a concept in the library."""
    if not is_token(place):
        return require_path(place, "a concept")
    from concepts import Library

    return Library().locate(to_token(str(place)))


def load_concept(place: Path) -> "Concept":
    """A concept from its file or, by its token, from the library."""
    from concepts import Concept

    return Concept.load(find_concept(place))


def load_concepts_for(prompts: Sequence[str], files: Sequence[Path]) -> "dict[Path, Concept]":
    """The concepts in `files`, and those in the library that the prompts name beside them, by their files."""
    from concepts import Library
    from concepts.text import TOKEN
    from lead.text.prompts import find_tokens

    concepts = {path: load_concept(path) for path in map(find_concept, files)}
    library, loaded = Library(), {concept.token for concept in concepts.values()}
    hint_at_plain_names(prompts, {*loaded, *library})
    for prompt in prompts:
        for token in find_tokens(prompt):
            if token in loaded:
                continue
            path = library.find(token) if TOKEN.fullmatch(token) else None
            if path is None:
                raise UsageError(_unknown_token(prompt, token, loaded, library))
            concepts[path] = library.load(token)
            loaded.add(token)
    return concepts


def hint_at_plain_names(prompts: Sequence[str], tokens: Iterable[str]) -> None:
    """Hints where a prompt has a learned word without its brackets, or a bracket without its other half."""
    from lead.text.prompts import TOKEN, find_plain_names

    found = find_plain_names(prompts, tokens)
    for token, (name, prompt) in sorted(found.items()):
        hint(f"{name!r} in {prompt!r} is plain text; did you mean the learned word? Then write {token}")
    for prompt in prompts:
        if {"<", ">"} & set(TOKEN.sub(" ", prompt)):
            hint(f"the prompt {prompt!r} has a bracket without its other half; a learned word is written as <name>")
            break


def _unknown_token(prompt: str, token: str, loaded: set[str], library: "Library") -> str:
    """The message for a token in a prompt that no concept has."""
    given = f"given with --concept: {', '.join(sorted(loaded))}; " if loaded else ""
    near = difflib.get_close_matches(token, {*loaded, *library}, n=3)
    advice = f"did you mean {' or '.join(near)}?" if near else "give its file with --concept, or learn it"
    if token in library.starter().names():
        advice = f"it comes with the package: `lead-invert starter {token[1:-1]}` adds it to the library"
    return f"the prompt {prompt!r} names {token}, which is not known; {given}the library: {library.offer()}; {advice}"


def check_base(concept: "Concept", path: Path, model: "Lead", allow_mismatch: bool = False) -> "Concept":
    """The concept as this base can use it; ConceptError where it means nothing to the base, or other parts differ.

    With `allow_mismatch` parts other than the text tower may differ, with a warning; the tensors that would mean
    nothing there are left out.
    """
    from concepts import ConceptError

    try:
        differences = concept.check_base(model.fingerprints, model.name)
        fitted = concept.fit_to_base(model.fingerprints)
        concept.check_probe(encode_probe(fitted, model))
        if differences and not allow_mismatch:
            raise ConceptError(
                f"{'; '.join(differences)}. The text tower is the same, as it must be: "
                f"use {concept.advise_base(model.name)}, or add --allow-base-mismatch"
            )
    except ConceptError as error:
        raise ConceptError(f"{path}: {error}") from None
    for difference in differences:
        warn(difference)
    if left_out := sorted({name.split(".")[0] for name in concept.tensors.keys() - fitted.tensors.keys()}):
        warn(f"{path}: used without these parts: {', '.join(left_out)}")
    return fitted


def encode_probe(concept: "Concept", model: "Lead") -> "Float[np.ndarray, 'd_text']":
    """The base's text condition of the concept's probe prompt; ConceptError where their sizes differ."""
    from concepts import ConceptError
    from lead.errors import LeadError

    direction, d_latent = concept.tensors.get("direction"), model.config.vae.d_latent
    if direction is not None and direction.size != d_latent:
        raise ConceptError(f"its direction has {direction.size} numbers, this base's latents have {d_latent}")
    try:
        return model.encode_text([concept.probe_prompt], words=concept.words)[0].cpu().numpy()
    except LeadError as error:
        raise ConceptError(str(error)) from None


def preview_motion(concept: "Concept", name: str = "") -> "Motion | None":
    """The motion in a concept's file; None where there is none, or one on another skeleton than ours."""
    from lead.motion.motion import Motion
    from lead.motion.skeleton import JOINTS

    joints = concept.tensors.get("preview.joints")
    return None if joints is None or joints.shape[1] != len(JOINTS) else Motion(joints, concept.fps, name=name)


def preview_motions(concepts: "Iterable[Concept]") -> "list[Motion]":
    """An exemplar of each concept that has one on our skeleton, on the body of generations, named for a picture."""
    previews = [preview_motion(one, f"exemplar of {one.token}") for one in concepts]
    return [motion.on_one_skeleton() for motion in previews if motion is not None]


def usual_prompt(concept: "Concept") -> str:
    """A prompt of the form that suits the concept's kind."""
    return {
        "action": f"a person does {concept.token}",
        "style": f"a person walks in {concept.token} style",
        "persona": f"a person walks like {concept.token}",
    }[concept.kind]


def suggest_prompt(concept: "Concept", file: Path | None = None, prompt: str = "") -> str:
    """A line that tells how to generate with a concept; `file` is its file where it is not in the library."""
    place = f" --concept {file}" if file else ""
    place += f" --base {name}" if (name := name_other(concept.base)) else ""
    prompt = prompt or (concept.probe_prompt if concept.templates else usual_prompt(concept))
    return f'Try: lead-invert generate "{prompt}"{place}'
