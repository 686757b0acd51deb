"""`lead finetune`: the base goes on training on a user's own captioned clips."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.command import JsonObject, command
from cli.console import echo, print_table, progress_bar
from cli.errors import UsageError
from cli.options import DataSet, Device, Json, Seed, require_path, resolve_device

if TYPE_CHECKING:
    from lead import Lead
    from lead.eval.prompt_suite import SuiteResult


@command
def finetune(
    data: DataSet,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The base file to write, ending in .safetensors.")
    ] = Path("finetuned.safetensors"),
    base: Annotated[
        str, typer.Option("--base", metavar="BASE", help="The base to go on from: a file, or `embedded`.")
    ] = "embedded",
    name: Annotated[str, typer.Option(metavar="NAME", help="The new base's name.")] = "finetuned",
    steps: Annotated[int, typer.Option(min=1, metavar="N", help="Training steps of the denoiser.")] = 600,
    samples: Annotated[
        int, typer.Option(min=0, metavar="N", help="Motions a prompt of the suite, before and after; 0 leaves it out.")
    ] = 2,
    compact: Annotated[
        bool, typer.Option("--compact", help="Store 8- and 16-bit numbers: a third of the size.")
    ] = False,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> JsonObject:
    """Teach a base your own captioned clips, and see what it gained and lost.

    DATA is made by `lead data prepare`. The base's own samples for prompts that it knows are trained beside the clips,
    so that it forgets little. The run's folder is beside the file (FILE.run/): a run that was stopped goes on from
    there.

    \b
    lead data prepare clips/ data/
    lead finetune data/ --output my-base.safetensors
    lead-invert generate "a person does a cartwheel" --base my-base.safetensors
    """
    from lead import Lead
    from lead.eval.prompt_suite import read_kinds
    from lead.train.finetune import FINETUNE_DENOISER, FINETUNE_PROJECTOR
    from lead.train.finetune import finetune as train

    if output.suffix != ".safetensors":
        raise UsageError(f"{output}: expected a name that ends in .safetensors.")
    where = resolve_device(device)
    start = None if base == "embedded" else require_path(Path(base), "--base")
    run = output.with_name(output.name + ".run")
    prompts = [prompt for kind in read_kinds() for prompt in kind.prompts]
    denoiser = replace(FINETUNE_DENOISER, steps=steps, seed=seed)
    projector = replace(FINETUNE_PROJECTOR, steps=max(steps // 2, 1), seed=seed)
    old = Lead.load(start, where)
    before = _judge(old, samples, seed, "the suite, before") if samples else None
    with progress_bar("samples of what the base knows") as report:
        made = train(
            require_path(data, "DATA"), run, start, prompts * 3, name,
            denoiser=denoiser, projector=projector, device=where, progress=report,
        )  # fmt: skip
    path = made.base.save(output, compact=compact)
    after = _judge(Lead.load(path, where), samples, seed, "the suite, after") if samples else None
    if not as_json:
        _show(path, made.clips, made.joint_error_cm, before, after)
    result: JsonObject = {"file": str(path), "clips": made.clips, "joint_error_cm": round(made.joint_error_cm, 2)}
    if before and after:
        result["suite"] = {"before": before.all.mean, "after": after.all.mean, "changed": _list_changes(before, after)}
    return result


def _judge(base: "Lead", samples: int, seed: int, what: str) -> "SuiteResult":
    from lead.eval.prompt_suite import run_suite

    with progress_bar(what) as report:
        return run_suite(base, samples=samples, seconds=(4.0,), seed=seed, progress=report)


def _list_changes(before: "SuiteResult", after: "SuiteResult") -> dict[str, float]:
    """Kinds whose share changed by a quarter or more."""
    changes = {kind: after.kinds[kind].mean - score.mean for kind, score in before.kinds.items()}
    return {kind: round(change, 2) for kind, change in changes.items() if abs(change) >= 0.25}


def _show(path: Path, clips: int, error: float, before: "SuiteResult | None", after: "SuiteResult | None") -> None:
    rows: list[tuple[object, ...]] = [("file", path), ("clips", clips)]
    rows.append(("the autoencoder's error on them", f"{error:.1f} cm"))
    if before and after:
        rows.append(("plain prompts done, before and after", f"{before.all.mean:.2f}, {after.all.mean:.2f}"))
        rows += [(kind, f"{change:+.2f}") for kind, change in sorted(_list_changes(before, after).items())]
    print_table(rows, ("", ""), title="fine-tuned")
    if error > 6:
        echo("the autoencoder knows these movements badly; train it too: lead train all DATA --from BASE")
