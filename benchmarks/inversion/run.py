"""How well concepts are learned: concepts by methods and seeds, judged, timed and compared with real clips.

    python -m benchmarks.inversion [--concepts new fewshot-old] [--methods recipe no-word] [--seeds 0 1 2]
    python -m benchmarks.inversion --done --report docs/inversion-figures.md --results docs/inversion-figures.jsonl
    python -m benchmarks.inversion --sheets runs/sheets --concepts elderly sneak --done

A cell is one concept, one method and one seed. Each cell has a JSON file, and the learned concept beside it. A rerun
skips a cell unless the base, the judges, the settings or the learning code have changed. If only the judging has
changed, the concept is not learned again. So two processes can share the work by concept, and a stopped process
resumes. Concepts, methods and figures are modules beside this one.
"""

import argparse
import ast
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

import inversion
from benchmarks.bases.base import write_json
from benchmarks.inversion.concepts import OTHERS, Request, Subject, choose_subjects, list_judge_clips, load_motion
from benchmarks.inversion.figures import Figures, Ruler, measure_judges, measure_shares
from benchmarks.inversion.methods import METHODS, Method, MethodResult, use_concept
from benchmarks.inversion.report import Cell, format_page, print_tables, write_contact_sheet
from benchmarks.pack import REPOSITORY
from concepts import Concept, ConceptError
from inversion import InversionError
from lead import Lead, LeadError, Motion, MotionError
from lead.eval.evaluator import Evaluator
from lead.eval.protocol import reconstruct

EDITION = 5
"""Version of the figures and of the judges without networks. A new number makes all cells be judged again."""
REAL, DECODED = "real", "decoded"
"""Rows that are not methods: real clips as recorded, and real clips through encoder, projector and decoder."""
ALL = (REAL, DECODED, *METHODS)
SECONDS = ("seconds", "processor seconds")  # of learning
BUDGET = 20.0  # processor seconds of a budgeted method if the recipe has no cell
PLAIN = ("a person walks", "a person runs", "a person raises both hands", "a person squats")
WIDTH = 200  # columns of print


