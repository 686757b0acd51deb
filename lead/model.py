"""`Lead`: a base model that one loads, saves and makes motions with.

`lead.parts` has its networks and their steps, `lead.generation` the way from prompts to motions, `lead.control`
constraints and timelines.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import numpy as np
import torch
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor

from lead.base_file import FORMAT, config_from_json, read_base_file
from lead.bases import locate_base
from lead.card import base_to_card
from lead.checkpoint import (
    atomic_write,
    build,
    compress,
    decompress,
    from_file_names,
    parse_json,
    to_file_names,
)
from lead.conditioning import Words
from lead.data.dataset import MIN_FRAMES
from lead.diffusion import Sampler, list_draws
from lead.errors import LeadError
from lead.generation import Progress, PromptBatch, Sampling, generate_plain
from lead.hub import PLAIN_NAME, SCHEME, HubOptions, HubPlace, find_pretrained, upload
from lead.kernels import optimize
from lead.motion import Motion
from lead.parts import LeadParts
from lead.text.main_words import leave_out_tokens
from lead.text.vocabulary import Notice, Vocabulary

if TYPE_CHECKING:
    from lead.control.constraints import Constraint
    from lead.control.timeline import Timeline
    from lead.control.timeline_sampling import Plan
    from lead.ranking import Score

MOST_BYTES = 2**32
"""Of a base's file from a hub."""


