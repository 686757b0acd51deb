"""The body of a request of the JSON API, and what the base makes of it.

Types are strict: a number is no text and no truth value. Places are meters, Y up, on the skeleton that the motion is
written on; headings are degrees, 0 faces +Z, 90 faces +X. A clip comes as the text of a BVH file. Knows no HTTP.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from motionmcp.errors import ProtocolError
from pydantic import BaseModel, ConfigDict, Field

from cli.server.limits import (
    FPS,
    MAX_BODY_BYTES,
    MAX_CONSTRAINTS,
    MAX_GUIDANCE,
    MAX_PIECES,
    MAX_POSES,
    MAX_PROMPT,
    MAX_SECONDS,
    MAX_STEERED_SECONDS,
    MAX_STEPS,
)
from cli.server.refusals import report_refusals
from cli.server.skeletons import measure_ratio
from cli.server.takes import LARGEST_SEED, LEAST_STEPS, STEP, Part, Piece
from lead.control.constraints import (
    MOST_WAYPOINTS,
    TARGET_JOINTS,
    Constraint,
    JointTarget,
    PathConstraint,
    Place,
    PoseConstraint,
    find_joints,
    put_at,
)
from lead.control.timeline import LONGEST_TRANSITION, TRANSITION
from lead.motion.formats.bvh import parse_bvh
from lead.motion.motion import Motion
from lead.motion.rigs.rig import Rig, read_rig

Number = Annotated[float, Field(ge=-1e6, le=1e6)]
Prompt = Annotated[str, Field(min_length=1, max_length=MAX_PROMPT)]
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]
Bvh = Annotated[str, Field(max_length=MAX_BODY_BYTES)]
Row = Annotated[list[Number], Field(min_length=3, max_length=3)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class SegmentBody(_Strict):
    """A stretch of a timeline."""

    prompt: Prompt
    seconds: float = Field(ge=LEAST_STEPS * STEP, le=MAX_SECONDS)
    seed: Seed | None = None


class PoseBody(_Strict):
    """A pose: a frame of a BVH file's text, or the places of 22 joints as the format `json` has them."""

    clip: Bvh | None = None
    frame: int = Field(0, ge=-100_000, le=100_000, description="Of the clip, from 0; -1 is the last.")
    positions: Annotated[list[Row], Field(min_length=22, max_length=22)] | None = None
    joints: Annotated[list[str], Field(max_length=22)] | None = Field(
        None, description="Only these joints, relative to the body; else all."
    )
    place: Annotated[list[Number], Field(min_length=2, max_length=3)] | None = Field(
        None, description="x, z, and a heading if wanted; else it is met anywhere, facing anywhere."
    )


class KeyframeBody(PoseBody):
    """A pose at a time."""

    seconds: float = Field(ge=0, le=MAX_SECONDS)


class WaypointBody(_Strict):
    """A place that the pelvis passes."""

    x: Number
    z: Number
    heading: Number | None = None
    seconds: Annotated[float, Field(ge=0, le=MAX_SECONDS)] | None = None


class ReachBody(_Strict):
    """A place of a hand, a foot or the pelvis."""

    joint: str = Field(max_length=20, description=f"One of {', '.join(TARGET_JOINTS)}.")
    seconds: float = Field(ge=0, le=MAX_SECONDS)
    position: Row


class GenerateBody(_Strict):
    """What to generate: a prompt and its seconds, or segments; and what the motion has to meet."""

    prompt: Prompt | None = Field(None, examples=["a person walks in <elderly> style"])
    seconds: float = Field(4.0, gt=0, lt=60, description="The length of a prompt; /v1/status says what the base makes.")
    segments: Annotated[list[SegmentBody], Field(min_length=1, max_length=MAX_PIECES)] | None = Field(
        None, description="In place of a prompt: one after the other."
    )
    transition: float | None = Field(
        None, ge=0, le=LONGEST_TRANSITION, description=f"Seconds between segments; else {TRANSITION}."
    )
    seed: Seed | None = Field(None, description="Same seed, same motion; else X-Seed tells it.")
    start: PoseBody | None = Field(None, description="The first pose; without a place it stands at 0, 0.")
    end: PoseBody | None = Field(None, description="The last pose.")
    keyframes: Annotated[list[KeyframeBody], Field(max_length=MAX_CONSTRAINTS)] = []
    path: Annotated[list[WaypointBody], Field(min_length=2, max_length=MOST_WAYPOINTS)] | None = None
    reach: Annotated[list[ReachBody], Field(max_length=MAX_CONSTRAINTS)] = []
    format: str = Field("bvh", max_length=16, description="One of those that /v1/status lists.")
    fps: float | None = Field(None, ge=FPS[0], le=FPS[1], description="Frames a second; else the rig's, or 20.")
    rig: Bvh | None = Field(None, description="A BVH file's text: the motion is written on its skeleton.")
    steps: int | None = Field(None, ge=1, le=MAX_STEPS, description="Sampling steps; else the base's own.")
    guidance: float | None = Field(None, ge=-MAX_GUIDANCE, le=MAX_GUIDANCE, description="Else the base's own.")
    foot_lock: bool = Field(True, description="Keep standing feet from sliding.")

    @property
    def title(self) -> str:
        """What the motion shows, in words."""
        return self.prompt or "; ".join(segment.prompt for segment in self.segments or [])

    @property
    def prompts(self) -> list[str]:
        return [self.prompt] if self.prompt else [segment.prompt for segment in self.segments or []]


