"""Networks in files: a stranger's config and tensors fit each other before memory is taken; what is written is whole.

Knows nothing of formats.
"""

import json
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from lead.errors import LeadError
from lead.motion.atomic import atomic_write as write_file_atomically

M = TypeVar("M", bound=nn.Module)

_MODEST = 1024
"""A whole number in a config up to which nothing is questioned; larger ones have to be some tensor's size."""
_WRONG = (KeyError, TypeError, ValueError, AttributeError, RuntimeError, IndexError, ArithmeticError, AssertionError)
"""What a constructor raises of values that it was never meant for."""


class _Undrawn(TorchFunctionMode):
    """Inside, `torch.nn.init` leaves parameters as they are: all are read from the file.

    Drawing them takes seconds, and on the meta device normal ones import torch's compiler, which takes two.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        if func is torch.linalg.qr:  # of orthogonal ones, which are not asked first
            return args[0], args[0].new_zeros(args[0].shape[1], args[0].shape[1])
        return func(*args, **kwargs)


def build(make: Callable[[Mapping[str, Any]], M], config: object, tensors: Mapping[str, Tensor], what: str) -> M:
    """What `make` makes of a config, with the tensors in it; LeadError starting with `what` where they do not fit.

    The network is first made without memory (on torch's meta device) and its shapes compared.
    """
    try:
        if not isinstance(config, Mapping):
            raise TypeError(f"it is {config!r:.40}, no table")
        largest = max((size for tensor in tensors.values() for size in tensor.shape), default=0)
        if odd := [n for n in _numbers(config) if abs(n) > max(largest, _MODEST)]:
            raise ValueError(f"{odd[0]!r:.40} is the size of nothing in it")
        with torch.device("meta"), _Undrawn(), warnings.catch_warnings(action="ignore"):  # of sizes refused below
            shapes = {name: tensor.shape for name, tensor in make(config).state_dict().items()}
    except _WRONG as error:
        raise LeadError(
            f"{what} has a config that this version does not know ({str(error)[:200]}); update lead-invert, or train "
            "it again"
        ) from error
    if wrong := sorted(name for name in shapes.keys() | tensors.keys() if _shape(tensors, name) != shapes.get(name)):
        name = wrong[0]
        raise LeadError(
            f"{what} does not hold the tensors that its config names: {name} is "
            f"{_told(_shape(tensors, name))}, expected {_told(shapes.get(name))}; get the file again"
        )
    with _Undrawn():
        network = make(config)
    network.load_state_dict(tensors)
    return network


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """`lead.motion.atomic.atomic_write`, with LeadError where the file cannot be written, as on a full disk."""
    try:
        with write_file_atomically(path) as partial:
            yield partial
    except (OSError, RuntimeError, SafetensorError) as error:  # torch and safetensors hide the system's own
        reason = error.strerror if isinstance(error, OSError) else str(error).partition("\n")[0][:120]
        raise LeadError(
            f"{path} cannot be written: {reason}; {shutil.disk_usage(path.parent).free / 2**20:.0f} MB are free there"
        ) from error


def parsed(text: str, what: str) -> Any:
    """JSON; LeadError starting with `what` where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LeadError(f"{what}: its description is not JSON ({str(error)[:100]}); get the file again") from None


def _numbers(config: object) -> Iterator[float]:
    if isinstance(config, Mapping | list | tuple):
        for value in config.values() if isinstance(config, Mapping) else config:
            yield from _numbers(value)
    elif isinstance(config, int | float):
        yield config


def _shape(tensors: Mapping[str, Tensor], name: str) -> torch.Size | None:
    return tensors[name].shape if name in tensors else None


def _told(shape: torch.Size | None) -> str:
    return "missing" if shape is None else str(list(shape))
