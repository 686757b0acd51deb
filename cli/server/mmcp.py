"""MMCP: the protocol's requests to orders for the generator, and motions to the protocol's results.

What is supported stands in two tables: SEGMENTS here, and CONSTRAINTS of `client_constraints`. `motionmcp` refuses
everything else before it comes here, and does the rest of the protocol: schemas, checks against the capabilities, glTF,
errors. Conventions: meters, Y up, right-handed; headings in radians about +Y, 0 faces +Z.
Source: MMCP 1.4 (https://animatica.ai/mmcp), by `motionmcp-sdk` 0.13.
"""

import asyncio
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from motionmcp import Backbone, GenerateRequest, ModelSpec, MotionResult
from motionmcp.backbone import Limits
from motionmcp.errors import ProtocolError
from motionmcp.schemas import Options, Skeleton
from motionmcp.trajectory import compute_trajectories
from pydantic import ValidationError

from cli.server.client_constraints import CONSTRAINTS, Wishes, read_wishes, to_constraints
from cli.server.client_finish import meet_wishes
from cli.server.generator import Generator, Order, Sampling
from cli.server.job_queue import JobQueue
from cli.server.limits import (
    FPS,
    MAX_BATCH,
    MAX_BODY_BYTES,
    MAX_CONSTRAINTS,
    MAX_GUIDANCE,
    MAX_PIECES,
    MAX_POSES,
    MAX_PROMPT,
    MAX_REFERENCE_FRAMES,
    MAX_SAMPLES,
    MAX_SECONDS,
    MAX_STEERED_SECONDS,
    MAX_STEPS,
)
from cli.server.refusals import report_refusals
from cli.server.skeletons import (
    ClientRig,
    make_canonical,
    motion_to_poses,
    poses_to_motion,
    read_client_rig,
)
from cli.server.takes import LARGEST_SEED, SEED_STEP, Segment, Take, plan_take
from lead.control.timeline import LONGEST_TRANSITION
from lead.motion.motion import Motion

TALLEST = 10.0
"""Times a person's legs; longer ones are thought to be in another unit than meters."""
Note = Mapping[str, object]
"""What a client should know of an answer: code, severity, message."""


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


SEGMENTS: Mapping[str, Callable[[Any, GenerateRequest], tuple[str, Motion | None]]] = {
    "text": _read_text,
    "unconditioned": _read_unconditioned,
    "motion_reference": _read_reference,
}
"""The prompt and the reference clip of a segment."""


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
                max_constraints_per_request=MAX_CONSTRAINTS,
                max_reference_frames=MAX_REFERENCE_FRAMES,
            ),
        )

    def capabilities(self) -> ModelSpec:
        """What the model does, and its limits."""
        return self._spec

    async def generate(self, request: GenerateRequest) -> MotionResult:
        """The motions of a request that the SDK has checked against the capabilities."""
        order = await asyncio.to_thread(self._read_order, request)
        group = order.find_group(self.generator.base.seconds_range[1])
        return await self.queue.ask(order, group, len(order.pieces))

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
        client = read_client_rig(request.skeleton, fps)
        wishes = read_wishes(request, client)
        seeds = [(seed + sample * SEED_STEP) % LARGEST_SEED for sample in range(options.num_samples)]
        takes = [self._plan(request, one) for one in seeds]
        constraints = to_constraints(wishes, request, client, takes[0])
        takes = [replace(take, piece=replace(take.piece, constraints=constraints)) for take in takes]
        _check_size(takes)
        if not TALLEST**-1 < client.ratio < TALLEST:
            notes.append(
                _note("unit", "warning", f"the skeleton has legs {client.ratio:.3g} times a person's; send meters")
            )
        notes += [*_note_segments(request, takes[0]), *(_note("rig", "warning", text) for text in client.rig.notes)]
        notes.append(_note("seed", "info", f"seed {seed}", seed=seed))
        finish = partial(_finish, takes, wishes, client, request.skeleton, notes)
        return Order([take.piece for take in takes], sampling, finish)

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
        fps, options = request.fps(self._spec.fps), request.options
        stated = options is not None and "transition_frames" in options.model_fields_set
        with report_refusals():
            return plan_take(segments, fps, _read_transition(options.transition_frames / fps) if stated else None)


def check_types(path: str, body: bytes, value: Any) -> None:
    """ProtocolError for a value of another type than the protocol's, which the SDK 0.13 would turn into it, or fail on.

    Everything else that is wrong is left to the SDK, which has the protocol's codes for it.
    """
    if path != "/generate" or not isinstance(value, dict):
        return
    several = value.get("requests")
    for request in several if isinstance(several, list) else [value]:
        segments = request.get("segments") if isinstance(request, dict) else None
        for segment in segments if isinstance(segments, list) else ():
            if isinstance(segment, dict) and not isinstance(segment.get("type", ""), str):
                raise ProtocolError("schema_validation", "a segment's type is no text")
    if several is None:
        _check_strictly(body)
    elif isinstance(several, list):
        for request in several:
            _check_strictly(json.dumps(request).encode())