@dataclass(frozen=True, eq=False)
class Body:
    """A client's rig, as the places of a request mean it."""

    rig: Rig | None
    ratio: float = 1.0
    """How many times as long as those of generated motion its legs are."""

    def to_own(self, places: Sequence[Sequence[float]]) -> np.ndarray:
        """Places on the rig (x, y, z) as those of generated motion."""
        floor = self.rig.floor if self.rig else 0.0
        return np.asarray((np.array(places, dtype=float) - [0, floor, 0]) / self.ratio)

    def put(self, motion: Motion) -> Motion:
        """A motion with constraints moved so that, written on the rig, it is where it has to be.

        Writing scales the path about its start (`motion_to_rig`), and the places were scaled about the origin.
        """
        x, _, z = motion.joints[0, [1, 2]].mean(axis=0)
        return replace(motion, joints=motion.joints + np.array([x, 0, z], dtype=np.float32) * (self.ratio - 1))


def read_body(body: GenerateBody, seed: int, seconds_range: tuple[float, float]) -> tuple[Piece, Body]:
    """What the base makes, and the rig that was sent; ProtocolError for what cannot be generated."""
    if (body.prompt is None) == (body.segments is None):
        raise ProtocolError("invalid_request", "expected a prompt, or segments; one of them, not both")
    if not all(prompt.strip() for prompt in body.prompts):
        raise ProtocolError("invalid_request", 'a prompt is empty; say what the person does, as "a person walks"')
    if body.segments is None:
        shortest, longest = seconds_range
        if not shortest <= body.seconds <= longest:
            found = f"{body.seconds:g} s; from a prompt this base makes {shortest:g} to {longest:g} s: send segments"
            raise ProtocolError("invalid_options", found)
        parts: tuple[Part, ...] = (Part(body.prompt or "", body.seconds, seed),)
    else:
        parts = tuple(
            Part(one.prompt, one.seconds, (seed + n) % LARGEST_SEED if one.seed is None else one.seed)
            for n, one in enumerate(body.segments)
        )
    piece = Piece(parts, TRANSITION if body.transition is None else body.transition)
    if piece.seconds > MAX_SECONDS:
        raise ProtocolError("invalid_options", f"{piece.seconds:g} s; at most {MAX_SECONDS:g} s are made at once")
    rig = read_client_bvh(body, piece.seconds)
    client = Body(rig, measure_ratio(rig) if rig else 1.0)
    with report_refusals():
        constraints = _read_constraints(body, client)
    if constraints and piece.seconds > MAX_STEERED_SECONDS:
        raise ProtocolError("invalid_options", f"{piece.seconds:g} s with constraints; at most {MAX_STEERED_SECONDS:g}")
    return replace(piece, constraints=constraints), client


def read_client_bvh(body: GenerateBody, seconds: float) -> Rig | None:
    """The rig that was sent, at the rate that is wanted."""
    if body.rig is None:
        return None
    with report_refusals("invalid_skeleton"):
        rig, _ = read_rig(parse_bvh(body.rig.encode()))
    fps = rig.fps if body.fps is None else body.fps
    if not FPS[0] <= fps <= FPS[1] or seconds * fps * len(rig.names) > MAX_POSES:
        raise ProtocolError(
            "invalid_options",
            f"{len(rig.names)} joints at {fps:g} frames a second: expected {FPS[0]:g} to {FPS[1]:g}, and no more than "
            f"{MAX_POSES:,} joints times frames; ask for a lower fps",
        )
    return replace(rig, fps=fps, recorded=None)


def _read_constraints(body: GenerateBody, client: Body) -> tuple[Constraint, ...]:
    """LeadError, MotionError or ProtocolError for those that cannot be read."""
    clips: dict[str, Motion] = {}
    constraints: list[Constraint] = []
    if body.start is not None:
        start = _read_pose("start", body.start, 0.0, clips, client)
        if not start.placed and body.path is None:  # a motion starts here, unless a path says where
            start = replace(start, pose=put_at(start.pose, Place(0.0, 0.0)), placed=True)
        constraints.append(start)
    if body.end is not None:
        constraints.append(_read_pose("end", body.end, None, clips, client))
    for number, one in enumerate(body.keyframes):
        constraints.append(_read_pose(f"keyframes.{number}", one, one.seconds, clips, client))
    if body.path is not None:
        points = client.to_own([(one.x, 0.0, one.z) for one in body.path])[:, ::2]
        times, headings = (tuple(getattr(one, name) for one in body.path) for name in ("seconds", "heading"))
        constraints.append(PathConstraint(points, times, headings, "path"))
    for number, reach in enumerate(body.reach):
        if reach.joint not in TARGET_JOINTS:
            found = f"reach.{number}: {reach.joint!r} cannot be sent to a place; expected {', '.join(TARGET_JOINTS)}"
            raise ProtocolError("invalid_request", found)
        ((x, y, z),) = client.to_own([reach.position]).tolist()
        constraints.append(JointTarget(TARGET_JOINTS[reach.joint], reach.seconds, (x, y, z), f"reach.{number}"))
    return tuple(constraints)


def _read_pose(
    name: str, body: PoseBody, seconds: float | None, clips: dict[str, Motion], client: Body
) -> PoseConstraint:
    if (body.clip is None) == (body.positions is None):
        raise ProtocolError("invalid_request", f"{name}: expected a clip, or positions; one of them, not both")
    if body.clip is None:
        clip = Motion(np.array([body.positions]))
    else:
        if body.clip not in clips:
            rig, places = read_rig(parse_bvh(body.clip.encode()))
            clips[body.clip] = Motion(places, rig.fps)
        clip = clips[body.clip]
    place = None
    if body.place is not None:
        x, z, *heading = body.place
        ((x, _, z),) = client.to_own([(x, 0.0, z)]).tolist()
        place = Place(x, z, *heading)
    joints = tuple(range(22)) if body.joints is None else find_joints(body.joints)
    return PoseConstraint.from_motion(clip, body.frame, seconds, joints=joints, place=place, name=name)
