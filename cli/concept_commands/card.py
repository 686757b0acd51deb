"""`lead-invert card` and `show`: what a concept file says, as a README with a picture or as a table. Without torch."""

import io
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.atomic_folder import atomic_folder, check_writable
from cli.command import JsonObject, accept_device, command
from cli.console import count_noun, echo, print_table, warn
from cli.errors import UsageError
from cli.load_models import find_concept, is_token, load_concept, preview_motion, suggest_prompt
from cli.options import FileOrToken, Json, Replace

if TYPE_CHECKING:
    from concepts import Concept

CARD, PICTURE, PAGE = "README.md", "preview.png", "preview.html"
Shapes = dict[str, list[int]]


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
    check_writable(target.parent)
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


@command
@accept_device
def show(file: FileOrToken, as_json: Json = False) -> JsonObject:
    """Show the content of a concept file.

    Its token, its base model, how and from what it was learned. The file is verified while it is read; nothing in it is
    ever run.

    \b
    lead-invert show "<elderly>"
    lead-invert show elderly.safetensors --json
    """
    path = find_concept(file)
    concept, size = load_concept(path), path.stat().st_size
    shapes = {name: list(tensor.shape) for name, tensor in concept.tensors.items()}
    shapes = {"token_embedding": list(concept.token_embedding.shape), **shapes}
    if not as_json:
        rows = [*_rows(concept), ("tensors", _describe_tensors(shapes))]
        rows += [("style schedule", _describe_schedule(concept)), ("file", f"{path}, {size / 1024:.1f} KB")]
        print_table([(name, value) for name, value in rows if value], ("field", "value"))
        echo(suggest_prompt(concept, None if is_token(file) else file))
    return concept.record() | {"file": str(path), "bytes": size, "tensors": shapes}


def _rows(concept: "Concept") -> list[tuple[str, str]]:
    """The fields of a concept for people; some are empty."""
    learned = f"{concept.objective} objective, {concept.steps} steps, seed {concept.seed}"
    loss = f", loss {concept.loss[0]:.4f} -> {concept.loss[-1]:.4f}" if concept.loss else ""
    seconds = sum(exemplar.frames / exemplar.fps for exemplar in concept.exemplars)
    licenses = ", ".join(sorted({e.license for e in concept.exemplars if e.license})) or "license not stated"
    return [
        ("token", concept.token),
        ("title", concept.title),
        ("kind", concept.kind),
        ("starts from", concept.init),
        ("description", concept.description),
        ("author", concept.author),
        ("license", concept.license),
        ("date", concept.date),
        ("base model", concept.base),
        ("fingerprints", ", ".join(f"{part} {digest[:12]}" for part, digest in concept.fingerprints.items())),
        ("learned by", learned + loss),
        ("learned from", f"{count_noun(len(concept.exemplars), 'clip')}, {seconds:.1f} s in all, {licenses}"),
        ("prompts", "; ".join(concept.templates)),
        ("scores", ", ".join(f"{name} {score:.3g}" for name, score in concept.scores.items())),
        ("motion", f"{concept.skeleton}, {concept.fps:g} fps"),
    ]


def _describe_schedule(concept: "Concept") -> str:
    """How strongly a style acts; empty for a concept without a schedule."""
    if concept.schedule is None:
        return ""
    return ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in asdict(concept.schedule).items())


def _describe_tensors(shapes: Shapes) -> str:
    """The shapes of the tensors; the two matrices a layer of an adapter are only counted."""
    plain = {name: shape for name, shape in shapes.items() if not name.startswith("adapter.")}
    layers = (len(shapes) - len(plain)) // 2
    adapter = f", an adapter of {count_noun(layers, 'layer')}" if layers else ""
    return ", ".join(f"{name} {shape}" for name, shape in plain.items()) + adapter
