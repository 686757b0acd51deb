"""`lead finetune`: the base goes on training on a user's own captioned clips, and is judged before and after."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.command import JsonObject, command
from cli.console import count_noun, echo, hint, print_table, progress_bar
from cli.destination import check_base_file
from cli.errors import UsageError
from cli.options import Base, DataSet, Device, Json, Replace, Seed, find_base, require_path, resolve_device
from cli.start import terminate_by_interrupt

if TYPE_CHECKING:
    from lead import Lead
    from lead.eval.prompt_suite import SuiteResult
    from lead.finetune.inputs import Inputs
    from lead.finetune.replay import Replay
    from lead.finetune.report import Similarity

BADLY = 6.0
"""From this error of the autoencoder on, in cm, its movements are new to the base, and training it is worth a hint."""


@command
def finetune(
    data: DataSet,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The base file to write, ending in .safetensors.")
    ] = Path("finetuned.safetensors"),
    base: Base = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="The new base's name.")] = "finetuned",
    steps: Annotated[
        int, typer.Option(min=1, metavar="N", help="Training steps of the denoiser; the projector has half as many.")
    ] = 600,
    samples: Annotated[
        int, typer.Option(min=0, metavar="N", help="Motions a prompt, before and after; 0 leaves the judging out.")
    ] = 2,
    compact: Annotated[
        bool, typer.Option("--compact", help="Store 8- and 16-bit numbers: a third of the size.")
    ] = False,
    replace: Replace = False,
    restart: Annotated[bool, typer.Option("--restart", help="Forget what FILE.run/ has, and begin again.")] = False,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> JsonObject:
    """Teach a base your own captioned clips, and see what it gained and lost.

    DATA is made by `lead data prepare`. The base's own samples are trained beside the clips, so that it forgets little.
    The text tower and the autoencoder stay as they are. FILE.run/ keeps the run: the same command goes on from where
    it was stopped. With --replace it judges a finished run again.

    \b
    lead data prepare clips/ data/
    lead finetune data/ --output my-base.safetensors
    lead-invert generate "a person does a cartwheel" --base my-base.safetensors
    """
    start = find_base(base)
    if start and output.exists() and output.samefile(start):
        raise UsageError(f"--output {output} is the base that training goes on from: name another file.")
    check_base_file(output, "--output", replace)
    require_path(data, "DATA")
    where = resolve_device(device)
    from lead import Lead
    from lead.finetune.finetune import FINETUNE_DENOISER, FINETUNE_PROJECTOR, forget
    from lead.finetune.finetune import finetune as train
    from lead.finetune.inputs import read_inputs
    from lead.finetune.report import measure_autoencoder
    from lead.train.warm_start import START

    inputs = read_inputs(data, start, where)
    run = output.with_name(output.name + ".run")
    if restart:
        forget(run)
    error = measure_autoencoder(inputs)
    with terminate_by_interrupt(), progress_bar("samples of what the base knows") as report:
        made = train(
            inputs, run, name, denoiser=dataclasses.replace(FINETUNE_DENOISER, steps=steps, seed=seed),
            projector=dataclasses.replace(FINETUNE_PROJECTOR, steps=max(steps // 2, 1), seed=seed), device=where,
            progress=report,
        )  # fmt: skip
    path = made.base.save(output, compact=compact)
    result: JsonObject = {"file": str(path), "clips": len(inputs.clips), "joint_error_cm": round(error, 2)}
    if not as_json:
        echo(f"{path}: {name}, {count_noun(len(inputs.clips), 'clip')}")
    if samples:
        old, new = Lead.load(run / START, where), Lead.load(path, where)  # the first may have been replaced meanwhile
        result |= _judge(old, new, inputs, made.replay, samples, seed, as_json)
    if not as_json and error >= BADLY:
        hint(
            f"the base's autoencoder displaces the joints of these clips by {error:.1f} cm; to train all parts on "
            f"them: lead train all {data} --output run/ --from {start or 'embedded'}"
        )
    return result


def _judge(
    old: "Lead", new: "Lead", inputs: "Inputs", replay: "Replay", samples: int, seed: int, as_json: bool
) -> dict[str, object]:
    """Judges both bases, prints the figures or returns them."""
    from lead.finetune.report import compare_captions, judge_suite, list_changes

    own = compare_captions(old, new, inputs, replay, samples, seed)
    results = []
    for base, when in ((old, "before"), (new, "after")):
        with progress_bar(f"the suite of plain prompts, {when}") as report:
            results.append(judge_suite(base, samples, seed, report))
    before, after = results
    changes = list_changes(before, after)
    if not as_json:
        _show(own, before, after, changes)
    families = {name: [score.mean, after.families[name].mean] for name, score in before.families.items()}
    suite = {"before": before.all.mean, "after": after.all.mean, "families": families, "changed": changes}
    return {"own_captions": dataclasses.asdict(own), "suite": suite}


def _show(own: "Similarity", before: "SuiteResult", after: "SuiteResult", changes: dict[str, float]) -> None:
    which = f"similarity to your clips ({own.clips}, {'held out' if own.held_out else 'trained on'})"
    rows = [
        ("motions of your captions", f"{own.before:.2f}", f"{own.after:.2f}"),
        ("motions of other prompts", f"{own.others:.2f}", ""),
    ]
    print_table(rows, (which, "before", "after"))
    scores = {"all": (before.all, after.all)}
    scores |= {family: (score, after.families[family]) for family, score in before.families.items()}
    shares = [(name, f"{old.mean:.0%}", f"{new.mean:.0%}") for name, (old, new) in scores.items()]
    print_table(shares, ("plain prompts whose motions show what they say", "before", "after"))
    for kind, change in changes.items():
        echo(f"{kind}: {'gained' if change > 0 else 'lost'} {abs(change):.0%}")
