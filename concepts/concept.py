"""A concept: what a base model was taught, where it comes from, and its file.

A concept has what acts at generation (token embeddings; for a style a direction and its schedule; a LoRA adapter) and
what a stranger needs to use and to judge it: the base model that it was learned on, how it was learned, from which
recordings, and under which license. Everything is checked and cleaned on construction. A concept that was learned and
one that was loaded obey the same rules, and a round trip changes nothing.

Knows no base model: it compares fingerprints and text conditions that the caller hands over.
Conventions: float32, little endian; fps in frames a second; sha256 as 64 small hex digits.
docs/concept-format.md specifies the file.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, cast, get_args, no_type_check

import numpy as np
from jaxtyping import Float, Float32

from concepts.container import (
    MAX_FILE_BYTES,
    Report,
    pack,
    parse_json,
    read_bytes,
    read_metadata,
    read_version,
    report_nothing,
    unpack,
    write_bytes,
)
from concepts.errors import ConceptError, name_file_in_errors
from concepts.kinds import Kind
from concepts.provenance import Credits, Exemplar, combine_licenses
from concepts.schedule import VERSION_1, StyleSchedule
from concepts.tensors import LARGEST, ConceptTensors, adapter_layers, check_size, check_tensors, to_read_only
from concepts.text import (
    as_count,
    as_fingerprints,
    as_fps,
    as_list,
    as_mapping,
    as_number,
    as_template,
    as_text,
    check_date,
    check_token,
    is_path,
    quote,
    token_slug,
    token_stem,
)
from concepts.thumbnail import check_thumbnail

SUFFIX = ".safetensors"
RECORD_KEY = "lead_invert.concept"
CURVE_POINTS = 64
PREVIEW_FRAMES = 60
"""Frames of `preview.joints` in a new concept, at most."""
PROBE_COSINE = 0.999
TEXT_PARTS = ("text", "tokenizer")
BOUND_TO: dict[str, tuple[str, ...]] = {"direction": ("vae", "denoiser"), "adapter.": ("denoiser",)}
"""Tensors, by the start of their names, that mean nothing on a base where all of these parts differ. The VAE or the
denoiser alone is enough to fix the space of latents."""
MODELSPEC_TEXTS = ("title", "author", "description", "license", "date", "thumbnail")
TEXT_LIMITS = {"title": 200, "author": 200, "description": 20_000, "license": 2000, "date": 40, "init": 200,
               "objective": 40, "skeleton": 40, "base": 200}  # fmt: skip


@dataclass(frozen=True)
class Summary:
    """What a concept file says of itself, for lists of many."""

    token: str
    title: str
    kind: Kind
    base: str
    license: str
    date: str
    clips: int


@no_type_check  # at run time: the constructor checks values of any type itself, and raises ConceptError
@dataclass(frozen=True, eq=False, kw_only=True)
class Concept:
    """A learned concept. Fields are checked and cleaned, arrays read-only; equal bytes mean equal concepts."""

    token: str
    """As it stands in a prompt, `<name>`."""
    token_embedding: Float32[np.ndarray, "vectors d_token"]
    """Stands in the place of the token's embeddings in the base model's text tower."""
    kind: Kind
    base: str
    """The base model's name; a path is refused."""
    fingerprints: Mapping[str, str]
    """Part of the base model -> its hex digest. "text" is required; "tokenizer" must match as text must."""
    init: str = ""
    """The phrase that learning started from; strengths below 1 go towards it."""
    templates: tuple[str, ...] = ()
    """Prompts that it was learned in, each with one {} in the token's place."""
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
    schedule: StyleSchedule | None = None
    """How strongly the direction and the adapter act; given if and only if there is a direction."""
    tensors: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Optional tensors by name (`concepts.tensors.tensor_form`): init, direction, adapter..., probe.cond, ..."""

    def __post_init__(self) -> None:
        def put(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        check_token(self.token)
        if self.kind not in get_args(Kind):
            raise ConceptError(f"kind is {quote(self.kind)}, expected one of {', '.join(get_args(Kind))}")
        for name, limit in TEXT_LIMITS.items():
            put(name, as_text(getattr(self, name), name, limit, lines=name == "description"))
        put("title", self.title or self.slug)
        if is_path(self.base) or not self.base:
            raise ConceptError(f"base is {quote(self.base)}, expected the base model's name (never a path)")
        check_date(self.date)
        check_thumbnail(self.thumbnail)
        put("fingerprints", as_fingerprints(self.fingerprints))
        put("templates", tuple(as_template(text) for text in as_list(self.templates, "templates", 256)))
        put("fps", as_fps(self.fps, "fps"))
        put("steps", as_count(self.steps, "steps"))
        put("seed", as_count(self.seed, "seed"))
        put("loss", tuple(as_number(x, "the loss curve") for x in as_list(self.loss, "loss", CURVE_POINTS)))
        scores = as_mapping(self.scores, "scores", 64).items()
        put("scores", {as_text(key, "a score's name", 64): as_number(x, "a score") for key, x in scores})
        exemplars = as_list(self.exemplars, "exemplars", 1024)
        put("exemplars", tuple(x if isinstance(x, Exemplar) else Exemplar.from_record(x) for x in exemplars))
        given = as_mapping(self.tensors, "tensors") | {"token_embedding": self.token_embedding}
        arrays = {name: to_read_only(name, array) for name, array in given.items()}
        check_tensors(arrays)
        put("schedule", _as_schedule(self.schedule, "direction" in arrays))
        if self.schedule is not None:
            scaled = self.schedule.direction_scale * arrays["direction"].astype(np.float64)
            check_size("tensor direction, times the schedule's direction_scale,", scaled, LARGEST["direction"])
        self._check_seen_directions(arrays.get("direction.seen"))
        put("token_embedding", arrays.pop("token_embedding"))
        put("tensors", arrays)

    def __repr__(self) -> str:
        return f"Concept({self.token}, {self.kind}, of {self.base!r}, from {len(self.exemplars)} clips)"

    @property
    def words(self) -> dict[str, ConceptTensors]:
        """What the base model takes in a prompt: the token -> all that acts at generation, as writable copies."""
        return {self.token: self._to_tensors()}

    def _check_seen_directions(self, seen: Float32[np.ndarray, "actions d_latent"] | None) -> None:
        """ConceptError unless they stand beside a direction, are one a template and of a size that a base means."""
        if seen is None:
            return
        if self.schedule is None:
            raise ConceptError("there is a tensor direction.seen and no direction: the file is damaged, get it again")
        if len(seen) != len(self.templates):
            raise ConceptError(
                f"direction.seen has {len(seen)} rows for {len(self.templates)} templates, expected one each: "
                "the file is damaged, get it again"
            )
        scaled = self.schedule.direction_scale * seen.astype(np.float64)
        check_size("tensor direction.seen, times the schedule's direction_scale,", scaled, LARGEST["direction.seen"])

    def _to_tensors(self) -> ConceptTensors:
        vectors, direction, seen = (self.tensors.get(name) for name in ("init", "direction", "direction.seen"))
        return ConceptTensors(
            token_embedding=self.token_embedding.copy(),
            initializer=vectors.copy() if vectors is not None else self.init or None,
            direction=None if direction is None else direction.copy(),
            seen_directions=None if seen is None else seen.copy(),
            adapter=adapter_layers(self.tensors),
            schedule=self.schedule,
            training_prompts=self.templates,
        )

    @property
    def slug(self) -> str:
        """The token without brackets."""
        return token_slug(self.token)

    @property
    def file_name(self) -> str:
        """The name of its file in a library: the slug and `SUFFIX`, on every system a name that a file may have."""
        return token_stem(self.token) + SUFFIX

    @property
    def probe_prompt(self) -> str:
        """The prompt whose text condition is `probe.cond`: the first template with the token in it."""
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
            "schedule": None if self.schedule is None else asdict(self.schedule),
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
    def from_bytes(cls, data: bytes, report: Report = report_nothing) -> "Concept":
        """The concept in a file's bytes, verified in the specification's order. The inverse of `to_bytes`.

        `report` is called with what was found after each check that passed.
        """
        metadata, tensors = unpack(data, report)
        if RECORD_KEY not in metadata:
            raise ConceptError(f"the metadata lack {RECORD_KEY}: the file is damaged, get it again")
        record = as_mapping(parse_json(metadata[RECORD_KEY], RECORD_KEY), RECORD_KEY)
        for name in ("token", "kind", "base", "fingerprints"):
            if name not in record:
                raise ConceptError(f"{RECORD_KEY} lacks {name}: the file is damaged, get it again")
        if read_version(metadata) < (2, 0):
            record["schedule"] = VERSION_1 if "direction" in tensors else None
        known = {f.name for f in fields(cls)} - {"tensors", "token_embedding", *MODELSPEC_TEXTS}
        values: dict[str, Any] = {name: value for name, value in record.items() if name in known}
        values |= {name: metadata.get(f"modelspec.{name}", "") for name in MODELSPEC_TEXTS}
        concept = cls(token_embedding=tensors.pop("token_embedding"), tensors=tensors, **values)
        hidden = [name for name in MODELSPEC_TEXTS if values[name] and values[name] != getattr(concept, name)]
        report(
            f"{concept.token}, {concept.kind}, of the base {quote(concept.base)}; every entry obeys its rule"
            + (f"; invisible characters were taken out of {', '.join(hidden)}" if hidden else "")
        )
        return concept

    def save(self, path: str | Path) -> Path:
        """Write the file under a temporary name and move it into place; returns its path."""
        path = Path(path)
        if path.suffix != SUFFIX:
            raise ConceptError(f"{path}: a concept file's name ends in {SUFFIX}, as in {self.file_name}")
        with name_file_in_errors(path):
            write_bytes(path, self.to_bytes())
        return path

    @classmethod
    def load(cls, path: str | Path) -> "Concept":
        """Read and verify a file of any origin; a fault is a ConceptError that names the file.

        Whether it fits a base model is for `check_base` and `check_probe`.
        """
        with name_file_in_errors(path):
            return cls.from_bytes(read_bytes(Path(path)))

    @classmethod
    def from_pretrained(cls, name_or_path: str | Path, **options: Any) -> "Concept":
        """`load` from a local file or folder, or from a repository of a model hub, by huggingface_hub's conventions.

        A repository is `<owner>/<name>` or `hf://...`; with several concepts in it, `filename` names one. The other
        options are those of `lead.hub.HubOptions`. HubError where the hub, and ConceptError where the file cannot be
        used.
        """
        from lead.hub import find_pretrained

        return cls.load(find_pretrained(name_or_path, MAX_FILE_BYTES, **options))

    def push_to_hub(
        self,
        repo_id: str,
        *,
        card: str = "",
        commit_message: str = "",
        private: bool = True,
        token: str | bool | None = None,
    ) -> str:
        """Send the file, and `card` as its README.md, to a repository of a model hub; returns the commit's address.

        A new repository is private, and a public one is refused, unless `private=False`.
        `concepts.card.concept_to_card` writes the card. HubError where the hub does not take it.
        """
        from lead.hub import SCHEME, HubPlace, upload

        files = {self.file_name: self.to_bytes()} | ({"README.md": card.encode()} if card else {})
        place = HubPlace.parse(f"{SCHEME}{repo_id.removeprefix(SCHEME)}")
        return upload(place, files, not private, message=commit_message, token=token)

    @classmethod
    def read_summary(cls, path: str | Path) -> Summary:
        """What a file's header says of itself; its tensors are neither read nor checked, as `load` does.

        ConceptError, which names the file, where it is none by its header and its size.
        """
        with name_file_in_errors(path):
            metadata = read_metadata(Path(path))
            record = as_mapping(parse_json(metadata.get(RECORD_KEY, ""), RECORD_KEY), RECORD_KEY)
            token, kind, base = check_token(record.get("token")), record.get("kind"), record.get("base")
            if kind not in get_args(Kind):
                raise ConceptError(f"kind is {quote(kind)}, expected one of {', '.join(get_args(Kind))}")
            texts = {name: as_text(metadata.get(f"modelspec.{name}", ""), name, TEXT_LIMITS[name])
                     for name in ("title", "license", "date")}  # fmt: skip
            clips = len(as_list(record.get("exemplars", []), "exemplars", 1024))
            texts["title"] = texts["title"] or token_slug(token)
            base = as_text(base, "base", TEXT_LIMITS["base"])
            return Summary(token, kind=cast(Kind, kind), base=base, clips=clips, **texts)

    def with_credits(self, credits: Credits) -> "Concept":
        """The concept with these credits; until then its license is its base model's alone."""
        return replace(
            self,
            license=combine_licenses(self.license, self.base, credits.license),
            exemplars=tuple(replace(one, source=credits.source, license=credits.license) for one in self.exemplars),
            author=credits.author,
            description=credits.description,
        )

    def find_differing_parts(self, fingerprints: Mapping[str, str]) -> list[str]:
        """The parts, of those that the file names, whose fingerprints on a base are others than in the file."""
        return [part for part, learned in self.fingerprints.items() if fingerprints.get(part, "unknown") != learned]

    def check_base(self, fingerprints: Mapping[str, str], name: str) -> list[str]:
        """ConceptError if the base's text tower is another one than the concept was learned on.

        Returns a sentence for every other part that differs: the prompt is read alike, the motions may differ.
        """
        warnings = []
        for part in self.find_differing_parts(fingerprints):
            learned, here = self.fingerprints[part][:12], fingerprints.get(part, "unknown")[:12]
            if part in TEXT_PARTS:
                raise ConceptError(
                    f"{self.token} was learned on the base {quote(self.base)} ({part} {learned}) and "
                    f"means nothing to the base {quote(name)} ({part} {here}): "
                    f"use {self.advise_base(name)}, or learn the word again on this one"
                )
            warnings.append(
                f"{self.token} was learned with the {part} {learned} of the base {quote(self.base)}, and "
                f"{quote(name)} has {here}: motions may differ from its author's"
            )
        return warnings

    def advise_base(self, name: str) -> str:
        """The base that the concept was learned on, with its option, for one who uses the base `name`."""
        from lead.bases import find_name

        known = find_name(self.base) if self.base != name else ""
        return f"the base it was learned on (--base {known})" if known else "the base it was learned on"

    def fit_to_base(self, fingerprints: Mapping[str, str]) -> "Concept":
        """The concept without the tensors that mean nothing on a base of these fingerprints (`BOUND_TO`)."""
        differing = set(self.find_differing_parts(fingerprints))
        foreign = tuple(start for start, parts in BOUND_TO.items() if differing.issuperset(parts))
        if not foreign:
            return self
        tensors = {name: tensor for name, tensor in self.tensors.items() if not name.startswith(foreign)}
        return replace(self, tensors=tensors, schedule=self.schedule if "direction" in tensors else None)

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
                f"{found.size}: use the base {quote(self.base)}"
            )
        scale = np.linalg.norm(found) * np.linalg.norm(expected)
        cosine = float(found @ expected / scale) if scale > 0 else 0.0
        if not cosine >= PROBE_COSINE:
            raise ConceptError(
                f"{quote(self.probe_prompt)} has another meaning on this base than where {self.token} was learned "
                f"(cosine {cosine:.4f}, expected {PROBE_COSINE} or more): the file or the text tower "
                f"has changed; use the unchanged base {quote(self.base)}"
            )
        return cosine


def thin_curve(losses: Iterable[float], points: int = CURVE_POINTS) -> tuple[float, ...]:
    """A loss curve at no more than `points` evenly spaced steps, the first and the last among them."""
    values = [float(loss) for loss in losses]
    if len(values) <= points:
        return tuple(values)
    return tuple(values[round(i)] for i in np.linspace(0, len(values) - 1, points))


def _as_schedule(value: object, has_direction: bool) -> StyleSchedule | None:
    """A schedule or its record; ConceptError unless it is given if and only if there is a direction."""
    if has_direction and value is None:
        raise ConceptError("there is a direction and no schedule, which says how strongly it acts: give both or none")
    if value is not None and not has_direction:
        raise ConceptError("there is a schedule and no direction for it: give both or none")
    return value if value is None or isinstance(value, StyleSchedule) else StyleSchedule.from_record(value)
