"""The options that several commands have, each declared once, and the checks that go with them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.command import OptionGroup
from cli.errors import UsageError
from lead.motion.read_options import LengthUnit, UpAxis

if TYPE_CHECKING:
    from lead.motion import ReadOptions

LARGEST_SEED = 2**40 - 1
"""Numbers that count up from a seed stay within what random number generators take."""

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Device = Annotated[
    str,
    typer.Option(metavar="DEVICE", help="Where to compute: auto (a GPU if there is one), cpu, cuda, cuda:1, mps."),
]
Seed = Annotated[int, typer.Option(min=0, max=LARGEST_SEED, metavar="N", help="Same seed, same result.")]
Base = Annotated[Path | None, typer.Option(metavar="PATH", help="Another base model (default: the embedded one).")]
AllowBaseMismatch = Annotated[
    bool,
    typer.Option(
        "--allow-base-mismatch",
        help="Use a word of another base that has the same text tower, without what belongs to other parts.",
    ),
]
Captions = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="What each clip shows: a captions.jsonl (default: what lies beside the clips)."),
]
RigMap = Annotated[
    Path | None,
    typer.Option(
        "--rig-map",
        metavar="FILE.toml",
        help="Which joint of the clips' rig is which; `check --draft-rig-map` writes one to correct.",
    ),
]
OnRig = Annotated[
    Path | None, typer.Option("--rig", metavar="CLIP.bvh", help="Write BVH on the skeleton of this clip.")
]
OutputFolder = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the files.")]
NewName = Annotated[str | None, typer.Option("--as", metavar="NAME", help="Give the word another name.")]
Replace = Annotated[bool, typer.Option("--replace", help="Replace what has the same name.")]
ConceptOutput = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write this file (default: into the library).")
]
DataSet = Annotated[
    Path, typer.Argument(metavar="DATA", help="A data set: HumanML3D, KIT-ML, or one of `lead data prepare`.")
]
FileOrToken = Annotated[Path, typer.Argument(metavar="FILE_OR_TOKEN", help="A concept file, or a word in the library.")]


@dataclass(frozen=True)
class BaseOptions(OptionGroup):
    """The base model that concepts are used with."""

    base: Base = None
    allow_base_mismatch: AllowBaseMismatch = False


@dataclass(frozen=True)
class ReadingOptions(OptionGroup):
    """How motion files are read: what they do not say, or say wrongly."""

    fps: Annotated[
        float | None,
        typer.Option(
            "--fps", metavar="RATE", help="Frames a second of the clips, where the files say it wrongly or not."
        ),
    ] = None
    unit: Annotated[
        LengthUnit | None, typer.Option("--unit", help="Unit of lengths in the clips (default: guessed from the body).")
    ] = None
    up: Annotated[
        UpAxis | None,
        typer.Option("--up", case_sensitive=False, help="Axis that points up in the clips (default: guessed)."),
    ] = None
    rig_map: RigMap = None
    strict: Annotated[bool, typer.Option("--strict", help="Stop at a file that cannot be used, in folders too.")] = (
        False
    )

    def to_read_options(self) -> "ReadOptions":
        """The options as readers of motion take them; the rig map is read from its file."""
        from lead.motion.read_options import ReadOptions
        from lead.motion.rigs.rig_map import read_rig_map

        rig_map = read_rig_map(require_path(self.rig_map, "--rig-map")) if self.rig_map else None
        return ReadOptions(fps=self.fps, unit=self.unit, up=self.up, rig_map=rig_map)


def require_path(path: Path, option: str) -> Path:
    """The path itself; UsageError where there is nothing. `option` names the option or argument that gave it."""
    if not path.exists():
        raise UsageError(f"{path} does not exist; it was given as {option}. Check the name and the folder.")
    return path


def resolve_device(name: str) -> str:
    """The torch device for `--device`; UsageError where this machine has no such device."""
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=torch.device(name))
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"--device {name}: this machine cannot use it ({reason}); use cpu or auto.") from None
    return name
