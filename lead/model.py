"""`Lead`: the base model's parts together; load, save, generate.

Text -> text feature -> latent by reverse diffusion -> E_proj -> D_proj -> VAE decoder -> features -> joints
(LEAD, arXiv 2410.14508). `realign=False` leaves the projector out, which is plain MLD (arXiv 2212.04048).
Latents here are scaled to unit spread; `lengths` count frames at the base's rate. Concepts come as typed tensors by
token (`lead.conditioning`); this module does not know concept files.
"""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import numpy as np
import torch
from jaxtyping import Float, Int
from safetensors.torch import save_file
from torch import Tensor, nn

from lead.base_file import FORMAT, LeadConfig, config_from_json, read_base_file
from lead.bases import locate_base
from lead.card import base_to_card
from lead.checkpoint import (
    atomic_write,
    build,
    compress,
    decompress,
    fingerprint,
    from_file_names,
    parse_json,
    to_file_names,
)
from lead.conditioning import (
    ActiveConcept,
    ScheduledLoRA,
    Words,
    activate_concepts,
    add_directions,
    check_latents,
    mix_adapters,
    schedule_adapters,
    select_adapters,
)
from lead.data.dataset import MAX_FRAMES, MIN_FRAMES, UNIT
from lead.diffusion import Diffusion, Network, Sampler, Steer, guide
from lead.diffusion import sample as sample_latents
from lead.errors import LeadError
from lead.hub import PLAIN_NAME, SCHEME, HubOptions, HubPlace, find_pretrained, upload
from lead.kernels import optimize
from lead.motion import Motion
from lead.motion.features import Stats
from lead.motion.skeleton import HUMANML3D, Skeleton, skeleton_of
from lead.networks.build import build_denoiser, build_vae
from lead.networks.projector import Projector
from lead.networks.style_tokens import StyleTokens
from lead.text.main_words import leave_out_tokens
from lead.text.tower import TextTower
from lead.text.vocabulary import Notice, Vocabulary

if TYPE_CHECKING:
    from lead.control.constrained_sampling import Guide
    from lead.control.constraints import Constraint
    from lead.control.timeline import Timeline
    from lead.control.timeline_sampling import Plan
    from lead.ranking import Score

PARTS = ("text", "vae", "denoiser", "projector")
"""What a base's fingerprints tell apart."""
MOST_BYTES = 2**32
"""Of a base's file from a hub."""
MOST_STEERED_SECONDS = 60.0
"""Of a timeline with constraints, which is decoded some 300 times."""

Progress = Callable[[int, int], None]


