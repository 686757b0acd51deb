"""`lead-invert convert`: motion files of one kind to files of others, each under its own name.

Knows nothing of models: any files that can be read, to every format that is written.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.console import Json, UsageError, command, counted, existing, progress, say, table, warn
from cli.read_inputs import InputFps, RigMap, Strict, Unit, Up, read_clips, reading_of

if TYPE_CHECKING:
    from lead.motion import Motion, Rig


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
    rig: Annotated[
        Path | None, typer.Option(metavar="CLIP.bvh", help="Write BVH on the skeleton of this clip.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(metavar="FPS", help="Frames a second of what is written (default: the input's).")
    ] = None,
    body_model: Annotated[
        Path | None,
        typer.Option(metavar="FILE.npz", help="The SMPL, SMPL-H or SMPL-X model that bodies are made with."),
    ] = None,
    frame: Annotated[int, typer.Option(metavar="N", help="The frame that obj and ply show.")] = 0,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the files.")] = Path("out"),
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
    from cli.write_outputs import BODY_ENDINGS, parse_formats, read_rig

    wanted = parse_formats(formats, "--to", BODY_ENDINGS)
    target_rig = read_rig(rig, wanted, rig_map)
    _check_body_model(body_model, [form for form in wanted if form in BODY_ENDINGS])
    paths, motions = read_clips(places, warn, reading_of(fps, unit, up, rig_map), strict, least=1)
    if rate is not None:
        motions = [motion.resample(rate) for motion in motions]
    _check_names(paths, wanted, output)
    groups = _write(paths, motions, wanted, output, target_rig, body_model, frame)
    if not as_json:
        rows = [
            (path, f"{motion.seconds:.1f}", f"{motion.fps:g}", " ".join(made.name for made in group))
            for path, motion, group in zip(paths, motions, groups, strict=True)
        ]
        table(rows, ("from", "seconds", "fps", "to"))
        say(f"{counted(sum(map(len, groups)), 'file')} in {output}")
    return {
        "clips": [
            {
                "from": str(path),
                "files": [str(made) for made in group],
                "frames": len(motion.joints),
                "fps": motion.fps,
                "seconds": round(motion.seconds, 3),
                "notes": list(motion.notes),
            }
            for path, motion, group in zip(paths, motions, groups, strict=True)
        ]
    }


def _write(
    paths: Sequence[Path],
    motions: "Sequence[Motion]",
    formats: Sequence[str],
    output: Path,
    rig: "Rig | None",
    body_model: Path | None,
    frame: int,
) -> list[list[Path]]:
    """The files of each clip: all of them, or none."""
    from cli.write_outputs import VIEW_ENDINGS, all_or_none, write_data, write_view

    data, views = ([form for form in formats if (form in VIEW_ENDINGS) is kind] for kind in (False, True))
    groups: list[list[Path]] = []
    with all_or_none(output) as folder:
        with progress(f"writing {counted(len(paths), 'clip')}") as report:
            for path, motion in zip(paths, motions, strict=True):
                stem = folder / path.stem
                groups.append([write_data(motion, stem, form, rig, body_model, frame) for form in data])
                report(len(groups), len(paths))
        for group, path, motion in zip(groups, paths, motions, strict=True):
            group += [write_view([motion], [path.stem], folder / path.stem, form) for form in views]
    return [[output / path.name for path in group] for group in groups]


def _check_body_model(path: Path | None, formats: Sequence[str]) -> None:
    """UsageError where a format needs a body model and none is given, or the other way round."""
    if formats and path is None:
        raise UsageError(f"{', '.join(formats)}: a body needs a model of the SMPL family; name it with --body-model.")
    if path and not formats:
        raise UsageError("--body-model is for obj, ply and trail: add one of them to --to, or leave it out.")
    if path:
        existing(path, "--body-model")


def _check_names(paths: Sequence[Path], formats: Sequence[str], output: Path) -> None:
    """UsageError where two clips would be written under one name, or over a clip that is read."""
    from cli.write_outputs import BODY_ENDINGS, DATA_ENDINGS, VIEW_ENDINGS

    endings = [(DATA_ENDINGS | BODY_ENDINGS | VIEW_ENDINGS)[form] for form in formats]
    inputs = {path.resolve() for path in paths}
    taken: dict[str, Path] = {}
    for path in paths:
        first = taken.setdefault(path.stem, path)
        if first is not path:
            raise UsageError(
                f"{path} and {first} would both be written as {path.stem}; convert them into different folders."
            )
        for ending in endings:
            target = output / f"{path.stem}{ending}"
            if target.resolve() in inputs:
                raise UsageError(f"{target} is one of the clips that are read; name another folder with --output.")
