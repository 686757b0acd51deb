"""`lead-invert edit`: parts of a clip made anew from a prompt, all else kept exactly, on the clip's own rig."""

import math
import re
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.atomic_folder import check_writable
from cli.command import JsonObject, command
from cli.console import print_table, spinner, warn
from cli.errors import UsageError, shorten_option
from cli.jobs.rigid_files import list_rigid, measure_moved
from cli.load_models import check_base, load_base, load_concepts_for
from cli.options import (
    BaseOptions,
    Device,
    Json,
    OutputFolder,
    ReadingOptions,
    Seed,
    ViewSwitches,
    check_unicode,
    require_file,
)
from cli.prompt_record import record_prompts
from cli.read_inputs import read_clip
from cli.unknown_prompts import find_notices, warn_of_each
from cli.write_outputs import Formats, parse_formats, write_motions

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Bool

    from lead.motion import Motion

MOST_RANGES = 100
RIGID = 1e-3
"""Meters by which files with a rigid skeleton may move kept frames without a note."""
_BOUND = r"(\d{1,9}|\d{1,9}(?:\.\d*)?s)?"
"""A frame or seconds; longer numbers are none of a clip."""


class Half(StrEnum):
    """What `--keep-body` takes."""

    LEGS = "legs"
    UPPER_BODY = "upper-body"


@command
def edit(
    clip: Annotated[Path, typer.Argument(metavar="CLIP", help="A motion file.")],
    prompt: Annotated[str, typer.Option(metavar="TEXT", help="What the person does in the new part; may have words.")],
    keep: Annotated[
        str | None,
        typer.Option(
            metavar="RANGES",
            help="What stays: frames of the file from 0, as 0:60,120:180 (60 and 180 are not in it), or seconds, as "
            "0s:2s,4s: (each bound with an s).",
        ),
    ] = None,
    keep_body: Annotated[
        Half | None,
        typer.Option("--keep-body", help="What stays in the new parts too: legs and path, or the upper body."),
    ] = None,
    concept: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A concept file; repeat for more (default: words from the library)."),
    ] = None,
    formats: Formats = "bvh,png",
    guidance: Annotated[
        float | None,
        typer.Option(metavar="G", help="How strictly to follow the prompt (default: the base model's own)."),
    ] = None,
    seed: Seed = 0,
    lock_feet: Annotated[
        bool, typer.Option("--foot-lock/--no-foot-lock", help="Keep standing feet from sliding; the legs follow by IK.")
    ] = True,
    output: OutputFolder = Path("out"),
    switches: ViewSwitches = ViewSwitches(),
    reading: ReadingOptions = ReadingOptions(),
    base: BaseOptions = BaseOptions(),
    device: Device = "auto",
    as_json: Json = False,
) -> JsonObject:
    """Make parts of a clip anew from a prompt, and keep all else exactly.

    Kept frames come back as they are; on the clip's own rig as BVH, every channel has its value. Without a rig, a BVH
    has a rigid skeleton: a note says how far kept frames are off there. The new parts have the same length as before,
    and go on from the kept frames in position and velocity. A new part lasts up to 7.8 s. With --keep-body half of the
    body keeps its movement in the new parts; without --keep these are the whole clip. Views show the clip above the
    result.

    \b
    lead-invert edit take.bvh --keep 0:60,120:180 --prompt "a person jumps"
    lead-invert edit take.bvh --keep 0s:2s,4.5s: --prompt "a person turns around like <elderly>"
    lead-invert edit walk.bvh --keep-body legs --prompt "a person waves"
    """
    wanted = parse_formats(formats)
    check_unicode(prompt, "--prompt")
    if not prompt.strip():
        raise UsageError('--prompt is empty; say what the person does in the new part, as "a person jumps".')
    if guidance is not None and not math.isfinite(guidance):
        raise UsageError(f"--guidance {guidance}: expected a number, as 4.0.")
    if keep is None and keep_body is None:
        raise UsageError("nothing is kept: give --keep, as 0:60,120:180, or --keep-body; `generate` makes new motion.")
    check_writable(output)
    motion, kept = _read(clip, keep, reading)
    concepts = load_concepts_for([prompt], concept or [])
    model = load_base(base.base, device)
    fitting = {path: check_base(one, path, model, base.allow_base_mismatch) for path, one in concepts.items()}
    warn_of_each(find_notices(model, [prompt], strict=False))

    from lead.control.edit import edit_clip, list_new_parts

    with spinner(f"making {prompt!r}"):
        edited = edit_clip(
            model,
            motion,
            kept,
            prompt,
            half=keep_body.replace("-", "_") if keep_body else None,
            words={token: word for one in fitting.values() for token, word in one.words.items()},
            seed=seed,
            guidance=guidance,
            clean_feet=lock_feet,
        )
    notes = [*edited.notes[len(motion.notes) :], *_note_rigid_files(edited, kept, wanted)]
    for note in notes:
        warn(f"{motion.name or 'the clip'}: {note}")
    titles = [f"{motion.name or 'clip'} {prompt}"]
    files, views = write_motions([edited], titles, wanted, output, seed, plain={0: motion}, switches=switches)
    record_prompts(output, titles, files, seed)
    parts = list_new_parts(kept)
    if not as_json:
        made = ", ".join(f"{first}:{end}" for first, end in parts)
        print_table([(path, made, prompt) for path in [*files[0], *views]], ("file", "new frames", "prompt"))
    return {
        "clip": str(clip),
        "prompt": prompt,
        "new": [list(part) for part in parts],
        "frames": len(kept),
        "fps": motion.fps,
        "files": [str(path) for path in files[0]],
        "views": [str(path) for path in views],
        "seed": seed,
        "notes": notes,
    }


