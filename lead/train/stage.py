"""What every training stage shares: optimizer and average, processes, checkpoints, validation, the part it writes.

A run folder holds what `lead.train.logs` writes, `<stage>.checkpoint` while training, and `<part>.safetensors` when
done. Randomness at a step depends on the seed, the step and the row within the whole batch, never on what came
before. So a resumed run continues as the unbroken one would have, bit for bit, and several processes see together the
samples and the noise that one would have seen. (Dropout inside a network differs with the number of processes.)
Knows nothing of what is trained.
"""

import copy
import json
import math
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast

import numpy as np
import torch
from jaxtyping import Shaped
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor, nn

from lead.checkpoint import atomic_write, save_part
from lead.errors import LeadError
from lead.train.logs import Logs, peak_memory_gb
from lead.train.processes import average_gradients, gather, make_accelerator, start_tracker
from lead.train.stage_table import Precision, Tracker

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True)
class TrainConfig:
    """How a stage is optimized: AdamW, linear warm-up, cosine decay to 0, an exponential average of the weights."""

    steps: int = 8000
    batch: int = 128
    """Clips a step, over all processes."""
    accumulate: int = 1
    """Parts that a process takes its share of a batch in, one after the other: less memory, the same step."""
    lr: float = 5e-4
    warmup: int = 300
    weight_decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.999
    seed: int = 0
    report_every: int = 100
    save_every: int = 500
    val_every: int = 500
    keep: Literal["best", "last"] = "best"
    """Which averaged weights become the part: the best by validation, or the last."""
    precision: Precision = "bf16"
    tracker: Tracker | None = None
    """Who else gets the figures of the logs."""


CHANGEABLE = ("train.report_every", "train.save_every", "train.tracker", "train.accumulate")
"""What may change between a checkpoint and its resumption."""

M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True, eq=False)
class Best:
    """The averaged weights that validation liked best so far."""

    rank: list[float]
    """Its figures in order, so signed that larger is better."""
    step: int
    figures: dict[str, float]
    weights: dict[str, Tensor]


