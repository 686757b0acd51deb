"""`lead-invert convert`: motion files of one kind to files of others, each under its own name.

Knows nothing of models: any files that can be read, to every format that is written.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.console import Json, UsageError, command, counted, existing, say, table, warn
from cli.read_inputs import (
    InputFps,
    Listing,
    OnRig,
    OutputFolder,
    RigMap,
    Strict,
    Unit,
    Up,
    are_many,
    each_clip,
    list_clips,
    progress_of_many,
    reading_of,
)

if TYPE_CHECKING:
    from lead.motion import Motion, ReadOptions


@command
def convert(
    places: Annotated[list[Path], typer.Argument(metavar="IN...", help="Motion files and folders of them.")],
    formats: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="LIST",
            help="Any of bvh,npz,amass,npy,glb (data), png,html,mp4,gif (views), obj,ply,trail (bodies).",
        ),
    ],
    rig: OnRig = None,
    rate: Annotated[
        float | None, typer.Option(metavar="FPS", help="Frames a second of what is written (default: the input's).")
    ] = None,
    body_model: Annotated[
        Path | None,
        typer.Option(metavar="FILE.npz", help="The SMPL, SMPL-H or SMPL-X model that bodies are made with."),
    ] = None,
    frame: Annotated[int, typer.Option(metavar="N", help="The frame that obj and ply show.")] = 0,
    output: OutputFolder = Path("out"),
    fps: InputFps = None,
    unit: Unit = None,
    up: Up = None,
    rig_map: RigMap = None,
    strict: Strict = False,
    as_json: Json = False,
) -> dict[str, Any]:
    """Convert motion files: every format that is read, to every format that is written.

    A file keeps its name. BVH is written on our 22 joints, or on the skeleton of --rig at that clip's rate; obj and ply
    are a body in one frame, trail is a GLB of eight poses. All files are written, or none.

    \b
    lead-invert convert takes/ --to amass,npz
    lead-invert convert walk.npz --to bvh --rig my-character.bvh
    lead-invert convert walk.bvh --to glb,mp4 --output exports
    """
    from cli.atomic_folder import check_writable
    from cli.write_outputs import BODY_ENDINGS, parse_formats, read_rig, write_data

    wanted = parse_formats(formats, "--to", BODY_ENDINGS)
    check_writable(output)
    target_rig = read_rig(rig, wanted, rig_map)
    _check_body_model(body_model, [form for form in wanted if form in BODY_ENDINGS])
    clips = _converted(
        list_clips(places), reading_of(fps, unit, up, rig_map), strict, rate, wanted, output,
        lambda motion, stem, form: write_data(motion, stem, form, target_rig, body_model, frame),
    )  # fmt: skip
    if not as_json:
        rows = [
            (one["from"], f"{one['seconds']:.1f}", f"{one['fps']:g}", " ".join(Path(f).name for f in one["files"]))
            for one in clips
        ]
        table(rows, ("from", "seconds", "fps", "to"))
        say(f"{counted(sum(len(one['files']) for one in clips), 'file')} in {output}")
    return {"clips": clips}


def _converted(
    listing: Listing,
    reading: "ReadOptions",
    strict: bool,
    rate: float | None,
    formats: Sequence[str],
    output: Path,
    write: "Callable[[Motion, Path, str], Path]",
) -> list[dict[str, Any]]:
    """The files of each clip, one clip after the other: all of them, or none."""
    from cli.atomic_folder import atomic_folder
    from cli.write_outputs import VIEW_ENDINGS, write_view

    inputs = {path.resolve() for _, files in listing for path in files}
    taken: dict[str, Path] = {}
    clips, quiet = [], are_many(listing)
    with atomic_folder(output) as folder, progress_of_many("converting", listing) as report:
        for path, clip in each_clip(listing, warn, reading, strict, least=1, report=report):
            _check_name(path, formats, output, taken, inputs)
            motion, stem = clip if rate is None else clip.resample(rate), folder / path.stem
            made = [write(motion, stem, form) for form in formats if form not in VIEW_ENDINGS]
            made += [write_view([motion], [path.stem], stem, form, quiet) for form in formats if form in VIEW_ENDINGS]
            clips.append(
                {
                    "from": str(path),
                    "files": [str(output / file.name) for file in made],
                    "frames": len(motion.joints),
                    "fps": motion.fps,
                    "seconds": round(motion.seconds, 3),
                    "notes": list(motion.notes),
                }
            )
    return clips


def _check_body_model(path: Path | None, formats: Sequence[str]) -> None:
    """UsageError where a format needs a body model and none is given, or the other way round."""
    if formats and path is None:
        raise UsageError(f"{', '.join(formats)}: a body needs a model of the SMPL family; name it with --body-model.")
    if path and not formats:
        raise UsageError("--body-model is for obj, ply and trail: add one of them to --to, or leave it out.")
    if path:
        existing(path, "--body-model")


def _check_name(
    path: Path, formats: Sequence[str], output: Path, taken: dict[str, Path], inputs: set[Path]
) -> None:
    """UsageError where a clip would be written under another's name, or over one that is read; notes its name."""
    from cli.write_outputs import BODY_ENDINGS, DATA_ENDINGS, VIEW_ENDINGS

    other = taken.setdefault(path.stem, path)
    if other is not path:
        raise UsageError(
            f"{path} and {other} would both be written as {path.stem}; convert them into different folders."
        )
    for form in formats:
        target = output / f"{path.stem}{(DATA_ENDINGS | BODY_ENDINGS | VIEW_ENDINGS)[form]}"
        if target.resolve() in inputs:
            raise UsageError(f"{target} is one of the clips that are read; name another folder with --output.")