def _check_strictly(body: bytes) -> None:
    try:
        GenerateRequest.model_validate_json(body, strict=True)
    except ValidationError as error:
        if error.error_count() > MOST_FAULTS:
            raise ProtocolError(
                "schema_validation", f"{error.error_count():,} faults; /docs describes a body"
            ) from None
        faults = [fault for fault in error.errors(include_url=False, include_input=False) if fault["type"] in _TYPES]
        if faults:
            place = ".".join(map(str, faults[0]["loc"]))
            raise ProtocolError("schema_validation", f"{place[:100]}: {faults[0]['msg'][:100]}") from None


MOST_FAULTS = 100
"""Of one body, of those that the SDK's answer lists: each takes far more memory than its text."""
_TYPES = {"int_type", "float_type", "bool_type", "string_type", "int_from_float"}
"""The faults of a value that is not of the type that it should have."""


def _read_transition(seconds: float) -> float:
    """Seconds of the transition between segments, from what a client states."""
    if seconds > LONGEST_TRANSITION:
        raise ProtocolError(
            "invalid_options", f"transition_frames: {seconds:.1f} s; at most {LONGEST_TRANSITION:g} s between segments"
        )
    return seconds


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
                _note(
                    "constraint_guidance",
                    "info",
                    "the weight of constraints is not used: they are met, as far as can be",
                )
            )
    return Sampling(steps, guidance, options.post_processing), notes


def _check_seed(seed: int | None) -> int:
    """The seed itself, or one that is drawn; the answer's notes tell it."""
    if seed is None:
        return secrets.randbelow(1 << 31)
    if not 0 <= seed <= LARGEST_SEED:
        raise ProtocolError("invalid_options", f"seed {seed}: expected 0 to {LARGEST_SEED}")
    return seed


def _check_size(takes: Sequence[Take]) -> None:
    """ProtocolError for more than is made for one request."""
    stretches = sum(len(take.piece.parts) for take in takes)
    if stretches > MAX_PIECES:
        raise ProtocolError("invalid_options", f"{stretches} segments times samples; at most {MAX_PIECES}")
    seconds = sum(take.piece.seconds for take in takes if take.piece.constraints)
    if seconds > MAX_STEERED_SECONDS:
        raise ProtocolError(
            "invalid_options",
            f"{seconds:.1f} s of motion with constraints, all samples together; at most {MAX_STEERED_SECONDS:g} s",
        )


def _note_segments(request: GenerateRequest, take: Take) -> list[Note]:
    """What a client should know of how the take is made."""
    notes = []
    if len(request.segments) > len(take.piece.parts):
        notes.append(_note("short_segment", "info", "a segment without a prompt is too short and left to its neighbor"))
    others = {s.language for s in request.segments if s.type == "text"} - {"en", None, ""}
    if others:
        notes.append(_note("language", "warning", f"the base knows English, not {', '.join(sorted(others))[:80]}"))
    return notes


def _note(code: str, severity: str, message: str, **more: object) -> Note:
    return {"code": code, "severity": severity, "message": message, **more}


def _finish(
    takes: Sequence[Take],
    wishes: Wishes,
    client: ClientRig,
    skeleton: Skeleton,
    notes: Sequence[Note],
    motions: Sequence[Motion],
    unknown: Sequence[str],
) -> MotionResult:
    """The samples on the client's skeleton, with the way that each goes."""
    rotations, roots, told = [], [], dict[str, None]()
    for take, motion in zip(takes, motions, strict=True):
        poses = motion_to_poses(take.assemble(motion), client, wishes.placed, wishes.high)
        poses, missed = meet_wishes(poses, wishes, skeleton, client)
        rotations.append(poses.rotations)
        roots.append(poses.roots)
        told |= dict.fromkeys([*motion.notes, *missed])
    result = MotionResult(
        rotations=np.stack(rotations).astype(np.float32),
        root_translations=np.stack(roots).astype(np.float32),
        canonical_to_request=client.name_canonical(),
        chunk_boundaries=[list(take.borders) for take in takes],
        notes=[
            *(dict(_note("unknown_prompt", "warning", text)) for text in unknown),
            *(dict(_note("constraint", "warning", text)) for text in told),
            *map(dict, notes),
        ],
    )
    result.trajectories = _measure_ways(result, skeleton, client, takes[0].fps)
    return result


def _measure_ways(result: MotionResult, skeleton: Skeleton, client: ClientRig, fps: float) -> list[Any]:
    """The way that the body travels in each sample; none where the SDK cannot tell, as in motions of few frames."""
    try:
        ways: list[Any] = compute_trajectories(
            skeleton=skeleton.model_dump(mode="json"),
            joint_names=client.rig.names,
            rotations_quat=result.rotations,
            root_translations=result.root_translations,
            fps=fps,
            canonical_to_request=result.canonical_to_request,
        )
    except (ValueError, IndexError, ArithmeticError):  # the SDK's own rule: no request fails for want of it
        return []
    return ways
