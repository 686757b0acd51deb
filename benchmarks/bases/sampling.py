"""Which sampler, how many steps, how much guidance: FID and R@3 against seconds, on the val split.

    python -m benchmarks.bases.sampling [--base PATH] [--replications 2] [--output runs/sampling.json]

First the steps vary, for each sampler at the base's own guidance. Then the guidance varies, at the cheapest steps that
are within 2 % of the best: FID at most 1.02 times the smallest of that table, R@3 at least .98 times the largest. The
choice is made on val, so that test stays unused. All points share captions, lengths and noise. Seconds are of sampling
alone (no decoding), per 100 motions, on this machine, one thread.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.bases.base import DATA, prepare_pack, write_json
from benchmarks.pack import REPOSITORY
from lead import Lead
from lead.data.dataset import Clip
from lead.diffusion import Sampler
from lead.errors import LeadError
from lead.eval.evaluator import Evaluator
from lead.eval.metrics import Estimate, frechet_distance, r_precision
from lead.eval.protocol import draw_captions, embed_items, judge_items, load_captioned_clips, to_items

SAMPLERS: tuple[Sampler, ...] = ("ddim", "dpm++")
STEPS = (3, 5, 7, 10, 20)
GUIDANCE = (1.0, 1.25, 1.5, 2.0, 3.0)
SLACK = 0.02
Point = dict[str, Any]


class Bench:
    """The split's real motion, and the measurement of one point."""

    def __init__(self, base: Lead, data: Path, split: str, replications: int) -> None:
        self.base, self.evaluator = base, Evaluator.load()
        self.clips: list[Clip] = load_captioned_clips(data, split)
        self.replications = replications
        self.real = embed_items(self.evaluator, to_items(self.clips, published=False))

    def measure_point(self, sampler: Sampler, steps: int, guidance: float) -> Point:
        """FID and R@3 over replications, and the seconds of sampling."""
        rows: list[dict[str, float]] = []
        for replication in range(self.replications):
            rng = np.random.default_rng(replication)
            captions = draw_captions(self.clips, rng)
            motions, seconds = self._generate(captions, partial(self._sample, sampler, steps, guidance))
            generated = judge_items(self.evaluator, motions)
            r3 = float(r_precision(self.evaluator.embed_texts(captions), generated.embeddings, rng)[-1])
            fid = frechet_distance(generated.embeddings, self.real)
            rows.append({"fid": fid, "r3": r3, "skate": generated.skate, "seconds": 100 * seconds / len(captions)})
        figures = {key: Estimate.of([row[key] for row in rows]) for key in rows[0]}
        return {"sampler": sampler, "steps": steps, "guidance": guidance} | {k: asdict(v) for k, v in figures.items()}

    def _sample(self, sampler: Sampler, steps: int, guidance: float, text: Any, lengths: Any, noise: Any) -> Any:
        return self.base.sample(text, lengths, noise, steps, guidance, sampler)

    @torch.no_grad()
    def _generate(self, captions: Sequence[str], sample: Any, batch: int = 64) -> tuple[list, float]:
        noises, motions, seconds = torch.Generator().manual_seed(0), [], 0.0
        for start in range(0, len(captions), batch):
            lengths = torch.tensor([len(clip.features) - 1 for clip in self.clips[start : start + batch]])
            text = self.base.encode_text(captions[start : start + batch])
            latents = int(self.base.vae.latent_lengths(lengths).max())
            noise = torch.randn(len(text), latents, self.base.config.vae.d_latent, generator=noises)
            started = time.perf_counter()
            z = sample(text, lengths, noise)
            seconds += time.perf_counter() - started
            motions += self.base.decode(self.base.projector.realign(z, lengths), lengths, clean_feet=True)
        return motions, seconds


def find_cheapest(points: Sequence[Point]) -> Point:
    """The fastest point within SLACK of the best FID and of the best R@3."""
    least, most = min(p["fid"]["mean"] for p in points), max(p["r3"]["mean"] for p in points)
    good = [p for p in points if p["fid"]["mean"] <= (1 + SLACK) * least and p["r3"]["mean"] >= (1 - SLACK) * most]
    return min(good or sorted(points, key=lambda p: p["fid"]["mean"])[:1], key=lambda p: p["seconds"]["mean"])


def make_table(points: Sequence[Point], title: str, chosen: Point) -> Table:
    """A table of the points, with the chosen one marked."""
    table = Table("sampler", "steps", "guidance", "FID", "R@3", "skate", "s / 100 motions", "", title=title)
    for p in points:
        figures = [f"{p[key]['mean']:.3f} ±{p[key]['interval']:.3f}" for key in ("fid", "r3", "skate")]
        mark = "chosen" if p is chosen else ""
        table.add_row(
            p["sampler"], str(p["steps"]), f"{p['guidance']:g}", *figures, f"{p['seconds']['mean']:.2f}", mark
        )
    return table


def run(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Measures both curves, resuming from the points that the output file already holds for this base."""
    torch.set_num_threads(1)
    base = Lead.load(arguments.base)
    bench = Bench(base, prepare_pack(arguments.data), arguments.split, arguments.replications)
    identity = {"fingerprints": base.fingerprints, "split": arguments.split, "replications": arguments.replications}
    result: dict[str, Any] = _read(arguments.output, identity)

    def measure(wanted: Sequence[tuple[Sampler, int, float]], title: str) -> list[Point]:
        for sampler, steps, guidance in track(wanted, title, console=console, transient=True):
            key = f"{sampler} {steps} {guidance:g}"
            if key not in result["points"]:
                result["points"][key] = bench.measure_point(sampler, steps, guidance)
                write_json(arguments.output, result)
        return [result["points"][f"{sampler} {steps} {guidance:g}"] for sampler, steps, guidance in wanted]

    own = base.config.diffusion.guidance
    by_steps = measure([(sampler, steps, own) for sampler in SAMPLERS for steps in STEPS], "steps")
    best = find_cheapest(by_steps)
    console.print(make_table(by_steps, f"Steps, at guidance {own:g}", best))
    sampler = cast(Sampler, best["sampler"])
    by_guidance = measure([(sampler, best["steps"], guidance) for guidance in GUIDANCE], "guidance")
    chosen = find_cheapest(by_guidance)
    console.print(make_table(by_guidance, f"Guidance, {sampler} in {best['steps']} steps", chosen))
    result["chosen"] = {key: chosen[key] for key in ("sampler", "steps", "guidance")}
    return result


def _read(path: Path, identity: dict[str, Any]) -> dict[str, Any]:
    """An earlier run's figures if they are of the same base and split, else empty ones."""
    known = json.loads(path.read_text()) if path.is_file() else {}
    same = all(known.get(key) == value for key, value in identity.items())
    return known if same else {**identity, "points": {}}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark and writes its figures as JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bases.sampling", description="Steps, guidance and sampler."
    )
    parser.add_argument("--base", type=Path, help="a checkpoint (default: the embedded base)")
    parser.add_argument("--data", type=Path, default=DATA, help="the prepared pack; it is prepared there if absent")
    parser.add_argument("--split", default="val", help="where to choose (default: val)")
    parser.add_argument("--replications", type=int, default=2)
    parser.add_argument("--output", type=Path, default=REPOSITORY / "runs" / "sampling.json")
    options, console = parser.parse_args(arguments), Console(width=110)
    try:
        figures = run(options, console)
    except LeadError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write_json(options.output, figures)
    console.print(f"chosen: {figures['chosen']}; {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
