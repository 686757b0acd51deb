"""`lead-invert check`: how files are read, and whether anything is wrong with them; drafts of rig maps.

Knows nothing of models: a file is judged by itself.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.atomic_folder import check_writable
from cli.command import JsonObject, command
from cli.console import count_noun, echo, print_table, warn
from cli.destination import refuse_existing
from cli.errors import UsageError
from cli.options import Json, ReadingOptions
from cli.read_inputs import file_progress, list_clips, name_clip
from lead.motion.read_options import ALL
from lead.motion.suffixes import READS, SKELETONS

if TYPE_CHECKING:
    from lead.eval.clip_quality import Check
    from lead.motion import ReadOptions

COLORS = ("green", "amber", "red")
SHOWN = 20
"""Names of a folder's other files that are printed at most."""
COLUMNS = ("clip", "frames", "fps", "s", "rig", "joints", "height", "floor", "facing", "skate", "spikes", "pieces",
           "verdict")  # fmt: skip


@command
def check(
    places: Annotated[list[Path], typer.Argument(metavar="DIR_OR_FILES", help="Motion files and folders of them.")],
    draft_rig_map: Annotated[
        Path | None,
        typer.Option(metavar="FILE.toml", help="Write a draft of this clip's rig map, for you to correct."),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the draft of the same name.")] = False,
    reading: ReadingOptions = ReadingOptions(),
    as_json: Json = False,
) -> JsonObject:
    """Show how motion files are read, and what is wrong with them.

    The table shows for each clip: frames, rate and seconds; the rig's maker, and how many of the 22 joints it has; the
    person's height, the floor, and the direction faced first (degrees, 0 is +Z, 90 is +X); the share of steps in which
    feet slide; the number of joint jumps; and the number of pieces that a base cuts the clip into. Green clips are
    fine. Amber clips can be used, but something is in doubt. Red clips cannot be used. With --strict a red clip is an
    error. With --animation all each animation of a file has a row.

    \b
    lead-invert check takes/
    lead-invert check takes/ --json
    lead-invert check strange.bvh --draft-rig-map strange.toml
    lead-invert check strange.bvh --rig-map strange.toml
    lead-invert check pack.glb --animation all
    """
    options = reading.to_read_options()
    paths = _list_motions(places)
    if draft_rig_map is not None:
        refuse_existing(draft_rig_map, "--draft-rig-map", replace)
        check_writable(draft_rig_map.parent, "--draft-rig-map")
        _write_draft(paths, draft_rig_map, options)
    checks = _check_clips(paths, options, reading.animation == ALL)
    verdicts = Counter(one.verdict for _, one in checks)
    if not as_json:
        _print_checks(checks, verdicts)
        if draft_rig_map is not None:
            echo(f"{draft_rig_map}: correct it, then give it with --rig-map")
    if reading.strict and verdicts["red"]:
        path, one = next((path, one) for path, one in checks if one.verdict == "red")
        raise UsageError(f"--strict: {count_noun(verdicts['red'], 'clip')} cannot be used, as {path}: {one.reasons[0]}")
    return {
        "clips": [{"file": name, **asdict(one)} for name, one in checks],
        "verdicts": {color: verdicts[color] for color in COLORS},
        "draft": draft_rig_map and str(draft_rig_map),
    }


def _list_motions(places: Sequence[Path]) -> list[Path]:
    """All files that are named, and the files of folders that are motions by their suffixes."""
    paths: list[Path] = []
    for place, files in list_clips(places):
        paths += [path for path in files if path == place or path.suffix.lower() in READS]
        if others := [path.name for path in files if path != place and path.suffix.lower() not in READS]:
            more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
            warn(f"{place}: ignored, because their suffixes are not of motion files: {', '.join(others[:SHOWN])}{more}")
    if not paths:
        raise UsageError(f"{places[0]}: no clips; expected {', '.join(READS)}. Subfolders are not searched.")
    return paths


def _check_clips(paths: Sequence[Path], options: "ReadOptions", every: bool) -> "list[tuple[str, Check]]":
    """A check of each file, or with `every` of each animation of it, by name."""
    checks: list[tuple[str, Check]] = []
    with file_progress("checking", [(path, [path]) for path in paths]) as progress:
        for done, path in enumerate(paths, start=1):
            checks += _check_animations(path, options) if every else [(str(path), _check_clip(path, options))]
            progress(done, len(paths))
    return checks


def _check_clip(path: Path, options: "ReadOptions") -> "Check":
    from lead.eval.clip_quality import check_clip, refuse_clip
    from lead.motion import Motion, MotionError

    try:
        return check_clip(Motion.read(path, options))
    except MotionError as error:
        return refuse_clip(str(error).removeprefix(f"{path}: "))


def _check_animations(path: Path, options: "ReadOptions") -> "Iterator[tuple[str, Check]]":
    from lead.eval.clip_quality import check_clip, refuse_clip
    from lead.motion import Motion, MotionError

    try:
        for motion in Motion.iterate_all(path, options):
            if isinstance(motion, Motion):
                yield name_clip(path, motion), check_clip(motion)
            else:
                yield str(path), refuse_clip(str(motion).removeprefix(f"{path}: "))
    except MotionError as error:
        yield str(path), refuse_clip(str(error).removeprefix(f"{path}: "))


def _print_checks(checks: "Sequence[tuple[str, Check]]", verdicts: Counter[str]) -> None:
    print_table([(path, *_cells(one)) for path, one in checks], COLUMNS)
    for path, one in checks:
        for reason in one.reasons:
            echo(f"{one.verdict}  {path}: {reason}")
        for note in one.notes:
            if note not in one.reasons:
                echo(f"note  {path}: {note}")
    echo(", ".join(f"{verdicts[color]} {color}" for color in COLORS if verdicts[color]))


def _cells(one: "Check") -> list[str]:
    """A clip's row; dashes where nothing could be read."""
    if not one.frames:
        return ["-"] * (len(COLUMNS) - 2) + [one.verdict]
    return [
        str(one.frames), f"{one.fps:g}", f"{one.seconds:.1f}", one.rig or "-", f"{one.matched}/22", f"{one.height:.2f}",
        f"{one.floor:.2f}", f"{one.facing:.0f}", f"{one.skate:.2f}", str(len(one.spikes)), str(one.pieces), one.verdict,
    ]  # fmt: skip


def _write_draft(paths: Sequence[Path], target: Path, options: "ReadOptions") -> None:
    """Write a rig map of one clip's skeleton, for a person to correct."""
    from lead.motion.atomic import write_atomically
    from lead.motion.read import read_skeleton
    from lead.motion.rigs.rig_map import draft_rig_map

    if len(paths) != 1 or paths[0].suffix.lower() not in SKELETONS:
        raise UsageError(f"--draft-rig-map is for one clip with a skeleton ({', '.join(SKELETONS)}); give one.")
    write_atomically(target, draft_rig_map(read_skeleton(paths[0], options), options).encode())
