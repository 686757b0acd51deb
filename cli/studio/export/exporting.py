"""Motions of the shelf to files, with what `generate` writes them with; and the user's own rig. Knows no pages."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nicegui import Event

from cli.atomic_folder import check_writable
from cli.credits import describe_license
from cli.errors import UsageError, to_message, user_errors
from cli.prompt_record import record_prompts
from cli.studio.shelf import Favorite
from cli.studio.workshop import Workshop
from cli.write_outputs import DATA_FORMATS, ON_RIGS, VIEW_FORMATS, parse_formats, read_rig, write_motions

if TYPE_CHECKING:
    from lead.motion import Rig


class OwnRig:
    """The skeleton that motions are written on; of all pages."""

    def __init__(self) -> None:
        self.name = ""
        self.rig: Rig | None = None
        self.changed = Event[[]]()

    def put(self, name: str, rig: "Rig | None") -> None:
        """Take another rig; None is our 22 joints."""
        self.name, self.rig = name, rig
        self.changed.emit()


@dataclass(frozen=True, eq=False)
class Exported:
    """What was written."""

    files: tuple[Path, ...]
    notes: tuple[str, ...]
    """Licenses of the words that are in the motions."""
    archive: Path | None = None
    """What a browser is sent: the only file, or a ZIP of all."""


def read_own_rig(path: Path) -> "Rig":
    """The skeleton of a file; what is raised says what is wrong with it."""
    rig = read_rig(path, ON_RIGS)
    assert rig, path
    return rig


def find_missing(formats: Sequence[str]) -> str:
    """Why formats cannot be written on this machine, in a sentence; empty where they can, or none is chosen."""
    if not formats:
        return ""
    try:
        parse_formats(",".join(formats), "formats")
    except user_errors() as error:
        return to_message(error)
    return ""


def export(
    workshop: Workshop, favorites: Sequence[Favorite], formats: Sequence[str], output: Path, archive: bool = False
) -> Exported:
    """Write the motions into a folder, named by their prompts; nothing is overwritten. With `archive` pack them too."""
    if not favorites:
        raise UsageError("no motion is chosen: keep some in the tab Generate, or choose some in the list.")
    formats = parse_formats(",".join(formats), "formats")
    rig = workshop.of(OwnRig)
    if rig.rig and not set(ON_RIGS) & set(formats):
        raise UsageError(f"your rig is used by {', '.join(ON_RIGS)}: choose one of them too, or take the rig away.")
    check_writable(output)
    files: list[Path] = []
    data, views = ([form for form in formats if form in table] for table in (DATA_FORMATS, VIEW_FORMATS))
    for seed in dict.fromkeys(one.seed for one in favorites) if data else ():
        own = [one for one in favorites if one.seed == seed]
        titles = [one.title for one in own]
        groups, _ = write_motions([one.motion for one in own], titles, data, output, seed, rig.rig)
        record_prompts(output, titles, groups, seed)
        files += [path for group in groups for path in group]
    if views:
        motions, titles = [one.motion for one in favorites], [one.title for one in favorites]
        files += write_motions(motions, titles, views, output, favorites[0].seed)[1]
    notes = tuple(_note_licenses(workshop, favorites))
    return Exported(tuple(files), notes, _pack(files, output) if archive else None)


def _note_licenses(workshop: Workshop, favorites: Sequence[Favorite]) -> list[str]:
    """A sentence for each concept in the motions."""
    tokens = dict.fromkeys(token for one in favorites for token in one.tokens)
    known = set(workshop.concepts.list_tokens())
    notes = []
    for token in tokens:
        if token in known:
            notes.append(f"{token}. {describe_license(workshop.concepts.find(token, workshop.base))}")
        else:
            notes.append(f"{token} is no longer in the library; its license holds for motions made with it.")
    return notes


def _pack(files: Sequence[Path], output: Path) -> Path:
    """The only file, or a ZIP of all."""
    if len(files) == 1:
        return files[0]
    archive = output / "motions.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in files:
            packed.write(path, path.name)
    return archive
