"""The small JSON API: a prompt or segments to one file, for plug-ins and scripts; what there is to ask for.

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
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from motionmcp.errors import ProtocolError

from cli.server.generator import Generator, Order, Sampling
from cli.server.job_queue import JobQueue
from cli.server.json_body import Body, GenerateBody, read_body
from cli.server.limits import MAX_SECONDS, MAX_STEERED_SECONDS
from cli.server.refusals import report_refusals
from cli.server.takes import Piece
from cli.write_outputs import DATA_FORMATS, Target, slug, write_data
from concepts import Concept, ConceptError
from lead.control.constraints import TARGET_JOINTS
from lead.motion.bodies.fbx_export import find_blender
from lead.motion.errors import MotionError
from lead.motion.motion import Motion
from lead.motion.rigs.rig import Rig
from lead.motion.skeleton import JOINTS, PARENTS
from lead.version import __version__

JOINTS_FORMAT = "json"
"""The joints' places as JSON, for programs that read no motion file."""
RIG_FORMATS = ("bvh",)
"""Formats that are written on a client's rig."""
_TYPES = {"bvh": "text/plain; charset=utf-8", "glb": "model/gltf-binary", JOINTS_FORMAT: "application/json"}


@dataclass(frozen=True, eq=False)
class File:
    """A written motion."""

    content: bytes
    notes: Sequence[str]


def make_router(generator: Generator, queue: JobQueue) -> APIRouter:
    """The routes under /v1."""

    async def generate(body: GenerateBody) -> Response:
        """One motion as a file."""
        seed = secrets.randbelow(1 << 31) if body.seed is None else body.seed
        piece, client = await asyncio.to_thread(_read, body, generator, seed)
        rig = client.rig

        def finish(motions: Sequence[Motion], unknown: Sequence[str]) -> File:
            motion = client.put(motions[0]) if piece.constraints else motions[0]
            notes = [*unknown, *motion.notes, *(rig.notes if rig else ())]
            return File(write_motion(motion, body.format, rig, body.fps), notes)

        order = Order([piece], Sampling(body.steps, body.guidance, body.foot_lock), finish)
        file = await queue.ask(order, order.find_group(generator.base.seconds_range[1]))
        ending = DATA_FORMATS[body.format].ending if body.format in DATA_FORMATS else ".json"
        name = f"{slug(body.title)}-seed{seed}{ending}".encode("ascii", "ignore").decode().lstrip("-")
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
                "most_seconds": {"segments": MAX_SECONDS, "with constraints": MAX_STEERED_SECONDS},
                "constraints": ["start", "end", "keyframes", "path", "reach"],
                "reach": list(TARGET_JOINTS),
                "formats": list_formats(),
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


def _read(body: GenerateBody, generator: Generator, seed: int) -> tuple[Piece, Body]:
    """What the base makes, and the rig that was sent; ProtocolError for what cannot be generated."""
    formats = list_formats()
    if body.format not in formats:
        raise ProtocolError("invalid_options", f"format {body.format!r}; expected one of {', '.join(formats)}")
    if body.rig is not None and body.format not in RIG_FORMATS:
        raise ProtocolError("invalid_options", f"a rig is for the format {', '.join(RIG_FORMATS)}, not {body.format}")
    for prompt in body.prompts:
        generator.check_prompt(prompt)
    return read_body(body, seed, generator.base.seconds_range)


def list_formats() -> tuple[str, ...]:
    """What can be written here: FBX where Blender is."""
    return tuple(form for form in (*DATA_FORMATS, JOINTS_FORMAT) if form != "fbx" or _has_blender())


@cache
def _has_blender() -> bool:
    try:
        find_blender()
    except MotionError:
        return False
    return True
