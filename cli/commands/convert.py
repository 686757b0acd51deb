"""`lead-invert convert`: motion files to files of other formats, each under its own name.

Knows nothing of models: it reads any motion files and writes every format that is written.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.atomic_folder import atomic_folder, check_writable, refuse_overwriting
from cli.command import JsonObject, command
from cli.console import count_noun, echo, hint, print_table, warn
from cli.errors import UsageError
from cli.jobs.rigid_files import list_rigid, measure_moved
from cli.options import Json, OnRig, OutputFolder, ReadingOptions, Replace, ViewSwitches, require_path
from cli.read_inputs import MANY, Listing, count_files, file_progress, iterate_clips, list_clips
from cli.write_outputs import (
    BODY_FORMATS,
    DATA_FORMATS,
    VIEW_FORMATS,
    Target,
    ending_of,
    parse_formats,
    read_rig,
    tell_lost_rates,
    write_data,
    write_view,
)

if TYPE_CHECKING:
    from lead import Motion


MOVED = 0.01
"""Meters by which a rigid skeleton may be off without a hint; of 10 recordings it is .001 to .003."""


@dataclass(frozen=True)
class Conversion:
    """What every clip is converted to."""

    formats: Sequence[str]
    target: Target
    rate: float | None
    """Frames a second of what is written; None for the clip's own."""
    replace: bool
    """Whether files of another content are overwritten."""
    switches: ViewSwitches
    """What views show."""


@dataclass(frozen=True)
class Converted:
    """A clip that was converted."""

    source: str
    files: list[str]
    frames: int
    fps: float
    seconds: float
    notes: list[str]
    """What was guessed, corrected or cut when it was read."""
    moved: float
    """Meters by which a joint is off at most in files with a rigid skeleton of ours; 0 where there are none."""

    def to_json(self) -> JsonObject:
        """The record, with `source` as "from"."""
        record = asdict(self)
        return {"from": record.pop("source"), **record}


@command
def convert(
    places: Annotated[list[Path], typer.Argument(metavar="IN...", help="Motion files and folders of them.")],
    formats: Annotated[
        str,
        typer.Option(
            "--format",
            "--to",
            metavar="LIST",
            help=f"Any of {','.join(DATA_FORMATS)} (data), {','.join(VIEW_FORMATS)} (views), "
            f"{','.join(BODY_FORMATS)} (bodies).",
        ),
    ],
    rig: OnRig = None,
    rate: Annotated[
        float | None, typer.Option(metavar="FPS", help="Frames per second of the output (default: the input's).")
    ] = None,
    body_model: Annotated[
        Path | None,
        typer.Option(metavar="FILE.npz", help="The SMPL, SMPL-H or SMPL-X model for bodies."),
    ] = None,
    frame: Annotated[int, typer.Option(metavar="N", help="The frame to write as obj or ply.")] = 0,
    output: OutputFolder = Path("out"),
    replace: Replace = False,
    switches: ViewSwitches = ViewSwitches(),
    reading: ReadingOptions = ReadingOptions(),
    as_json: Json = False,
) -> JsonObject:
    """Convert motion files from any readable format to any writable format.

    A file keeps its name; with --animation all, number and name of the animation follow. BVH is written on our 22
    joints, or on the skeleton of --rig at that clip's rate; obj and ply are a body in one frame, trail is a GLB of
    eight poses. Either all files are written or none. A file of another content is not overwritten without --replace.

    \b
    lead-invert convert takes/ --format amass,npz
    lead-invert convert walk.npz --format bvh --rig my-character.bvh
    lead-invert convert walk.bvh --format glb,mp4 --output exports
    """
    wanted = parse_formats(formats, "--format (--to)", BODY_FORMATS)
    check_writable(output)
    target_rig = read_rig(rig, wanted, reading.rig_map)
    _check_body_model(body_model, [form for form in wanted if form in BODY_FORMATS])
    conversion = Conversion(wanted, Target(target_rig, body_model, frame), rate, replace, switches)
    clips = _convert_clips(list_clips(places), reading, conversion, output)
    tell_lost_rates(wanted, (one.fps for one in clips))
    _tell_moved(clips, wanted)
    if not as_json:
        rows = [
            (one.source, f"{one.seconds:.1f}", f"{one.fps:g}", " ".join(Path(file).name for file in one.files))
            for one in clips
        ]
        print_table(rows, ("from", "seconds", "fps", "to"))
        echo(f"{count_noun(sum(len(one.files) for one in clips), 'file')} in {output}")
    return {"clips": [one.to_json() for one in clips]}


