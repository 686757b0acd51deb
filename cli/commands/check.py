"""`lead-invert check`: how files are read, and whether anything is wrong with them; drafts of rig maps.

Knows nothing of models: a file is judged by itself.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.console import Json, UsageError, command, counted, say, table, warn
from cli.read_inputs import SUFFIXES, InputFps, RigMap, Strict, Unit, Up, list_clips, progress_of_many, reading_of

if TYPE_CHECKING:
    from lead.eval.clip_quality import Check
    from lead.motion import ReadOptions

SHOWN = 20
"""Names of a folder's other files that are said at most."""


@command
def check(
    places: Annotated[list[Path], typer.Argument(metavar="DIR_OR_FILES", help="Motion files and folders of them.")],
    draft_rig_map: Annotated[
        Path | None,
        typer.Option(metavar="FILE.toml", help="Write which joint of this one clip's rig is which, to be corrected."),
    ] = None,
    fps: InputFps = None,
    unit: Unit = None,
    up: Up = None,
    rig_map: RigMap = None,
    strict: Strict = False,
    as_json: Json = False,
) -> dict[str, Any]:
    """Say how motion files are read, and what is wrong with them.

    For each clip: frames, rate and seconds; whose rig it is and how many of the 22 joints it has; the person's height,
    the floor, where it faces at first (degrees, 0 is +Z, 90 is +X); the share of steps in which feet slide; how often
    a joint jumps; into how many pieces a base cuts it. Green is read as it stands, amber is read with a doubt, red
    cannot be used. With --strict a red clip is an error.

    \b
    lead-invert check takes/
    lead-invert check takes/ --json
    lead-invert check strange.bvh --draft-rig-map strange.toml
    lead-invert check strange.bvh --rig-map strange.toml
    """
    reading = reading_of(fps, unit, up, rig_map)
    paths = _clips(places)
    if draft_rig_map is not None:
        _write_draft(paths, draft_rig_map, reading)
    checks = []
    with progress_of_many("checking", [(place, [place]) for place in paths]) as report:
        for path in paths:
            checks.append(_checked(path, reading))
            report(len(checks), len(paths))
    verdicts = Counter(one.verdict for one in checks)
    if not as_json:
        _show(paths, checks, verdicts)
        if draft_rig_map is not None:
            say(f"{draft_rig_map}: correct it, then give it with --rig-map")
    if strict and verdicts["red"]:
        path, one = next((path, one) for path, one in zip(paths, checks, strict=True) if one.verdict == "red")
        raise UsageError(f"--strict: {counted(verdicts['red'], 'clip')} cannot be used, as {path}: {one.reasons[0]}")
    return {
        "clips": [{"file": str(path), **asdict(one)} for path, one in zip(paths, checks, strict=True)],
        "verdicts": {color: verdicts[color] for color in ("green", "amber", "red")},
        "draft": draft_rig_map and str(draft_rig_map),
    }


def _clips(places: Sequence[Path]) -> list[Path]:
    """All files that are named, and of folders those that may be motions."""
    paths: list[Path] = []
    for place, files in list_clips(places):
        paths += [path for path in files if path == place or path.suffix.lower() in SUFFIXES]
        if others := [path.name for path in files if path != place and path.suffix.lower() not in SUFFIXES]:
            more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
            warn(f"{place}: no motion by their names: {', '.join(others[:SHOWN])}{more}")
    if not paths:
        raise UsageError(f"{places[0]}: no clips; expected {', '.join(SUFFIXES)}. Subfolders are not searched.")
    return paths


def _checked(path: Path, reading: "ReadOptions") -> "Check":
    from lead.eval.clip_quality import check_clip, refuse_clip
    from lead.motion import Motion, MotionError

    try:
        return check_clip(Motion.read(path, reading))
    except MotionError as error:
        return refuse_clip(str(error).removeprefix(f"{path}: "))


def _show(paths: Sequence[Path], checks: "Sequence[Check]", verdicts: Counter[str]) -> None:
    columns = ("clip", "frames", "fps", "s", "rig", "joints", "height", "floor", "facing", "skate", "spikes", "pieces",
               "verdict")  # fmt: skip
    table([(path, *_cells(one)) for path, one in zip(paths, checks, strict=True)], columns)
    for path, one in zip(paths, checks, strict=True):
        for reason in one.reasons:
            say(f"{one.verdict}  {path}: {reason}")
        for note in one.notes:
            if note not in one.reasons:
                say(f"note  {path}: {note}")
    say(", ".join(f"{verdicts[color]} {color}" for color in ("green", "amber", "red") if verdicts[color]))


def _cells(one: "Check") -> list[str]:
    """A clip's row; dashes where nothing could be read."""
    if not one.frames:
        return ["-"] * 11 + [one.verdict]
    return [
        str(one.frames), f"{one.fps:g}", f"{one.seconds:.1f}", one.rig or "-", f"{one.matched}/22", f"{one.height:.2f}",
        f"{one.floor:.2f}", f"{one.facing:.0f}", f"{one.skate:.2f}", str(len(one.spikes)), str(one.pieces), one.verdict,
    ]  # fmt: skip


def _write_draft(paths: Sequence[Path], target: Path, reading: "ReadOptions") -> None:
    from lead.motion.atomic import write_atomically
    from lead.motion.read import read_skeleton
    from lead.motion.rigs.rig_map import draft_rig_map
    from lead.motion.suffixes import SKELETONS

    if len(paths) != 1 or paths[0].suffix.lower() not in SKELETONS:
        raise UsageError(f"--draft-rig-map is for one clip with a skeleton ({', '.join(SKELETONS)}); give one.")
    write_atomically(target, draft_rig_map(read_skeleton(paths[0], reading), reading).encode())
