"""`lead-invert vocabulary`: the kinds of motion that a base was trained on, and how well it does them."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from cli.command import JsonObject, accept_device, command
from cli.console import echo, print_table
from cli.errors import UsageError
from cli.options import Base, Json, find_base

if TYPE_CHECKING:
    from lead.text.vocabulary import Kind


@command
@accept_device
def vocabulary(
    kind: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Only kinds with this text in their name, group or prompts; all prompts."),
    ] = None,
    base: Base = None,
    as_json: Json = False,
) -> JsonObject:
    """List what the base can do: kinds of motion, a prompt for each, and how often its motions show it.

    "Shown" is the share of generated motions in which a check found what the prompt says; a dash where there is no
    check. Kinds that are shown seldom are known badly: try another wording, or teach the base a word from clips.

    \b
    lead-invert vocabulary
    lead-invert vocabulary --kind walk
    """
    from lead.base_file import read_vocabulary

    found, name = read_vocabulary(find_base(base))
    if found is None:
        raise UsageError(f"the base {name} does not say what it can do; `lead vocabulary DATA BASE` writes it down.")
    kinds = found.find_kinds(kind) if kind else found.kinds
    if not kinds:
        raise UsageError(f"the base {name} has no kind with {kind!r} in it; leave --kind out to see all.")
    if not as_json:
        _print_kinds(kinds, all_prompts=kind is not None)
        echo(f"{len(kinds)} kinds of {name}. Shown: the share of motions in which a check finds it (-: no check).")
    return {"base": name, "kinds": [asdict(one) for one in kinds]}


def _print_kinds(kinds: "Sequence[Kind]", all_prompts: bool) -> None:
    """A table a family, the best first."""
    for family in dict.fromkeys(one.family for one in kinds):
        rows = sorted((k for k in kinds if k.family == family), key=lambda k: -1.0 if k.shown is None else -k.shown)
        cells = [
            (k.name, "-" if k.shown is None else f"{k.shown:.0%}", prompt)
            for k in rows
            for prompt in (k.examples if all_prompts else k.examples[:1])
        ]
        print_table(cells, ("kind", "shown", "prompt"), title=family)
