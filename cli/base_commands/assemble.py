"""`lead assemble`: the trained stages together, as one base model file."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from cli.base_commands.vocabulary import Suite
from cli.command import JsonObject, accept_device, command
from cli.console import print_table, spinner, warn
from cli.destination import check_base_file
from cli.options import DataSet, Json, Replace, require_path
from lead.choices import Sampler


@command
@accept_device
def assemble(
    data: DataSet,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder with all stages but the evaluator.")],
    output: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write, ending in .safetensors.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="The base's name, which concepts will store.")],
    license: Annotated[
        str,
        typer.Option("--license", metavar="TEXT", help="The weights' license, as the training data require."),
    ] = "",
    compact: Annotated[
        bool, typer.Option("--compact", help="Store 8- and 16-bit numbers: a third of the size.")
    ] = False,
    sampler: Annotated[Sampler | None, typer.Option(help="How the base samples (default: the denoiser's own).")] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Sampling steps (default: the denoiser's own).")
    ] = None,
    guidance: Annotated[float | None, typer.Option(metavar="G", help="Guidance (default: the denoiser's own).")] = None,
    suite: Suite = None,
    replace: Replace = False,
    as_json: Json = False,
) -> JsonObject:
    """Join the trained stages into one base model file for --base, with what it can do, as `lead vocabulary` finds it.

    \b
    lead assemble data/ run/ my-base.safetensors --name my-base
    lead assemble data/ run/ my-base.safetensors --name my-base --license "CC BY-NC-SA 4.0" --compact
    """
    check_base_file(output, "FILE", replace)
    from lead.eval.vocabulary import NoCaptionsError, build_vocabulary
    from lead.train.assemble import assemble as assemble_base

    assembled = assemble_base(
        require_path(data, "DATA"), require_path(run, "RUN"), name, license,
        sampler=sampler, steps=steps, guidance=guidance,
    )  # fmt: skip
    with spinner("reading captions"), suppress(NoCaptionsError):  # such a base has no vocabulary
        assembled.vocabulary = build_vocabulary(assembled, data, suite and require_path(suite, "--suite"))
    _compare_licenses(run, license)
    path = assembled.save(output, compact=compact)
    size = path.stat().st_size
    if not as_json:
        print_table([(path, name, f"{size / 2**20:.1f}")], ("file", "name", "MB"))
    return {"file": str(path), "name": name, "bytes": size}


def _compare_licenses(run: Path, license: str) -> None:
    """Warns where the run went on from a base whose license is another one."""
    from lead.train.warm_start import load_start

    start = load_start(run)
    if start and start.license and start.license != license:
        stated = f"is {license}" if license else "is not stated (--license)"
        warn(f"{run} went on from {start.name}, which is {start.license}, and the new base's license {stated}")
