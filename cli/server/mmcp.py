"""MMCP: the protocol's requests to orders for the generator, and motions to the protocol's results.

What is supported stands in two tables: SEGMENTS and CONSTRAINTS. `motionmcp` refuses everything else before it comes
here, and does the rest of the protocol: schemas, checks against the capabilities, glTF, errors.
Conventions: meters, Y up, right-handed; headings in radians about +Y, 0 faces +Z.
Source: MMCP 1.4 (https://animatica.ai/mmcp), by `motionmcp-sdk` 0.13.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float
from motionmcp import Backbone, GenerateRequest, ModelSpec, MotionResult
from motionmcp.backbone import Limits
from motionmcp.errors import ProtocolError
from motionmcp.schemas import Options
from motionmcp.trajectory import compute_trajectories

from cli.server.generator import Generator, Order, Sampling
from cli.server.job_queue import JobQueue
from cli.server.limits import (
    FPS,
    MAX_BATCH,
    MAX_BODY_BYTES,
    MAX_GUIDANCE,
    MAX_PIECES,
    MAX_POSES,
    MAX_PROMPT,
    MAX_REFERENCE_FRAMES,
    MAX_SAMPLES,
    MAX_SECONDS,
    MAX_STEPS,
)
from cli.server.skeletons import (
    ClientRig,
    make_canonical,
    motion_to_poses,
    poses_to_motion,
    read_client_rig,
)
from cli.server.takes import LARGEST_SEED, SEED_STEP, Segment, Take, plan_take
from lead.motion.heading import turn
from lead.motion.motion import Motion

Note = Mapping[str, object]
"""What a client should know of an answer: code, severity, message."""


@dataclass(frozen=True)
class Start:
    """Where a motion begins."""

    place: tuple[float, float] | None = None
    """X and Z of the skeleton's root, meters."""
    heading: float = 0.0

    def turn(self, motion: Motion) -> Motion:
        """The motion turned to the heading."""
        if not self.heading:
            return motion
        half = np.full(len(motion.joints), self.heading / 2)
        return replace(motion, joints=turn(half, motion.joints.astype(np.float64)))

    def move(self, roots: Float[np.ndarray, "frames 3"]) -> Float[np.ndarray, "frames 3"]:
        """The root's path moved to the place."""
        if self.place is None:
            return roots
        moved: Float[np.ndarray, "frames 3"] = roots + np.array(
            [self.place[0] - roots[0, 0], 0, self.place[1] - roots[0, 2]]
        )
        return moved


def _read_text(segment: Any, request: GenerateRequest) -> tuple[str, Motion | None]:
    return segment.prompt, None


def _read_unconditioned(segment: Any, request: GenerateRequest) -> tuple[str, Motion | None]:
    return "", None


def _read_reference(segment: Any, request: GenerateRequest) -> tuple[str, Motion | None]:
    if not FPS[0] <= segment.fps <= FPS[1]:
        raise ProtocolError("invalid_request", f"a reference clip of {segment.fps:g} frames a second")
    clip = poses_to_motion(
        segment.skeleton or request.skeleton,
        segment.joint_names,
        np.array(segment.rotations),
        np.array(segment.root_positions),
        segment.fps,
    )
    return "", clip


def _read_root_path(start: Start, constraint: Any) -> Start:
    if constraint.frames != [0]:
        raise ProtocolError(
            "unsupported_constraint",
            "of root_path only the start is supported: frames [0], one position, and a heading if wanted; "
            f"found {len(constraint.frames)} frames, the last {constraint.frames[-1]}",
        )
    heading = constraint.heading_radians[0] if constraint.heading_radians else start.heading
    place = constraint.positions_xz[0]
    if not (np.abs([*place, heading]) < 1e4).all():  # false for NaN
        raise ProtocolError("invalid_request", f"root_path: a start at {place}, {heading} rad")
    return Start(place, heading)


SEGMENTS: Mapping[str, Callable[[Any, GenerateRequest], tuple[str, Motion | None]]] = {
    "text": _read_text,
    "unconditioned": _read_unconditioned,
    "motion_reference": _read_reference,
}
"""The prompt and the reference clip of a segment."""
CONSTRAINTS: Mapping[str, Callable[[Start, Any], Start]] = {"root_path": _read_root_path}
"""Where a motion begins, by a constraint. Clients pin the start of every motion in this way."""


