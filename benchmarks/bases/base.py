"""All figures of the model card, by one command: how good a base is.

    python -m benchmarks.bases.base [--base PATH] [--replications 20] [--output runs/base.json] [--card]

1. `lead.eval.protocol` on the test and the compositional split, with the share of motions in which the judge recognizes
   the content, and the style, that was asked for; the style also for each named style separately. For the compositional
   split also each held-out cell separately.
2. The mean joint error of encode and decode in centimeters: in the world, and relative to the pelvis. For test also
   that of the largest sources separately.
3. The judge on clips of the two untrained styles: as recorded, after encode and decode, and through the projector too.
   The judge did not learn from these clips.
4. Bone lengths of motions with and without concepts, as made and as read from files (`benchmarks.bases.bones`).
5. The demands on an embedded default, and whether the base meets them.
The command prints Markdown. `--card` puts the tables into the model card, between its two markers.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress

from benchmarks.bases.bones import measure_bones
from benchmarks.bases.card import CARD, markdown, write_between
from benchmarks.judges.networks import (
    CONTENTS,
    STYLES,
    Judge,
    accuracy,
    load_judge,
    real_accuracy,
    real_clips,
    select_known,
    split_rows,
)
from benchmarks.pack import REPOSITORY, Row, pack_rows, read_joints, write_folder
from lead import Lead, Motion
from lead.data.dataset import MAX_FRAMES, MIN_FRAMES, UNIT, Clip
from lead.data.prepare import prepare_data
from lead.errors import LeadError
from lead.eval.evaluator import Evaluator
from lead.eval.metrics import mean_joint_error
from lead.eval.protocol import Extra, Protocol, evaluate, explain_protocol, reconstruct
from lead.motion.features import joints_to_features

DATA = REPOSITORY / "runs" / "data"
SPLITS = ("test", "compositional")
BY_CELL = ("compositional",)  # splits whose pairs of content and style are also judged one by one
RECONSTRUCTED = {"test": ("bandai", "uiprmd"), "newstyle_eval": (), "newaction": ()}
"""Splits, and the sources of each that are also measured separately."""
PATHS = {"decode": False, "projector": True}  # ways to decode a clip -> whether through the projector


def prepare_pack(folder: Path = DATA) -> Path:
    """The folder of the pack in HumanML3D's layout. Prepares it first if it is absent."""
    if not (folder / "Mean.npy").is_file():
        clips = folder.with_name(f"{folder.name}-clips")
        write_folder(clips)
        prepare_data(clips, folder)
    return folder


def load_real_motions(rows: Sequence[Row]) -> list[Motion]:
    """The clips on the uniform skeleton, cut to lengths that the base encodes whole: 4 n + 1 frames, at most 197."""
    motions = []
    for row in rows:
        features = joints_to_features(read_joints(row["id"]))
        frames = min(len(features) - 1, MAX_FRAMES) // UNIT * UNIT
        motions.append(Motion.from_features(features[: frames + 1], name=row["id"]))
    return motions


def measure_recognition(base: Lead, judge: Judge) -> dict[str, dict[str, float]]:
    """How often the judge recognizes style and content in clips of untrained styles, recorded and decoded."""
    rows = split_rows("newstyle_eval")[1] + real_clips()["newstyle_exemplar"]
    motions = load_real_motions(rows)
    ways = {"recorded": motions}
    ways |= {name: reconstruct(base, motions, realign) for name, realign in PATHS.items()}
    result = {}
    for name, clips in ways.items():
        features = [clip.features() for clip in clips]
        style, content = accuracy(judge, rows, features)
        result[name] = {"clips": len(rows), "style": style, "content": content}
        for own in ("elderly", "exhausted"):
            part = [i for i, row in enumerate(rows) if row["style"] == own]
            result[name][own] = accuracy(judge, [rows[i] for i in part], [features[i] for i in part])[0]
    return result