class Lead(nn.Module):
    """Text to motion."""

    mean: Float[Tensor, " feats"]
    std: Float[Tensor, " feats"]

    def __init__(self, config: LeadConfig):
        super().__init__()
        self.config = config
        self.text = TextTower(config.text)
        self.vae = build_vae(config.vae)
        self.denoiser = build_denoiser(config.denoiser)
        self.projector = Projector(config.projector)
        self.style_tokens = StyleTokens(config.style_tokens)
        self.diffusion = Diffusion(config.diffusion)
        self.register_buffer("mean", torch.zeros(config.vae.features))
        self.register_buffer("std", torch.ones(config.vae.features))
        self.vocabulary: Vocabulary | None = None
        """What it can do, where its file says it."""
        self._fingerprints: tuple[list[tuple[int, int]], list[Tensor], dict[str, str]] | None = None
        self.requires_grad_(False).eval()

    def __repr__(self) -> str:
        millions = sum(x.numel() for x in self.parameters()) / 1e6
        return f"Lead({self.name!r}, {millions:.1f} million weights, {self.device})"

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def license(self) -> str:
        return self.config.license

    @property
    def skeleton(self) -> Skeleton:
        """The skeleton of the features that the base makes, with its joints and frames a second."""
        return skeleton_of(self.config.vae.features)

    @property
    def stats(self) -> Stats:
        """Mean and standard deviation of the features that the base was trained on."""
        return Stats(self.mean.cpu().numpy(), self.std.cpu().numpy())

    @property
    def seconds_range(self) -> tuple[float, float]:
        """The shortest and the longest motion that `generate` makes."""
        return MIN_FRAMES / self.skeleton.fps, MAX_FRAMES / self.skeleton.fps

    @property
    def device(self) -> torch.device:
        return self.mean.device

    @property
    def fingerprints(self) -> dict[str, str]:
        """For each part, sha256 over the sorted names, types, shapes and bytes of its tensors.

        Hashing takes a while, so it is done once for each state of the weights: where they lie in memory, and the
        versions in which PyTorch counts their changes. The tensors are kept so that no other weights can take their
        place in memory. PyTorch does not count changes through `.data`; `compute_fingerprints` sees those too.
        """
        tensors = [tensor for part in PARTS for tensor in getattr(self, part).state_dict().values()]
        if any(tensor.is_inference() for tensor in tensors):  # they have no version
            return self.compute_fingerprints()
        state = [(tensor.data_ptr(), tensor._version) for tensor in tensors]
        if self._fingerprints is None or self._fingerprints[0] != state:
            self._fingerprints = state, tensors, self.compute_fingerprints()
        return dict(self._fingerprints[2])

    def compute_fingerprints(self) -> dict[str, str]:
        """`fingerprints`, computed from the bytes that are in memory at this call."""
        return {part: fingerprint(getattr(self, part).state_dict()) for part in PARTS}

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

    def encode_text(self, prompts: Sequence[str], words: Words | None = None) -> Float[Tensor, "batch d_text"]:
        """tau(prompt) for each prompt; gradients flow to the words' vectors."""
        return self.text.encode(prompts, words)

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

    def encode_motion(
        self, motions: Sequence[Motion]
    ) -> tuple[Float[Tensor, "batch latents d_latent"], Int[Tensor, " batch"]]:
        """Posterior means (scaled) and lengths, of the first MAX_FRAMES of each motion."""
        rows = [motion.features(self.skeleton) for motion in motions]
        for motion, features in zip(motions, rows, strict=True):
            if len(features) < MIN_FRAMES:
                raise LeadError(
                    f"{motion.name or 'a motion'} has {len(motion.joints)} frames at {motion.fps:g} fps; "
                    f"at least {(MIN_FRAMES + 1) / self.skeleton.fps:.2f} s are needed"
                )
        return self.encode_features(rows)

    def encode_features(
        self, features: Sequence[Float[np.ndarray, "_ feats"]]
    ) -> tuple[Float[Tensor, "batch latents d_latent"], Int[Tensor, " batch"]]:
        """`encode_motion` of features at the base's rate that are not normalized; MIN_FRAMES rows and more each."""
        stats = self.stats
        rows = [stats.normalize(each)[:MAX_FRAMES] for each in features]
        lengths = torch.tensor([len(row) // UNIT * UNIT for row in rows])
        batch = np.zeros((len(rows), int(lengths.max()), rows[0].shape[1]), dtype=np.float32)
        for padded, row, length in zip(batch, rows, lengths.tolist(), strict=True):
            padded[:length] = row[:length]
        on_device = torch.from_numpy(batch).to(self.device), lengths.to(self.device)
        return self.vae.encode(*on_device)[0] * self.vae.latent_scale, on_device[1]

    def decode(
        self, z: Float[Tensor, "batch latents d_latent"], lengths: Int[Tensor, " batch"], *, clean_feet: bool = False
    ) -> list[Motion]:
        """Motions of scaled latents, all on one skeleton (`lead.motion.processing.foot_cleanup`).

        `clean_feet` keeps standing feet from sliding, as generated motions need.
        """
        rows = zip(self.decode_features(z, lengths).cpu().numpy(), lengths.tolist(), strict=True)
        return [self.to_motion(row[:length], clean_feet) for row, length in rows]

    def decode_features(
        self, z: Float[Tensor, "batch latents d_latent"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch frames feats"]:
        """Features of scaled latents, not normalized; gradients flow to the latents."""
        return self.vae.decode(z / self.vae.latent_scale, lengths) * self.std + self.mean

    def to_motion(self, features: Float[np.ndarray, "frames feats"], clean_feet: bool) -> Motion:
        """The motion of decoded features, on one skeleton."""
        per_token = self.config.vae.frames_per_token
        return Motion.from_features(features, clean_feet=clean_feet, rigid=True, frames_per_token=per_token)

    @torch.no_grad()
    def reconstruct(self, motions: Sequence[Motion], realign: bool = False) -> list[Motion]:
        """Motions through the VAE and back (with `realign` through the projector too), cut to whole packed frames."""
        z, lengths = self.encode_motion(motions)
        return self.decode(self.projector.realign(z, lengths) if realign else z, lengths)

    def sample(
        self,
        text: Float[Tensor, "batch d_text"],
        lengths: Int[Tensor, " batch"],
        noise: Float[Tensor, "batch latents d_latent"],
        steps: int | None = None,
        guidance: float | None = None,
        sampler: Sampler | None = None,
        adapters: Sequence[ScheduledLoRA] = (),
        skip: int = 0,
        steer: Steer | None = None,
    ) -> Float[Tensor, "batch latents d_latent"]:
        """Latents by reverse diffusion with classifier-free guidance against the empty prompt.

        With `skip` the first so many of the steps are left out; `noise` is then z_t at the next one. `steer` changes
        each step's estimate of the clean latents.
        """
        steps = steps or self.config.diffusion.sampling_steps
        network = self.denoise(text, lengths, steps, guidance, adapters)
        return sample_latents(self.diffusion, network, noise, steps, sampler, skip, steer)

    def denoise(
        self,
        text: Float[Tensor, "batch d_text"],
        lengths: Int[Tensor, " batch"],
        steps: int,
        guidance: float | None = None,
        adapters: Sequence[ScheduledLoRA] = (),
    ) -> Network:
        """The network that a sampler of so many steps asks: guided by the prompts, with the adapters of each timestep.

        Adapters act on both halves of guidance, with and without the prompt: guidance strengthens what the prompt says,
        not what an adapter adds.
        """
        c = self.config.diffusion
        scale = c.guidance if guidance is None else guidance
        condition = partial(self.denoiser.condition, times=self.diffusion.sampling_times(steps)[:-1])
        predict = guide(condition, text, self.text.encode_unconditional(), lengths, scale)
        if scale != 1.0:
            adapters = [adapter.repeat(2) for adapter in adapters]

        def network(z_t: Tensor, t: Tensor) -> Tensor:
            with schedule_adapters(self.denoiser, adapters, t[0], c.steps):
                return predict(z_t, t)

        return network

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
        lengths = torch.tensor(self._count_frames(seconds, len(prompts)))
        make = partial(
            self._make, words=words or {}, steps=steps, guidance=guidance, sampler=sampler, realign=realign,
            batch=batch, bfloat16=bfloat16,
        )  # fmt: skip
        if constraints:
            return self._meet(make, prompts, lengths, seed, first, constraints, clean_feet, progress)
        return make(prompts, lengths, seed, first, clean_feet=clean_feet, progress=progress)

    def _make(
        self,
        prompts: Sequence[str],
        lengths: Int[Tensor, " batch"],
        seed: int | Sequence[int],
        first: int,
        constraints: "Sequence[Constraint]" = (),
        *,
        words: Words,
        steps: int | None,
        guidance: float | None,
        sampler: Sampler | None,
        realign: bool,
        batch: int,
        bfloat16: bool,
        clean_feet: bool = False,
        progress: Progress | None = None,
    ) -> list[Motion]:
        """The motions of `generate`, steered to constraints but not finished."""
        text, active = self.encode_text(prompts, words), activate_concepts(self.text, prompts, words)
        sample = partial(self.sample, steps=steps, guidance=guidance, sampler=sampler)
        motions: list[Motion] = []
        for start in range(0, len(prompts), batch):
            part = slice(start, start + batch)
            draw = partial(self.noise, lengths[part], seed, start + (first if isinstance(seed, int) else 0))
            count, adapters = lengths[part].to(self.device), select_adapters(active, part)
            tell = partial(progress, start, len(prompts)) if progress else lambda: None
            guide = self._guide(constraints, count, active, part, realign, tell) if constraints else None
            noise = self._choose_noise(guide, draw, sample, prompts, text, active, part, realign) if guide else draw()
            with torch.autocast(self.device.type, torch.bfloat16, enabled=bfloat16):
                z = sample(text[part], count, noise, adapters=adapters, steer=guide.steer if guide else None)
            z = add_directions(z, active, part)
            check_latents(z, prompts[part])
            if realign:
                z = self.projector.realign(z, count)
            z = guide.refine(z) if guide else z
            motions += self.decode(z, count, clean_feet=clean_feet)
            if progress:
                progress(len(motions), len(prompts))
        return motions

    def _meet(
        self,
        make: Callable[..., list[Motion]],
        prompts: Sequence[str],
        lengths: Int[Tensor, " batch"],
        seed: int | Sequence[int],
        first: int,
        constraints: "Sequence[Constraint]",
        clean_feet: bool,
        progress: Progress | None,
    ) -> list[Motion]:
        """Motions that meet constraints: led along a path where that is all and they go along, else steered."""
        from lead.control.finish import finish_motion
        from lead.control.follow_path import find_lone_path
        from lead.control.reach import limit_to_body

        self._check_steered()
        constraints, notes = limit_to_body(constraints, int(lengths.min()), self.skeleton.fps, prompts)
        if find_lone_path(constraints):
            motions: list[Motion] = []
            tell = (lambda *_: progress(len(motions), len(prompts))) if progress else None
            for row, prompt in enumerate(prompts):
                own, place = (seed, first + row) if isinstance(seed, int) else ([seed[row]], 0)
                alone = partial(make, [prompt], seed=own, first=place, progress=tell)
                motions += self._lead_along_path(alone, constraints, lengths[row : row + 1])
                if progress:
                    progress(len(motions), len(prompts))
        else:
            motions = make(prompts, lengths, seed, first, constraints, progress=progress)
        met = [finish_motion(motion, constraints, clean_feet=clean_feet) for motion in motions]
        return [replace(motion, notes=(*notes, *motion.notes)) for motion in met]

    def _lead_along_path(
        self, make: Callable[..., list[Motion]], constraints: "Sequence[Constraint]", lengths: Int[Tensor, " 1"]
    ) -> list[Motion]:
        """The motion that is led along a path; steered to it where it does not go along by itself."""
        from lead.control.follow_path import follow_path

        fps = self.skeleton.fps

        def make_plain(seconds: float) -> list[Motion]:
            return make(lengths=torch.tensor([self.count_frames(seconds)]))

        joints = follow_path(make_plain, constraints, int(lengths) + 1, fps, self.seconds_range)
        if joints is None:
            return make(lengths=lengths, constraints=constraints)
        return self.reconstruct([Motion(joints.astype(np.float32), fps)])

    def plan_timeline(self, timeline: "Timeline") -> "Plan":
        """How the timeline's segments and transitions are generated; LeadError for what the base does not make."""
        from lead.control.timeline_sampling import plan_timeline

        return plan_timeline(timeline, self.skeleton.fps, self.config.vae.frames_per_latent, MAX_FRAMES)

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
        from lead.control.finish import finish_motion
        from lead.control.reach import limit_to_body
        from lead.control.timeline_sampling import decode_in_windows, join_windows

        per, steps = self.config.vae.frames_per_latent, steps or self.config.diffusion.sampling_steps
        plan = self.plan_timeline(timeline)
        prompts, notes = timeline.prompts, list[str]()
        if constraints:
            constraints, notes = limit_to_body(constraints, plan.frames, self.skeleton.fps, prompts)
        text, active = self.encode_text(prompts, words), activate_concepts(self.text, prompts, words or {})
        for place, condition in (conditions or {}).items():
            text[place] = condition
        parts = []
        for windows in plan.split(batch, self.device):
            rows = (
                windows.shares @ text if windows.guided else self.text.encode_unconditional().expand(len(windows), -1)
            )
            scale, adapters = guidance if windows.guided else 1.0, mix_adapters(active, windows.shares)
            parts.append((windows, self.denoise(rows, windows.lengths, steps, scale, adapters)))
        noise = [
            self.noise(count[None] * per, seed if one.seed is None else one.seed, place if one.seed is None else 0)[0]
            for place, (count, one) in enumerate(zip(plan.own_latents, timeline.segments, strict=True))
        ]
        done = 0

        def tell(now: int | None = None, of: int = steps) -> None:
            nonlocal done
            done = done if now is None else now
            if progress:
                progress(done, of)

        network = join_windows(parts, steps, tell)
        directions = (
            plan.shares.to(text)
            @ add_directions(text.new_zeros(len(prompts), 1, noise[0].shape[1]), active, slice(None))[:, 0]
        )

        def decode(z: Tensor, lengths: Tensor) -> Tensor:
            return self.decode_features(self.projector.realign(z, lengths) if realign else z, lengths)

        def decode_all(z: Tensor) -> Tensor:
            return decode_in_windows(decode, z[0], plan.frames, per, MAX_FRAMES)[None]

        guide = self._guide_timeline(constraints, plan.frames, decode_all, directions, tell) if constraints else None
        steer = guide.steer if guide else None
        z = sample_latents(self.diffusion, network, torch.cat(noise)[None], steps, sampler, steer=steer) + directions
        for latents, prompt in zip(torch.split(z[0], plan.own_latents.tolist()), prompts, strict=True):
            check_latents(latents[None], [prompt])
        features = decode_all(guide.refine(z) if guide else z)[0].cpu().numpy()
        motion = self.to_motion(features, clean_feet and not constraints)
        if constraints:
            motion = finish_motion(motion, constraints, clean_feet=clean_feet)
        marks = (*plan.mark(prompts, self.skeleton.fps), *motion.marks)
        return replace(motion, marks=marks, notes=(*notes, *motion.notes))

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

    def noise(
        self, lengths: Int[Tensor, " batch"], seed: int | Sequence[int], first: int, tries: int = 1
    ) -> Float[Tensor, "rows latents d_latent"]:
        """Draw noise for each row, from `seed` and the row's place, which starts at `first`; or from its own seed.

        With `tries` each row has so many, one after the other; its first one is the same as alone.
        """
        latents = self.vae.latent_lengths(lengths)
        noise = torch.zeros(len(lengths), tries, int(latents.max()), self.config.vae.d_latent)
        for row, count in enumerate(latents.tolist()):
            place = first + row
            draw = seed * 1_000_003 + place if isinstance(seed, int) else seed[place] * 1_000_003
            generator = torch.Generator().manual_seed(draw)
            for own in noise[row]:
                own[:count] = torch.randn(count, noise.shape[-1], generator=generator)
        return noise.flatten(0, 1).to(self.device)

    def _guide(
        self,
        constraints: "Sequence[Constraint]",
        lengths: Int[Tensor, " batch"],
        active: Sequence[ActiveConcept],
        part: slice,
        realign: bool,
        tell: Callable[[], None],
    ) -> "Guide":
        """What steers the sampling of a part of the prompts to constraints, and calls `tell` as it goes."""
        from lead.control.constrained_sampling import Guide
        from lead.control.targets import build_targets

        targets = [build_targets(constraints, frames, self.skeleton.fps) for frames in lengths.tolist()]
        decode_estimate = partial(self._decode_estimate, lengths=lengths, active=active, part=part, realign=realign)
        return Guide(targets, decode_estimate, partial(self.decode_features, lengths=lengths), tell)

    def _decode_estimate(
        self,
        z: Float[Tensor, "batch latents d_latent"],
        lengths: Int[Tensor, " batch"],
        active: Sequence[ActiveConcept],
        part: slice,
        realign: bool,
    ) -> Float[Tensor, "batch frames feats"]:
        """Features of what the sampler makes or estimates."""
        z = add_directions(z, active, part)
        return self.decode_features(self.projector.realign(z, lengths) if realign else z, lengths)

    def _choose_noise(
        self,
        guide: "Guide",
        draw: Callable[..., Float[Tensor, "rows latents d_latent"]],
        sample: Callable[..., Tensor],
        prompts: Sequence[str],
        text: Float[Tensor, "prompts d_text"],
        active: Sequence[ActiveConcept],
        part: slice,
        realign: bool,
    ) -> Float[Tensor, "batch latents d_latent"]:
        """The noise of the best candidate of each row (`lead.control.candidates`)."""
        from lead.control.candidates import CANDIDATES, choose

        drawn, rows = draw(tries=CANDIDATES), range(len(prompts))[part]
        every = drawn.reshape(len(rows), CANDIDATES, *drawn.shape[1:])
        best = []
        for row, own, targets in zip(rows, every, guide.targets, strict=True):
            alone, lengths = slice(row, row + 1), torch.full((CANDIDATES,), len(targets.positions), device=self.device)
            own = own[:, : int(self.vae.latent_lengths(lengths).max())]
            adapters = [adapter.repeat(CANDIDATES) for adapter in select_adapters(active, alone)]
            z = sample(text[alone].expand(CANDIDATES, -1), lengths, own, adapters=adapters)
            features = self._decode_estimate(z, lengths, active, alone, realign)
            best.append(choose(features, targets, prompts[row]))
        return torch.stack([own[place] for own, place in zip(every, best, strict=True)])

    def count_frames(self, seconds: float) -> int:
        """The frames of a motion of so many seconds, a multiple of UNIT; LeadError if the base does not make it."""
        return self._count_frames(seconds, 1)[0]

    def _guide_timeline(
        self,
        constraints: "Sequence[Constraint]",
        frames: int,
        decode: Callable[[Tensor], Tensor],
        directions: Float[Tensor, "latents d_latent"],
        tell: Callable[[], None],
    ) -> "Guide":
        """What steers the sampling of a timeline to constraints; `decode` takes its latents to features."""
        from lead.control.constrained_sampling import Guide
        from lead.control.targets import build_targets

        self._check_steered()
        if frames > MOST_STEERED_SECONDS * self.skeleton.fps:
            asked = frames / self.skeleton.fps
            raise LeadError(f"{asked:g} s with constraints; at most {MOST_STEERED_SECONDS:g} s: make several timelines")
        targets = [build_targets(constraints, frames, self.skeleton.fps)]
        return Guide(targets, lambda z: decode(z + directions), decode, tell)

    def _check_steered(self) -> None:
        """LeadError for a base whose motions cannot be steered to constraints."""
        if self.skeleton is not HUMANML3D:
            raise LeadError(f"{self.name} makes motion of {self.skeleton.name}; constraints need a base of HumanML3D's")

    def _count_frames(self, seconds: float | Sequence[float], count: int) -> list[int]:
        """The frames of each motion, a multiple of UNIT; LeadError for a length that the base does not make."""
        each = [float(seconds)] * count if isinstance(seconds, int | float) else [float(s) for s in seconds]
        if len(each) != count:
            raise LeadError(f"{len(each)} durations for {count} prompts; give one, or one a prompt")
        shortest, longest = self.seconds_range
        for s in each:
            if not shortest <= s <= longest:
                raise LeadError(f"{s:g} s cannot be generated; this base makes {shortest:g} to {longest:g} s")
        return [round(s * self.skeleton.fps / UNIT) * UNIT for s in each]
