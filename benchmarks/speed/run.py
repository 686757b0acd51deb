"""How fast everything is on this machine, in one run: medians, their spread, and ratios to stated baselines.

    python -m benchmarks.speed [--rounds 5] [--threads 1 2] [--only PART ...] [--output runs/speed.json]
    python -m benchmarks.speed --only published --mld-code motion-latent-diffusion
    python -m benchmarks.speed --device cuda    # generation and training on a GPU (`benchmarks.speed.device`)

The baseline of generation has the same weights in networks without `lead.kernels.optimize`: eager PyTorch, module by
module, guidance as a doubled batch, at the same sampler, steps and noise. Both run in turn, so that other work on the
machine slows both. The output names the kernels that were measured: the extension's, or oneDNN's if the extension was
not built. Generation is measured with each number of threads, everything else with the last. "mld" is preset `mld` with
random weights, from text features to motion features. "default" is the embedded base, from the prompt to motions as
`generate` gives them. "published" has MLD's own code as the baseline (`benchmarks.speed.published_mld`), from a
checkout that the user gives: the same random weights and noise, from text features to joints. The figures of a command
(seconds to the end, peak memory) are those of a fresh process. A spread is from the least to the greatest of the
rounds.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.bases.base import write_json
from benchmarks.pack import REPOSITORY, pack_folder
from benchmarks.speed.device import measure_device
from benchmarks.speed.motion_files import make_long_bvh, read_plainly
from benchmarks.speed.published_mld import PublishedMld
from inversion import learn
from inversion.assess import assess
from inversion.encoded_clips import encode_clips
from inversion.learning import EFFORTS
from inversion.optimization.training_set import build_training_set
from inversion.report import report
from lead import Lead, Motion
from lead.diffusion import Diffusion, Sampler, guide, sample
from lead.kernels import native, optimize
from lead.motion import read_bvh, write_bvh
from lead.motion.features import features_to_joints
from lead.networks.mld import MLD_DIFFUSION, MldDenoiser, MldDenoiserConfig, MldVAE, MldVAEConfig

Row = dict[str, Any]
PAUSE = 0.02
"""Seconds before each measurement."""
FRAMES = 80
"""Frames that preset `mld` generates: 4 s."""
PUBLISHED_FRAMES = 196
"""Frames beside MLD's own code: the longest clip of HumanML3D, 9.8 s."""
SETTINGS: tuple[tuple[Sampler, int], ...] = (("ddim", 3), ("ddim", 5), ("ddim", 10), ("dpm++", 5), ("ddim", 50))
CLIPS = "elderly-walk"
COMMANDS = {
    "--help": ["--help"],
    "list": ["list"],
    "show": ["show", "{word}"],
    "verify": ["verify", "{word}"],
    "card": ["card", "{word}", "-o", "{folder}/README.md"],
    "add": ["add", "{word}"],
    "export": ["export", "{word}", "--to", "diffusers", "-o", "{folder}/x.safetensors"],
    "check": ["check", "{clips}"],
    "convert": ["convert", "{clips}", "--to", "bvh,glb,npz", "-o", "{folder}/out"],
    "view": ["view", "{clips}", "-o", "{folder}/page.html"],
    "describe": ["describe", "{clips}"],
    "evaluate": ["evaluate", "{word}", "--clips", "{clips}"],
    "blend": ["blend", "{word}", "{other}", "-o", "{folder}/x.safetensors"],
    "negate": ["negate", "{word}", "-o", "{folder}/x.safetensors"],
    "generate": ["generate", "a person walks", "--format", "bvh", "-o", "{folder}/out"],
    **{
        f"learn --quality {quality}": [
            "learn", "{clips}", "--token", "<speed>", "--quality", quality, "-o", "{folder}/x.safetensors",
        ]
        for quality in EFFORTS
    },
}  # fmt: skip
"""Commands of `lead-invert`, each with a small job: five clips, one motion, one concept."""


WATCH = """
import os, sys, time
started = time.perf_counter()
_, status, usage = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)
print()
print(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status) & 255)
"""
"""A small process in between, because a child's peak memory includes its parent's memory at the start."""


def summarize(seconds: Sequence[float]) -> Row:
    return {"median": statistics.median(seconds), "least": min(seconds), "greatest": max(seconds)}


