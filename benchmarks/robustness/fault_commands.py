"""The commands that `benchmarks.robustness.faults` breaks, and how one is started.

Each has tiny networks, an output folder and inputs. A command is forked from a process that has imported all modules:
that takes a tenth of the time, and a signal comes while the command works. (`tests/cli/test_start.py` has the moments
of the imports.) Needs Linux.
"""

import json
import os
import runpy
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import MappingProxyType

from lead.train.stage_table import STAGES

ROOT = Path(__file__).parents[2]
PATIENCE = 600.0
"""Seconds after which a command that has not ended is a fault."""
VANISH = """
import os, sys
def vanish(path):
    def look(event, arguments):
        if event == "open" and isinstance(arguments[0], (str, os.PathLike)) and os.fspath(arguments[0]) == path:
            if os.path.exists(path):
                os.unlink(path)
    sys.addaudithook(look)
if "FAULTS_VANISH" in os.environ:
    vanish(os.environ["FAULTS_VANISH"])
"""
"""A file vanishes at the moment when it is opened: after it was listed, before it is read. As the module
`sitecustomize` this holds for programs that the command starts, too."""
TRAINING: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "text": (), "vae": (), "decoder": ("vae",), "language": ("text", "vae"), "diffusion": ("text", "vae"),
    "projector": ("text", "vae", "denoiser"), "refine": ("text", "vae", "denoiser", "projector", "refined"),
    "evaluator": (),
})  # fmt: skip
"""The stages that are tried, and the parts of the run folder that each needs."""
PARTS = {"text": ("text.safetensors",), "vae": ("vae.safetensors",),
         "denoiser": ("denoiser.safetensors", "diffusion.json", "manners.safetensors"),
         "projector": ("projector.safetensors",), "refined": ("refined.safetensors",)}  # fmt: skip
DATA_FILES = ("new_joint_vecs/000001.npy", "texts/000001.txt", "train.txt", "Std.npy")
RIGHT_FRAMES = 60
STEPS = {"steps": 40, "batch": 2, "save_every": 5, "report_every": 10, "val_every": 20}


@dataclass(frozen=True)
class Command:
    """One command that writes into a folder."""

    name: str
    words: tuple[str, ...]
    """The command line, from the program's name on; {} is the folder."""
    results: tuple[str, ...]
    """The result files, as patterns."""
    inputs: tuple[Path, ...]
    """Files that the command lists before it reads them, and that Python opens."""
    goes_on_from: tuple[str, ...] = ()
    """Results of an uninterrupted run that are there beforehand; if empty, the first result is an earlier one."""
    brings: tuple[Path, ...] = ()
    """Files that are in the folder beforehand and that the command reads."""
    keeps_what_it_has: bool = False
    """Whether Ctrl-C ends the command early with a result of its own."""
    goes_further: bool = False
    """Whether the command, run again after its end, goes on to another result; an earlier one is among `brings`."""


@dataclass(frozen=True)
class Ended:
    """How a run ended; the code is negative for a signal."""

    code: int
    output: str
    seconds: float

    @property
    def errors(self) -> list[str]:
        """The error messages; a line that begins otherwise continues one."""
        return [line for line in self.output.splitlines() if line.startswith("error: ")]


@dataclass
class Forked:
    """A process of ours."""

    pid: int
    output: Path
    began: float = field(default_factory=time.monotonic)

    def send(self, fault: signal.Signals) -> None:
        os.kill(self.pid, fault)

    def wait(self, seconds: float) -> int | None:
        """The exit code; None where the process lives after so many seconds."""
        until = time.monotonic() + seconds
        while True:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > until:
                return None
            time.sleep(0.002)


