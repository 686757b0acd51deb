"""A concept: a learned word, where it comes from, and its file.

A concept is the word's token embeddings plus what a stranger needs to use and to judge it: which base model
it was learned on, how, from which recordings, and under which license. Everything is checked and cleaned on
construction: a concept that was learned and one that was loaded obey the same rules, and a round trip changes
nothing.

This module knows no base model: it compares fingerprints and conditions that the caller hands over.
Conventions: float32, little endian; fps in frames a second; sha256 as 64 small hex digits.
The file is specified in docs/concept-format.md.
"""

import datetime
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np
from jaxtyping import Float, Float32

from concepts.checks import as_count, as_fps, as_list, as_mapping, as_number, as_text
from concepts.container import (
    DTYPES,
    Told,
    check_tensors,
    pack,
    parse_json,
    read_bytes,
    silent,
    tensor_form,
    unpack,
    write_bytes,
)
from concepts.errors import ConceptError
from concepts.exemplar import Exemplar
from concepts.text import check_token, is_path, quoted, token_slug
from concepts.thumbnail import check_thumbnail

Kind = Literal["action", "style", "persona"]
SUFFIX = ".safetensors"
RECORD_KEY = "lead_invert.concept"
CURVE_POINTS = 64
PROBE_COSINE = 0.999
TEXT_PARTS = ("text", "tokenizer")
BOUND_TO: dict[str, tuple[str, ...]] = {
    "direction": ("vae", "denoiser"),
    "latent_prior.": ("vae", "denoiser"),
    "adapter.": ("denoiser",),
    "residual": ("denoiser",),
}
"""Optional tensors, by the start of their names, that mean nothing where all of these parts of the base are others:
either the VAE or the denoiser fixes the space of latents."""
MODELSPEC_TEXTS = ("title", "author", "description", "license", "date", "thumbnail")
TEXT_LIMITS = {"title": 200, "author": 200, "description": 20_000, "license": 2000, "date": 40, "init": 200,
               "objective": 40, "skeleton": 40, "base": 200}  # fmt: skip