class Stage(Generic[M]):
    """One stage's model, optimizer, average and place in its run folder.

    `inputs` names what the stage trains on by fingerprints; a checkpoint of other inputs or configs is refused.
    `rates` multiplies the learning rate of parts of the model, by the name of a child module.
    """

    def __init__(
        self,
        name: str,
        model: M,
        run: Path,
        train: TrainConfig,
        device: str = "cpu",
        inputs: Mapping[str, str] | None = None,
        rates: Mapping[str, float] | None = None,
        **configs: "DataclassInstance",
    ):
        self.name, self.run, self.train = name, Path(run), train
        self.run.mkdir(parents=True, exist_ok=True)
        self.accelerator = make_accelerator(device, train.precision, train.tracker, self.run)
        self.shares = self.accelerator.num_processes * train.accumulate
        if train.batch % self.shares:
            raise LeadError(
                f"training {name}: a batch of {train.batch} clips cannot be shared equally by "
                f"{self.accelerator.num_processes} processes x {train.accumulate} parts; choose another --batch"
            )
        self.model: M = self._broadcast(model.to(self.device))
        self.average: M = copy.deepcopy(self.model).requires_grad_(False).eval()
        self.optimizer = torch.optim.AdamW(
            _group_parameters(self.model, train.lr, rates or {}),
            train.lr,
            weight_decay=train.weight_decay,
            betas=(0.9, 0.99),
            fused=True,
        )
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda step: self._scale_rate(step))
        self.step = 0
        self.best: Best | None = None
        self.draws = torch.Generator()
        """For what is drawn for the whole batch: the same in every process; set anew at each step."""
        self._sums: dict[str, list[float]] = {}
        self._part, self._asked, self._stop = 0, False, False
        self._seconds, self._peak, self._started = 0.0, 0.0, time.perf_counter()
        about = {"train": asdict(train), **{key: asdict(value) for key, value in configs.items()}}
        self._identity = {**about, "inputs": dict(inputs or {})}
        self._resume()
        start_tracker(self.accelerator, name, self.run, about)
        self.logs = Logs(self.run, name, self.main, self.accelerator.log)
        self.logs.begin({**self._identity, "processes": self.accelerator.num_processes}, self.step)

    @property
    def device(self) -> torch.device:
        return cast(torch.device, self.accelerator.device)

    @property
    def main(self) -> bool:
        """Whether this process is the one that writes files."""
        return bool(self.accelerator.is_main_process)

    @property
    def _share(self) -> int:
        """The number of the share of the whole batch that is computed next."""
        return self._part * int(self.accelerator.num_processes) + int(self.accelerator.process_index)

    def _scale_rate(self, step: int) -> float:
        if step < self.train.warmup:
            return (step + 1) / self.train.warmup
        return 0.5 * (1 + math.cos(math.pi * min(step / self.train.steps, 1.0)))

    def steps(self) -> Iterator[int]:
        """Counts steps from where the run stands to its end; yields each step `accumulate` times.

        Shows progress, writes reports and checkpoints. The batch of a step must follow from the step alone. After
        Ctrl-C the step is ended, a checkpoint written, and KeyboardInterrupt raised with the message for the user.
        """
        with self._show_progress() as report, self._stop_by_signal():
            while self.step < self.train.steps:
                for part in range(self.train.accumulate):
                    self._part, whole = part, self.train.seed * 1_000_003 + self.step
                    self.draws.manual_seed(whole % 2**63)
                    torch.manual_seed((whole * 4099 + self._share) % 2**63)
                    yield self.step
                self.step += 1
                if self.step % self.train.report_every == 0 or self.step == self.train.steps:
                    report(self._write_report())
                if self.step % self.train.save_every == 0 or self._stop:
                    self._save_checkpoint()
                if self._stop and self.step < self.train.steps:
                    raise KeyboardInterrupt(
                        f"training {self.name} stopped at step {self.step} of {self.train.steps}; the same command "
                        f"goes on from {self._checkpoint}"
                    )

    def share(self, *whole: Shaped[Tensor, "batch ..."]) -> tuple[Shaped[Tensor, "share ..."], ...]:
        """This process's rows of tensors that hold the whole batch, on its device.

        The mean over shares of a loss must be the whole batch's: see `lead.train.losses.mean_of_share`.
        """
        size = len(whole[0]) // self.shares
        return tuple(x[self._share * size : (self._share + 1) * size].to(self.device) for x in whole)

    def randn_like(self, rows: Shaped[Tensor, "share *rest"]) -> Shaped[Tensor, "share *rest"]:
        """Normal noise for this process's rows, as one process would draw it for the whole batch."""
        noise = torch.randn(len(rows) * self.shares, *rows.shape[1:], generator=self.draws)
        return self.share(noise)[0]

    def list_rows(self, count: int) -> list[int]:
        """The rows of `count` that this process encodes for a loss that compares all of them; `gather` brings them."""
        if self.train.accumulate > 1:
            raise LeadError(
                f"training {self.name}: its loss compares all clips of a batch, so a batch cannot be taken in "
                f"{self.train.accumulate} parts; leave --accumulate out, or choose a smaller --batch"
            )
        size = -(-count // self.shares)  # past the end begin again: all processes have equally many
        return [(self._share * size + i) % count for i in range(size)]

    def gather(self, encoded: Shaped[Tensor, "rows *rest"], count: int) -> Shaped[Tensor, "{count} *rest"]:
        """All processes' rows in order, with gradients: all processes compute the same loss on the whole batch."""
        return gather(encoded, self.accelerator)[:count]

    def update(self, loss: Tensor, parts: Mapping[str, Tensor], clips: Sequence[str] = ()) -> None:
        """Adds a part's gradient; after a batch's last part, one optimizer step.

        `parts` are further figures for the report. `clips` are the ids of the batch, for the error where the loss or
        its gradient is not finite: then no weight moves.
        """
        figures = {key: float(value.detach()) for key, value in {"loss": loss, **parts}.items()}
        for key, value in figures.items():
            self._sums.setdefault(key, []).append(value)
        if not math.isfinite(figures["loss"]):
            raise self._not_finite_error(", ".join(f"{key} {value:g}" for key, value in figures.items()), clips)
        torch.autograd.backward(loss / self.train.accumulate)
        if self._part + 1 < self.train.accumulate:
            return
        self._stop = average_gradients(list(self.model.parameters()), self._asked, self.accelerator)
        norm = float(nn.utils.clip_grad_norm_(self.model.parameters(), self.train.clip))
        if not math.isfinite(norm):
            raise self._not_finite_error(f"its gradient's norm {norm:g}, loss {figures['loss']:g}", clips)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
        decay = min(self.train.ema, (self.step + 1) / (self.step + 10))
        current: list[Tensor] = [p.detach() for p in self.model.parameters()]
        averaged: list[Tensor] = list(self.average.parameters())
        torch._foreach_lerp_(averaged, current, 1 - decay)

    def _not_finite_error(self, found: str, clips: Sequence[str]) -> LeadError:
        names = f" (clips {', '.join(clips[:8])}{f' and {len(clips) - 8} more' if len(clips) > 8 else ''})"
        saved = f"{self._checkpoint} is as it was before" if self._checkpoint.is_file() else "nothing was saved yet"
        return LeadError(
            f"training {self.name}: the loss is not finite at step {self.step}: {found}. The batch is that "
            f"of step {self.step} and seed {self.train.seed}{names if clips else ''}; no weight was changed by it, "
            f"{saved}. Look at the data with `lead data check`, or --restart with a lower --lr or with --precision no"
        )

    def validate(self, judge: Callable[[M], Mapping[str, float]], better: Literal["lower", "higher"] = "lower") -> None:
        """Every `val_every` steps and at the last, logs the figures that `judge` gives the averaged weights.

        The first figure decides which weights are the best; among equals the next one, then the later step. Call it
        after `update`, and never judge on the test split.
        """
        done = self.step + 1
        due = done % self.train.val_every == 0 or done == self.train.steps
        if not (due and self.main and self._part + 1 == self.train.accumulate):
            return
        figures = {key: float(value) for key, value in judge(self.average).items()}
        sign = -1 if better == "lower" else 1
        rank = [sign * value for value in figures.values()]
        if self.best is None or rank >= self.best.rank:
            weights = {key: value.clone() for key, value in self.average.state_dict().items()}
            self.best = Best(rank, done, figures, weights)
        self.logs.add({"step": done, **figures, "best": self.best.step == done})

    def select_model(self) -> M:
        """The averaged model with the weights to keep: the best, or the last where that was asked or none was judged.

        Random numbers that are drawn afterwards are the same in a resumed run.
        """
        if self.best is not None and self.train.keep == "best":
            self.average.load_state_dict(self.best.weights)
        torch.manual_seed(self.train.seed)
        return self._broadcast(self.average)

    def finish(self, part: str, config: "DataclassInstance") -> M:
        """Saves the model of `select_model` as `<part>.safetensors`, closes the run, returns the model."""
        average = self.select_model()
        self.close(lambda: save_part(self.run / f"{part}.safetensors", average, part, config))
        return average

    def close(self, save: Callable[[], object]) -> None:
        """Saves by `save`, in the main process; writes the last row of the metrics and removes the checkpoint."""
        if self.main:
            save()
            minutes, memory = round(self._count_seconds() / 60, 3), self._measure_memory()
            best = {**self.best.figures, "best_step": self.best.step} if self.best else {}
            self.logs.add({"step": self.step, "finished": True, "minutes": minutes, **memory, **best})
            self._checkpoint.unlink(missing_ok=True)
        for tracker in self.accelerator.trackers:
            tracker.finish()
        self.accelerator.wait_for_everyone()

    def _write_report(self) -> dict[str, float]:
        means = torch.tensor([float(np.mean(values)) for values in self._sums.values()], device=self.device)
        row = dict(zip(self._sums, self.accelerator.reduce(means, "mean").tolist(), strict=True))
        self._sums.clear()
        self.logs.add({"step": self.step, **row, "seconds": round(self._count_seconds(), 3), **self._measure_memory()})
        return row

    def _count_seconds(self) -> float:
        """Seconds of training, those before a resumption included."""
        return self._seconds + time.perf_counter() - self._started

    def _measure_memory(self) -> dict[str, float]:
        row = {"peak_memory_gb": round(max(peak_memory_gb(), self._peak), 3)}
        if self.device.type == "cuda":
            row["peak_gpu_gb"] = round(torch.cuda.max_memory_allocated(self.device) / 2**30, 3)
        return row

    @property
    def _checkpoint(self) -> Path:
        return self.run / f"{self.name}.checkpoint"

    def _save_checkpoint(self) -> None:
        if not self.main:
            return
        state = {
            "identity": json.dumps(self._identity),
            "step": self.step,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "best": vars(self.best) if self.best else None,
            "sums": self._sums,
            "seconds": self._count_seconds(),
            "peak": self._measure_memory()["peak_memory_gb"],
        }
        with atomic_write(self._checkpoint) as partial:
            torch.save(state, partial)

    def _resume(self) -> None:
        if not self._checkpoint.is_file():
            return
        try:
            self._restore(torch.load(self._checkpoint, map_location="cpu", weights_only=True))
        except LeadError:
            raise
        except Exception as error:  # a damaged file: whatever torch's reader and the parts' own say of it
            reason = f"{type(error).__name__}: {error}".partition("\n")[0][:120]
            raise LeadError(
                f"{self._checkpoint} is damaged ({reason}); remove it or add --restart to begin the stage again"
            ) from error

    def _restore(self, state: dict[str, Any]) -> None:
        """Resumes from a checkpoint's content; LeadError if it is of a run with other settings."""
        changes = _list_changes(json.loads(state["identity"]), json.loads(json.dumps(self._identity)))
        if changes:
            raise LeadError(
                f"{self._checkpoint} (step {state['step']}) cannot be resumed, because this run has other settings: "
                f"{'; '.join(changes[:4])}. Use the settings that it began with, name another run folder with "
                "--output, or begin again with --restart"
            )
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.best = Best(**state["best"]) if state["best"] else None
        self.step, self._sums = state["step"], state["sums"]
        self._seconds, self._peak = state["seconds"], state["peak"]

    def _broadcast(self, module: M) -> M:
        """Gives the module the main process's weights in every process; returns it."""
        from accelerate.utils import broadcast

        for tensor in module.state_dict().values() if self.accelerator.num_processes > 1 else ():
            tensor.copy_(broadcast(tensor.clone()))
        return module

    @contextmanager
    def _show_progress(self) -> Iterator[Callable[[Mapping[str, float]], None]]:
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total} steps"),
                   TimeElapsedColumn(), TimeRemainingColumn(), TextColumn("{task.fields[loss]}"))  # fmt: skip
        console = Console(stderr=True)
        with Progress(*columns, console=console, disable=not (console.is_terminal and self.main)) as progress:
            task = progress.add_task(f"train {self.name}", total=self.train.steps, completed=self.step, loss="")
            yield lambda row: progress.update(task, completed=self.step, loss=f"loss {row['loss']:.4f}")

    @contextmanager
    def _stop_by_signal(self) -> Iterator[None]:
        """The first Ctrl-C asks to stop after the step at hand; a second one acts at once."""

        def ask(*_: object) -> None:
            self._asked = True
            signal.signal(signal.SIGINT, before)

        before = signal.getsignal(signal.SIGINT)
        with suppress(ValueError):  # not the main thread: nobody's signals come here
            signal.signal(signal.SIGINT, ask)
        try:
            yield
        finally:
            with suppress(ValueError):
                signal.signal(signal.SIGINT, before)


def _group_parameters(model: nn.Module, lr: float, rates: Mapping[str, float]) -> list[dict[str, Any]]:
    """The parameters by their learning rate."""
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        groups.setdefault(rates.get(name.partition(".")[0], 1.0), []).append(parameter)
    return [{"params": of_rate, "lr": lr * rate} for rate, of_rate in groups.items()]


def _list_changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two nested descriptions, a phrase each."""
    flat = [{f"{group}.{key}": v for group, values in x.items() for key, v in values.items()} for x in (then, now)]
    keys: Sequence[str] = sorted(flat[0].keys() | flat[1].keys())
    return [
        f"{key} was {str(flat[0].get(key, 'not set'))[:40]}, now {str(flat[1].get(key, 'not set'))[:40]}"
        for key in keys
        if flat[0].get(key) != flat[1].get(key) and key not in CHANGEABLE
    ]
