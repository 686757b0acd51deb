"""The stages of training, and what may be chosen of them: names, presets, arithmetic.

To add a stage: write its module with a function `run_stage(request)`, add its name to `StageName` and a line to
`STAGES`. Imports no torch, so that the command line can show its choices at once; a stage's module is imported when
the stage runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal, Protocol, TypedDict, cast

StageName = Literal["text", "vae", "decoder", "language", "diffusion", "projector", "refine", "evaluator"]
Preset = Literal["small", "mld"]
"""The networks of the embedded base, or MLD's as published."""
Precision = Literal["no", "bf16"]
"""Arithmetic inside the networks: float32, or bfloat16."""
Tracker = Literal["tensorboard", "wandb", "trackio"]
"""Who gets the figures of training beside the log files; each is a package, and an extra, of its name."""


@dataclass(frozen=True)
class StageInfo:
    module: str
    """Of its `run_stage`."""
    part: str
    """The file that it writes is `<part>.safetensors`."""
    whole_batch: bool = False
    """Whether its loss compares all clips of a batch, which then cannot be taken in parts."""
    presets: tuple[Preset, ...] = ("small", "mld")
    needs: str = ""
    """A file of the data set without which there is nothing to train."""


STAGES: dict[StageName, StageInfo] = {  # in the order in which they are trained
    "text": StageInfo("lead.train.stages.text", "text", whole_batch=True),
    "vae": StageInfo("lead.train.stages.vae", "vae"),
    "decoder": StageInfo("lead.train.stages.decoder", "decoder", presets=("small",)),
    "language": StageInfo("lead.train.stages.language", "language", whole_batch=True, presets=("small",)),
    "diffusion": StageInfo("lead.train.stages.diffusion", "denoiser"),
    "projector": StageInfo("lead.train.stages.projector", "projector", whole_batch=True),
    "refine": StageInfo("lead.train.stages.refine", "refined", presets=("small",), needs="train_composed.txt"),
    "evaluator": StageInfo("lead.train.stages.evaluator", "evaluator", whole_batch=True),
}


class TrainOptions(TypedDict, total=False):
    """Fields of `TrainConfig` that replace a stage's own."""

    steps: int
    batch: int
    accumulate: int
    lr: float
    seed: int
    precision: Precision
    tracker: Tracker


@dataclass(frozen=True)
class StageRequest:
    """What a user asks of a stage."""

    data: Path
    run: Path
    preset: Preset
    options: TrainOptions
    device: str
    weights: str | None = None
    """CLIP's, for the text stage of the preset mld: open_clip's name, or a file."""
    teacher: bool = True
    """Whether the text stage has a teacher, the sentence encoder of the extra `distill`."""


class _StageModule(Protocol):
    def run_stage(self, request: StageRequest) -> object: ...


def run_stage(name: StageName, request: StageRequest) -> None:
    """Trains a stage."""
    cast(_StageModule, import_module(STAGES[name].module)).run_stage(request)


def list_stages(preset: Preset) -> Sequence[StageName]:
    """The stages that a preset has, in order."""
    return [name for name, info in STAGES.items() if preset in info.presets]


def is_finished(run: Path, name: StageName) -> bool:
    """Whether a run folder has what a stage writes, and no checkpoint of it."""
    return (run / f"{STAGES[name].part}.safetensors").is_file() and not (run / f"{name}.checkpoint").is_file()