@dataclass(frozen=True, eq=False, kw_only=True)
class Concept:
    """A learned word. Fields are checked and cleaned, arrays read-only; equal bytes mean equal concepts."""

    token: str
    """As it stands in a prompt, `<name>`."""
    token_embedding: Float32[np.ndarray, "vectors d_token"]
    """What replaces the word's token embeddings in the base model's text tower."""
    kind: Kind
    base: str
    """The base model's name; a path is refused."""
    fingerprints: Mapping[str, str]
    """Part of the base model -> hex digest of it. "text" must be there; "tokenizer" must match like text."""
    init: str = ""
    """The phrase that the word started from; strengths below 1 go towards it."""
    templates: tuple[str, ...] = ()
    """Prompts that it was learned in, each with one {} for the word."""
    objective: str = ""
    skeleton: str = "smpl-22"
    fps: float = 20.0
    steps: int = 0
    seed: int = 0
    loss: tuple[float, ...] = ()
    """The loss curve at evenly spaced steps, at most 64 points (see `thin_curve`)."""
    scores: Mapping[str, float] = field(default_factory=dict)
    exemplars: tuple[Exemplar, ...] = ()
    title: str = ""
    """The token's name when empty."""
    author: str = ""
    description: str = ""
    license: str = ""
    date: str = ""
    """ISO 8601, or empty."""
    thumbnail: str = ""
    """A small picture as a data: URI (`concepts.thumbnail`), or empty."""
    tensors: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Optional tensors by name (`concepts.container.tensor_form`): init, probe.cond, preview.joints, adapter..., ..."""

    def __post_init__(self) -> None:
        def put(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        check_token(self.token)
        if self.kind not in get_args(Kind):
            raise ConceptError(f"kind is {quoted(self.kind)}, expected one of {', '.join(get_args(Kind))}")
        for name, limit in TEXT_LIMITS.items():
            put(name, as_text(getattr(self, name), name, limit, lines=name == "description"))
        put("title", self.title or self.slug)
        if is_path(self.base) or not self.base:
            raise ConceptError(f"base is {quoted(self.base)}, expected the base model's name (never a path)")
        _check_date(self.date)
        check_thumbnail(self.thumbnail)
        put("fingerprints", _fingerprints(self.fingerprints))
        put("templates", tuple(_template(text) for text in as_list(self.templates, "templates", 256)))
        put("fps", as_fps(self.fps, "fps"))
        put("steps", as_count(self.steps, "steps"))
        put("seed", as_count(self.seed, "seed"))
        put("loss", tuple(as_number(x, "the loss curve") for x in as_list(self.loss, "loss", CURVE_POINTS)))
        scores = as_mapping(self.scores, "scores", 64).items()
        put("scores", {as_text(key, "a score's name", 64): as_number(x, "a score") for key, x in scores})
        exemplars = as_list(self.exemplars, "exemplars", 1024)
        put("exemplars", tuple(x if isinstance(x, Exemplar) else Exemplar.from_record(x) for x in exemplars))
        arrays = as_mapping(self.tensors, "tensors") | {"token_embedding": self.token_embedding}
        arrays = {name: _read_only(name, array) for name, array in arrays.items()}
        check_tensors(arrays)
        put("token_embedding", arrays.pop("token_embedding"))
        put("tensors", arrays)

    @property
    def words(self) -> dict[str, Any]:
        """What the base model takes as words: token -> its embeddings [vectors, d_token], a writable copy.

        Where the concept has more of a word: token -> {"token_embedding": ..., "direction": ..., "adapter...": ...};
        "init", towards which strengths below 1 go, is vectors or the phrase, "home" are the prompts it was learned in.
        """
        acting = ("direction", "adapter.", "init")
        more: dict[str, Any] = {name: x.copy() for name, x in self.tensors.items() if name.startswith(acting)}
        if self.init:
            more.setdefault("init", self.init)
        if "direction" in more:
            more["home"] = self.templates
        vectors = self.token_embedding.copy()
        return {self.token: {"token_embedding": vectors, **more} if more else vectors}

    @property
    def slug(self) -> str:
        """The token without brackets, fit for a file name."""
        return token_slug(self.token)

    @property
    def probe_prompt(self) -> str:
        """The prompt whose text condition is `probe.cond`: the first template with the word in it."""
        return (self.templates[0] if self.templates else "a person {}").replace("{}", self.token)

    def record(self) -> dict[str, Any]:
        """Everything but the tensors, as plain JSON values."""
        left_out = ("token_embedding", "tensors")
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in left_out}
        return values | {
            "fingerprints": dict(self.fingerprints),
            "templates": list(self.templates),
            "loss": list(self.loss),
            "scores": dict(self.scores),
            "exemplars": [asdict(exemplar) for exemplar in self.exemplars],
        }

    def to_bytes(self) -> bytes:
        """The file's bytes; equal concepts give equal bytes. The inverse of `from_bytes`."""
        record = self.record()
        texts = {name: record.pop(name) for name in MODELSPEC_TEXTS}
        metadata = {f"modelspec.{name}": text for name, text in texts.items() if text}
        metadata |= {
            "modelspec.sai_model_spec": "1.0.0",
            "modelspec.architecture": "lead-v1-textual-inversion",
            "modelspec.implementation": "lead-invert",
            "modelspec.trigger_phrase": self.token,
            "modelspec.usage_hint": self.probe_prompt,
            RECORD_KEY: json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False),
        }
        return pack(metadata, {"token_embedding": self.token_embedding, **self.tensors})

    @classmethod
    def from_bytes(cls, data: bytes, told: Told = silent) -> Self:
        """The concept in a file's bytes, verified in the specification's order. The inverse of `to_bytes`.

        `told` hears what was found after each check that was passed.
        """
        metadata, tensors = unpack(data, told)
        if RECORD_KEY not in metadata:
            raise ConceptError(f"the metadata lack {RECORD_KEY}: the file is damaged, get it again")
        record = as_mapping(parse_json(metadata[RECORD_KEY], RECORD_KEY), RECORD_KEY)
        for name in ("token", "kind", "base", "fingerprints"):
            if name not in record:
                raise ConceptError(f"{RECORD_KEY} lacks {name}: the file is damaged, get it again")
        known = {f.name for f in fields(cls)} - {"tensors", "token_embedding", *MODELSPEC_TEXTS}
        values: dict[str, Any] = {name: value for name, value in record.items() if name in known}
        values |= {name: metadata.get(f"modelspec.{name}", "") for name in MODELSPEC_TEXTS}
        concept = cls(token_embedding=tensors.pop("token_embedding"), tensors=tensors, **values)
        hidden = [name for name in MODELSPEC_TEXTS if values[name] and values[name] != getattr(concept, name)]
        told(
            f"{concept.token}, {concept.kind}, of the base {quoted(concept.base)}; every entry obeys its rule"
            + (f"; invisible characters were taken out of {', '.join(hidden)}" if hidden else "")
        )
        return concept

    def save(self, path: str | Path) -> Path:
        """Write the file under a temporary name and move it into place; returns its path."""
        path = Path(path)
        if path.suffix != SUFFIX:
            raise ConceptError(f"{path}: a concept file's name ends in {SUFFIX}, as in {self.slug}{SUFFIX}")
        try:
            write_bytes(path, self.to_bytes())
        except ConceptError as error:
            raise ConceptError(f"{path}: {error}") from None
        return path

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read and verify a file of any origin; a fault is a ConceptError that names the file.

        Whether it fits a base model is for `check_base` and `check_probe`.
        """
        try:
            return cls.from_bytes(read_bytes(Path(path)))
        except ConceptError as error:
            raise ConceptError(f"{path}: {error}") from None

    def differing(self, fingerprints: Mapping[str, str]) -> list[str]:
        """The parts of a base that are not those that the word was learned with, as far as the file names them."""
        return [part for part, learned in self.fingerprints.items() if fingerprints.get(part, "unknown") != learned]

    def check_base(self, fingerprints: Mapping[str, str], name: str) -> list[str]:
        """Whether the word means the same on this base: ConceptError if its text part is another one.

        Returns a sentence for every other part that differs: the word is read alike, the motions may differ.
        """
        others = []
        for part in self.differing(fingerprints):
            learned, here = self.fingerprints[part][:12], fingerprints.get(part, "unknown")[:12]
            if part in TEXT_PARTS:
                raise ConceptError(
                    f"{self.token} was learned on the base {quoted(self.base)} ({part} {learned}) and "
                    f"means nothing to the base {quoted(name)} ({part} {here}): "
                    "use the base it was learned on, or learn the word again on this one"
                )
            others.append(
                f"{self.token} was learned with the {part} {learned} of the base {quoted(self.base)}, and "
                f"{quoted(name)} has {here}: motions may differ from its author's"
            )
        return others

    def fitted(self, fingerprints: Mapping[str, str]) -> Self:
        """Without the tensors that mean nothing on a base of these fingerprints (`BOUND_TO`)."""
        others = set(self.differing(fingerprints))
        foreign = tuple(start for start, parts in BOUND_TO.items() if others.issuperset(parts))
        kept = {name: tensor for name, tensor in self.tensors.items() if not name.startswith(foreign)}
        return replace(self, tensors=kept) if foreign else self

    def check_probe(self, cond: Float[np.ndarray, " d_text"]) -> float | None:
        """ConceptError unless `cond`, the text condition of `probe_prompt` here, agrees with the author's.

        Returns cos(cond, probe.cond), which is at least 0.999; None for a concept without `probe.cond`.
        """
        if "probe.cond" not in self.tensors:
            return None
        expected = self.tensors["probe.cond"].astype(np.float64)
        found = np.asarray(cond, np.float64).reshape(-1)
        if found.shape != expected.shape:
            raise ConceptError(
                f"{self.token} was learned with text conditions of {expected.size} numbers, this base has "
                f"{found.size}: use the base {quoted(self.base)}"
            )
        scale = np.linalg.norm(found) * np.linalg.norm(expected)
        cosine = float(found @ expected / scale) if scale > 0 else 0.0
        if not cosine >= PROBE_COSINE:
            raise ConceptError(
                f"{quoted(self.probe_prompt)} does not mean here what it meant where {self.token} was learned "
                f"(cosine {cosine:.4f}, expected {PROBE_COSINE} or more): the file or the text "
                f"tower has changed; use the base {quoted(self.base)} as it was then"
            )
        return cosine


def thin_curve(losses: Iterable[float], points: int = CURVE_POINTS) -> tuple[float, ...]:
    """A loss curve at no more than `points` evenly spaced steps, the first and the last among them."""
    values = [float(loss) for loss in losses]
    if len(values) <= points:
        return tuple(values)
    return tuple(values[round(i)] for i in np.linspace(0, len(values) - 1, points))


def _read_only(name: str, array: Any) -> np.ndarray:
    form = tensor_form(name)
    dtype = DTYPES[form[0]] if form else np.dtype("<f4")
    try:
        with np.errstate(over="ignore"):  # what float16 cannot hold becomes infinite and is refused as such
            copy = np.array(array, dtype, order="C")
    except (TypeError, ValueError, RuntimeError):  # RuntimeError: a tensor that requires a gradient
        raise ConceptError(f"tensor {quoted(name)} is not an array of numbers") from None
    copy.flags.writeable = False
    return copy


def _fingerprints(value: object) -> dict[str, str]:
    result = as_mapping(value, "fingerprints", 32)
    for part, digest in result.items():
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", part):
            raise ConceptError(
                f"fingerprints has the part {quoted(part)}, expected a name such as text or vae"
            )
        if not isinstance(digest, str) or not re.fullmatch(r"[0-9a-f]{8,64}", digest):
            raise ConceptError(
                f"fingerprint of {part} is {quoted(digest)}, expected 8 to 64 small hex digits"
            )
    if "text" not in result:
        raise ConceptError(
            'fingerprints lacks "text": without it nobody can tell which text tower the word is for'
        )
    return result


def _template(value: object) -> str:
    text = as_text(value, "a template", 400)
    if text.count("{}") != 1:
        raise ConceptError(
            f"template {quoted(text)} has {text.count('{}')} places for the word, expected one {{}}"
        )
    return text


def _check_date(date: str) -> None:
    try:
        if date and not re.match(r"\d{4}-\d\d-\d\d", date):
            raise ValueError("not a calendar date")
        datetime.datetime.fromisoformat(date or "2000-01-01")
    except ValueError:
        raise ConceptError(f"date is {quoted(date)}, expected ISO 8601 such as 2026-01-31") from None
