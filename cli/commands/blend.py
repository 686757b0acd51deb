"""`lead-invert blend` and `negate`: new words from learned ones."""

import datetime
from collections.abc import Sequence
from dataclasses import replace as replaced
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.commands.library import Replace, to_token
from cli.console import Device, Json, Seed, UsageError, command, counted, say, table, working
from cli.load_models import AllowBaseMismatch, Base, check_base, concept_file, load_base, load_concept

if TYPE_CHECKING:
    from concepts import Concept
    from lead import Lead, Motion

PREVIEW_FRAMES = 60
NewToken = Annotated[
    str | None, typer.Option("--token", metavar='"<NAME>"', help="The new word (default: made of the old).")
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write this file (default: into the library).")
]


@command
def blend(
    first: Annotated[Path, typer.Argument(metavar="A", help="A concept file, or a word in the library.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another: both are manners, or both actions.")],
    weight: Annotated[float, typer.Option(min=0.0, max=1.0, metavar="W", help="How much of B: 0 is A, 1 is B.")] = 0.5,
    token: NewToken = None,
    sweep: Annotated[
        int | None,
        typer.Option(min=2, max=11, metavar="N", help="Also draw N blends from A to B: a sheet and a page in --views."),
    ] = None,
    prompt: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The sweep's prompt, with {} for the word (default: its own).")
    ] = None,
    seconds: Annotated[float, typer.Option(metavar="S", help="Length of the sweep's motions.")] = 4.0,
    views: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the sweep's sheet and page.")] = Path("out"),
    base: Base = None,
    allow_base_mismatch: AllowBaseMismatch = False,
    seed: Seed = 0,
    output: Output = None,
    replace: Replace = False,
    device: Device = "auto",
    as_json: Json = False,
) -> dict[str, Any]:
    """Blend two learned words into a new one.

    Both were learned on one base, and both are manners (styles, personas) or both actions; an action and a manner go
    together in one prompt instead. A sweep shows the way from A to B, from equal noise.

    \b
    lead-invert blend "<elderly>" "<proud>" --weight .3
    lead-invert blend elderly.safetensors proud.safetensors --sweep 5 --prompt "a person waves in {} style"
    lead-invert blend "<elderly>" "<proud>" --token "<grandee>" -o grandee.safetensors
    """
    from concepts.blending import blend as blend_words
    from concepts.blending import blend_token

    a, b = load_concept(first), load_concept(second)
    name = _new_token(token or blend_token(a, b), output, replace)
    model = load_base(base, device)
    a, b = (
        check_base(word, concept_file(path), model, allow_base_mismatch) for word, path in ((a, first), (b, second))
    )
    new, drawn = blend_words(a, b, weight, name), list[Path]()
    if sweep:
        template, steps = _template(prompt, new), [step / (sweep - 1) for step in range(sweep)]
        with working(f"blending {a.token} and {b.token}, {counted(sweep, 'step')}"):
            motions = [_made(model, blend_words(a, b, step, name), template, seconds, seed) for step in steps]
        titles = [f"{1 - step:.0%} {a.token}, {step:.0%} {b.token}" for step in steps]
        drawn = _draw(motions, titles, views, f"{new.slug}-sweep")
    kept = _kept(model, new, output, replace, as_json, seed)
    return kept | {"weight": weight, "views": [str(path) for path in drawn]}


@command
def negate(
    word: Annotated[Path, typer.Argument(metavar="A", help="A concept file, or a word in the library.")],
    token: NewToken = None,
    base: Base = None,
    allow_base_mismatch: AllowBaseMismatch = False,
    seed: Seed = 0,
    output: Output = None,
    replace: Replace = False,
    device: Device = "auto",
    as_json: Json = False,
) -> dict[str, Any]:
    """Turn a learned manner into its opposite.

    What the manner adds to a motion is taken from it instead: who stooped stands upright.

    \b
    lead-invert negate "<elderly>"
    lead-invert negate elderly.safetensors --token "<sprightly>" -o sprightly.safetensors
    """
    from concepts.blending import negate as negate_word
    from concepts.blending import negate_token

    old = load_concept(word)
    name = _new_token(token or negate_token(old), output, replace)
    model = load_base(base, device)
    old = check_base(old, concept_file(word), model, allow_base_mismatch)
    return _kept(model, negate_word(old, name), output, replace, as_json, seed)


def _new_token(token: str, output: Path | None, replace: bool) -> str:
    """The new word's token; refused before the work where the library has it already."""
    from concepts.library import Library

    token = to_token(token)
    if output is None and not replace:
        Library().refuse_taken(token)
    if output is not None and output.suffix != ".safetensors":
        raise UsageError(f"--output {output}: expected a file name that ends in .safetensors.")
    return token


def _template(prompt: str | None, concept: "Concept") -> str:
    template = prompt or concept.probe_prompt.replace(concept.token, "{}")
    if template.count("{}") != 1:
        raise UsageError(f'--prompt {template!r}: expected one {{}} for the word, as "a person waves in {{}} style".')
    return template


def _made(model: "Lead", concept: "Concept", template: str, seconds: float, seed: int) -> "Motion":
    """One motion, alone, so that each starts from the same noise."""
    return model.generate(
        [template.replace("{}", concept.token)], seconds=seconds, words=concept.words, seed=seed
    )[0]


def _draw(motions: "Sequence[Motion]", titles: Sequence[str], folder: Path, name: str) -> list[Path]:
    from cli.atomic_folder import atomic_folder
    from cli.write_outputs import write_view

    with atomic_folder(folder) as place:
        drawn = [write_view(motions, titles, place / name, form) for form in ("png", "html")]
    return [folder / path.name for path in drawn]


def _kept(
    model: "Lead", concept: "Concept", output: Path | None, replace: bool, as_json: bool, seed: int
) -> dict[str, Any]:
    """The word with its probe and a motion made with it, in the library or in a file; told."""
    from concepts.library import Library
    from concepts.thumbnail import png_to_thumbnail
    from lead.motion.render.sheets import thumbnail

    cond = model.encode_text([concept.probe_prompt], words=concept.words)[0].cpu().numpy()
    shown = _made(model, concept, concept.probe_prompt.replace(concept.token, "{}"), 4.0, seed)
    shown = replaced(shown, joints=shown.joints[:PREVIEW_FRAMES])
    concept = replaced(
        concept,
        tensors={**concept.tensors, "probe.cond": cond, "preview.joints": shown.joints},
        thumbnail=png_to_thumbnail(thumbnail(shown)),
        date=datetime.date.today().isoformat(),
    )
    path = concept.save(output) if output else Library().add(concept, replace)
    if not as_json:
        size = f"{path.stat().st_size / 1024:.0f}"
        table([(path, concept.token, concept.kind, size)], ("file", "token", "kind", "KB"))
        place = f" --concept {path}" if output else ""
        say(f'Try: lead-invert generate "{concept.probe_prompt}"{place}')
    return {"file": str(path), "token": concept.token, "kind": concept.kind, "bytes": path.stat().st_size}