def _note_rigid_files(edited: "Motion", kept: "Bool[np.ndarray, 'frames']", formats: Sequence[str]) -> list[str]:
    """A note where files with a skeleton of our own do not hold the kept frames, for it is rigid."""
    rigid = list_rigid(formats, on_rig=edited.rig is not None)
    gap = measure_moved(edited, rigid)[kept].max(initial=0.0)
    if gap <= RIGID:
        return []
    on_rig = ", and so does bvh on the clip's rig" if edited.rig else ""
    return [
        f"kept frames are up to {100 * gap:.1f} cm off in {', '.join(rigid)}: a file's skeleton is rigid, and the "
        f"clip's body is not; npz holds them exactly{on_rig}"
    ]


def _read(clip: Path, keep: str | None, reading: ReadingOptions) -> "tuple[Motion, Bool[np.ndarray, 'frames']]":
    """The clip with all frames of its file, and which of them are kept."""
    from dataclasses import replace

    motion = read_clip(require_file(clip, "CLIP", "a motion file"), replace(reading.to_read_options(), trim=False))
    return motion, parse_ranges(keep or "", len(motion.joints), motion.fps)


def parse_ranges(text: str, frames: int, fps: float) -> "Bool[np.ndarray, 'frames']":
    """The frames that ranges such as `0:60,120:180` or `0s:2s,4s:` name; UsageError for any other text."""
    import numpy as np

    kept, given = np.zeros(frames, dtype=bool), shorten_option(text)
    words = [word.strip() for word in text.split(",")] if text.strip() else []
    if len(words) > MOST_RANGES:
        raise UsageError(f"--keep: found {len(words)} ranges, at most {MOST_RANGES} can be given.")
    for word in words:
        found = re.fullmatch(f"{_BOUND}:{_BOUND}", word)
        if not found:
            raise UsageError(
                f"--keep {given}: found {word!r}; expected FIRST:END in frames, as 0:60, or in seconds, as 0s:2.5s."
            )
        first, end = (_to_frame(found[1], 0, fps), _to_frame(found[2], frames, fps))
        if not first < end <= frames:
            raise UsageError(
                f"--keep {given}: {word!r} is frames {first} to {end}; expected a range that rises, within the clip's "
                f"{frames} frames ({frames / fps:.3g} s)."
            )
        kept[first:end] = True
    return kept


def _to_frame(bound: str | None, otherwise: int, fps: float) -> int:
    if bound is None:
        return otherwise
    return round(float(bound[:-1]) * fps) if bound.endswith("s") else int(bound)
