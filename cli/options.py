"""The options that several commands share, each declared once, and their checks."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.command import OptionGroup
from cli.errors import UsageError
from lead.bases import BASES, locate_base
from lead.motion.read_options import ALL, LengthUnit, UpAxis

if TYPE_CHECKING:
    from lead.motion import ReadOptions
    from lead.motion.render.view_options import ViewOptions

LARGEST_SEED = 2**40 - 1
"""Seeds that count up from this one stay within the range of random number generators."""

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Device = Annotated[
    str,
    typer.Option(metavar="DEVICE", help="Where to compute: auto (a GPU if there is one), cpu, cuda, cuda:1, mps."),
]
Seed = Annotated[int, typer.Option(min=0, max=LARGEST_SEED, metavar="N", help="Same seed, same result.")]
Base = Annotated[
    str | None,
    typer.Option(
        metavar="BASE",
        help="Another base model: open (its license allows commercial use), a file, or hf://OWNER/NAME on a hub "
        "(default: embedded).",
    ),
]
AllowBaseMismatch = Annotated[
    bool,
    typer.Option(
        "--allow-base-mismatch",
        help="Use a word of another base with the same text tower, without its parts for other networks.",
    ),
]
Captions = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="A captions.jsonl that says what each clip shows (default: captions beside the clips)."
    ),
]
RigMap = Annotated[
    Path | None,
    typer.Option(
        "--rig-map",
        metavar="FILE.toml",
        help="Names the joints of the clips' rig; `check --draft-rig-map` writes a draft to correct.",
    ),
]
OnRig = Annotated[
    Path | None,
    typer.Option("--rig", metavar="CLIP.bvh", help="Write BVH, FBX and USD files on the skeleton of this clip."),
]
Loop = Annotated[
    bool, typer.Option("--loop", help="Make each motion its best cycle, which plays again and again without a seam.")
]
InPlace = Annotated[
    bool,
    typer.Option("--in-place", help="Take the path over the floor out: the pelvis stays within 2 cm of one place."),
]
OutputFolder = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the files.")]
NewName = Annotated[str | None, typer.Option("--as", metavar="NAME", help="A new name for the word.")]
Replace = Annotated[bool, typer.Option("--replace", help="Replace a word or files of the same name.")]
ConceptOutput = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write this file, or into this folder (default: the library)."),
]
DataSet = Annotated[
    Path, typer.Argument(metavar="DATA", help="A data set: HumanML3D, KIT-ML, or one made by `lead data prepare`.")
]
FileOrToken = Annotated[Path, typer.Argument(metavar="FILE_OR_TOKEN", help="A concept file, or a word in the library.")]


@dataclass(frozen=True)
class BaseOptions(OptionGroup):
    """The base model that concepts are used with."""

    base: Base = None
    allow_base_mismatch: AllowBaseMismatch = False


@dataclass(frozen=True)
class ViewSwitches(OptionGroup):
    """What views show beside the figures."""

    repeat: Annotated[
        bool,
        typer.Option("--repeat/--hold", help="Motions that end early begin again, or hold their last pose."),
    ] = False
    trail: Annotated[bool, typer.Option("--trail/--no-trail", help="Show the way of the root on the ground.")] = False
    contacts: Annotated[
        bool, typer.Option("--contacts/--no-contacts", help="Show a print under each foot that stands.")
    ] = False

    def to_view_options(self) -> "ViewOptions":
        """The switches as pictures take them."""
        from lead.motion.render.view_options import ViewOptions

        return ViewOptions(self.repeat, self.trail, self.contacts)


@dataclass(frozen=True)
class ReadingOptions(OptionGroup):
    """How motion files are read: facts that the files do not state, or state wrongly."""

    fps: Annotated[
        float | None,
        typer.Option(
            "--fps", metavar="RATE", help="Frames per second of the clips, if the files state it wrongly or not at all."
        ),
    ] = None
    unit: Annotated[
        LengthUnit | None,
        typer.Option("--unit", help="Unit of length in the clips (default: guessed from the body's size)."),
    ] = None
    up: Annotated[
        UpAxis | None,
        typer.Option(
            "--up",
            case_sensitive=False,
            help="Axis that points up in the clips, -Y where Y points down (default: guessed from the motion).",
        ),
    ] = None
    rig_map: RigMap = None
    animation: Annotated[
        str | None,
        typer.Option(
            "--animation",
            metavar="NAME|N",
            help="Which animation of FBX and glTF files: a name, a number, or all (default: the first that moves).",
        ),
    ] = None
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at a file that cannot be used, even inside a folder.")
    ] = False

    def to_read_options(self) -> "ReadOptions":
        """The options as `ReadOptions`, without an animation for ALL. Reads the rig map from its file."""
        from lead.motion.read_options import ReadOptions
        from lead.motion.rigs.rig_map import read_rig_map

        rig_map = read_rig_map(require_file(self.rig_map, "--rig-map", "a TOML file")) if self.rig_map else None
        animation = None if self.animation == ALL else self.animation
        return ReadOptions(fps=self.fps, unit=self.unit, up=self.up, rig_map=rig_map, animation=animation)


@dataclass(frozen=True)
class AddressOptions(OptionGroup):
    """Where the server listens, and who may ask."""

    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; anything but the loopback address needs a key.")
    ] = "127.0.0.1"
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="Port; 0 is any free one.")] = 8000
    key_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A file with the key that clients send (else, where needed, a new one)."),
    ] = None


def require_path(path: Path, option: str) -> Path:
    """The path itself; UsageError if it does not exist. `option` names the option or argument that gave it."""
    if not path.exists():
        raise UsageError(f"{path} does not exist; it was given as {option}. Check the name and the folder.")
    return path


def require_file(path: Path, option: str, expected: str) -> Path:
    """The path itself; UsageError if it is not a regular file. A device or pipe may never end."""
    if not require_path(path, option).is_file():
        found = "a folder" if path.is_dir() else "a device or a pipe"
        raise UsageError(f"{option} {path}: found {found}, expected {expected}.")
    return path


def find_base(base: str | Path | None, option: str = "--base") -> Path | None:
    """The file that `--base` means, fetched where it is on a hub; None where the option is not given."""
    if base is None:
        return None
    if str(base) in BASES:
        return locate_base(base)
    if str(base).startswith("hf://"):
        from lead.hub import find_pretrained
        from lead.model import MOST_BYTES

        return find_pretrained(base, MOST_BYTES)
    return require_file(Path(base), option, f"a base model's file, or a name: {', '.join(BASES)}")


def check_unicode(text: str, what: str) -> None:
    """UsageError, starting with `what`, where a text has half of a character, which no file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{what}: found {text[error.start]!r} in {text[:80]!r}, which is no character.") from None


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
