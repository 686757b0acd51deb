"""`lead eval`: the figures of a base model on a data set, or on plain prompts."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.command import JsonObject, command
from cli.console import echo_paragraph, print_table, progress_bar
from cli.errors import UsageError
from cli.options import Base, Device, Json, Seed, find_base, require_path, resolve_device
from lead.choices import Sampler

if TYPE_CHECKING:
    from lead.eval.evaluator import Evaluator
    from lead.eval.prompt_suite import Score, SuiteResult
    from lead.eval.t2m_evaluator import T2MEvaluator


@command
def evaluate(
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DATA]",
            help="A data set: HumanML3D, KIT-ML, or one made by `lead data prepare`; not with --prompts.",
        ),
    ] = None,
    base: Base = None,
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
    prompts: Annotated[
        bool,
        typer.Option("--prompts", help="Judge by what people type: plain prompts, each with a check on the motion."),
    ] = False,
    samples: Annotated[int, typer.Option(min=1, metavar="N", help="With --prompts: motions a prompt and length.")] = 12,
    rows: Annotated[bool, typer.Option("--rows", help="With --prompts: also a row a prompt.")] = False,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> JsonObject:
    """Judge a base model: FID, R-precision, MM-Dist, Diversity, MModality, foot skate and jitter.

    Four rows: real motion, the autoencoder's reconstruction, generation without the projector (MLD) and with
    it (LEAD); each figure is a mean over replications with its 95 % interval. Of a split of fewer than 32 clips
    R-precision is left out. With --prompts: how often motions of plain prompts show what the prompts say; no data set.

    \b
    lead eval data/
    lead eval data/ --base my-base.safetensors --evaluator run/evaluator.safetensors --replications 5
    lead eval data/ --split test --split compositional
    lead eval --prompts --base my-base.safetensors
    lead eval HumanML3D/ --base mld.safetensors --evaluator t2m/text_mot_match/model/finest.tar --glove glove/
    """
    from lead import Lead
    from lead.eval.protocol import COLUMNS, Protocol, explain_protocol, is_small, to_table_rows
    from lead.eval.protocol import evaluate as evaluate_base

    where = resolve_device(device)
    if prompts:
        if data is not None:
            raise UsageError("--prompts needs no data set: leave DATA out, or leave --prompts out.")
        return _judge_by_prompts(base, samples, rows, seed, where, as_json)
    if data is None:
        raise UsageError("Name a data set, `lead eval DATA`, or judge by plain prompts: `lead eval --prompts`.")
    judge = _load_evaluator(require_path(data, "DATA"), split, evaluator, glove, meta, where)
    model = Lead.load(find_base(base), device=where)
    protocol = Protocol(replications=replications, multimodal_texts=texts, seed=seed, published=published)
    splits, small = {}, False
    for name in split:
        with progress_bar(f"motions, split {name}") as progress:
            evaluation = evaluate_base(model, judge, data, name, protocol, steps, guidance, progress, sampler)
        small = small or is_small(evaluation)
        splits[name] = {row: {key: asdict(figure) for key, figure in it.items()} for row, it in evaluation.items()}
        if not as_json:
            cells = [[cell.replace(" ±", "\n±") for cell in row] for row in to_table_rows(evaluation)]
            print_table(cells, ("", *COLUMNS.values()), title=f"{model.name} on {data}, split {name}")
    if not as_json:
        echo_paragraph(explain_protocol(protocol, small))
    return {"base": model.name, "data": str(data), "protocol": asdict(protocol), "splits": splits}


def _judge_by_prompts(base: str | None, samples: int, rows: bool, seed: int, device: str, as_json: bool) -> JsonObject:
    """The suite of plain prompts."""
    from lead import Lead
    from lead.eval.prompt_suite import run_suite

    model = Lead.load(find_base(base), device=device)
    with progress_bar("motions of prompts") as progress:
        result = run_suite(model, samples=samples, seed=seed, progress=progress)
    if not as_json:
        _print_suite(result, rows)
    summary = asdict(result)
    for row, prompt in zip(summary["prompts"], result.prompts, strict=True):
        row["share"] = prompt.share
    return summary


def _print_suite(result: "SuiteResult", rows: bool) -> None:
    """Scores by family, length and wording, then those of all prompts."""
    from lead.eval.prompt_suite import MOSTLY

    columns = ("prompts", "shown", f"of prompts {MOSTLY:.0%} or more")
    scores = dict(result.families)
    print_table([_to_cells(name, score) for name, score in scores.items()], ("what", *columns), title=result.base)
    scores = {f"{seconds:g} s": score for seconds, score in result.lengths.items()}
    scores |= {"plain sentences": result.plain, "paraphrases": result.paraphrases, "all": result.all}
    print_table([_to_cells(name, score) for name, score in scores.items()], ("of", *columns))
    if rows:
        cells = [
            (
                prompt.prompt,
                f"{prompt.share:.2f}",
                "  ".join(f"{s:g} s {share:.2f}" for s, share in prompt.shares.items()),
            )
            for prompt in result.prompts
        ]
        print_table(cells, ("prompt", "shown", "by length"))
    text = (
        f"Shown: the share of motions ({result.samples} a prompt and length) in which a check finds what the prompt "
        "says, the mean over prompts."
    )
    echo_paragraph(text)


def _to_cells(name: str, score: "Score") -> tuple[str, ...]:
    return name, str(score.prompts), f"{score.mean:.2f}", f"{score.mostly:.0%}"


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
