"""`lead-invert card`: a README for a concept, with a picture, as concept hubs show it. Without torch."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.atomic_folder import atomic_folder
from cli.command import JsonObject, command
from cli.console import echo, warn
from cli.errors import UsageError
from cli.load_models import find_concept, is_token, load_concept, preview_motion
from cli.options import Json, Replace

if TYPE_CHECKING:
    from concepts import Concept

CARD, PICTURE, PAGE = "README.md", "preview.png", "preview.html"


@command
def card(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A concept file, or a word in the library.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="A file ending in .md, or a folder (default: ./<name>/README.md)."
        ),
    ] = None,
    page: Annotated[bool, typer.Option("--page", help=f"Also write a page that plays the preview, {PAGE}.")] = False,
    replace: Replace = False,
    as_json: Json = False,
) -> JsonObject:
    """Write a concept's card: a README in the form that concept hubs use.

    It says what the word is, how it was learned, its figures, its license and that of its recordings, its limits and
    how to use it, all from the file itself. A preview picture is put beside it, and the file of a word in the library.

    \b
    lead-invert card elderly.safetensors
    lead-invert card elderly.safetensors -o upload/README.md --page
    """
    concept = load_concept(file)
    target = output or Path(concept.file_name).with_suffix("") / CARD
    target = target / CARD if target.is_dir() else target
    if target.suffix.lower() != ".md":
        raise UsageError(f"--output {target}: expected a file name that ends in .md, as {CARD}.")
    files = card_files(concept, concept.file_name if is_token(file) else file.name, page)
    files = {target.name: files.pop(CARD), **files}
    if is_token(file):  # the card's instructions are for the folder that the file is in
        files[concept.file_name] = find_concept(file).read_bytes()
    with atomic_folder(target.parent, replace) as folder:
        for name, data in files.items():
            (folder / name).write_bytes(data)
    paths = [target.parent / name for name in files]
    if PICTURE not in files:
        warn(f"{file} has no preview: the card has no picture")
    if not as_json:
        echo(f"written: {', '.join(map(str, paths))}")
    return {"file": str(file), "card": str(target), "files": [str(path) for path in paths]}


def card_files(concept: "Concept", file: str, page: bool = False) -> dict[str, bytes]:
    """By name: the card of a concept whose file is called `file`; its picture and page where it has a preview."""
    from concepts.card import concept_to_card

    views = _draw_views(concept, page)
    text = concept_to_card(concept, file, *(name if name in views else "" for name in (PICTURE, PAGE)))
    return {CARD: text.encode(), **views}


def _draw_views(concept: "Concept", page: bool) -> dict[str, bytes]:
    """By name: the picture of the preview, and with `page` the page that plays it; empty without a preview."""
    motion = preview_motion(concept)
    if motion is None:
        return {}
    from lead.motion.render.player import player_page
    from lead.motion.render.sheets import contact_sheet

    buffer, title = io.BytesIO(), f"what {concept.token} looks like"
    contact_sheet([motion], [title]).save(buffer, format="PNG", optimize=True)
    views = {PICTURE: buffer.getvalue()}
    if page:
        views[PAGE] = player_page([motion], [title]).encode()
    return views
