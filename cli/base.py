"""`lead`: make a data set, train a base model and its evaluator on it, and say how good a base is.

Each command is one call into the package `lead`; torch is imported inside the commands, so that `--help`
answers at once. Training shows its own progress on standard error and goes on where a killed run stopped.
"""

from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from textwrap import fill
from typing import Annotated, Any

import typer

from cli.base_commands.train import train
from cli.console import (
    Device,
    Json,
    Seed,
    UsageError,
    command,
    existing,
    print_json,
    progress,
    resolve_device,
    run_script,
    say,
    table,
    working,
)

OPTIONS: dict[str, Any] = {
    "no_args_is_help": True,
    "rich_markup_mode": None,
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
app = typer.Typer(**OPTIONS)
data_app = typer.Typer(**OPTIONS, help="Make and check data sets of captioned motion.")
app.add_typer(data_app, name="data")
app.command()(train)


class SamplerName(StrEnum):
    ddim = "ddim"
    dpm = "dpm++"


DataSet = Annotated[
    Path, typer.Argument(metavar="DATA", help="A data set: HumanML3D, KIT-ML, or one of `lead data prepare`.")
]


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
    from lead.data.prepare import prepare_data

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
    from lead.data.vary import vary_data

    del device  # nothing is computed on it; the option is there because every command has it
    existing(data, "DATA")
    with progress("varying clips") as report:
        counts = dict(vary_data(data, copies, seed, progress=report))
    if not as_json:
        table(list(counts.items()), ("split", "clips"), title=f"{data}")
    return {"data": str(data), "clips": counts}


@data_app.command()
@command
def check(data: DataSet, device: Device = "auto", as_json: Json = False) -> dict[str, Any]:
    """Say what a data set holds, which clips are left out and why, and what is missing.

    HumanML3D's and KIT-ML's folders are read as their authors lay them out. Fails where something is missing.

    \b
    lead data check HumanML3D/
    lead data check data/ --json
    """
    from lead.data.dataset import check_data

    del device  # nothing is computed on it; the option is there because every command has it
    with working(f"reading {data}"):
        kind, splits, missing = check_data(existing(data, "DATA"))
    if not as_json:
        rows = []
        for name, r in splits.items():
            left_out = ", ".join(f"{count} {reason}" for reason, count in r.left_out.items())
            rows.append((name, r.listed, r.clips, r.captions, f"{r.hours:.2f}", left_out))
        table(rows, ("split", "listed", "clips", "captions", "hours", "left out"), title=f"{data}: {kind}")
    report = {"data": str(data), "kind": kind, "splits": {k: asdict(r) for k, r in splits.items()}, "missing": missing}
    if missing and as_json:
        print_json(report)
        raise typer.Exit(1)
    if missing:
        raise UsageError(f"{data} is not complete.\n  " + "\n  ".join(missing))
    return report


@app.command()
@command
def assemble(
    data: DataSet,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder with all stages but the evaluator.")],
    output: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write: a name in .safetensors.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="The base's name, as concepts will state it.")],
    license: Annotated[
        str,
        typer.Option("--license", metavar="TEXT", help="The weights' license, as the training data ask for."),
    ] = "",
    compact: Annotated[bool, typer.Option("--compact", help="Store 8- and 16-bit numbers: a third as large.")] = False,
    sampler: Annotated[
        SamplerName | None, typer.Option(help="How the base samples (default: the denoiser's own).")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Sampling steps (default: the denoiser's own).")
    ] = None,
    guidance: Annotated[float | None, typer.Option(metavar="G", help="Guidance (default: the denoiser's own).")] = None,
    device: Device = "auto",
    as_json: Json = False,
) -> dict[str, Any]:
    """Put the trained stages together as one base model file, for --base.

    \b
    lead assemble data/ run/ my-base.safetensors --name my-base
    lead assemble data/ run/ my-base.safetensors --name my-base --license "CC BY-NC-SA 4.0" --compact
    """
    from lead.train.assemble import assemble as assemble_base

    del device  # nothing is computed on it; the option is there because every command has it
    assembled = assemble_base(
        existing(data, "DATA"), existing(run, "RUN"), name, license,
        sampler=sampler.value if sampler else None, steps=steps, guidance=guidance,
    )  # fmt: skip
    path = assembled.save(output, compact=compact)
    size = path.stat().st_size
    if not as_json:
        table([(path, name, f"{size / 2**20:.1f}")], ("file", "name", "MB"))
    return {"file": str(path), "name": name, "bytes": size}


