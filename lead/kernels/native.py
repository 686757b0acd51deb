"""The optional extension `lead.kernels._native` (C++, `lead/kernels/csrc`): matrices and transformer stacks on x86-64.

The structures are those of `lead/kernels/csrc/stack.h`. Tensors are float32, contiguous and on the CPU. If the
extension was not built, or the machine has no AVX2, LEVEL is 0 and no function may be called. It knows nothing of
modules.
"""

import ctypes
import mmap
import warnings
from collections.abc import Iterable
from ctypes import POINTER, Structure, byref, c_float, c_int64, c_void_p
from importlib.util import find_spec
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


class Matrix(Structure):
    """W and b in panels, and a low-rank addition if `rank` is not 0."""

    _fields_ = (
        *((name, c_int64) for name in ("inputs", "outputs", "rank")),
        *((name, c_void_p) for name in ("panels", "down", "up", "strengths")),
    )


class Norm(Structure):
    """A layer norm."""

    _fields_ = (("gain", c_void_p), ("shift", c_void_p), ("eps", c_float))


class Layer(Structure):
    """The matrices and norms of a transformer's layer."""

    _fields_ = (
        *((name, Matrix) for name in ("join", "qkv", "out", "first", "second")),
        *((name, Norm) for name in ("norm_1", "norm_2")),
        *((name, Matrix) for name in ("value", "put")),
        ("norm_memory", Norm),
    )


class Stack(Structure):
    """A transformer's layers."""

    _fields_ = (
        ("layers", POINTER(Layer)),
        *((name, c_int64) for name in ("count", "joins", "width", "heads", "hidden")),
        *((name, c_int64) for name in ("post_norm", "causal", "quick_gelu")),
        ("last", POINTER(Norm)),
    )


class Piece(Structure):
    """Consecutive tokens of each sample."""

    _fields_ = (("at", c_void_p), ("tokens", c_int64), ("stride", c_int64))


class Call(Structure):
    """One evaluation's inputs and outputs."""

    _fields_ = (
        ("pieces", POINTER(Piece)),
        ("count", c_int64),
        *((name, c_void_p) for name in ("mask", "memory", "y")),
        *((name, c_int64) for name in ("batch", "tokens", "start", "wanted", "threads")),
    )


class HalfMatrix(Structure):
    """W in bfloat16 and its transpose, b, and a low-rank addition if `rank` is not 0."""

    _fields_ = (
        *((name, c_int64) for name in ("inputs", "outputs", "rank")),
        *((name, c_void_p) for name in ("panels", "panels_back", "bias")),
        *((name, c_void_p) for name in ("down", "up", "strengths", "down_gradient", "up_gradient")),
    )


class HalfLayer(Structure):
    """The matrices and norms of a transformer's layer in 16 bits."""

    _fields_ = (
        *((name, HalfMatrix) for name in ("join", "qkv", "out", "first", "second")),
        *((name, Norm) for name in ("norm_1", "norm_2")),
    )


class HalfStack(Structure):
    """A transformer's layers in 16 bits."""

    _fields_ = (
        ("layers", POINTER(HalfLayer)),
        *((name, c_int64) for name in ("count", "joins", "width", "heads", "hidden", "causal")),
    )


class HalfCall(Structure):
    """One evaluation's inputs, outputs and gradients."""

    _fields_ = (
        *((name, c_void_p) for name in ("x", "mask", "y", "kept")),
        *((name, c_int64) for name in ("batch", "tokens", "threads", "keep")),
        *((name, c_void_p) for name in ("dy", "dx")),
    )


LAYOUT = 3
"""The version of the structures and functions, as in `stack.h`."""


_NO_RESULT = ("lead_pack", "lead_map", "lead_half_forward", "lead_half_backward")


def _load_installed_library() -> Any:
    """The extension beside this module; None if it is missing, was built from other sources, or cannot be loaded."""
    found = find_spec("lead.kernels._native")
    if found is None or found.origin is None:
        return None
    try:
        return load_library(found.origin)
    except (OSError, AttributeError) as error:  # of another system, cut off, or another program's
        warnings.warn(f"{found.origin} cannot be loaded ({error}): all works the same, only slower", stacklevel=2)
        return None


def load_library(path: str) -> Any:
    """A build of the extension; None if it was built from other sources."""
    library = ctypes.CDLL(path)
    library.lead_layout.restype = c_int64
    if library.lead_layout() != LAYOUT:
        return None
    for function, arguments in {
        "lead_level": [],
        "lead_packed_size": [c_int64] * 3,
        "lead_pack": [c_int64, c_void_p, c_void_p, c_int64, c_int64, c_void_p],
        "lead_map": [c_int64, POINTER(Matrix), c_void_p, c_int64, c_int64, c_void_p, c_void_p, c_int64, c_int64],
        "lead_evaluate": [c_int64, POINTER(Stack), POINTER(Call)],
        "lead_half": [],
        "lead_half_kept": [POINTER(HalfStack), POINTER(HalfCall)],
        "lead_half_forward": [POINTER(HalfStack), POINTER(HalfCall)],
        "lead_half_backward": [POINTER(HalfStack), POINTER(HalfCall)],
    }.items():
        getattr(library, function).argtypes = arguments
        getattr(library, function).restype = None if function in _NO_RESULT else c_int64
    return library


