"""`lead-invert blend` and `negate`: new concepts from learned ones."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.atomic_folder import atomic_folder, check_writable, name_anew
from cli.command import JsonObject, OptionGroup, command
from cli.console import count_noun, echo, print_table, spinner
from cli.destination import Destination
from cli.jobs.derive_concept import add_preview, generate_one, to_template
from cli.load_models import check_base, check_seconds, find_concept, load_base, load_concept, to_token
from cli.options import BaseOptions, ConceptOutput, Device, Json, Replace, Seed
from cli.write_outputs import write_view

if TYPE_CHECKING:
    from concepts import Concept
    from lead import Lead

NewToken = Annotated[
    str | None, typer.Option("--token", metavar='"<NAME>"', help="The new word (default: made from the old names).")
]


@dataclass(frozen=True)
class SweepOptions(OptionGroup):
    """Motions on the way from one concept to the other, in a sheet and a page."""

    sweep: Annotated[
        int | None,
        typer.Option(
            min=2, max=11, metavar="N", help="Also draw N blends from A to B, as a sheet and a page in --views."
        ),
    ] = None
    prompt: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help="The sweep's prompt, with {} for the word (default: the word's usual prompt)."
        ),
    ] = None
    seconds: Annotated[float, typer.Option(metavar="S", help="Length of the sweep's motions.")] = 4.0
    views: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the sweep's sheet and page.")] = Path("out")


@command
def blend(
    first: Annotated[Path, typer.Argument(metavar="A", help="A concept file, or a word in the library.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="The other word: both styles, or both actions.")],
    weight: Annotated[
        float, typer.Option(min=0.0, max=1.0, metavar="W", help="Share of B: 0 gives A, 1 gives B.")
    ] = 0.5,
    token: NewToken = None,
    sweep: SweepOptions = SweepOptions(),
    base: BaseOptions = BaseOptions(),
    seed: Seed = 0,
    output: ConceptOutput = None,
    replace: Replace = False,
    device: Device = "auto",
    as_json: Json = False,
) -> JsonObject:
    """Blend two learned words into a new one.

    Both were learned on one base. Both are styles (or personas), or both are actions; to have an action in a style,
    name the two in one prompt instead. A sweep shows the way from A to B; all its motions start from equal noise.

    \b
    lead-invert blend "<elderly>" "<proud>" --weight .3
    lead-invert blend elderly.safetensors proud.safetensors --sweep 5 --prompt "a person waves in {} style"
    lead-invert blend "<elderly>" "<proud>" --token "<grandee>" -o grandee.safetensors
    """
    from concepts.blending import blend as blend_concepts
    from concepts.blending import blend_token

    a, b = load_concept(first), load_concept(second)
    destination = Destination.choose(to_token(token or blend_token(a, b)), output, replace)
    destination.check_writable()
    if sweep.sweep:
        check_writable(sweep.views, "--views")
    model = load_base(base.base, device)
    if sweep.sweep:
        check_seconds(model, sweep.seconds)
    a, b = (
        check_base(concept, find_concept(place), model, base.allow_base_mismatch)
        for concept, place in ((a, first), (b, second))
    )
    new = blend_concepts(a, b, weight, destination.token)
    views = _draw_sweep(model, a, b, new, sweep, seed) if sweep.sweep else []
    saved = _save(model, new, destination, as_json, seed)
    if views and not as_json:
        echo(f"The blends side by side: {', '.join(map(str, views))}")
    return saved | {"weight": weight, "views": [str(path) for path in views]}


@command
def negate(
    concept: Annotated[Path, typer.Argument(metavar="A", help="A concept file, or a word in the library.")],
    token: NewToken = None,
    base: BaseOptions = BaseOptions(),
    seed: Seed = 0,
    output: ConceptOutput = None,
    replace: Replace = False,
    device: Device = "auto",
    as_json: Json = False,
) -> JsonObject:
    """Turn a learned style into its opposite.

    What the style adds to a motion is subtracted instead: a person who stooped stands upright.

    \b
    lead-invert negate "<elderly>"
    lead-invert negate elderly.safetensors --token "<sprightly>" -o sprightly.safetensors
    """
    from concepts.blending import negate as negate_concept
    from concepts.blending import negate_token

    old = load_concept(concept)
    destination = Destination.choose(to_token(token or negate_token(old)), output, replace)
    destination.check_writable()
    model = load_base(base.base, device)
    old = check_base(old, find_concept(concept), model, base.allow_base_mismatch)
    return _save(model, negate_concept(old, destination.token), destination, as_json, seed)


def _draw_sweep(
    model: "Lead", a: "Concept", b: "Concept", new: "Concept", options: SweepOptions, seed: int
) -> list[Path]:
    """A sheet and a page of motions with blends from A to B, each named as the new concept is."""
    from concepts.blending import blend as blend_concepts

    assert options.sweep, "a sweep of no blends"
    template = to_template(options.prompt, new)
    weights = [step / (options.sweep - 1) for step in range(options.sweep)]
    with spinner(f"blending {a.token} and {b.token}, {count_noun(options.sweep, 'step')}"):
        motions = [
            generate_one(model, blend_concepts(a, b, weight, new.token), template, options.seconds, seed)
            for weight in weights
        ]
    titles = [f"{1 - weight:.0%} {a.token}, {weight:.0%} {b.token}" for weight in weights]
    with atomic_folder(options.views) as folder:
        paths = [write_view(motions, titles, folder / f"{new.slug}-sweep", form) for form in ("png", "html")]
        names = name_anew(folder, options.views)
    return [options.views / names[path.name] for path in paths]


def _save(model: "Lead", concept: "Concept", destination: Destination, as_json: bool, seed: int) -> JsonObject:
    """Save a new concept with its probe and a preview; print where it is."""
    concept = add_preview(model, concept, seed)
    path = destination.save(concept)
    size = path.stat().st_size
    if not as_json:
        print_table([(path, concept.token, concept.kind, f"{size / 1024:.0f}")], ("file", "token", "kind", "KB"))
        echo(destination.suggest_prompt(concept))
    return {"file": str(path), "token": concept.token, "kind": concept.kind, "bytes": size}
