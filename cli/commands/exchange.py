"""`lead-invert export` and `import`: words to and from other programs' textual inversion files."""

import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.commands.library import Replace
from cli.console import Device, Json, UsageError, command, existing, say, table, warn
from cli.load_models import Base, Kind, concept_file, load_base


class Program(StrEnum):
    diffusers = "diffusers"


@command
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE_OR_TOKEN", help="A concept file, or a word in the library.")],
    to: Annotated[Program, typer.Option(help="Whose form: one tensor by its token, as diffusers loads it.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Default: ./<name>-<program>.safetensors")
    ] = None,
    as_json: Json = False,
) -> dict[str, Any]:
    """Write a word for another program.

    Only the token's vectors go along. They mean something to programs whose text tower is the one that the word was
    learned on: a word of a base with CLIP ViT-L/14 fits Stable Diffusion 1, one of the embedded base fits none.

    \b
    lead-invert export "<elderly>" --to diffusers
    lead-invert export elderly.safetensors --to diffusers -o learned_embeds.safetensors
    """
    from concepts import Concept
    from concepts.exchange import export_vectors

    path = concept_file(file)
    concept = Concept.load(path)
    target = output or Path(f"{concept.slug}-{to.value}.safetensors")
    if target.exists() and target.samefile(path):
        raise UsageError(f"--output {target} is the concept file itself; name another file.")
    left_behind = export_vectors(concept, target)
    vectors, d_token = concept.token_embedding.shape
    if not as_json:
        rows = [(target, concept.token, vectors, d_token, concept.base, concept.fingerprints["text"][:12])]
        table(rows, ("file", "token", "vectors", "numbers each", "base", "text tower"))
        if left_behind:
            say(f"left behind: {', '.join(left_behind)}")
        say(f"It fits a text tower with {d_token} numbers a token that is that of {concept.base}.")
    return {
        "file": str(target), "token": concept.token, "vectors": vectors, "d_token": d_token, "base": concept.base,
        "text": concept.fingerprints["text"], "left_behind": left_behind,
    }  # fmt: skip


@command
def import_word(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Another program's .safetensors file of one word.")],
    kind: Annotated[Kind, typer.Option(help="What the word stands for; the file does not say.")],
    token: Annotated[
        str | None, typer.Option(metavar='"<NAME>"', help="The word here (default: its name in the file).")
    ] = None,
    base: Base = None,
    replace: Replace = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write this file (default: into the library).")
    ] = None,
    device: Device = "auto",
    as_json: Json = False,
) -> dict[str, Any]:
    """Take over a word from another program's textual inversion file.

    The base has to have the text tower that the word was learned on. The file does not tell which that was: what can
    be checked is how many numbers a token has there.

    \b
    lead-invert import learned_embeds.safetensors --kind style --base clip-base.safetensors
    lead-invert import embeds.safetensors --token "<limp>" --kind style -o limp.safetensors
    """
    from concepts import Concept, check_token
    from concepts.exchange import import_vectors, require_token
    from concepts.library import Library

    word = import_vectors(existing(file, "a file to import"))
    name = check_token(token) if token else require_token(word, file)
    library = Library()
    if not output and not replace:
        library.refuse_taken(name)
    model = load_base(base, device)
    vectors, d_token = word.token_embedding.shape
    if d_token != model.text.d_token:
        raise UsageError(
            f"{file}: its vectors have {d_token} numbers, the tokens of the base {model.name!r} have "
            f"{model.text.d_token}: give --base with the text tower that the word was learned on."
        )
    concept = Concept(
        token=name, token_embedding=word.token_embedding, kind=kind.value, base=model.name,
        fingerprints=model.fingerprints, date=datetime.date.today().isoformat(),
    )  # fmt: skip
    target = concept.save(output) if output else library.add(concept, replace)
    warn(f"{file} says nothing of its text tower, clips and license: whether {name} fits is for you to see")
    if not as_json:
        table([(target, name, kind.value, vectors, model.name)], ("file", "token", "kind", "vectors", "base"))
        place = f" --concept {target}" if output else ""
        say(f'Try: lead-invert generate "{concept.probe_prompt}"{place}')
    return {
        "file": str(target), "token": name, "name_there": word.name, "kind": kind.value, "vectors": vectors,
        "d_token": d_token, "base": model.name,
    }  # fmt: skip
