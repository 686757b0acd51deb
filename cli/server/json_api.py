"""The small JSON API: one prompt to one file, for plug-ins and scripts; what there is to ask for.

    POST /v1/generate   {"prompt": "a person waves", "seconds": 4}      a file, BVH unless another format is asked for
    GET  /v1/concepts                                                   the words that prompts may name
    GET  /v1/status                                                     the base, the formats, how busy the server is

A rig comes as the text of a BVH file. What a client should know of an answer stands in its headers: X-Seed, X-Notes.
Formats are those of `cli.write_outputs`; files are written to a temporary folder and removed.
"""

import asyncio
import json
import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from motionmcp.errors import ProtocolError
from pydantic import BaseModel, ConfigDict, Field

from cli.server.generator import Generator, Order, Sampling
from cli.server.job_queue import JobQueue
from cli.server.limits import FPS, MAX_BODY_BYTES, MAX_GUIDANCE, MAX_POSES, MAX_PROMPT, MAX_STEPS
from cli.server.refusals import report_refusals
from cli.server.takes import LARGEST_SEED, Piece
from cli.write_outputs import DATA_FORMATS, Target, slug, write_data
from concepts import Concept, ConceptError
from lead.motion.formats.bvh import parse_bvh
from lead.motion.motion import Motion
from lead.motion.rigs.rig import Rig, read_rig
from lead.motion.skeleton import JOINTS, PARENTS
from lead.version import __version__

JOINTS_FORMAT = "json"
"""The joints' places as JSON, for programs that read no motion file."""
FORMATS = (*DATA_FORMATS, JOINTS_FORMAT)
RIG_FORMATS = ("bvh",)
"""Formats that are written on a client's rig."""
_TYPES = {"bvh": "text/plain; charset=utf-8", "glb": "model/gltf-binary", JOINTS_FORMAT: "application/json"}


class GenerateBody(BaseModel):
    """What to generate."""

    model_config = ConfigDict(extra="forbid")

    prompt: str = Field(min_length=1, max_length=MAX_PROMPT, examples=["a person walks in <elderly> style"])
    seconds: float = Field(4.0, gt=0, lt=60, description="The length; /v1/status says what the base makes.")
    seed: int | None = Field(None, ge=0, le=LARGEST_SEED, description="Same seed, same motion; else X-Seed tells it.")
    format: str = Field("bvh", max_length=16, description=f"One of {', '.join(FORMATS)}.")
    fps: float | None = Field(None, ge=FPS[0], le=FPS[1], description="Frames a second; else the rig's, or 20.")
    rig: str | None = Field(
        None, max_length=MAX_BODY_BYTES, description="A BVH file's text: the motion is written on its skeleton."
    )
    steps: int | None = Field(None, ge=1, le=MAX_STEPS, description="Sampling steps; else the base's own.")
    guidance: float | None = Field(None, ge=-MAX_GUIDANCE, le=MAX_GUIDANCE, description="Else the base's own.")
    foot_lock: bool = Field(True, description="Keep standing feet from sliding.")


@dataclass(frozen=True, eq=False)
class File:
    """A written motion."""

    content: bytes
    notes: Sequence[str]