_LIBRARY = _load_installed_library()
LEVEL: int = _LIBRARY.lead_level() if _LIBRARY else 0
"""Bits of the vectors in use: 512 (AVX-512), 256 (AVX2 and FMA), or 0 without the extension."""
HALF = bool(_LIBRARY and _LIBRARY.lead_half())
"""Whether the extension and the machine multiply in bfloat16 (AVX512-BF16)."""
LARGE_PAGE = 1 << 21
"""Bytes."""


def packed_size(inputs: int, outputs: int) -> int:
    """How many numbers a packed matrix takes."""
    return int(_LIBRARY.lead_packed_size(LEVEL, inputs, outputs))


def pack(
    weight: Float[Tensor, "outputs inputs"], bias: Float[Tensor, " outputs"] | None, room: Float[Tensor, " numbers"]
) -> Matrix:
    """Pack the matrix into `room`, of `packed_size` numbers, which has to live as long as the result."""
    outputs, inputs = weight.shape
    weight, bias = weight.detach().contiguous(), None if bias is None else bias.detach().contiguous()
    _LIBRARY.lead_pack(LEVEL, weight.data_ptr(), address_of(bias), inputs, outputs, room.data_ptr())
    return Matrix(inputs, outputs, 0, room.data_ptr())


def address_of(tensor: Tensor | None) -> int | None:
    """Where a tensor's numbers are; None for None."""
    return None if tensor is None else tensor.data_ptr()


def multiply(
    matrix: Matrix, x: Float[Tensor, "*batch inputs"], gelu: bool, plus: Float[Tensor, "*batch outputs"] | None
) -> Float[Tensor, "*batch outputs"]:
    """W x + b, its GELU with `gelu`, or the sum with `plus`; ValueError where the sizes do not fit."""
    assert plus is None or not gelu, "the extension would add before the GELU, torch's modules after it"
    if x.shape[-1] != matrix.inputs or (plus is not None and plus.shape != (*x.shape[:-1], matrix.outputs)):
        raise ValueError(f"{list(x.shape)} for a matrix of {matrix.inputs} inputs and {matrix.outputs} outputs")
    if x.ndim != 2 or x.stride(1) != 1:  # rows of a matrix may overlap
        x = x.contiguous()
    plus = None if plus is None else plus.contiguous()
    stride = x.stride(0) if x.ndim == 2 else matrix.inputs
    y = x.new_empty(*x.shape[:-1], matrix.outputs)
    rows, threads = x.numel() // matrix.inputs, torch.get_num_threads()
    _LIBRARY.lead_map(LEVEL, byref(matrix), x.data_ptr(), rows, stride, address_of(plus), y.data_ptr(), gelu, threads)
    return y


def evaluate(stack: Stack, call: Call, read: object) -> None:
    """Compute the call's outputs; `read` keeps the tensors alive that the call reads.

    Raises ValueError, and computes nothing, where sizes do not fit: heads divide the width, each matrix continues the
    one before it, and the pieces are all tokens.
    """
    if not _LIBRARY.lead_evaluate(LEVEL, byref(stack), byref(call)):
        raise ValueError(
            f"{stack.count} layers of width {stack.width} with {stack.heads} heads, and a call of {call.tokens} tokens "
            f"of which {call.wanted} are wanted from {call.start} on: the sizes do not fit"
        )


def size_of_half(stack: HalfStack, call: HalfCall) -> int:
    """The numbers that the call keeps; ValueError where sizes do not fit."""
    size = _LIBRARY.lead_half_kept(byref(stack), byref(call))
    if not size:
        raise ValueError(f"{stack.count} layers of width {stack.width} with {stack.heads} heads: the sizes do not fit")
    return int(size)


def evaluate_half(stack: HalfStack, call: HalfCall, kept: Float[Tensor, " numbers"]) -> None:
    """Compute the outputs of a sound call; `kept` has `size_of_half` numbers."""
    call.kept = kept.data_ptr()
    _LIBRARY.lead_half_forward(byref(stack), byref(call))


def differentiate_half(stack: HalfStack, call: HalfCall) -> None:
    """Compute the gradients of a call that was evaluated, and whose memory is kept."""
    _LIBRARY.lead_half_backward(byref(stack), byref(call))


def allocate(sizes: Iterable[int]) -> list[Float[Tensor, " _"]]:
    """Tensors of so many numbers each, side by side; large ones on pages of 2 MB if the system has them.

    30 MB of weights lie on more small pages than a core remembers the places of. This costs 2 % at large batches, and
    more at small ones.
    """
    sizes = list(sizes)
    if 4 * sum(sizes) < 4 * LARGE_PAGE or not hasattr(mmap, "MADV_HUGEPAGE"):
        return list(torch.split(torch.empty(sum(sizes)), sizes))
    pages = mmap.mmap(-1, 4 * sum(sizes) + LARGE_PAGE)
    pages.madvise(mmap.MADV_HUGEPAGE)
    numbers = torch.frombuffer(pages, dtype=torch.float32)
    start = -numbers.data_ptr() % LARGE_PAGE // 4
    return list(torch.split(numbers[start : start + sum(sizes)], sizes))
