"""`lead import-mld`: the parts of a model of MLD's trainer."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from cli.atomic_folder import check_writable
from cli.command import JsonObject, accept_device, command
from cli.console import print_table
from cli.options import Json, require_path


@command
@accept_device
def import_mld(
    checkpoint: Annotated[Path, typer.Argument(metavar="CKPT", help="A checkpoint of MLD's trainer.")],
    output: Annotated[Path, typer.Argument(metavar="RUN", help="The run folder for the parts.")],
    text: Annotated[
        str | None,
        typer.Option(
            metavar="CLIP",
            help="CLIP ViT-L/14's weights: a file, a folder or open_clip's name for them "
            "(default: the checkpoint's own or, where it has none, openai).",
        ),
    ] = None,
    heads: Annotated[
        int, typer.Option(min=1, metavar="N", help="Attention heads; the checkpoint does not state them.")
    ] = 4,
    beta_start: Annotated[float, typer.Option(metavar="X", help="The noise schedule's first beta.")] = 0.00085,
    beta_end: Annotated[float, typer.Option(metavar="X", help="Its last beta.")] = 0.012,
    as_json: Json = False,
) -> JsonObject:
    """Import a model of MLD's trainer (Motion Latent Diffusion). Only the projector remains to be trained.

    DATA of the commands that follow is the data set that it was trained on, with that set's Mean.npy and Std.npy.

    \b
    lead import-mld mld_humanml3d.ckpt run/
    lead import-mld mld_humanml3d.ckpt run/ --text clip-vit-large-patch14/
    lead train projector HumanML3D/ --output run/
    lead assemble HumanML3D/ run/ my-base.safetensors --name my-base
    """
    from lead.networks.mld import MLD_DIFFUSION
    from lead.train.import_mld import import_mld as import_checkpoint

    diffusion = replace(MLD_DIFFUSION, beta_start=beta_start, beta_end=beta_end)
    check_writable(output, "RUN")
    counts = import_checkpoint(require_path(checkpoint, "CKPT"), output, text, heads, diffusion)
    if not as_json:
        rows = [(part, output / f"{part}.safetensors", f"{count:,}") for part, count in counts.items()]
        print_table(rows, ("part", "file", "parameters"))
    return {"run": str(output), "parameters": counts}
