"""Several processes that train one model together: starting them, and the rows of a batch between them.

Training finds its neighbors by the environment variables that torchrun and `accelerate launch` set. `launch` starts
processes on this machine: one by `subprocess`, several by torch's elastic agent, which is torchrun's. Why not the
program `torchrun`: it mixes messages and a traceback of its own into the processes' standard error, and does not hand
back what they print. Knows nothing of what is trained.
"""

import atexit
import logging
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from jaxtyping import Shaped
from torch import Tensor

from lead.errors import LeadError
from lead.train.stage_table import Tracker

if TYPE_CHECKING:  # importing accelerate takes a tenth of a second, which only training should wait for
    from accelerate import Accelerator

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended, as a shell gives it."""
SHUTDOWN_SECONDS = 600
"""How long processes have to end the step and save after Ctrl-C; older torch knows 30 s only."""
_HANDLED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")


def make_accelerator(
    device: str, precision: str = "no", tracker: Tracker | None = None, run: Path | None = None
) -> "Accelerator":
    """This process's accelerator: its place among the processes, its device, its arithmetic, and who tracks training.

    `run` is the folder for what a tracker keeps. LeadError where the tracker's package is not installed.
    """
    from accelerate import Accelerator

    if tracker and find_spec(tracker) is None:
        raise LeadError(f"--tracker {tracker} needs the package {tracker}: pip install 'lead-invert[{tracker}]'")
    if device.startswith("cuda:"):
        torch.cuda.set_device(torch.device(device))
    # Its functions have the group at its import as a default argument and would hold it. Optimizers import it later.
    import_module("torch.distributed.nn.functional")
    accelerator = Accelerator(cpu=device == "cpu", mixed_precision=precision, log_with=tracker, project_dir=run)
    if accelerator.num_processes > 1:
        atexit.unregister(_leave_group)
        atexit.register(_leave_group)
    return accelerator


def _leave_group() -> None:
    """Ends the group's threads before Python ends. One that frees a tensor while Python ends aborts the process."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def start_tracker(accelerator: "Accelerator", stage: str, run: Path, config: Mapping[str, Mapping[str, Any]]) -> None:
    """Has the accelerator's tracker, if it has one, begin with a stage of a run folder and its settings, `config`."""
    flat = {f"{group}.{key}": value for group, values in config.items() for key, value in values.items()}
    plain = {key: value if isinstance(value, bool | int | float | str) else str(value) for key, value in flat.items()}
    for tracker in accelerator.log_with:
        name = f"{run.name}-{stage}"
        own = {"wandb": {"name": name, "dir": str(run)}, "trackio": {"name": name}}
        try:  # TensorBoard has a folder a run, the others a project with named runs
            project = f"{stage}.tensorboard" if str(tracker) == "tensorboard" else "lead-invert"
            accelerator.init_trackers(project, plain, own)
        except Exception as error:  # whatever a tracker's package says, of a login or a network
            reason = str(error).partition("\n")[0][:200]
            raise LeadError(f"--tracker {tracker} did not start ({type(error).__name__}: {reason})") from error


@contextmanager
def main_process_first(device: str) -> Iterator[None]:
    """In this block the main process goes first, with the threads of all; the others find what it wrote."""
    from accelerate import PartialState

    state, threads = PartialState(cpu=device == "cpu"), torch.get_num_threads()
    alone = state.is_main_process and state.num_processes > 1
    with state.main_process_first():
        if alone:
            torch.set_num_threads(threads * state.num_processes)
        try:
            yield
        finally:
            if alone:
                torch.set_num_threads(threads)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, rows: Tensor, accelerator: "Accelerator") -> Tensor:
        context.accelerator, context.count = accelerator, len(rows)
        return cast(Tensor, accelerator.gather(rows))

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        start = context.accelerator.process_index * context.count
        return context.accelerator.reduce(gradients[0], "sum")[start : start + context.count], None


def gather(rows: Shaped[Tensor, "rows *rest"], accelerator: "Accelerator") -> Shaped[Tensor, "all_rows *rest"]:
    """The rows of all processes in order, equally many each; gradients go back to the process a row came from.

    Each process's gradient is the sum over the processes' losses. So the *mean* over processes of the parameters'
    gradients is the gradient of a loss that all of them compute on the whole batch.
    """
    if accelerator.num_processes == 1:
        return rows
    return cast(Tensor, _Gather.apply(rows.float(), accelerator))  # type: ignore[no-untyped-call]


