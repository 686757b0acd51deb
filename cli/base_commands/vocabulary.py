"""`lead vocabulary`: what a base was trained on and how well it does it, into the base's file."""

from pathlib import Path
from typing import Annotated

import typer

from cli.atomic_folder import check_writable
from cli.command import JsonObject, command
from cli.console import print_table, spinner
from cli.options import DataSet, Device, Json, require_path, resolve_device

Suite = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="What `lead eval --prompts --json` printed: how well the base does each kind."),
]


@command
def vocabulary(
    data: DataSet,
    base: Annotated[Path, typer.Argument(metavar="BASE", help="The base model's file; its tensors do not change.")],
    suite: Suite = None,
    device: Device = "auto",
    as_json: Json = False,
) -> JsonObject:
    """Write into a base's file what it can do, by the captions of the data set that it was trained on.

    `lead-invert vocabulary` lists it, and `lead-invert generate` says when a prompt is outside of it.

    \b
    lead eval --prompts --base my-base.safetensors --json > suite.json
    lead vocabulary data/ my-base.safetensors --suite suite.json
    """
    from lead import Lead
    from lead.eval.vocabulary import build_vocabulary, put_vocabulary

    path = require_path(base, "BASE")
    check_writable(path.parent, "BASE")
    model = Lead.load(path, device=resolve_device(device))
    with spinner("reading captions"):
        found = build_vocabulary(model, require_path(data, "DATA"), suite and require_path(suite, "--suite"))
    put_vocabulary(path, found)
    measured = sum(kind.shown is not None for kind in found.kinds)
    if not as_json:
        row = (path, len(found.kinds), measured, len(found.terms))
        print_table([row], ("base", "kinds", "with figures", "terms"))
    return {"base": str(path), "kinds": len(found.kinds), "measured": measured, "terms": len(found.terms)}
