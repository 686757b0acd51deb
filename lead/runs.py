"""What every training stage shares: the run folder, optimiser and average, checkpoints, and the saved parts.

A run folder holds `<stage>.json` (configs, package and torch versions), `<stage>.metrics.jsonl` (a row a report),
`<stage>.checkpoint` while training, and `<part>.safetensors` when done.  Randomness at a step depends on the seed
and the step alone, so a resumed run continues as the unbroken one would have.
Knows nothing of what is trained.
"""

import copy
import json
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from accelerate import Accelerator
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from lead.errors import LeadError


@dataclass(frozen=True)
class TrainConfig:
    """How a stage is optimised: AdamW, linear warm-up, cosine decay to 0, an exponential average of the weights."""

    steps: int = 8000
    batch: int = 128
    lr: float = 5e-4
    warmup: int = 300
    weight_decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.999
    seed: int = 0
    report_every: int = 100
    save_every: int = 500
    precision: str = "bf16"


M = TypeVar("M", bound=nn.Module)


class Stage(Generic[M]):
    """One stage's model, optimiser, average and place in its run folder."""

    def __init__(self, name: str, model: M, run: Path, train: TrainConfig, device: str = "cpu", **configs: Any):
        self.name, self.run, self.train = name, Path(run), train
        self.run.mkdir(parents=True, exist_ok=True)
        self.accelerator = Accelerator(cpu=device == "cpu", mixed_precision=train.precision)
        optimiser = torch.optim.AdamW(model.parameters(), train.lr, weight_decay=train.weight_decay, betas=(0.9, 0.99))
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, self._rate)
        self.model, self.optimiser = self.accelerator.prepare(model, optimiser)
        self.schedule = schedule
        self.average: M = copy.deepcopy(model).requires_grad_(False).to(self.accelerator.device)
        self.step = 0
        self._sums: dict[str, list[float]] = {}
        self._write_config(configs)
        self._resume()

    @property
    def device(self) -> torch.device:
        return self.accelerator.device

    def _rate(self, step: int) -> float:
        if step < self.train.warmup:
            return (step + 1) / self.train.warmup
        return 0.5 * (1 + math.cos(math.pi * min(step / self.train.steps, 1.0)))

    def steps(self) -> Iterator[int]:
        """Counts steps from where the run stands to its end: progress shown, checkpoints and reports written."""
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total} steps"),
                   TimeElapsedColumn(), TimeRemainingColumn(), TextColumn("{task.fields[loss]}"))  # fmt: skip
        console = Console(stderr=True)
        with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
            task = progress.add_task(f"train {self.name}", total=self.train.steps, completed=self.step, loss="")
            while self.step < self.train.steps:
                torch.manual_seed(self.train.seed * 1_000_003 + self.step)
                yield self.step
                self.step += 1
                if self.step % self.train.report_every == 0 or self.step == self.train.steps:
                    row = self._report()
                    progress.update(task, completed=self.step, loss=f"loss {row['loss']:.4f}")
                if self.step % self.train.save_every == 0:
                    self._save_checkpoint()

    def update(self, loss: Tensor, parts: Mapping[str, Tensor]) -> None:
        """One optimiser step on `loss`; `parts` are what the report averages beside it."""
        for key, value in {"loss": loss, **parts}.items():
            self._sums.setdefault(key, []).append(float(value.detach()))
        if not math.isfinite(self._sums["loss"][-1]):
            raise LeadError(
                f"training {self.name}: the loss is not finite at step {self.step}; lower the learning rate"
            )
        self.optimiser.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.model.parameters(), self.train.clip)
        self.optimiser.step()
        self.schedule.step()
        decay = min(self.train.ema, (self.step + 1) / (self.step + 10))
        current: list[Tensor] = [p.detach() for p in self.accelerator.unwrap_model(self.model).parameters()]
        averaged: list[Tensor] = list(self.average.parameters())
        torch._foreach_lerp_(averaged, current, 1 - decay)

    def note(self, **figures: float) -> None:
        """Adds figures (a validation's, say) to the metrics."""
        self._append({"step": self.step, **figures})

    def finish(self, part: str, config: Any) -> M:
        """Saves the averaged weights as `<part>.safetensors`, removes the checkpoint, returns the averaged model."""
        save_part(self.run / f"{part}.safetensors", self.average, part, config)
        (self.run / f"{self.name}.checkpoint").unlink(missing_ok=True)
        return self.average

    def _report(self) -> dict[str, float]:
        row = {key: float(np.mean(values)) for key, values in self._sums.items()}
        self._sums.clear()
        self._append({"step": self.step, "time": round(time.time(), 1), **row})
        return row

    def _append(self, row: Mapping[str, Any]) -> None:
        with (self.run / f"{self.name}.metrics.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")

    def _write_config(self, configs: Mapping[str, Any]) -> None:
        content: dict[str, Any] = {
            "train": asdict(self.train),
            **{key: asdict(value) for key, value in configs.items()},
        }
        content |= {"torch": torch.__version__, "python": sys.version.split()[0]}
        (self.run / f"{self.name}.json").write_text(json.dumps(content, indent=2))

    def _save_checkpoint(self) -> None:
        path = self.run / f"{self.name}.checkpoint"
        state = {
            "step": self.step,
            "model": self.accelerator.unwrap_model(self.model).state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
        }
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, path)

    def _resume(self) -> None:
        path = self.run / f"{self.name}.checkpoint"
        if not path.is_file():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.accelerator.unwrap_model(self.model).load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.step = state["step"]


def save_part(path: Path, module: nn.Module, part: str, config: Any) -> None:
    """A module's weights and its config (JSON in the metadata) in one safetensors file, moved into place."""
    tensors = {key: value.detach().cpu().contiguous() for key, value in module.state_dict().items()}
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata={"part": part, "config": json.dumps(asdict(config))})
    os.replace(partial, path)


def load_part(path: Path, part: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """State dict and config of a part that `save_part` wrote.

    Raises LeadError where the file is missing, is no safetensors file, or holds another part.
    """
    if not path.is_file():
        stage = {"denoiser": "diffusion", "manners": "diffusion"}.get(part, part)
        raise LeadError(f"{path} is missing; train that stage first: `lead train {stage} DATA --output {path.parent}`")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - safe_open is no dict
    except SafetensorError as error:
        raise LeadError(f"{path} is not a readable safetensors file ({error})") from error
    if metadata.get("part") != part:
        raise LeadError(f"{path} holds {metadata.get('part', 'no named part')!r}; expected the part {part!r}")
    return tensors, json.loads(metadata["config"])
