"""Several processes that train one model together: starting them, and the rows of a batch between them.

Training finds its neighbors by the variables that torchrun and `accelerate launch` set; `launch` sets the same
ones on one machine.  Knows nothing of what is trained.
"""

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lead.errors import LeadError

if TYPE_CHECKING:  # its import takes a tenth of a second, which only training should wait for
    from accelerate import Accelerator

GRACE = 10.0
"""Seconds that the others have to end by themselves once one process has failed."""


def accelerator(device: str, precision: str = "no") -> "Accelerator":
    """This process's accelerator: its place among the processes, its device, its arithmetic."""
    from accelerate import Accelerator

    if device.startswith("cuda:"):
        torch.cuda.set_device(torch.device(device))
    return Accelerator(cpu=device == "cpu", mixed_precision=precision)


def main_first(device: str) -> AbstractContextManager:
    """In this block the main process goes first: it writes what the others, after it, find written."""
    from accelerate import PartialState

    return PartialState(cpu=device == "cpu").main_process_first()


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, rows: Tensor, accelerator: "Accelerator") -> Tensor:
        context.accelerator, context.count = accelerator, len(rows)
        return accelerator.gather(rows)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        start = context.accelerator.process_index * context.count
        return context.accelerator.reduce(gradients[0], "sum")[start : start + context.count], None


def gather(rows: Tensor, accelerator: "Accelerator") -> Tensor:
    """The rows of all processes in order, equally many each; gradients go back to the process a row came from.

    Each process's gradient is the sum over the processes' losses, so that the *mean* over processes of the
    parameters' gradients is the gradient of a loss that all of them compute on the whole.
    """
    return _Gather.apply(rows.float(), accelerator) if accelerator.num_processes > 1 else rows


@torch.no_grad()
def mean_gradients(parameters: Sequence[Tensor], flag: bool, accelerator: "Accelerator") -> bool:
    """Sets every gradient to its mean over the processes, in one message; True where any process raised its flag."""
    if accelerator.num_processes == 1:
        return flag
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    sent = torch.cat([*(x.flatten() for x in gradients), torch.full((1,), float(flag), device=gradients[0].device)])
    *means, flags = accelerator.reduce(sent, "mean").split([*(x.numel() for x in gradients), 1])
    for gradient, mean in zip(gradients, means, strict=True):
        gradient.copy_(mean.view_as(gradient))
    return bool(flags > 0)


def launch(command: Sequence[str], processes: int = 1) -> tuple[int, str]:
    """Runs a command as so many processes that find each other; exit code and standard output of the main one.

    The main process writes its standard error to ours.  Ctrl-C is handed on once and waited for; another one
    ends them at once.  LeadError with the end of its standard error where another process fails first.
    """
    with ExitStack() as stack:
        files = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in range(processes)]
        children: list[subprocess.Popen] = []
        stack.callback(_kill, children)
        for rank, env in enumerate(_environments(processes)):
            output = {"stdout": files[0]} if rank == 0 else {"stdout": subprocess.DEVNULL, "stderr": files[rank]}
            children.append(subprocess.Popen(command, env=env, start_new_session=True, **output))  # type: ignore[call-overload]
        stopped = False
        try:
            failed = _wait(children)
        except KeyboardInterrupt:
            stopped = True
            for child in children:
                child.send_signal(signal.SIGINT)
            failed = _wait(children)
        if failed and children[0].returncode < 0:
            files[failed].seek(0)
            raise LeadError(f"process {failed} of {processes} failed: {files[failed].read()[-2000:].strip()}")
        if stopped and not children[0].returncode:
            raise KeyboardInterrupt
        files[0].seek(0)
        return children[0].returncode, files[0].read()


def _kill(children: Sequence[subprocess.Popen]) -> None:
    for child in children:
        if child.poll() is None:
            child.kill()


def _wait(children: Sequence[subprocess.Popen]) -> int:
    """Until all have ended; the number of the first that failed, 0 if none or the main one did."""
    failed, deadline = 0, float("inf")
    while any(child.poll() is None for child in children):
        bad = [number for number, child in enumerate(children) if child.poll()]
        if bad and deadline == float("inf"):
            failed, deadline = bad[0], time.monotonic() + GRACE
        if time.monotonic() > deadline:
            for child in children:
                child.terminate()
        time.sleep(0.05)
    return failed


def _environments(processes: int) -> list[dict[str, str]]:
    """The variables of each process; a single one gets none, it has nobody to find."""
    if processes == 1:
        return [dict(os.environ)]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    threads = str(max((os.cpu_count() or 1) // processes, 1))
    shared = {"OMP_NUM_THREADS": threads, **os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    count = {"WORLD_SIZE": str(processes), "LOCAL_WORLD_SIZE": str(processes)}
    return [{**shared, **count, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(processes)]