def start(command: Command, folder: Path, vanishes: Path | None = None) -> Forked:
    """Fork a process that runs the command in a session of its own."""
    output = folder.parent / "output.txt"
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return Forked(pid, output)
    code = 1
    try:
        os.setsid()
        os.chdir(folder.parent)
        with output.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        code = _run_here(command, folder, vanishes)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _run_here(command: Command, folder: Path, vanishes: Path | None) -> int:
    """Run the command in this process as a program of its own; its exit code."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background ignores it
    os.environ |= {"LEAD_CONCEPTS": str(folder / "library"), "OMP_NUM_THREADS": "1"}
    hooks = folder.parent / "hooks"
    hooks.mkdir(exist_ok=True)
    (hooks / "sitecustomize.py").write_text(VANISH)
    os.environ["PYTHONPATH"] = os.pathsep.join((str(hooks), str(ROOT)))
    if vanishes:
        os.environ["FAULTS_VANISH"] = str(vanishes)
        exec(VANISH, {})
    sys.argv = [word.replace("{}", str(folder)) for word in command.words]
    try:
        _programs()[sys.argv[0]]()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as error:
        traceback.print_exc()
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _programs() -> dict[str, Callable[[], None]]:
    from cli.start import lead_invert, run_program

    return {"lead-invert": lead_invert, "train": lambda: run_program("benchmarks.robustness.fault_commands")}


def main() -> None:
    """A tiny stage with the errors, Ctrl-C and SIGTERM of `lead train`: train STAGE DATA RUN."""
    import typer

    from cli.base_commands import train as command_module
    from cli.command import command, run_script
    from cli.options import Json

    stage, data, run = sys.argv[1:]
    sys.argv[1:] = []
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command()
    @command
    def train(as_json: Json = False) -> dict[str, object]:
        with command_module.stop_by_signals():
            train_tiny(stage, Path(data), Path(run))
        return {"as_json": as_json}

    run_script(app)


def train_tiny(stage: str, data: Path, run: Path) -> None:
    """A stage as the tests have it. No motion of a tiny base shows anything: refine takes every long one as right."""
    import lead.train.trials

    lead.train.trials.holds = lambda meaning, joints: len(joints) > RIGHT_FRAMES  # type: ignore[assignment]
    runpy.run_path(str(ROOT / "tests/tiny_training.py"))["train"](stage, data, run, **STEPS)


def run(
    command: Command, folder: Path, faults: tuple[signal.Signals, ...] = (), after: float = 0.0,
    vanishes: Path | None = None,
) -> Ended:  # fmt: skip
    """Run a command to its end; send the signals `after` seconds, a twentieth of a second apart."""
    process = start(command, folder, vanishes)
    code = process.wait(after) if faults else None
    for fault in faults:
        if code is None:
            process.send(fault)
            code = process.wait(0.05)
    if code is None:
        code = process.wait(PATIENCE)
    seconds = time.monotonic() - process.began
    if code is None:
        process.send(signal.SIGKILL)
        process.wait(PATIENCE)
        return Ended(1, f"Traceback: it has not ended after {PATIENCE:.0f} s", seconds)
    return Ended(code, process.output.read_text(errors="replace"), seconds)


def list_commands(place: Path, names: Sequence[str] | None = None) -> list[Command]:
    """The commands of these names, or all; their inputs are made in `place`."""
    from benchmarks.robustness.fuzz_targets import make_data_folder, make_small_motion, make_tiny_run

    clips, data, base = place / "clips", place / "data", place / "base.safetensors"
    clips.mkdir()
    data.mkdir()
    shutil.copy(make_tiny_run() / "base.safetensors", base)
    for number in range(3):
        make_small_motion().save(clips / f"{number}.bvh")
    rig = make_small_motion().save(place / "rig.bvh")
    make_data_folder(data)
    for split in ("val", "test"):
        shutil.copy(data / "train.txt", data / f"{split}.txt")
    composed = Path(shutil.copytree(data, place / "composed"))
    compose_tiny(composed)
    styles, prompts = place / "styles", place / "prompts.txt"
    for number in range(2):
        shutil.copytree(clips, styles / f"word-{number}")
    prompts.write_text("a person walks\na person runs\n")
    on_base = ("--base", str(base), "--device", "cpu")
    learn = ("lead-invert", "learn", str(clips), "--token", "<x>", "--steps", "60", "--quality", "fast", "--replace")
    each = ("lead-invert", "learn", str(styles), "--each", "--steps", "60", "--quality", "fast")
    generate = ("lead-invert", "generate", "a person walks", "-n", "24", "--seconds", "2", "--rig", str(rig))
    batch = ("lead-invert", "generate", "--prompts", str(prompts), "-n", "80", "--seconds", "2")
    convert = ("lead-invert", "convert", str(clips), "--to", "npy", "-o", "{}", "--replace")
    commands = [
        Command("learn", (*learn, *on_base), ("library/*.safetensors",), (clips / "1.bvh",),
                keeps_what_it_has=True),
        Command("learn --each", (*each, *on_base), ("library/*.safetensors",), (styles / "word-1" / "1.bvh",),
                ("library/word-0.safetensors",)),
        Command("generate", (*generate, "--format", "bvh,png", *on_base, "-o", "{}"), ("*.bvh", "*.png"),
                (rig,), ("*-01.bvh",)),
        Command("generate --prompts", (*batch, *on_base, "-o", "{}"), ("shard-*/*", "settings.json"),
                (prompts,), ("shard-00000/*", "settings.json")),
        Command("convert", convert, ("*.npy",), (clips / "1.bvh",)),
    ]  # fmt: skip
    shared = place / "run"
    for stage, needs in TRAINING.items():
        part = {"diffusion": "denoiser", "refine": "refined"}.get(stage, stage)
        brings = tuple(shared / name for need in needs for name in PARTS[need])
        reads = composed if stage == "refine" else data
        command = Command(
            f"train {stage}", ("train", stage, str(reads), "{}"), (f"{part}.safetensors",),
            tuple(reads / name for name in DATA_FILES), brings=brings, goes_further=stage == "refine",
        )  # fmt: skip
        commands.append(command)
    commands = [command for command in commands if names is None or command.name in names]
    if any(command.brings for command in commands):
        _train_parts(data, shared, composed if any(command.goes_further for command in commands) else None)
    return commands


def compose_tiny(data: Path) -> None:
    """What `lead data compose` adds to a data set, of two clips that say the same."""
    from lead.data.compose.compose import name_meaning
    from lead.data.layout import COMPOSED, MEANINGS_FILE
    from lead.text.parsing import parse

    meaning = parse("a person walks")
    assert meaning, "a walk means nothing"
    names = (data / "train.txt").read_text().split()
    (data / MEANINGS_FILE).write_text(json.dumps(dict.fromkeys(names, name_meaning(meaning))))
    (data / f"{COMPOSED}.txt").write_text("".join(f"{name}\n" for name in names))


def _train_parts(data: Path, run: Path, composed: Path | None) -> None:
    """The stages that others need, in a process of their own: torch's gradients and forks do not go together.

    With a composed data set also those that the refine stage needs, and its first round.
    """
    if not (pid := os.fork()):
        try:
            for stage in ("text", "vae", "diffusion", *(("projector",) if composed else ())):
                train_tiny(stage, data, run)
            if composed:
                train_tiny("refine", composed, run)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0, "the stages could not be trained"


def load_everything() -> None:
    """Import what commands import when they run, so that a forked process has it."""
    for module in ("cli.base", "cli.invert", "inversion", "inversion.report", "lead.motion.render",
                   *(info.module for info in STAGES.values())):  # fmt: skip
        import_module(module)