class LeadBackbone(Backbone):  # type: ignore[misc]  # motionmcp has no types
    """The base, its library and its queue, as the protocol's model."""

    def __init__(self, generator: Generator, queue: JobQueue, fps: float) -> None:
        self.generator, self.queue = generator, queue
        base = generator.base
        self.model_id = base.name
        _, longest = base.seconds_range
        (body,) = base.generate("a person walks forward", seconds=min(4.0, longest))
        self._spec = ModelSpec(
            id=base.name,
            fps=fps,
            canonical_skeleton={"joints": make_canonical(body)},
            supports_retargeting=True,
            supports_segment_seed=True,
            supported_segments=list(SEGMENTS),
            supported_constraints=list(CONSTRAINTS),
            native_clip_seconds=longest,
            chunking="stitched",
            recommended_max_duration_seconds=longest,
            limits=Limits(
                max_duration_seconds=MAX_SECONDS,
                max_num_samples=MAX_SAMPLES,
                max_prompt_length=MAX_PROMPT,
                max_request_bytes=MAX_BODY_BYTES,
                max_batch_size=MAX_BATCH,
                max_reference_frames=MAX_REFERENCE_FRAMES,
            ),
        )

    def capabilities(self) -> ModelSpec:
        """What the model does, and its limits."""
        return self._spec

    async def generate(self, request: GenerateRequest) -> MotionResult:
        """The motions of a request that the SDK has checked against the capabilities."""
        order = await asyncio.to_thread(self._read_order, request)
        return await self.queue.ask(order, order.sampling, len(order.pieces))

    async def generate_batch(self, requests: list[GenerateRequest]) -> list[Any]:
        """Each request's result or exception."""
        return await asyncio.gather(*(self.generate(one) for one in requests), return_exceptions=True)

    def _read_order(self, request: GenerateRequest) -> Order:
        """What a request asks for; ProtocolError where it cannot be had. Uses no network of the base."""
        options, fps = request.options or Options(), request.fps(self._spec.fps)
        if not FPS[0] <= fps <= FPS[1]:
            raise ProtocolError("invalid_options", f"{fps:g} frames a second; expected {FPS[0]:g} to {FPS[1]:g}")
        poses = request.total_frames * len(request.skeleton.joints) * options.num_samples
        if poses > MAX_POSES:
            raise ProtocolError(
                "invalid_options", f"{poses:,} joints times frames times samples; at most {MAX_POSES:,} are made"
            )
        sampling, notes = _read_sampling(options)
        seed = _check_seed(options.seed)
        start = Start()
        for constraint in request.constraints:
            start = CONSTRAINTS[constraint.type](start, constraint)
        seeds = [(seed + sample * SEED_STEP) % LARGEST_SEED for sample in range(options.num_samples)]
        takes = [self._plan(request, one) for one in seeds]
        if (pieces := sum(len(take.pieces) for take in takes)) > MAX_PIECES:
            raise ProtocolError(
                "invalid_options", f"{pieces} stretches of motion (segments times samples); at most {MAX_PIECES}"
            )
        client = read_client_rig(request.skeleton, fps)
        notes += [*_note_pieces(request, takes[0]), *(_note("rig", "warning", text) for text in client.rig.notes)]
        notes.append(_note("seed", "info", f"seed {seed}", seed=seed))

        def finish(motions: Sequence[Motion], unknown: Sequence[str]) -> MotionResult:
            told = [*(_note("unknown_prompt", "warning", text) for text in unknown), *notes]
            return _to_result(motions, takes, client, start, request.skeleton, told)

        return Order([piece for take in takes for piece in take.pieces], sampling, finish)

    def _plan(self, request: GenerateRequest, seed: int) -> Take:
        """The take of one sample; without segments it is motion of any kind."""
        segments = []
        for number, one in enumerate(request.segments):
            prompt, reference = SEGMENTS[one.type](one, request)
            if one.type == "text":
                if not prompt.strip():
                    raise ProtocolError("invalid_request", 'an empty prompt; expected one as "a person walks"')
                self.generator.check_prompt(prompt)
            own = (seed + number) % LARGEST_SEED if one.seed is None else _check_seed(one.seed)
            segments.append(Segment(prompt, one.duration_frames, own, reference))
        if not segments:
            segments = [Segment("", request.total_frames, seed)]
        return plan_take(segments, request.fps(self._spec.fps), self.generator.base.seconds_range)