@torch.no_grad()
def average_gradients(parameters: Sequence[Tensor], flag: bool, accelerator: "Accelerator") -> bool:
    """Sets every gradient to its mean over the processes, in one message; whether any process raised its flag."""
    if accelerator.num_processes == 1:
        return flag
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    sent = torch.cat([*(x.flatten() for x in gradients), torch.full((1,), float(flag), device=gradients[0].device)])
    reduced = cast(Tensor, accelerator.reduce(sent, "mean"))
    *means, flags = torch.split(reduced, [*(x.numel() for x in gradients), 1])
    for gradient, mean in zip(gradients, means, strict=True):
        gradient.copy_(mean.view_as(gradient))
    return bool(flags > 0)


def launch(command: Sequence[str], processes: int = 1) -> tuple[int, str]:
    """Runs a command as so many processes that find each other; exit code and standard output of one of them.

    That is the first that failed, else the main one. The main one writes its standard error to ours. Ctrl-C is
    handed on once and waited for: the exit code is then INTERRUPTED. Another Ctrl-C ends all at once. Where another
    than the main process failed and printed nothing, raises LeadError with the end of its standard error.
    """
    if processes == 1:
        return _run_one(command)
    with tempfile.TemporaryDirectory() as folder:
        return _run_several(command, processes, folder)


def _run_one(command: Sequence[str]) -> tuple[int, str]:
    with tempfile.TemporaryFile("w+") as output:
        child = subprocess.Popen(command, stdout=output, start_new_session=True)  # Ctrl-C reaches it by us alone
        code = None
        try:
            code = child.wait()
        except KeyboardInterrupt:
            child.send_signal(signal.SIGINT)
            child.wait()
            code = INTERRUPTED
        finally:
            if code is None:
                child.kill()
        output.seek(0)
        return code, output.read()


def _run_several(command: Sequence[str], processes: int, folder: str) -> tuple[int, str]:
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException, Std
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    redirects = {rank: Std.ALL if rank else Std.OUT for rank in range(processes)}
    config = LaunchConfig(
        1, 1, processes, rdzv_backend="c10d", rdzv_endpoint="127.0.0.1:0", local_addr="127.0.0.1", run_id="lead",
        max_restarts=0, logs_specs=DefaultLogsSpecs(folder, redirects=redirects),
    )  # fmt: skip
    rank, code = 0, 0
    with _restore_process(processes):
        try:
            elastic_launch(config, command[0])(*command[1:])
        except SignalException:
            code = INTERRUPTED
        except ChildFailedError as error:
            rank, failure = error.get_first_failure()
            code = failure.exitcode
    printed = _read_log(folder, rank, "stdout")
    if code and rank and not printed:
        reason = _read_log(folder, rank, "stderr")[-2000:].strip()
        raise LeadError(f"process {rank} of {processes} failed: {reason}")
    return code, printed


def _read_log(folder: str, rank: int, stream: str) -> str:
    """What a process wrote: the agent's files are `<run>/attempt_0/<rank>/<stream>.log`."""
    return "".join(path.read_text() for path in Path(folder).glob(f"*/attempt_0/{rank}/{stream}.log"))


@contextmanager
def _restore_process(processes: int) -> Iterator[None]:
    """Puts back what the agent changes in this process: signals, logging, environment.

    In the block, `processes` share the cores, as torchrun has them.
    """
    environment = dict(os.environ)
    handlers = {name: signal.getsignal(getattr(signal, name)) for name in _HANDLED if hasattr(signal, name)}
    os.environ.setdefault("OMP_NUM_THREADS", str(max((os.cpu_count() or 1) // processes, 1)))
    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", str(SHUTDOWN_SECONDS))
    logging.disable(logging.CRITICAL)  # the agent's own account of a failure; the process's message says it
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        os.environ.clear()
        os.environ.update(environment)
        for name, handler in handlers.items():
            if handler is not None:
                signal.signal(getattr(signal, name), handler)