def measure_joint_errors(base: Lead) -> dict[str, dict[str, float]]:
    """Centimeters between recorded and decoded joints, the mean over clips: by split, source and way of decoding."""
    result: dict[str, dict[str, float]] = {}
    for split, sources in RECONSTRUCTED.items():
        rows = [row for row in pack_rows(split) if row["frames"] > MIN_FRAMES + 2]
        motions = load_real_motions(rows)
        placed = [Motion.from_features(motion.features()) for motion in motions]  # as the decoder places them
        errors = {}
        for name, realign in PATHS.items():
            pairs = list(zip(placed, reconstruct(base, motions, realign=realign), strict=True))
            for key, local in (("", False), (" local", True)):
                errors[name + key] = np.array([mean_joint_error(a.joints, b.joints, local=local) for a, b in pairs])
        for part, source in ((split, None), *((f"{split}, {source}", source) for source in sources)):
            own = np.array([source in (None, row["source"]) for row in rows])
            result[part] = {"clips": int(own.sum())}
            result[part] |= {name: 100.0 * float(each[own].mean()) for name, each in errors.items()}
    return result


def count_recognized(judge: Judge, split: str) -> Extra:
    """A function that returns the share of motions with recognized content and style; style also by style
    (`style/...`), both also by cell (`cell/...`)."""
    row_of = {row["id"]: row for row in select_known(pack_rows(split))}

    def extra(clips: Sequence[Clip], motions: Sequence[Motion]) -> dict[str, float]:
        index = [i for i, clip in enumerate(clips) if clip.id in row_of]
        rows = [row_of[clips[i].id] for i in index]
        verdict = judge.judge_motions([motions[i] for i in index])
        content = verdict.contents == [CONTENTS.index(row["content"]) for row in rows]
        style = verdict.styles == [STYLES.index(row["style"]) for row in rows]
        figures = {"content": float(content.mean()), "style": float(style.mean())}
        named = np.array([row["style"] for row in rows])
        for name in sorted(set(named)):
            figures |= {f"style/clips/{name}": int((named == name).sum())}
            figures |= {f"style/share/{name}": float(style[named == name].mean())}
        cells = [f"{row['content']}, {row['style']}" for row in rows]
        for cell in sorted(set(cells)) if split in BY_CELL else ():
            own = np.array([name == cell for name in cells])
            figures |= {f"cell/clips/{cell}": int(own.sum())}
            figures |= {f"cell/content/{cell}": float(content[own].mean())}
            figures |= {f"cell/style/{cell}": float(style[own].mean())}
        return figures

    return extra


def run(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Measures all figures of the module's docstring."""
    started = time.perf_counter()
    data = prepare_pack(arguments.data)
    base, evaluator, judge = Lead.load(arguments.base), Evaluator.load(arguments.evaluator), load_judge()
    protocol = Protocol(replications=arguments.replications, multimodal_texts=arguments.texts)

    def evaluation(split: str) -> dict[str, dict[str, dict[str, float]]]:
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task(f"motions, {split}", total=None)

            def report(done: int, total: int) -> None:
                progress.update(task, completed=done, total=total)

            extra = count_recognized(judge, split)
            rows = evaluate(base, evaluator, data, split, protocol, progress=report, extra=extra)
        return {row: {key: asdict(value) for key, value in figures.items()} for row, figures in rows.items()}

    return {
        "base": base.name,
        "fingerprints": dict(base.fingerprints),
        "notes": explain_protocol(protocol),
        "evaluation": {split: evaluation(split) for split in SPLITS},
        "joint_error_cm": measure_joint_errors(base),
        "recognition": measure_recognition(base, judge),
        "bones": measure_bones(base),
        "judge": real_accuracy(judge),
        "seconds": round(time.perf_counter() - started, 1),
    }


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bases.base", description="How good a base is.")
    parser.add_argument("--base", type=Path, help="a checkpoint (default: the embedded base)")
    parser.add_argument("--evaluator", type=Path, help="an evaluator (default: the embedded one)")
    parser.add_argument("--data", type=Path, default=DATA, help="the prepared pack; it is prepared there if absent")
    parser.add_argument("--replications", type=int, default=20)
    parser.add_argument("--texts", type=int, default=100, help="MModality's texts, of 30 motions each")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "runs" / "base.json")
    parser.add_argument("--card", action="store_true", help=f"write the tables into {CARD.relative_to(REPOSITORY)}")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark, prints its figures as Markdown and writes them as JSON."""
    options = parser().parse_args(arguments)
    try:
        figures = run(options, Console(stderr=True))
    except LeadError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write_json(options.output, figures)
    text = markdown(figures)
    print(text)
    if options.card:
        write_between(CARD, text)
    print(f"{options.output}: {figures['seconds']} s", file=sys.stderr)
    return 0


def write_json(path: Path, figures: dict[str, Any]) -> None:
    """Writes figures as JSON, atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)


if __name__ == "__main__":
    sys.exit(main())
