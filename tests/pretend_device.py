"""A second device on any machine: code that mixes devices fails on it as on a GPU, and gives the CPU's numbers.

A tensor on it is an `Away`: a wrapper that reports the device "meta" and holds a tensor of the CPU. Every operation is
computed on the CPU and its result wrapped again. As with CUDA, an operation of tensors of both devices is an error,
but for numbers without dimensions, copies and indices; NumPy takes no tensor of it. As with MPS, there is no float64.

"meta" is a device that every build of torch knows. Where torch treats it apart, on making tensors of Python's numbers,
`_Factories` makes them on the CPU first. There is no autocast on it: it does nothing here.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

AWAY = "meta"
_ATEN = torch.ops.aten
_MAY_MIX = {
    _ATEN.copy_.default, _ATEN.index.Tensor, _ATEN.index_put_.default, _ATEN.index_put.default,
    _ATEN._index_put_impl_.default,
}  # fmt: skip
"""Copies, and indices, which may be the CPU's."""


class Away(torch.Tensor):
    """A tensor of the pretended device."""

    here: torch.Tensor

    @staticmethod
    def __new__(cls, here: torch.Tensor) -> "Away":
        away = torch.Tensor._make_wrapper_subclass(
            cls, here.shape, strides=here.stride(), storage_offset=here.storage_offset(), dtype=here.dtype,
            device=torch.device(AWAY), requires_grad=here.requires_grad,
        )  # fmt: skip
        away.here = here
        return away

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _compute(func, args, kwargs or {})

    def __repr__(self, *_: Any, **__: Any) -> str:
        return f"Away({self.here})"

    def tolist(self) -> Any:
        return self.here.tolist()

    def numpy(self, **_: Any) -> Any:
        raise TypeError("numpy() of a tensor that is on another device than the CPU")

    __array__ = numpy  # type: ignore[assignment]


def _compute(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """The operation on the CPU; its result is away if a tensor was, or if `device` says so."""
    tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
    away = [x for x in tensors if isinstance(x, Away)]
    mixed = [x for x in tensors if not isinstance(x, Away) and x.ndim] if away else []
    if mixed and func not in _MAY_MIX:
        shapes = f"{[tuple(x.shape) for x in away]} and {[tuple(x.shape) for x in mixed]}"
        raise RuntimeError(f"{func}: expected all tensors on one device, found two: {shapes}")
    if double := [tuple(x.shape) for x in away if x.dtype == torch.float64]:
        raise RuntimeError(f"{func}: float64, which MPS does not have: {double}")
    goes_away = bool(away)
    if kwargs.get("device") is not None:
        goes_away = torch.device(kwargs["device"]).type == AWAY
        kwargs = {**kwargs, "device": torch.device("cpu")}
    if func is _ATEN._conj.default:  # a mark on the wrapped tensor would not be seen
        func = _ATEN.conj_physical.default
    if func is _ATEN.copy_.default:  # its result is its first argument, wherever the second is
        _bring(args[0]).copy_(_bring(args[1]))
        return args[0]
    result = func(*tree_map(_bring, args), **tree_map(_bring, kwargs))
    if not goes_away:
        return result
    given = {id(x.here): x for x in away}  # what an operation in place returns
    return tree_map(lambda x: given[id(x)] if id(x) in given else _send(x), result)


def _bring(value: Any) -> Any:
    return value.here if isinstance(value, Away) else value


def _send(value: Any) -> Any:
    return Away(value) if isinstance(value, torch.Tensor) and not isinstance(value, Away) else value


class _Operations(TorchDispatchMode):
    """Operations that make tensors, with `device` away."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _compute(func, args, kwargs or {})


class _Factories(TorchFunctionMode):
    """Tensors and indices from Python's numbers, which torch leaves without values on "meta"."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        device = kwargs.get("device")
        if func in (torch.tensor, torch.as_tensor) and device is not None and torch.device(device).type == AWAY:
            del kwargs["device"]
            return func(*args, **kwargs).to(device)
        if func in (torch.Tensor.__getitem__, torch.Tensor.__setitem__):
            index = args[1] if isinstance(args[1], tuple) else (args[1],)
            numbers = (list, tuple, range, np.ndarray)
            args = (args[0], tuple(torch.tensor(x) if isinstance(x, numbers) else x for x in index), *args[2:])
        return func(*args, **kwargs)


@contextmanager
def pretended_device(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """In the block the device that is yielded can be used, in one thread and without autocast."""
    threads, autocast = torch.get_num_threads(), torch.autocast

    def autocast_here(device_type: str, *args: Any, **kwargs: Any) -> Any:
        return nullcontext() if device_type == AWAY else autocast(device_type, *args, **kwargs)

    monkeypatch.setattr(torch, "autocast", autocast_here)
    torch.set_num_threads(1)  # the modes hold for one
    try:
        with _Factories(), _Operations():
            yield AWAY
    finally:
        torch.set_num_threads(threads)