@dataclass(frozen=True)
class Bench:
    """What every cell needs."""

    base: Lead
    ruler: Ruler
    folder: Path
    count: int
    budget: float

    @cached_property
    def digest(self) -> str:
        """Digest of the base's config and weights."""
        return _digest(json.dumps([asdict(self.base.config), dict(self.base.fingerprints)], default=str))

    @cached_property
    def plain_joints(self) -> np.ndarray:
        """Joints of the base's motions of PLAIN, before anything is learned."""
        return _joints(self.base.generate([*PLAIN, PLAIN[0]], seconds=4.0))

    def path(self, subject: Subject, method: str, seed: int) -> Path:
        """The cell's file."""
        return self.folder / self.digest[:8] / subject.name / f"{method}-{seed}.json"

    def settings(self, method: str) -> dict[str, Any]:
        """What a cell depends on in learning and in judging. A cell with other settings is stale."""
        learns = method in METHODS and METHODS[method].searches
        learning = {"base": self.digest} | ({"program": program_digest()} if learns else {})
        judging = {"edition": EDITION, "count": self.count, "judges": self.ruler.digest}
        return {"learning": learning, "judging": judging}

    def _read_cell(self, subject: Subject, method: str, seed: int, part: str) -> Cell | None:
        path = self.path(subject, method, seed)
        if not path.is_file():
            return None
        cell = json.loads(path.read_text(encoding="utf-8"))
        return cell if cell["settings"].get(part) == self.settings(method)[part] else None

    def find_cell(self, subject: Subject, method: str, seed: int) -> Cell | None:
        """The stored cell; None if it is absent or stale."""
        return self._read_cell(subject, method, seed, "learning") and self._read_cell(subject, method, seed, "judging")

    def make_cell(self, subject: Subject, method: str, seed: int) -> Cell:
        """Learns, generates, judges and writes the cell."""
        rows = subject.exemplars(seed)
        if method == REAL:
            figures = self.ruler.measure_real_clips(subject, rows)
        elif method == DECODED:
            figures = self._judge_decoded(subject)
        else:
            figures = self._judge_method(subject, METHODS[method], [load_motion(row) for row in rows], method, seed)
        cell = {
            "concept": subject.name, "method": method, "seed": seed, "settings": self.settings(method),
            "exemplars": [row["id"] for row in rows], "figures": figures,
        }  # fmt: skip
        write_json(self.path(subject, method, seed), cell)
        return cell

    def _judge_method(self, subject: Subject, method: Method, clips: Sequence[Motion], name: str, seed: int) -> Figures:
        before = self.plain_joints
        learned, cost = self._learn(subject, method, clips, name, seed)
        own, others, requests = self.generate_motions(subject, learned, seed)
        figures = self.ruler.measure_motions(subject, subject.exemplars(seed), own, others, requests)
        if method.both_paths:
            own, others, _ = self.generate_motions(subject, learned, seed, realign=False)
            figures["plain"] = self._shares(subject, own, others, requests)
        after = _joints(learned.generate([*PLAIN, subject.own.prompt.format(learned.phrase)], [4.0] * 5, 0, True))
        leak = float(np.abs(after - before)[: len(PLAIN)].max())
        return {**figures, **cost, "steps": learned.steps, "bytes": learned.bytes, "leak": leak}

    def _learn(
        self, subject: Subject, method: Method, clips: Sequence[Motion], name: str, seed: int
    ) -> tuple[MethodResult, dict[str, float]]:
        """The method's result and its seconds. Loads the concept if the same code learned it before."""
        path = self.path(subject, name, seed).with_suffix(".safetensors")
        if (cell := self._read_cell(subject, name, seed, "learning")) and path.is_file():
            return self.load_result(subject, name, seed), {key: cell["figures"][key] for key in SECONDS}
        started, spent = time.perf_counter(), time.process_time()
        learned = method.make(self.base, subject, clips, seed, self._budget(subject, seed))
        cost = time.perf_counter() - started, time.process_time() - spent
        if learned.concept:
            path.parent.mkdir(parents=True, exist_ok=True)
            learned.concept.save(path)
        return learned, dict(zip(SECONDS, cost, strict=True))

    def generate_motions(
        self, subject: Subject, learned: MethodResult, seed: int, realign: bool = True
    ) -> tuple[list[Motion], list[Motion], list[Request]]:
        """`count` motions of the exemplars' content, about as many of other prompts, and those prompts' requests."""
        requests = [request for request in subject.others for _ in range(max(self.count // len(subject.others), 1))]
        made = []
        for wanted in ([subject.own] * self.count, requests):
            prompts = [request.prompt.format(learned.phrase) for request in wanted]
            made.append(learned.generate(prompts, [request.seconds for request in wanted], seed, realign))
        return made[0], made[1], requests

    def _shares(
        self, subject: Subject, own: Sequence[Motion], others: Sequence[Motion], requests: Sequence[Request]
    ) -> Figures:
        judges, clips = self.ruler.judges, [motion.features() for motion in own]
        figures = measure_shares(judges, subject, "w", clips, [subject.own.expected] * len(clips))
        more = [motion.features() for motion in others]
        return figures | (
            measure_shares(judges, subject, "e", more, [request.expected for request in requests]) if requests else {}
        )

    def _judge_decoded(self, subject: Subject) -> Figures:
        """The upper limit: real clips through encoder, projector and decoder; `plain`: without the projector."""
        unseen = [row for row in subject.real_others if row["id"] not in list_judge_clips()]
        requests = [Request(OTHERS[row["content"]], row["content"], 0.0) for row in unseen]
        own, others = [load_motion(row) for row in subject.pool], [load_motion(row) for row in unseen]
        ways = [
            self._shares(
                subject, reconstruct(self.base, own, realign), reconstruct(self.base, others, realign), requests
            )
            for realign in (True, False)
        ]
        return {**ways[0], "plain": ways[1]}

    def _budget(self, subject: Subject, seed: int) -> float:
        """The processor seconds that the recipe took for the same clips."""
        cell = self._read_cell(subject, "recipe", seed, "learning")
        return cell["figures"][SECONDS[1]] if cell else self.budget

    def load_result(self, subject: Subject, method: str, seed: int) -> MethodResult:
        """The concept of a finished cell."""
        path = self.path(subject, method, seed).with_suffix(".safetensors")
        if not path.is_file():
            raise LeadError(f"{path} does not exist: run the benchmark with --concepts {subject.name} first.")
        return use_concept(self.base, subject, Concept.load(path))


def _joints(motions: Sequence[Motion]) -> np.ndarray:
    return np.stack([motion.joints for motion in motions])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def program_digest() -> str:
    """Digest of the modules of `inversion` that `learn` imports, without comments and docstrings."""
    folder, waiting, found = Path(inversion.__file__).parent, ["learning"], dict[str, str]()
    while waiting:
        name = waiting.pop()
        path = folder / f"{name}.py"
        if name in found or not path.is_file():
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("inversion."):
                waiting.append(str(node.module).removeprefix("inversion."))
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                node.body = [part for part in node.body if not _is_text(part)]
        found[name] = ast.dump(tree)
    return _digest(json.dumps(found, sort_keys=True))


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def run(bench: Bench, options: argparse.Namespace, console: Console) -> list[Cell]:
    """All cells that were asked for. Finished cells are read from their files."""
    wanted = [
        (subject, method, seed)
        for method in options.methods
        for subject in choose_subjects(options.concepts)
        for seed in options.seeds
    ]
    cells = []
    for number, (subject, method, seed) in enumerate(wanted, 1):
        cell = bench.find_cell(subject, method, seed)
        if cell is None and not options.done:
            started = time.perf_counter()
            cell = bench.make_cell(subject, method, seed)
            took = time.perf_counter() - started
            console.print(f"{number}/{len(wanted)} {subject.name}, {method}, seed {seed}: {took:.1f} s")
        if cell:
            cells.append(cell)
    if not cells:
        raise LeadError(f"{bench.folder} has no finished cell of this base and these settings: run without --done.")
    return cells


def write_results(path: Path, cells: Sequence[Cell]) -> None:
    """Writes the cells' figures to four digits, without the figures of single prompts."""
    lines = []
    for cell in cells:
        figures = {name: _round(x) for name, x in cell["figures"].items() if name != "by prompt"}
        lines.append(json.dumps({name: cell[name] for name in ("concept", "method", "seed")} | {"figures": figures}))
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _round(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _round(x) for name, x in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inversion", description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=Path, help="a checkpoint (default: the embedded base)")
    parser.add_argument("--evaluator", type=Path, help="an evaluator (default: the embedded one)")
    parser.add_argument("--concepts", nargs="+", help="concepts or their groups (default: all)")
    parser.add_argument("--methods", nargs="+", choices=ALL, default=list(ALL))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--count", type=int, default=32, help="motions of the exemplars' content in a cell")
    parser.add_argument("--budget", type=float, default=BUDGET, help="seconds of a LoRA if the recipe has no cell")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "runs" / "inversion")
    parser.add_argument("--done", action="store_true", help="show finished cells only; make none")
    parser.add_argument("--report", type=Path, help="write the tables as Markdown to this file")
    parser.add_argument("--results", type=Path, help="write every cell's figures to this file, one JSON object a line")
    parser.add_argument(
        "--sheets", type=Path, help="write a contact sheet of each concept, learned by the recipe, into this folder"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark and prints its tables."""
    options, console = parser().parse_args(arguments), Console(width=WIDTH)
    try:
        if options.count < 2:
            raise LeadError(f"--count {options.count}: at least 2 motions are needed to tell how they differ.")
        base, ruler = Lead.load(options.base), Ruler(Evaluator.load(options.evaluator))
        bench = Bench(base, ruler, options.output, options.count, options.budget)
        program_digest()  # computed now: the files may be edited while this runs
        cells = run(bench, options, console)
        print_tables(cells, console)
        if options.report:
            text = format_page(cells, measure_judges(ruler.judges), base.name, arguments or sys.argv[1:])
            options.report.parent.mkdir(parents=True, exist_ok=True)
            options.report.write_text(text, encoding="utf-8")
            console.print(str(options.report))
        if options.results:
            write_results(options.results, cells)
            console.print(str(options.results))
        if options.sheets:
            for subject in choose_subjects(options.concepts):
                learned = bench.load_result(subject, "recipe", options.seeds[0])
                console.print(str(write_contact_sheet(options.sheets, subject, learned, options.seeds[0])))
    except (LeadError, MotionError, ConceptError, InversionError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