def time_work(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def time_work_and_cpu(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and CPU seconds, after a pause."""
    time.sleep(PAUSE)
    before = time.process_time()
    return time_work(work), time.process_time() - before


def measure_machine(rounds: int) -> list[Row]:
    """Speed of the machine's arithmetic and memory: matrices of 1024 x 1024 in both precisions, a copy of 128 MB."""
    rows: list[Row] = []
    for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        a = torch.randn(1024, 1024).to(dtype)
        seconds = [time_work(lambda a=a: a @ a) for _ in range(rounds + 2)][2:]
        rows.append({"what": f"{name}, GFLOP/s", **summarize([2 * 1024**3 / s / 1e9 for s in seconds])})
    source, target = torch.zeros(2, 2**24).unbind()
    seconds = [time_work(lambda: target.copy_(source)) for _ in range(rounds + 1)][1:]
    return [*rows, {"what": "memory read and written, GB/s", **summarize([2 * 2**26 / s / 1e9 for s in seconds])}]


def compare(what: str, baseline: Callable[[], torch.Tensor], ours: Callable[[], torch.Tensor], rounds: int) -> Row:
    """Measures both in turn. In the pause before each, busily waiting threads of the other fall asleep.

    `difference` is the largest difference of their outputs. CPU seconds include all threads, also waiting ones.
    """
    difference = float((baseline() - ours()).abs().max())
    pairs = [(time_work_and_cpu(baseline), time_work_and_cpu(ours)) for _ in range(rounds)]
    return {
        "what": f"{what}, {torch.get_num_threads()} threads",
        "baseline": summarize([a for (a, _), _ in pairs]),
        "ours": summarize([b for _, (b, _) in pairs]),
        "ratio": summarize([a / b for (a, _), (b, _) in pairs]),
        "cpu_ratio": summarize([a / b for (_, a), (_, b) in pairs]),
        "difference": difference,
    }


@torch.no_grad()
def measure_mld(rounds: int) -> list[Row]:
    """Preset `mld`, 50 DDIM steps, guidance 7.5."""
    torch.manual_seed(0)
    networks = MldVAE(MldVAEConfig()).eval(), MldDenoiser(MldDenoiserConfig()).eval()
    fast = optimize(deepcopy(networks[0])), optimize(deepcopy(networks[1]))
    diffusion, rows = Diffusion(MLD_DIFFUSION), []
    for batch in (1, 32):
        text, empty, noise = torch.randn(batch, 768), torch.randn(1, 768), torch.randn(batch, 1, 256)
        lengths = torch.full((batch,), FRAMES)
        times = diffusion.sampling_times(MLD_DIFFUSION.sampling_steps)[:-1]

        def generate(
            vae: MldVAE, denoiser: MldDenoiser,
            text: Any = text, empty: Any = empty, noise: Any = noise, lengths: Any = lengths, times: Any = times,
        ) -> torch.Tensor:  # fmt: skip
            predict = guide(partial(denoiser.condition, times=times), text, empty, lengths, MLD_DIFFUSION.guidance)
            return vae.decode(sample(diffusion, predict, noise, MLD_DIFFUSION.sampling_steps), lengths)

        works, few = (partial(generate, *networks), partial(generate, *fast)), max(2, rounds // 2)
        rows.append(compare(f"mld, batch {batch}, ddim 50", *works, rounds if batch == 1 else few))
    return rows


@torch.no_grad()
def measure_published(rounds: int, code: Path, frames: int = PUBLISHED_FRAMES) -> list[Row]:
    """MLD's own code beside preset `mld`: equal weights and noise, 50 DDIM steps, from text features to joints."""
    torch.manual_seed(0)
    vae, denoiser = MldVAE(MldVAEConfig()).eval(), MldDenoiser(MldDenoiserConfig()).eval()
    mean, std = 0.1 * torch.randn(263), 0.1 * torch.rand(263)
    published = PublishedMld(code, vae, denoiser, mean, std, MLD_DIFFUSION)
    vae, denoiser, diffusion = optimize(vae), optimize(denoiser), Diffusion(MLD_DIFFUSION)
    times, rows = diffusion.sampling_times(MLD_DIFFUSION.sampling_steps)[:-1], []
    for batch in (1, 32):
        text, empty, lengths = torch.randn(batch, 768), torch.randn(1, 768), [frames] * batch

        def generate_theirs(text: Any = text, empty: Any = empty, lengths: Any = lengths) -> torch.Tensor:
            torch.manual_seed(1)
            return published.generate(text, empty, lengths)

        def generate_ours(text: Any = text, empty: Any = empty, lengths: Any = lengths) -> torch.Tensor:
            torch.manual_seed(1)
            noise, counts = torch.randn(len(text), 1, 256), torch.tensor(lengths)
            predict = guide(partial(denoiser.condition, times=times), text, empty, counts, MLD_DIFFUSION.guidance)
            z = sample(diffusion, predict, noise, MLD_DIFFUSION.sampling_steps)
            return torch.from_numpy(features_to_joints((vae.decode(z, counts) * std + mean).numpy()))

        few = rounds if batch == 1 else max(2, rounds // 2)
        rows.append(compare(f"MLD's code, batch {batch}, {frames} frames", generate_theirs, generate_ours, few))
    return rows


def measure_default(rounds: int) -> list[Row]:
    """The embedded base at each setting: seconds of a whole batch, from prompts to motions."""
    base, rows = Lead.load(), []
    plain = Lead(base.config)
    plain.load_state_dict(base.state_dict())
    for batch in (1, 32):
        prompts = ["a person walks forward and turns around"] * batch
        for sampler, steps in SETTINGS:

            def generate(
                base: Lead, prompts: Any = prompts, sampler: Sampler = sampler, steps: int = steps
            ) -> torch.Tensor:
                motions = base.generate(prompts, sampler=sampler, steps=steps)
                return torch.from_numpy(np.stack([motion.joints for motion in motions]))

            few = rounds if batch == 1 else max(2, rounds // 2)
            works = partial(generate, plain), partial(generate, base)
            rows.append(compare(f"default, batch {batch}, {sampler} {steps}", *works, few))
    return rows


def measure_inversion(rounds: int) -> list[Row]:
    """`learn` by phase, in a process with everything loaded: five clips of an elderly walk."""
    base, paths = Lead.load(), list_exemplars()
    clips = [Motion.read(path) for path in paths]
    encoded = encode_clips(base, clips)
    phases: dict[str, Callable[[], object]] = {
        "read five BVH files": lambda: [Motion.read(path) for path in paths],
        "encode": lambda: encode_clips(base, clips),
        "assess": lambda: assess(base, encoded, "style"),
        "direction": lambda: build_training_set(base, encoded, "style", True, True, 0),
    }
    rows: list[Row] = []
    for name, work in phases.items():
        rows.append({"what": name, **summarize([time_work(work) for _ in range(min(rounds, 3))])})
    for quality, effort in EFFORTS.items():
        started = time.perf_counter()
        concept = learn(base, encoded, "<speed>", quality=quality)
        seconds = time.perf_counter() - started - rows[3]["median"]
        rows.append({"what": f"search, {quality} ({effort.steps} steps of {effort.batch})", **summarize([seconds])})
    rows.append({"what": "report", **summarize([time_work(lambda: report(base, concept, encoded))])})
    return rows


def list_exemplars() -> list[Path]:
    return sorted((pack_folder() / "exemplars" / CLIPS).glob("*.bvh"))[:5]


def measure_commands(rounds: int) -> list[Row]:
    """Seconds, CPU seconds and peak memory (MB) of each command as a process of its own, everything included."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        places = {"clips": str(list_exemplars()[0].parent)}
        for name in ("word", "other"):
            places[name] = f"{folder}/{name}.safetensors"
            _run_process([*COMMANDS["learn --quality fast"][:-1], places[name], "--steps", "1"], places)
        for name, words in COMMANDS.items():
            runs = [_run_process(words, places) for _ in range(min(rounds, 3 if "learn" in name else 5))]
            rows.append({"what": f"lead-invert {name}", **_summarize_runs(runs)})
    ready = ["-c", "from lead import Lead; Lead.load().generate(['a person walks'], steps=1)"]
    runs = [_run_process(ready, {}, program=[]) for _ in range(min(rounds, 5))]
    return [*rows, {"what": "ready: loaded, and one step sampled", **_summarize_runs(runs)}]


def _summarize_runs(runs: Sequence[tuple[float, float, float]]) -> Row:
    seconds, cpu, megabytes = zip(*runs, strict=True)
    return {**summarize(seconds), "cpu_s": min(cpu), "peak_mb": max(megabytes)}


def _run_process(
    words: Sequence[str], places: Mapping[str, str], program: Sequence[str] = ("-m", "cli.invert")
) -> tuple[float, float, float]:
    """Seconds, CPU seconds and peak memory in MB of one run in a fresh folder."""
    with tempfile.TemporaryDirectory() as folder:
        line = [word.format(folder=folder, **places) for word in words]
        environment = os.environ | {"LEAD_CONCEPTS": f"{folder}/words", "PYTHONPATH": str(REPOSITORY)}
        watched = [sys.executable, "-S", "-c", WATCH, sys.executable, *program, *line]
        done = subprocess.run(watched, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if done.returncode:
            raise SystemExit(f"{' '.join(line)} ended with {done.returncode}")
        seconds, cpu, kilobytes = map(float, done.stdout.split()[-3:])
        return seconds, cpu, kilobytes / 1024


def measure_files(rounds: int) -> list[Row]:
    """Frames a second: BVH of 31 joints read (beside a `float()` a word) and written, features of a clip made."""
    bvh = make_long_bvh(5000, 31)
    joints = Motion.read(list_exemplars()[0]).resample(20.0).joints
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.bvh"
        written = [time_work(lambda: write_bvh(bvh, path)) for _ in range(rounds)]
        ours = [time_work(lambda: read_bvh(path)) for _ in range(rounds)]
        plain = [time_work(lambda: read_plainly(path)) for _ in range(rounds)]
    made = [time_work(Motion(joints).features) for _ in range(rounds + 1)][1:]
    return [
        {"what": "BVH read, frames/s", **summarize([5000 / s for s in ours])},
        {"what": "BVH read plainly, frames/s", **summarize([5000 / s for s in plain])},
        {"what": "BVH written, frames/s", **summarize([5000 / s for s in written])},
        {"what": "features made, frames/s", **summarize([len(joints) / s for s in made])},
    ]


def measure_training(rounds: int) -> list[Row]:
    """Steps a second of the embedded base's denoiser and VAE, forward and backward in bf16, batch 32 of 4 s."""
    base = Lead.load()
    rows: list[Row] = []
    lengths, features = torch.full((32,), FRAMES), torch.randn(32, FRAMES, 263)
    text, z, t = torch.randn(32, 256), torch.randn(32, 5, 96), torch.randint(1000, (32,))
    parts: dict[str, tuple[torch.nn.Module, Callable[[], torch.Tensor]]] = {
        "denoiser": (base.denoiser, lambda: base.denoiser(z, t, text, lengths)),
        "VAE": (base.vae, lambda: base.vae.decode(base.vae.encode(features, lengths)[0], lengths)),
    }
    for name, (part, forward) in parts.items():
        part.requires_grad_(True)
        optimizer = torch.optim.AdamW(part.parameters())

        def step(forward: Any = forward, optimizer: Any = optimizer) -> None:
            with torch.autocast("cpu", torch.bfloat16):
                loss = forward().square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        seconds = [time_work(step) for _ in range(rounds + 1)][1:]
        rows.append({"what": f"training {name}, steps/s", **summarize([1 / s for s in seconds])})
    return rows


PARTS = {
    "rates": measure_machine, "mld": measure_mld, "default": measure_default, "inversion": measure_inversion,
    "commands": measure_commands, "files": measure_files, "training": measure_training,
}  # fmt: skip


GENERATION = ("mld", "default", "published")


def make_table(name: str, rows: Sequence[Row]) -> Table:
    """A part's rows as a table."""

    def format_spread(figures: Row) -> str:
        return f"{figures['median']:.3g} ({figures['least']:.3g} to {figures['greatest']:.3g})"

    if "ratio" in rows[0]:
        shown_table = Table(name, "baseline, s", "ours, s", "ratio", "ratio of CPU s", "largest difference")
        for row in rows:
            figures = [format_spread(row[key]) for key in ("baseline", "ours", "ratio", "cpu_ratio")]
            shown_table.add_row(row["what"], *figures, f"{row['difference']:.1e}")
        return shown_table
    shown_table = Table(name, "median (least to greatest)", "CPU s, least", "peak, MB")
    for row in rows:
        process = (f"{row['cpu_s']:.2f}", f"{row['peak_mb']:.0f}") if "peak_mb" in row else ("", "")
        shown_table.add_row(row["what"], format_spread(row), *process)
    return shown_table


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures the requested parts, prints them, and writes them as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description="How fast everything is.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, os.cpu_count() or 1}))
    parser.add_argument("--mld-code", type=Path, help="a checkout of MLD's published code, to compare with")
    parser.add_argument("--device", help="measure generation and training on this device, and nothing else")
    parser.add_argument("--only", nargs="+", choices=[*PARTS, "published"])
    parser.add_argument("--output", type=Path, default=REPOSITORY / "runs" / "speed.json")
    options, console = parser.parse_args(arguments), Console(width=140)
    parts: dict[str, Callable[[int], list[Row]]] = dict(PARTS)
    if options.device:
        parts = {options.device: partial(measure_device, options.device)}
    elif options.mld_code:
        parts["published"] = partial(measure_published, code=options.mld_code)
    elif options.only and "published" in options.only:
        parser.error("published: give the place of MLD's own code with --mld-code")
    way = f"the extension, {native.LEVEL} bits" if native.LEVEL else "oneDNN (the extension was not built)"
    console.print(f"torch {torch.__version__}; ours is {way}")
    result: Row = {"torch": torch.__version__, "ours": way, "threads": options.threads, "rounds": options.rounds}
    for name in options.only or parts:
        result[name] = []
        for threads in options.threads if name in GENERATION else options.threads[-1:]:
            torch.set_num_threads(threads)
            result[name] += parts[name](options.rounds)
        console.print(make_table(name, result[name]))
        write_json(options.output, result)
    return 0