class Lead(LeadParts):
    """Text to motion: a base model."""

    vocabulary: Vocabulary | None = None
    """What it can do, where its file says it."""

    @classmethod
    def load(cls, path: str | Path | None = None, device: str = "cpu", *, plain: bool = False) -> "Lead":
        """The base in a checkpoint, one of `lead.bases.BASES` by its name, or the embedded default.

        LeadError where there is no such file, or where it is not one of ours.

        `plain` leaves its networks as they are written down, to be trained; else kernels make them fast.
        """
        path = locate_base(path)
        metadata, stored = read_base_file(path)
        config, tensors = parse_json(metadata.get("config", ""), str(path)), from_file_names(decompress(stored))
        base = build(lambda values: cls(config_from_json(values)), config, tensors, str(path)).to(device)
        if "vocabulary" in metadata:
            base.vocabulary = Vocabulary.from_json(metadata["vocabulary"], str(path), base.config.text.d_text)
        return base if plain else optimize(base)

    def save(self, path: str | Path, compact: bool = False) -> Path:
        """Write one safetensors file with the config in its metadata; `compact` is a third of the size, and not exact.

        Compact: matrices of the text tower, the denoiser and the projector are 8-bit integers with a scale a row. The
        VAE's, the projector's linear map and all smaller tensors are 16-bit floats.
        """
        path = Path(path)
        tensors = {key: value.detach().cpu().float().contiguous() for key, value in self.state_dict().items()}
        tensors = to_file_names(compress(tensors) if compact else tensors)
        metadata = {"format": FORMAT, "config": json.dumps(to_file_names(asdict(self.config)))}
        if self.vocabulary is not None:
            metadata["vocabulary"] = self.vocabulary.to_json()
        with atomic_write(path) as partial:
            save_file(tensors, partial, metadata=metadata)
        return path

    @classmethod
    def from_pretrained(
        cls, name_or_path: str | Path, device: str = "cpu", *, plain: bool = False, **options: Unpack[HubOptions]
    ) -> "Lead":
        """`load` from a local file or folder, or from a repository of a model hub, by huggingface_hub's conventions.

        A repository is `<owner>/<name>` or `hf://...`; `options` are those of `HubOptions`, such as `revision`.
        HubError where the hub, and LeadError where the file cannot be used.
        """
        return cls.load(find_pretrained(name_or_path, MOST_BYTES, **options), device, plain=plain)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        compact: bool = False,
        commit_message: str = "",
        private: bool = True,
        token: str | bool | None = None,
    ) -> str:
        """Send the base as model.safetensors and a card to a repository of a model hub; returns the commit's address.

        `compact` as in `save`. A new repository is private, and a public one is refused, unless `private=False`.
        HubError where the hub does not take it.
        """
        place = HubPlace.parse(f"{SCHEME}{repo_id.removeprefix(SCHEME)}")
        with tempfile.TemporaryDirectory() as folder:
            data = self.save(Path(folder) / PLAIN_NAME, compact).read_bytes()
        files = {PLAIN_NAME: data, "README.md": base_to_card(self.name, self.license, place.repo).encode()}
        return upload(place, files, not private, message=commit_message, token=token)

    def share_weights(self) -> "Lead":
        """A base of the same weights with modules of its own, for another thread: adapters act on modules."""
        shared = [*self.parameters(), *self.buffers(), self.text.tokenizer, self.vocabulary, self._fingerprints]
        return deepcopy(self, {id(part): part for part in shared})

    @torch.no_grad()
    def find_unknown(self, prompts: str | Sequence[str], batch: int = 256) -> list[Notice | None]:
        """For each prompt a notice where it is outside what the base was trained on; none where the base cannot tell.

        Learned tokens say nothing: a concept brings its own motion.
        """
        prompts = [prompts] if isinstance(prompts, str) else prompts
        if self.vocabulary is None:
            return [None] * len(prompts)
        found: dict[str, Notice | None] = dict.fromkeys(prompts)
        for start in range(0, len(found), batch):
            part = list(found)[start : start + batch]
            features = self.encode_text([leave_out_tokens(prompt) for prompt in part]).float().cpu().numpy()
            found |= zip(part, map(self.vocabulary.judge, part, features), strict=True)
        return [found[prompt] for prompt in prompts]

    @torch.no_grad()
    def generate(
        self,
        prompts: str | Sequence[str],
        *,
        seconds: float | Sequence[float] = 4.0,
        words: Words | None = None,
        seed: int | Sequence[int] = 0,
        steps: int | None = None,
        guidance: float | None = None,
        sampler: Sampler | None = None,
        realign: bool = True,
        clean_feet: bool = True,
        bfloat16: bool = False,
        batch: int = 32,
        first: int = 0,
        progress: Progress | None = None,
        constraints: "Sequence[Constraint]" = (),
    ) -> list[Motion]:
        """A motion a prompt (a text is one prompt), at the base's rate; the same seed gives the same motions.

        `seconds` (0.8 to 9.8 at 20 fps) is rounded to UNIT frames. `words` gives concepts by token, as `Concept.words`
        has them, or plain token embeddings. They act on the prompts that name them, and on no others.
        All motions are on one skeleton, HumanML3D's bone lengths with left equal to right. `clean_feet` holds standing
        feet in place (`lead.motion.processing.foot_cleanup`).
        Noise is drawn for each prompt on its own, so a motion does not depend on what else is generated with it; with
        a list of seeds, one a prompt, each is the motion that its prompt gives alone. `first` is the place that the
        first prompt's noise is drawn for: a prompt alone with `first=3` has the noise of the fourth of several.
        `bfloat16` samples in 16 bits, which some processors do twice as fast: for figures of many motions.
        All motions meet the `constraints` (`lead.control`); a note says where the base alone did not come near.
        `progress` counts motions; it is called more often, and what it raises ends the work.
        """
        prompts = [prompts] if isinstance(prompts, str) else list(prompts)
        if not isinstance(seed, int) and len(seed) != len(prompts):
            raise LeadError(f"{len(seed)} seeds for {len(prompts)} prompts; give one, or one a prompt")
        if batch < 1:
            raise LeadError(f"batch {batch}: expected 1 prompt at a time or more")
        if not prompts:
            return []
        lengths = torch.tensor(self.count_each(seconds, len(prompts)))
        draws = list_draws(seed, len(prompts), first if isinstance(seed, int) else 0)
        sampling = Sampling(steps, guidance, sampler, realign, bfloat16, batch)
        prepared = PromptBatch.prepare(self, sampling, prompts, lengths, draws, words or {})
        if constraints:
            from lead.control.constrained_generation import generate_constrained

            return generate_constrained(prepared, constraints, clean_feet=clean_feet, progress=progress)
        return generate_plain(prepared, clean_feet, progress)

    def plan_timeline(self, timeline: "Timeline") -> "Plan":
        """How the timeline's segments and transitions are generated; LeadError for what the base does not make."""
        from lead.control.timeline_generation import plan_for_base

        return plan_for_base(self, timeline)

    @torch.no_grad()
    def generate_timeline(
        self,
        timeline: "Timeline",
        *,
        words: Words | None = None,
        seed: int = 0,
        steps: int | None = None,
        guidance: float | None = None,
        sampler: Sampler | None = None,
        realign: bool = True,
        clean_feet: bool = True,
        batch: int = 32,
        progress: Progress | None = None,
        constraints: "Sequence[Constraint]" = (),
        conditions: Mapping[int, Float[Tensor, " d_text"]] | None = None,
    ) -> Motion:
        """One motion in which a person does what the segments say, one after the other; its marks are the segments.

        All segments are denoised together (`lead.control.timeline_sampling`). A concept acts in the segments whose
        prompts name it. A segment's noise is drawn from its own seed, or else from `seed` and its place. Borders are
        rounded to UNIT frames. `batch` windows are computed at a time. `progress` counts steps, and is called between
        them too. `conditions` are text features by the number of a segment, from 0, instead of its prompt's. The
        rest is as in `generate`; a timeline with constraints lasts MOST_STEERED_SECONDS at most.
        """
        from lead.control.timeline_generation import generate_timeline

        sampling = Sampling(steps, guidance, sampler, realign, batch=batch)
        return generate_timeline(
            self, timeline, words or {}, seed, sampling, constraints, conditions or {}, clean_feet, progress
        )

    @torch.no_grad()
    def rank(
        self,
        motions: Sequence[Motion],
        prompt: str,
        *,
        words: Words | None = None,
        similarities: Sequence[float] | None = None,
    ) -> "list[Score]":
        """The scores of several motions of one prompt, the best first: `motions[scores[0].place]` is the best.

        `words` are those that the motions were generated with. `similarities` say how similar each motion is to the
        exemplars of the concept in the prompt, as `inversion.similarity.compare_with_exemplar` does, from 0 to 1.
        """
        from lead import ranking  # reads the lexicon, which takes a while

        if not motions:
            return []
        if similarities is not None and len(similarities) != len(motions):
            raise LeadError(f"{len(similarities)} similarities for {len(motions)} motions; give one a motion")
        rows = [motion.features(self.skeleton) for motion in motions]
        missing = [max(MIN_FRAMES - len(row), 0) for row in rows]  # the shortest motions have a row fewer
        z, lengths = self.encode_features(
            [np.pad(row, ((0, count), (0, 0)), mode="edge") for row, count in zip(rows, missing, strict=True)]
        )
        pooled = self.projector.pool(self.projector.encode(z, lengths), lengths)
        own, others = self.encode_text([prompt], words)[0], self.encode_text(ranking.write_others(prompt))
        return ranking.rank(motions, prompt, ranking.compute_probabilities(pooled, own, others), similarities)
