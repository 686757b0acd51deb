"""The projector's ablations: every row has the same training budget and decodes the same latents.

    python -m benchmarks.bases.ablations --seeds 0 1 [--run runs/base] [--data runs/data] [--output runs/ablations]
    python -m benchmarks.bases.ablations --sweep --output runs/sweep      # the weights of the projector's loss

The VAE, the denoiser and the text tower come from a run folder and do not change. A row is a projector that is trained
with one choice changed. Two rows are controls: there the VAE itself is aligned (`benchmarks.bases.aligned_vae`).
The output folder keeps what was trained and measured for each row and seed. So the command may be stopped, and started
again with more rows and seeds. It prints Markdown tables with 95 % intervals, and what differs from the default row. It
writes the tables to `report.md` and the values to `results.json`.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks.bases.ablation_figures import (
    MULTIMODAL,
    RECORDED,
    SETTINGS,
    Figures,
    Split,
    measure_generation,
    measure_reconstruction,
    shared_latents,
)
from benchmarks.bases.ablation_report import DEFAULT, format_report
from benchmarks.bases.aligned_vae import AlignedTrain, train_aligned
from benchmarks.judges.networks import Judge, load_judge
from benchmarks.pack import REPOSITORY, has_pack
from lead import Lead
from lead.checkpoint import load_part
from lead.errors import LeadError
from lead.eval.evaluator import Evaluator
from lead.networks.projector import Projector, ProjectorConfig
from lead.train.assemble import assemble
from lead.train.stages.projector import PROJECTOR_TRAIN, Frozen, ProjectorLoss, fit_projector, load_frozen, match_config

RUNS = REPOSITORY / "runs"
ALIGN = 0.1


@dataclass(frozen=True)
class Ablation:
    """A row of the table: its changes to the default config and loss."""

    label: str
    config: Mapping[str, Any] = field(default_factory=dict)
    loss: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "projector"
    """"projector"; "mld": no projector; "vae": the VAE is fine-tuned with the weight `align` of `loss`."""


ROWS = {
    DEFAULT: Ablation("LEAD (default)"),
    "mld": Ablation("MLD (realign off)", kind="mld"),
    "no-align": Ablation("no alignment", loss={"align": 0.0}),
    "no-var": Ablation("no variance loss", loss={"var": 0.0}),
    "mlp": Ablation("MLP, not transformer", config={"architecture": "mlp"}),
    "contrastive": Ablation("contrastive, not cosine", loss={"alignment": "contrastive"}),
    "denoised": Ablation("trained on denoised latents", loss={"latents": "denoised"}),
    "clip": Ablation("one vector a clip", config={"pooling": "clip"}),
    "no-linear": Ablation("no linear map each way", config={"linear": False}),
    "vae-control": Ablation("VAE fine-tuned, not aligned", loss={"align": 0.0}, kind="vae"),
    "vae-aligned": Ablation("VAE itself aligned", loss={"align": ALIGN}, kind="vae"),
}
SWEEP = {
    f"align-{align:g}-var-{var:g}": Ablation(f"align {align:g}, var {var:g}", loss={"align": align, "var": var})
    for align in (0.03, 0.1, 0.3, 1.0)
    for var in (0.0, 0.1)
    if (align, var) != (ProjectorLoss.align, ProjectorLoss.var)  # that is the default row
}


@dataclass(frozen=True)
class Budget:
    """How long each row is trained, and how often it is measured."""

    steps: int = 1200
    batch: int = 192
    replications: int = 10
    vae_steps: int = 600
    denoiser_steps: int = 1500


class Bench:
    """What all rows share. Each part is loaded when it is first needed."""

    def __init__(self, run: Path, data: Path, output: Path, budget: Budget, progress: Progress):
        self.run, self.data, self.output, self.budget, self.progress = run, data, output, budget, progress

    @cached_property
    def base(self) -> Lead:
        return assemble(self.data, self.run, "ablations", "")

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        return dict(self.base.fingerprints)

    @cached_property
    def frozen(self) -> Frozen:
        task = self.progress.add_task("latents of the training split", total=None)
        frozen = load_frozen(self.data, self.run)
        self.progress.remove_task(task)
        return frozen

    @cached_property
    def evaluator(self) -> Evaluator:
        return Evaluator.load()

    @cached_property
    def judge(self) -> Judge | None:
        return load_judge() if has_pack() else None

    @cached_property
    def splits(self) -> dict[str, Split]:
        names = {setting.split for setting in SETTINGS.values()} | set(RECORDED)
        present = [name for name in sorted(names) if (self.data / f"{name}.txt").is_file()]
        return {name: Split.read(self.data, name, self.evaluator) for name in present}

    def get_figures(self, name: str, row: Ablation, seed: int) -> Figures:
        """A row's figures for a seed: read from its folder, else the row is trained and measured."""
        folder = self.output / name / f"seed-{seed if row.kind != 'mld' else 0}"  # the MLD row trains nothing
        self._claim(folder, row)
        path, replications = folder / "figures.json", self.budget.replications
        stored = json.loads(path.read_text()) if path.is_file() else {}
        if stored.get("replications") != replications:
            base, latents = self.train_row(row, seed, folder), folder if row.kind == "vae" else self.output / "latents"
            stored = {
                "replications": replications,
                "figures": self.measure_row(base, row, f"{name}, seed {seed}", latents),
            }
            _write(path, json.dumps(stored))
        return stored["figures"]

    def _claim(self, folder: Path, row: Ablation) -> None:
        """Writes the row's settings into its folder; LeadError if the folder holds other settings."""
        budget = {key: value for key, value in asdict(self.budget).items() if key != "replications"}
        base = {part: value for part, value in self.fingerprints.items() if part != "projector"}
        now = json.loads(json.dumps({"row": asdict(row), "budget": budget, "base": base}))
        path = folder / "made-with.json"
        before = json.loads(path.read_text()) if path.is_file() else now
        if differing := [key for key in now if before.get(key) != now[key]]:
            raise LeadError(
                f"{folder} was made with another {' and '.join(differing)}, see {path.name} there; name another "
                "--output, or remove that folder to make the row again"
            )
        folder.mkdir(parents=True, exist_ok=True)
        _write(path, json.dumps(now, indent=2))

    def train_row(self, row: Ablation, seed: int, folder: Path) -> Lead:
        """The base with the row's projector, or its VAE and denoiser."""
        if row.kind == "vae":
            train = AlignedTrain(self.budget.vae_steps, self.budget.denoiser_steps, seed)
            train_aligned(self.data, self.run, folder, row.loss["align"], train, self.frozen.latents)
            return assemble(self.data, folder, "ablations", "")
        if row.kind == "projector":
            self.base.projector = self.get_projector(row, seed, folder)
        return self.base

    def get_projector(self, row: Ablation, seed: int, folder: Path) -> Projector:
        """The row's projector: read from its folder, else trained."""
        path, b = folder / "projector.safetensors", self.budget
        if not path.is_file():
            config = replace(match_config(self.frozen), **row.config)
            train = replace(
                PROJECTOR_TRAIN, steps=b.steps, batch=b.batch, seed=seed, warmup=min(100, b.steps), ema=0.99
            )
            fit_projector(self.frozen, folder, config, train, replace(ProjectorLoss(), **row.loss))
        tensors, values = load_part(path, "projector")
        projector = Projector(ProjectorConfig(**values))
        projector.load_state_dict(tensors)
        return projector.eval().requires_grad_(False)

    def measure_row(self, base: Lead, row: Ablation, title: str, latents: Path) -> Figures:
        realign, figures = row.kind == "projector", {}
        settings = {key: setting for key, setting in SETTINGS.items() if setting.split in self.splits}
        motions = [len(self.splits[s.split].clips) * self.budget.replications for s in settings.values()]
        task = self.progress.add_task(title, total=2 * sum(motions) + 2 * len(motions) * MULTIMODAL[0] * MULTIMODAL[1])

        def count(done: int) -> None:
            self.progress.advance(task, done)

        for key, setting in settings.items():
            split, path = self.splits[setting.split], latents / f"{key.replace(', ', '-').replace(' ', '-')}.pt"
            z = shared_latents(base, split, setting, self.budget.replications, path, count)
            figures[key] = measure_generation(base, realign, split, z, self.evaluator, self.judge, count)
        for split_name, key in RECORDED.items():
            if split_name in self.splits:
                clips = self.splits[split_name].clips
                figures[key] = measure_reconstruction(base, realign, split_name, clips, self.judge)
        self.progress.remove_task(task)
        return figures


