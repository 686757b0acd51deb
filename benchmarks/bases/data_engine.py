"""What each part of the data engine is worth: a denoiser is trained without it, and the prompt suite is asked.

    python -m benchmarks.bases.data_engine DATA RUN SECOND [--steps 1500] [--samples 4] [--rows everything reversal ...]

RUN is the run folder that made a base from DATA, SECOND the second edition of the embedded base (its commit is in
train_default.sh). Every row begins with SECOND's denoiser and trains for so few steps that no row is as good as a
finished base: compare differences. Motion is decoded without the projector. The output folder keeps trained rows and
their results, and a rerun skips them; `--report` prints the table of what is there.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from benchmarks.bases.base import REPOSITORY, write_json
from lead import Lead
from lead.data.compose.compose import draw_recipe
from lead.data.dataset import MAX_FRAMES
from lead.data.layout import COMPOSED
from lead.data.pack import load_packed
from lead.errors import LeadError
from lead.eval.prompt_suite import SuiteResult, run_suite
from lead.train.assemble import load_denoiser, load_style_tokens, load_tower, load_vae
from lead.train.latents import LatentClips, Latents, load_latents
from lead.train.stages.diffusion import DIFFUSION_TRAIN, fit_denoiser

PARTS = {
    "reversal": ("walk_backward", "down_or_up", "down_and_up", "forth_and_back"),
    "bending": ("circle", "curve", "corner", "turn_back", "turn_in_place", "jump_turn", "stairs"),
    "halves": ("gesture_while", "both_sides", "stretch_arms", "box"),
    "joins": (
        "then",
        "two_acts",
        "stop",
        "repeat",
        "on_its_own",
        "down_and_up",
        "one_side_then_other",
        "forth_and_back",
    ),
}
"""The recipes that a part of the engine makes possible."""
ROWS = {
    "everything": "everything",
    **{part: f"no {part}" for part in PARTS},
    "composed": "no composed clips",
    "balance": "every clip drawn equally often",
    "text": "the text tower of the second edition",
}


@dataclass(frozen=True, eq=False)
class Parts:
    """What all rows share."""

    data: Path
    run: Path
    second: Lead
    latents: Latents


def name_recipes(data: Path) -> list[str]:
    """The recipe of each composed clip, in the order of their latents: by length, then as the split lists them."""
    packed = load_packed(data, COMPOSED)
    order = sorted(range(len(packed.ids)), key=lambda row: min(int(packed.lengths[row]), MAX_FRAMES))
    return [draw_recipe(0, int(packed.ids[row][1:]))[0].__name__ for row in order]


def leave_out(latents: Latents, row: str, recipes: Sequence[str]) -> Latents:
    """The latents that a row trains on."""
    if row == "balance":
        return replace(latents, sources=tuple(_share_evenly(clips) for clips in latents.sources))
    if row == "composed":
        return replace(latents, sources=tuple(clips for clips in latents.sources if clips.split != COMPOSED))
    if row not in PARTS:
        return latents
    kept = torch.tensor([recipe not in PARTS[row] for recipe in recipes])
    return replace(
        latents,
        sources=tuple(
            replace(clips, shares=clips.shares * kept) if clips.split == COMPOSED else clips
            for clips in latents.sources
        ),
    )


def _share_evenly(clips: LatentClips) -> LatentClips:
    return replace(clips, shares=torch.full_like(clips.shares, 1 / len(clips)))


def train_row(row: str, parts: Parts, steps: int, folder: Path) -> Lead:
    """A base whose denoiser was trained without a part of the engine."""
    tower = parts.second.text if row == "text" else load_tower(parts.run)
    vae = load_vae(parts.run, polished=False)
    if not (folder / "denoiser.safetensors").is_file():
        recipes = name_recipes(parts.data) if row in PARTS else []
        latents = leave_out(parts.latents, row, recipes)
        if row == "text":
            table = latents.captions.encode(tower, load_style_tokens(parts.run))
            latents = replace(latents, table=table)
        train = replace(DIFFUSION_TRAIN, steps=steps, lr=4e-4, warmup=100, ema=0.995, keep="last")
        config, start = parts.second.config.denoiser, parts.second.denoiser
        fit_denoiser(latents, vae, folder, config, train, start=start)
    base = Lead(replace(parts.second.config, name=row, text=tower.config, vae=load_vae(parts.run).config))
    base.text.load_state_dict(tower.state_dict())
    base.vae.load_state_dict(load_vae(parts.run).state_dict())
    base.denoiser.load_state_dict(load_denoiser(folder).state_dict())
    base.mean.copy_(parts.second.mean)
    base.std.copy_(parts.second.std)
    base.generate = partial(base.generate, realign=False, guidance=2.5)  # type: ignore[method-assign]
    return base


def show(results: Mapping[str, Mapping[str, float]]) -> str:
    """A Markdown table."""
    columns = list(next(iter(results.values())))
    lines = ["| row | " + " | ".join(columns) + " |", "| --- |" + " --- |" * len(columns)]
    lines += [
        f"| {ROWS[row]} | " + " | ".join(f"{values[column]:.3f}" for column in columns) + " |"
        for row, values in results.items()
    ]
    return "\n".join(lines)


def summarize(result: SuiteResult) -> dict[str, float]:
    families = {name: score.mean for name, score in result.families.items()}
    return {"all": result.all.mean, "prompts at .75": result.all.mostly, **families}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bases.data_engine", description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="a composed data set")
    parser.add_argument("run", type=Path, help="the run folder that was trained on it")
    parser.add_argument("second", type=Path, help="the second edition's base file")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--output", type=Path, default=REPOSITORY / "runs" / "data_engine")
    parser.add_argument("--report", action="store_true", help="only print the table of the rows that are there")
    given = parser.parse_args(arguments)
    try:
        if not given.report:
            measure(given)
    except LeadError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    files = {row: given.output / row / "suite.json" for row in ROWS}
    print(show({row: json.loads(path.read_text()) for row, path in files.items() if path.is_file()}))
    return 0


def measure(given: argparse.Namespace) -> None:
    """Trains and judges every row that has no result."""
    torch.set_num_threads(1)
    load: Callable[[], Latents] = partial(
        load_latents, given.data, given.run, load_vae(given.run, polished=False), load_tower(given.run),
        load_style_tokens(given.run), "cpu",
    )  # fmt: skip
    parts = Parts(given.data, given.run, Lead.load(given.second, plain=True), load())
    for row in given.rows:
        folder = given.output / row
        if (folder / "suite.json").is_file():
            continue
        folder.mkdir(parents=True, exist_ok=True)
        base = train_row(row, parts, given.steps, folder)
        write_json(folder / "suite.json", summarize(run_suite(base, samples=given.samples)))


if __name__ == "__main__":
    sys.exit(main())
