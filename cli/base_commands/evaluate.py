"""`lead eval`: the figures of a base model on a data set."""

from dataclasses import asdict
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Annotated

import typer

from cli.command import JsonObject, command
from cli.console import echo, print_table, progress_bar
from cli.errors import UsageError
from cli.options import DataSet, Device, Json, Seed, require_path, resolve_device
from lead.choices import Sampler

if TYPE_CHECKING:
    from lead.eval.evaluator import Evaluator
    from lead.eval.t2m_evaluator import T2MEvaluator


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
    split: Annotated[list[str], typer.Option(metavar="NAME", help="A split to judge on; repeat for more.")] = ["test"],  # noqa: B006 - never changed
    replications: Annotated[
        int, typer.Option(min=1, metavar="N", help="Replications for means and 95 % intervals.")
    ] = 20,
    texts: Annotated[int, typer.Option(min=1, metavar="N", help="MModality's texts, 30 motions each.")] = 100,
    published: Annotated[
        bool,
        typer.Option("--published", help="As published: MModality anew in each replication, features as decoded."),
    ] = False,
    sampler: Annotated[Sampler | None, typer.Option(help="The sampler (default: the base model's own).")] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Sampling steps (default: the base model's own).")
    ] = None,
    guidance: Annotated[
        float | None, typer.Option(metavar="G", help="Guidance (default: the base model's own).")
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> JsonObject:
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
    judge = _load_evaluator(require_path(data, "DATA"), split, evaluator, glove, meta, where)
    model = Lead.load(base and require_path(base, "--base"), device=where)
    protocol = Protocol(replications=replications, multimodal_texts=texts, seed=seed, published=published)
    splits = {}
    for name in split:
        with progress_bar(f"motions, split {name}") as progress:
            evaluation = evaluate_base(model, judge, data, name, protocol, steps, guidance, progress, sampler)
        splits[name] = {row: {key: asdict(figure) for key, figure in it.items()} for row, it in evaluation.items()}
        if not as_json:
            rows = [[cell.replace(" ±", "\n±") for cell in row] for row in to_table_rows(evaluation)]
            print_table(rows, ("", *COLUMNS.values()), title=f"{model.name} on {data}, split {name}")
    if not as_json:
        echo(fill(explain_protocol(protocol), 100))
    return {"base": model.name, "data": str(data), "protocol": asdict(protocol), "splits": splits}


def _load_evaluator(
    data: Path, splits: list[str], path: Path | None, glove: Path | None, meta: Path | None, device: str
) -> "Evaluator | T2MEvaluator":
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