def _write(path: Path, text: str) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(text)
    os.replace(partial, path)


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    defaults = Budget()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bases.ablations", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1], help="seeds of training; at least two")
    parser.add_argument("--rows", nargs="+", help=f"only these rows: {', '.join([*ROWS, *SWEEP])}")
    parser.add_argument(
        "--sweep", action="store_true", help="sweep the weights of the loss instead of running the ablations"
    )
    parser.add_argument("--run", type=Path, default=RUNS / "base", help="run folder of a trained base")
    parser.add_argument("--data", type=Path, default=RUNS / "data", help="the data set that the base was trained on")
    parser.add_argument("--output", type=Path, default=RUNS / "ablations", help="folder for projectors and figures")
    parser.add_argument("--steps", type=int, default=defaults.steps, help="training steps of each projector")
    parser.add_argument("--batch", type=int, default=defaults.batch, help="clips a step")
    parser.add_argument("--replications", type=int, default=defaults.replications)
    parser.add_argument(
        "--vae-steps", type=int, default=defaults.vae_steps, help="steps of the aligned VAE's fine-tuning"
    )
    parser.add_argument(
        "--denoiser-steps",
        type=int,
        default=defaults.denoiser_steps,
        help="steps of the denoiser on the aligned VAE's latents",
    )
    return parser.parse_args(arguments)


def ablate(given: argparse.Namespace, console: Console) -> str:
    """Measures all rows and seeds that were asked for; returns the report."""
    known = ROWS | SWEEP
    asked = given.rows or [*([DEFAULT, *SWEEP] if given.sweep else ROWS)]
    if unknown := sorted(set(asked) - set(known)):
        raise LeadError(f"there is no row {', '.join(unknown)}; choose among {', '.join(known)}")
    budget = Budget(given.steps, given.batch, given.replications, given.vae_steps, given.denoiser_steps)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"),
               TimeElapsedColumn(), TimeRemainingColumn())  # fmt: skip
    results: dict[str, dict[int, Figures]] = {name: {} for name in asked}
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bench = Bench(given.run, given.data, given.output, budget, progress)
        rows = progress.add_task("rows", total=len(asked) * len(given.seeds))
        for seed in given.seeds:
            for name in asked:
                results[name][seed] = bench.get_figures(name, known[name], seed)
                progress.advance(rows)
                text = format_report(select_finished(results), {key: row.label for key, row in known.items()})
                _write(given.output / "report.md", text)
                _write(given.output / "results.json", json.dumps({"budget": asdict(budget), "rows": results}))
    return text


def select_finished(results: Mapping[str, Mapping[int, Figures]]) -> dict[str, Mapping[int, Figures]]:
    return {name: seeds for name, seeds in results.items() if seeds}


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains and measures the rows that are asked for, and prints their tables."""
    try:
        print(ablate(parse_options(arguments), Console(stderr=True)))
    except LeadError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
