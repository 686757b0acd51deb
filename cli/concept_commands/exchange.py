"""`lead-invert export` and `import`: concepts to and from other programs' textual inversion files."""

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.atomic_folder import check_writable
from cli.command import JsonObject, command
from cli.console import echo, print_table, warn
from cli.destination import Destination, refuse_existing
from cli.errors import UsageError
from cli.load_models import find_concept, load_base
from cli.options import Base, ConceptOutput, Device, FileOrToken, Json, Replace, require_path
from concepts.kinds import Kind

if TYPE_CHECKING:
    from concepts import Concept
    from concepts.exchange import ForeignEmbedding
    from lead import Lead

Program = Literal["diffusers"]
"""The programs whose files are written."""


@command
def export(
    file: FileOrToken,
    to: Annotated[Program, typer.Option(help="The other program. diffusers loads one tensor, named by the token.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="A file or a folder (default: ./<name>-<program>.safetensors)."
        ),
    ] = None,
    replace: Replace = False,
    as_json: Json = False,
) -> JsonObject:
    """Write a word for another program.

    Only the token embeddings are written. They mean something only to a program with the text tower that the word was
    learned on: a word of a base with CLIP ViT-L/14 fits Stable Diffusion 1, a word of the embedded base fits none.

    \b
    lead-invert export "<elderly>" --to diffusers
    lead-invert export elderly.safetensors --to diffusers -o learned_embeds.safetensors
    """
    from concepts import Concept
    from concepts.exchange import export_vectors

    path = find_concept(file)
    concept = Concept.load(path)
    name = f"{concept.slug}-{to}.safetensors"
    target = output / name if output and output.is_dir() else output or Path(name)
    if target.exists() and target.samefile(path):
        raise UsageError(f"--output {target} is the concept file itself; name another file.")
    refuse_existing(target, "--output", replace)
    check_writable(target.parent)
    left_behind = export_vectors(concept, target)
    vectors, d_token = concept.token_embedding.shape
    if not as_json:
        rows = [(target, concept.token, vectors, d_token, concept.base, concept.fingerprints["text"][:12])]
        print_table(rows, ("file", "token", "vectors", "numbers each", "base", "text tower"))
        if left_behind:
            echo(f"not exported: {', '.join(left_behind)}")
        echo(f"It only fits the text tower of {concept.base} ({d_token} numbers a token).")
    return {
        "file": str(target), "token": concept.token, "vectors": vectors, "d_token": d_token, "base": concept.base,
        "text": concept.fingerprints["text"], "left_behind": left_behind,
    }  # fmt: skip


@command
def import_word(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Another program's .safetensors file of one word.")],
    kind: Annotated[Kind, typer.Option(help="What the word means; the file does not state it.")],
    token: Annotated[
        str | None, typer.Option(metavar='"<NAME>"', help="The word's name here (default: its name in the file).")
    ] = None,
    base: Base = None,
    replace: Replace = False,
    output: ConceptOutput = None,
    device: Device = "auto",
    as_json: Json = False,
) -> JsonObject:
    """Take over a word from another program's textual inversion file.

    The base has to have the text tower that the word was learned on. The file does not name it; only the numbers in a
    token embedding can be checked.

    \b
    lead-invert import learned_embeds.safetensors --kind style --base clip-base.safetensors
    lead-invert import embeds.safetensors --token "<limp>" --kind style -o limp.safetensors
    """
    from concepts import check_token
    from concepts.exchange import import_vectors, require_token

    word = import_vectors(require_path(file, "a file to import"))
    name = check_token(token) if token else require_token(word, file)
    destination = Destination.choose(name, output, replace)
    destination.check_writable()
    model = load_base(base, device)
    concept = _to_concept(word, name, kind, model, file)
    target = destination.save(concept)
    warn(f"{file} does not state its text tower, clips and license. Check yourself whether {name} works with this base")
    vectors, d_token = word.token_embedding.shape
    if not as_json:
        print_table([(target, name, kind, vectors, model.name)], ("file", "token", "kind", "vectors", "base"))
        echo(destination.suggest_prompt(concept))
    return {
        "file": str(target), "token": name, "name_there": word.name, "kind": kind, "vectors": vectors,
        "d_token": d_token, "base": model.name,
    }  # fmt: skip


def _to_concept(word: "ForeignEmbedding", token: str, kind: Kind, model: "Lead", file: Path) -> "Concept":
    """A concept of this base with the vectors of another program; UsageError where their sizes differ."""
    from concepts import Concept

    d_token = word.token_embedding.shape[1]
    if d_token != model.text.d_token:
        raise UsageError(
            f"{file}: its vectors have {d_token} numbers, the tokens of the base {model.name!r} have "
            f"{model.text.d_token}: give --base with the text tower that the word was learned on."
        )
    return Concept(
        token=token, token_embedding=word.token_embedding, kind=kind, base=model.name,
        fingerprints=model.fingerprints, date=datetime.date.today().isoformat(),
    )  # fmt: skip