def _convert_clips(listing: Listing, reading: ReadingOptions, conversion: Conversion, output: Path) -> list[Converted]:
    """The files of each clip, one clip after the other: all of them, or none."""
    inputs = {path.resolve() for _, files in listing for path in files}
    taken: dict[str, Path] = {}
    converted, quiet = [], count_files(listing) >= MANY
    with atomic_folder(output, conversion.replace) as folder, file_progress("converting", listing) as progress:
        for path, clip in iterate_clips(listing, warn, reading, least=1, progress=progress):
            _check_name(path, clip.name, conversion.formats, output, taken, inputs)
            motion = clip if conversion.rate is None else clip.resample(conversion.rate)
            written = _write_formats(motion, folder / clip.name, conversion, quiet)
            files = [output / file.name for file in written]
            for file, target in zip(written, files, strict=True):
                refuse_overwriting(file, target, conversion.replace)
            seconds = round(motion.seconds, 3)
            names = [str(file) for file in files]
            rigid = list_rigid(conversion.formats, on_rig=bool(conversion.target.rig or motion.rig))
            moved = round(float(measure_moved(motion, rigid).max()), 4)
            frames, notes = len(motion.joints), list(motion.notes)
            converted.append(Converted(str(path), names, frames, motion.fps, seconds, notes, moved))
    return converted


def _tell_moved(clips: Sequence[Converted], formats: Sequence[str]) -> None:
    """A hint where a rigid skeleton does not hold clips whose bones change their lengths."""
    moved = [one for one in clips if one.moved > MOVED]
    if moved:
        most, rigid = max(moved, key=lambda one: one.moved), ", ".join(list_rigid(formats, on_rig=False))
        others = f", and {count_noun(len(moved) - 1, 'other clip')} more than {100 * MOVED:g}" if moved[1:] else ""
        hint(
            f"{Path(most.source).name} is up to {100 * most.moved:.1f} cm off in {rigid}{others}: a skeleton there is "
            "rigid, and the bones of the clip are not; npz holds it exactly"
        )


def _write_formats(motion: "Motion", stem: Path, conversion: Conversion, quiet: bool) -> list[Path]:
    """A motion in every format, data before views; `quiet` shows no bar for each video."""
    views = [form for form in conversion.formats if form in VIEW_FORMATS]
    data = [form for form in conversion.formats if form not in VIEW_FORMATS]
    written = [write_data(motion, stem, form, conversion.target) for form in data]
    return written + [write_view([motion], [stem.name], stem, form, quiet, conversion.switches) for form in views]


def _check_body_model(path: Path | None, formats: Sequence[str]) -> None:
    """UsageError where a format needs a body model and none is given, or the other way round."""
    if formats and path is None:
        raise UsageError(f"{', '.join(formats)}: a body needs a model of the SMPL family; name it with --body-model.")
    if path and not formats:
        raise UsageError("--body-model is for obj, ply and trail: add one of them to --to, or leave it out.")
    if path:
        require_path(path, "--body-model")


def _check_name(
    path: Path, name: str, formats: Sequence[str], output: Path, taken: dict[str, Path], inputs: set[Path]
) -> None:
    """UsageError where a clip's files would have another clip's names, or overwrite an input; adds it to `taken`."""
    other = taken.setdefault(name, path)
    if other is not path:
        raise UsageError(f"{path} and {other} would both be written as {name}; convert them into different folders.")
    for form in formats:
        target = output / f"{name}{ending_of(form)}"
        if target.resolve() in inputs:
            raise UsageError(f"{target} is one of the clips that are read; name another folder with --output.")
