"""What the denoiser's options are worth: each option is changed alone, and all train with the same small budget.

    python -m benchmarks.bases.options [--run runs/base] [--steps 800] [--seeds 0] [--output runs/options]

VAE, text tower and captions come from a run folder and do not change. Motion is decoded without the projector. Figures:
FID, R@3 and the judge's content and style on test, and the judge's on compositional, at guidance 1.5. After so few
steps no row is as good as a finished base: compare differences. The output folder keeps trained rows, and a rerun skips
them.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.bases.base import DATA, prepare_pack, write_json
from benchmarks.judges.networks import CONTENTS, STYLES, Judge, load_judge
from benchmarks.pack import REPOSITORY, pack_rows
from lead import Lead
from lead.data.layout import MIRRORED, VARIED
from lead.diffusion import Diffusion, DiffusionConfig
from lead.errors import LeadError
from lead.eval.evaluator import Evaluator
from lead.eval.metrics import frechet_distance, r_precision
from lead.eval.protocol import draw_captions, embed_items, judge_items, load_captioned_clips, to_items
from lead.text.tower import TextTower
from lead.train.assemble import assemble, load_denoiser
from lead.train.latents import Latents
from lead.train.stages.diffusion import DIFFUSION_TRAIN, fit_denoiser
from lead.train.stages.projector import load_frozen

GUIDANCE = 1.5
COLUMNS = ("FID", "R@3", "content", "style", "comp. content", "comp. style")


@dataclass(frozen=True)
class Option:
    """The changes of a row."""

    label: str
    diffusion: Mapping[str, Any] = field(default_factory=dict)
    denoiser: Mapping[str, Any] = field(default_factory=dict)
    variations: bool = True
    rectified: bool = False


OPTIONS = {
    "default": Option("v-prediction, scaled-linear, variations"),
    "epsilon": Option("epsilon-prediction", diffusion={"prediction": "epsilon"}),
    "cosine": Option("cosine schedule", diffusion={"schedule": "cosine"}),
    "plain": Option("no procedural variations", variations=False),
    "relu": Option("a ReLU before the text projection", rectified=True),
    "dropout": Option("dropout .1", denoiser={"dropout": 0.1}),
}


class Rectified(TextTower):
    """A text tower whose features pass a ReLU, as MLD's do before they are projected."""

    def _features(self, embeddings: Tensor, ends: Tensor) -> Tensor:
        return super()._features(embeddings, ends).relu()


def train_option(option: Option, seed: int, steps: int, run: Path, data: Path, folder: Path, latents: Latents) -> Lead:
    """The run's base with a denoiser that is trained with the option."""
    base = assemble(data, run, "options", "")
    diffusion = replace(DiffusionConfig(), **option.diffusion)
    sources = tuple(s for s in latents.sources if option.variations or s.split not in (VARIED, MIRRORED))
    table = latents.table.relu() if option.rectified else latents.table
    if not (folder / "denoiser.safetensors").is_file():
        train = replace(DIFFUSION_TRAIN, steps=steps, warmup=min(200, steps), ema=0.995, seed=seed, keep="last")
        config = replace(base.config.denoiser, **option.denoiser)
        fit_denoiser(replace(latents, sources=sources, table=table), base.vae, folder, config, train, diffusion)
    base.denoiser, base.diffusion = load_denoiser(folder), Diffusion(diffusion)
    if option.rectified:
        base.text.__class__ = Rectified
    return base


@torch.no_grad()
def measure_base(base: Lead, data: Path, evaluator: Evaluator, judge: Judge) -> dict[str, float]:
    """A row's figures in one replication."""
    found: dict[str, float] = {}
    for split, prefix in (("test", ""), ("compositional", "comp. ")):
        clips, rows = load_captioned_clips(data, split), {row["id"]: row for row in pack_rows(split)}
        captions = draw_captions(clips, np.random.default_rng(0))
        motions = base.generate(
            captions, seconds=[(len(clip.features) - 1) / base.skeleton.fps for clip in clips],
            guidance=GUIDANCE, realign=False, batch=64,
        )  # fmt: skip
        if not prefix:
            generated = judge_items(evaluator, motions)
            found["FID"] = frechet_distance(
                generated.embeddings, embed_items(evaluator, to_items(clips, published=False))
            )
            text = evaluator.embed_texts(captions)
            found["R@3"] = float(r_precision(text, generated.embeddings, np.random.default_rng(0))[-1])
        asked = [rows[clip.id] for clip in clips]
        known = [i for i, row in enumerate(asked) if row["style"] in STYLES and row["content"] in CONTENTS]
        verdict = judge.judge_motions([motions[i] for i in known])
        for what, seen, names in (("content", verdict.contents, CONTENTS), ("style", verdict.styles, STYLES)):
            found[prefix + what] = float(
                np.mean([names[s] == asked[i][what] for s, i in zip(seen, known, strict=True)])
            )
    return found


def run(given: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Trains and measures every option and seed; prints the table."""
    torch.set_num_threads(1)
    data = prepare_pack(given.data)
    latents, evaluator, judge = load_frozen(data, given.run).latents, Evaluator.load(), load_judge()
    rows: dict[str, list[dict[str, float]]] = {}
    for name in given.rows or OPTIONS:
        for seed in given.seeds:
            folder = given.output / f"{name}-{given.steps}-{seed}"
            folder.mkdir(parents=True, exist_ok=True)
            base = train_option(OPTIONS[name], seed, given.steps, given.run, data, folder, latents)
            rows.setdefault(name, []).append(measure_base(base, data, evaluator, judge))
            write_json(given.output / "options.json", {"steps": given.steps, "seeds": given.seeds, "rows": rows})
    table = Table("", *COLUMNS, title=f"{given.steps} steps, seeds {given.seeds}, guidance {GUIDANCE}")
    for name, seeds in rows.items():
        cells = [" ".join(f"{row[column]:.3f}" for row in seeds) for column in COLUMNS]
        table.add_row(OPTIONS[name].label, *cells)
    console.print(table)
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bases.options", description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, default=REPOSITORY / "runs" / "base", help="run folder of a trained base")
    parser.add_argument("--data", type=Path, default=DATA, help="the data set it was trained on")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--rows", nargs="+", choices=list(OPTIONS), help="only these")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "runs" / "options")
    try:
        run(parser.parse_args(arguments), Console(width=140))
    except LeadError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