def make_router(generator: Generator, queue: JobQueue) -> APIRouter:
    """The routes under /v1."""

    async def generate(body: GenerateBody) -> Response:
        """One motion as a file."""
        rig, seed = await asyncio.to_thread(_check_body, body, generator), body.seed
        seed = secrets.randbelow(1 << 31) if seed is None else seed
        piece = Piece(body.prompt, body.seconds, seed, None, body.seconds)

        def finish(motions: Sequence[Motion], unknown: Sequence[str]) -> File:
            return File(write_motion(motions[0], body.format, rig, body.fps), [*unknown, *(rig.notes if rig else ())])

        sampling = Sampling(body.steps, body.guidance, body.foot_lock)
        file = await queue.ask(Order([piece], sampling, finish), sampling)
        ending = DATA_FORMATS[body.format].ending if body.format in DATA_FORMATS else ".json"
        name = f"{slug(body.prompt)}-seed{seed}{ending}".encode("ascii", "ignore").decode().lstrip("-")
        headers = {
            "X-Seed": str(seed),
            "X-Notes": json.dumps(file.notes),
            "Content-Disposition": f'attachment; filename="{name}"',
        }
        return Response(file.content, media_type=_TYPES.get(body.format, "application/octet-stream"), headers=headers)

    def list_concepts() -> JSONResponse:
        """The words that prompts may name, in angle brackets, and the kind of each."""
        found = [summarize(concept) for concept in generator.concepts.given.values()]
        given = {one["token"] for one in found}
        for token, one in generator.concepts.library.read_each(Concept.read_summary):
            if not isinstance(one, ConceptError) and token not in given:
                found.append(summarize(one))
        return JSONResponse({"concepts": sorted(found, key=lambda one: one["token"])})

    async def status() -> JSONResponse:
        """The base, what it makes, and how busy the server is."""
        shortest, longest = generator.base.seconds_range
        return JSONResponse(
            {
                "version": __version__,
                "base": generator.base.name,
                "seconds": [shortest, longest],
                "formats": FORMATS,
                "waiting": queue.waiting,
                "working": queue.working,
                "done": queue.done,
            }
        )

    router = APIRouter(prefix="/v1", tags=["JSON"])
    answers: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {}}}}
    router.add_api_route("/generate", generate, methods=["POST"], response_class=Response, responses=answers)
    router.add_api_route("/concepts", list_concepts)
    router.add_api_route("/status", status)
    return router


def summarize(concept: Any) -> dict[str, str]:
    """What a client is told of a concept."""
    return {name: getattr(concept, name) for name in ("token", "kind", "title", "license", "base")}


def to_protocol_error(error: RequestValidationError) -> ProtocolError:
    """What is wrong with a body, in one sentence, without the values that were sent."""
    faults = [f"{'.'.join(map(str, one['loc'][1:]))[:80]}: {one['msg'][:120]}" for one in error.errors()[:5]]
    return ProtocolError("schema_validation", "; ".join(faults) or "the request is not as /docs describes it")


def write_motion(motion: Motion, form: str, rig: Rig | None, fps: float | None) -> bytes:
    """The bytes of a motion in a data format, or its joints' places as JSON."""
    motion = motion if fps is None else motion.resample(fps)
    if form == JOINTS_FORMAT:
        positions = [[[round(float(x), 4) for x in joint] for joint in frame] for frame in motion.joints]
        return json.dumps({"fps": motion.fps, "joints": JOINTS, "parents": PARENTS, "positions": positions}).encode()
    with tempfile.TemporaryDirectory(prefix="lead-invert-") as folder, report_refusals("invalid_skeleton"):
        return write_data(motion, Path(folder) / "motion", form, Target(rig)).read_bytes()


def _check_body(body: GenerateBody, generator: Generator) -> Rig | None:
    """The rig that was sent; ProtocolError for what cannot be generated."""
    if body.format not in FORMATS:
        raise ProtocolError("invalid_options", f"format {body.format!r}; expected one of {', '.join(FORMATS)}")
    if not body.prompt.strip():
        raise ProtocolError("invalid_request", 'the prompt is empty; say what the person does, as "a person walks"')
    shortest, longest = generator.base.seconds_range
    if not shortest <= body.seconds <= longest:
        raise ProtocolError("invalid_options", f"{body.seconds:g} s; this base makes {shortest:g} to {longest:g} s")
    generator.check_prompt(body.prompt)
    if body.rig is None:
        return None
    if body.format not in RIG_FORMATS:
        raise ProtocolError("invalid_options", f"a rig is for the format {', '.join(RIG_FORMATS)}, not {body.format}")
    with report_refusals("invalid_skeleton"):
        rig, _ = read_rig(parse_bvh(body.rig.encode()))
    fps = rig.fps if body.fps is None else body.fps
    if not FPS[0] <= fps <= FPS[1] or body.seconds * fps * len(rig.names) > MAX_POSES:
        raise ProtocolError(
            "invalid_options",
            f"{len(rig.names)} joints at {fps:g} frames a second: expected {FPS[0]:g} to {FPS[1]:g}, and no more than "
            f"{MAX_POSES:,} joints times frames; ask for a lower fps",
        )
    return replace(rig, fps=fps, recorded=None)