@app.command()
@command
def import_mld(
    checkpoint: Annotated[Path, typer.Argument(metavar="CKPT", help="A checkpoint of MLD's trainer.")],
    output: Annotated[Path, typer.Argument(metavar="RUN", help="The run's folder to write the parts to.")],
    text: Annotated[
        str | None,
        typer.Option(
            metavar="CLIP",
            help="CLIP ViT-L/14's weights: a file, a folder or open_clip's name for them "
            "(default: the checkpoint's own or, where it has none, openai).",
        ),
    ] = None,
    heads: Annotated[int, typer.Option(min=1, metavar="N", help="Attention heads, which no tensor tells.")] = 4,
    beta_start: Annotated[float, typer.Option(metavar="X", help="The noise schedule's first beta.")] = 0.00085,
    beta_end: Annotated[float, typer.Option(metavar="X", help="Its last beta.")] = 0.012,
    device: Device = "auto",
    as_json: Json = False,
) -> dict[str, Any]:
    """Take over a model of MLD's trainer (Motion Latent Diffusion): only the projector is left to train.

    DATA of the commands that follow is the data set that it was trained on, with that set's Mean.npy and Std.npy.

    \b
    lead import-mld mld_humanml3d.ckpt run/
    lead import-mld mld_humanml3d.ckpt run/ --text clip-vit-large-patch14/
    lead train projector HumanML3D/ --output run/
    lead assemble HumanML3D/ run/ my-base.safetensors --name my-base
    """
    from lead.networks.mld import MLD_DIFFUSION
    from lead.train.import_mld import import_mld as import_checkpoint

    del device  # nothing is computed on it; the option is there because every command has it
    diffusion = replace(MLD_DIFFUSION, beta_start=beta_start, beta_end=beta_end)
    counts = import_checkpoint(existing(checkpoint, "CKPT"), output, text, heads, diffusion)
    if not as_json:
        rows = [(part, output / f"{part}.safetensors", f"{count:,}") for part, count in counts.items()]
        table(rows, ("part", "file", "parameters"))
    return {"run": str(output), "parameters": counts}


@app.command("eval")
@command
def evaluate(
    data: DataSet,
    base: Annotated[
        Path | None, typer.Option(metavar="PATH", help="The base model to judge (default: the embedded one).")
    ] = None,
    evaluator: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The evaluator (default: the embedded one); or the published finest.tar."),
    ] = None,
    glove: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Word vectors of the published evaluator: our_vab_*.")
    ] = None,
    meta: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Its mean.npy, std.npy (default: Comp_v6_*/meta beside it).")
    ] = None,
    split: Annotated[
        list[str], typer.Option(metavar="NAME", help="A split to judge on; may be given several times.")
    ] = ["test"],  # noqa: B006 - never changed
    replications: Annotated[int, typer.Option(min=1, metavar="N", help="For means and 95 % intervals.")] = 20,
    texts: Annotated[int, typer.Option(min=1, metavar="N", help="MModality's texts, 30 motions each.")] = 100,
    published: Annotated[
        bool,
        typer.Option("--published", help="As published: MModality anew in each replication, features as decoded."),
    ] = False,
    sampler: Annotated[SamplerName | None, typer.Option(help="The sampler (default: the base model's own).")] = None,
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
    lead eval data/ --split test --split compositional
    lead eval HumanML3D/ --base mld.safetensors --evaluator t2m/text_mot_match/model/finest.tar --glove glove/
    """
    from lead import Lead
    from lead.eval.protocol import COLUMNS, Protocol, explain_protocol, to_table_rows
    from lead.eval.protocol import evaluate as evaluate_base

    where = resolve_device(device)
    judge = _evaluator(existing(data, "DATA"), split, evaluator, glove, meta, where)
    model = Lead.load(base and existing(base, "--base"), device=where)
    protocol = Protocol(replications=replications, multimodal_texts=texts, seed=seed, published=published)
    chosen: Any = sampler.value if sampler else None
    splits = {}
    for name in split:
        with progress(f"motions, split {name}") as report:
            evaluation = evaluate_base(model, judge, data, name, protocol, steps, guidance, report, chosen)
        splits[name] = {row: {key: asdict(figure) for key, figure in it.items()} for row, it in evaluation.items()}
        if not as_json:
            rows = [[cell.replace(" ±", "\n±") for cell in row] for row in to_table_rows(evaluation)]
            table(rows, ("", *COLUMNS.values()), title=f"{model.name} on {data}, split {name}")
    if not as_json:
        say(fill(explain_protocol(protocol), 100))
    return {"base": model.name, "data": str(data), "protocol": asdict(protocol), "splits": splits}


def _evaluator(
    data: Path, splits: list[str], path: Path | None, glove: Path | None, meta: Path | None, device: str
) -> Any:
    """Our own evaluator, or with `--glove` the published one."""
    if glove is not None:
        from lead.eval.t2m_evaluator import T2MEvaluator, read_tokens

        if path is None:
            raise UsageError("--glove belongs to the published evaluator: name its file, --evaluator finest.tar.")
        return T2MEvaluator.load(path, glove, read_tokens(data, splits), meta, device)
    if meta is not None or (path and path.suffix == ".tar"):
        raise UsageError("The published evaluator needs the folder of its word vectors: add --glove FOLDER.")
    from lead.eval.evaluator import Evaluator

    return Evaluator.load(path, device)


def main() -> None:
    """The console script `lead`."""
    run_script(app)


if __name__ == "__main__":
    main()