def check_types(path: str, body: Any) -> None:
    """ProtocolError for segments whose type is no text, which the SDK 0.13 fails on."""
    if path != "/generate" or not isinstance(body, dict):
        return
    several = body.get("requests")
    for request in several if isinstance(several, list) else [body]:
        segments = request.get("segments") if isinstance(request, dict) else None
        for segment in segments if isinstance(segments, list) else ():
            if isinstance(segment, dict) and not isinstance(segment.get("type", ""), str):
                raise ProtocolError("schema_validation", "a segment's type is no text")


def _read_sampling(options: Options) -> tuple[Sampling, list[Note]]:
    """How to sample; the base's own steps and guidance where a request does not set them."""
    steps = options.diffusion_steps if "diffusion_steps" in options.model_fields_set else None
    if steps and steps > MAX_STEPS:
        raise ProtocolError("invalid_options", f"diffusion_steps {steps}: at most {MAX_STEPS}")
    guidance, notes = None, list[Note]()
    if options.guidance is not None:
        weights = options.guidance.weight or [1.0]
        guidance = weights[0]
        if not abs(guidance) <= MAX_GUIDANCE:  # false for NaN
            raise ProtocolError("invalid_options", f"guidance {guidance}: at most {MAX_GUIDANCE:g}")
        if len(weights) > 1:
            notes.append(
                _note("constraint_guidance", "info", "the weight of constraints is not used: a start is met exactly")
            )
    return Sampling(steps, guidance, options.post_processing), notes


def _check_seed(seed: int | None) -> int:
    """The seed itself, or one that is drawn; the answer's notes tell it."""
    if seed is None:
        return secrets.randbelow(1 << 31)
    if not 0 <= seed <= LARGEST_SEED:
        raise ProtocolError("invalid_options", f"seed {seed}: expected 0 to {LARGEST_SEED}")
    return seed


def _note_pieces(request: GenerateRequest, take: Take) -> list[Note]:
    """What a client should know of how the take is made."""
    notes = []
    if len(take.pieces) > max(len(request.segments), 1):
        notes.append(
            _note("stitched", "info", "a segment is longer than the base makes in one go: its prompt is done again")
        )
    if len(take.pieces) > 1:
        notes.append(
            _note("transition", "info", "cross-fades take 0.3 to 1 s, by the poses; transition_frames is not used")
        )
    others = {s.language for s in request.segments if s.type == "text"} - {"en", None, ""}
    if others:
        notes.append(_note("language", "warning", f"the base knows English, not {', '.join(sorted(others))[:80]}"))
    return notes


def _note(code: str, severity: str, message: str, **more: object) -> Note:
    return {"code": code, "severity": severity, "message": message, **more}


def _to_result(
    motions: Sequence[Motion], takes: Sequence[Take], client: ClientRig, start: Start, skeleton: Any, notes: list[Note]
) -> MotionResult:
    """The samples on the client's skeleton, with the way that each goes."""
    rotations, roots, seams = [], [], []
    for take in takes:
        own, motions = motions[: len(take.pieces)], motions[len(take.pieces) :]
        poses = motion_to_poses(start.turn(take.assemble(own)), client)
        rotations.append(poses.rotations)
        roots.append(start.move(poses.roots))
        ends = np.cumsum([piece.keep for piece in take.pieces])[:-1]
        seams.append([int(frame) for frame in np.round(ends * take.fps)])
    result = MotionResult(
        rotations=np.stack(rotations).astype(np.float32),
        root_translations=np.stack(roots).astype(np.float32),
        canonical_to_request=client.name_canonical(),
        chunk_boundaries=seams,
        notes=[dict(note) for note in notes],
    )
    result.trajectories = compute_trajectories(
        skeleton=skeleton.model_dump(mode="json"),
        joint_names=client.rig.names,
        rotations_quat=result.rotations,
        root_translations=result.root_translations,
        fps=takes[0].fps,
        canonical_to_request=result.canonical_to_request,
    )
    return result
