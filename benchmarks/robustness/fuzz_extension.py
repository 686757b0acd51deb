"""Random and damaged calls of the C++ extension: does it give torch's numbers or refuse, and touch no other memory?

python -m benchmarks.robustness.fuzz_extension --inputs 5000                # the extension that is installed
python -m benchmarks.robustness.fuzz_extension --inputs 5000 --sanitize     # built anew with ASan and UBSan; needs g++
python -m benchmarks.robustness.fuzz_extension --case 1234 --sanitize       # one input again

The seed and the number make an input. An input is one of three kinds: a matrix by itself (`lead_pack`, `lead_map`), a
transformer stack (`lead_evaluate`) with any sizes, pieces, mask, memory, adapters and threads, or a stack one of whose
sizes or addresses was made odd. It fails if the numbers differ from torch's, if an odd size is neither harmless nor
refused, or if the process ends: a sanitizer ends it at the first access to memory that is not the call's, and at the
first overflow. What the extension cannot check is not made odd: sizes of tensors, of which it sees addresses alone.
"""

import argparse
import copy
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "lead/kernels/csrc/native.cpp"
FLAGS = ("-O1", "-g1", "-std=c++17", "-fPIC", "-shared", "-pthread", "-fno-omit-frame-pointer")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined")
ODD = (0, -1, 1, 7, 4096, 1 << 31, (1 << 31) + 1, 1 << 62, -(1 << 63))


def build(folder: Path) -> Path:
    """The extension with its sanitizers."""
    library = folder / "_native.so"
    compiler = os.environ.get("CXX", "g++")
    subprocess.run([compiler, *FLAGS, *SANITIZERS, str(SOURCE), "-o", str(library)], check=True)
    return library


def run_sanitized(library: Path, words: Sequence[str]) -> int:
    """This program again in a process whose memory the sanitizers watch; says which input ended it."""
    compiler = os.environ.get("CXX", "g++")
    runtimes = [
        subprocess.check_output([compiler, f"-print-file-name={name}"], text=True).strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    place = library.with_name("number")
    environment = {
        **os.environ, "LD_PRELOAD": ":".join(runtimes), "ASAN_OPTIONS": "detect_leaks=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }  # fmt: skip
    command = [
        sys.executable,
        "-m",
        "benchmarks.robustness.fuzz_extension",
        "--library",
        str(library),
        "--at",
        str(place),
        *words,
    ]
    code = subprocess.run(command, env=environment).returncode
    if code not in (0, 1):
        print(f"the process ended with {code} at --case {place.read_text() if place.is_file() else 'none'}")
    return code


def use_library(library: Path) -> None:
    """Have `lead.kernels` call this library."""
    from lead.kernels import native

    native._LIBRARY = native.load_library(str(library))
    native.LEVEL = native._LIBRARY.lead_level()


class Inputs:
    """Draws of one input."""

    def __init__(self, seed: int, number: int):
        import torch

        self.rng = random.Random(f"{seed} {number}")
        self.generator = torch.Generator().manual_seed(self.rng.getrandbits(40))

    def size(self, most: int) -> int:
        """From 1 on; small ones and those about a vector's and a panel's width are likelier."""
        return min(most, self.rng.choice((1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, self.rng.randint(1, most))))

    def normal(self, *shape: int) -> Any:
        import torch

        return torch.randn(*shape, generator=self.generator)


def try_matrix(draw: Inputs) -> str:
    """A matrix by itself, with rows that may overlap."""
    import torch
    from torch.nn import functional as F  # noqa: N812 - as everywhere in this field

    from lead.kernels import native

    inputs, outputs, rows = draw.size(130), draw.size(130), draw.rng.choice((0, draw.size(70)))
    weight, bias = draw.normal(outputs, inputs), draw.rng.choice((None, draw.normal(outputs)))
    step = draw.rng.choice((inputs, draw.rng.randint(1, inputs), inputs + 3))
    x = draw.normal(max((rows - 1) * step + inputs, 1)).as_strided((rows, inputs), (step, 1))
    plus, gelu = draw.rng.choice(((None, False), (None, True), (draw.normal(rows, outputs), False)))
    matrix = native.pack(weight, bias, room := torch.empty(native.packed_size(inputs, outputs)))
    ours = native.multiply(matrix, x, gelu, plus)
    theirs = F.linear(x.double(), weight.double(), None if bias is None else bias.double())
    theirs = (F.gelu(theirs) if gelu else theirs) + (0.0 if plus is None else plus)
    assert room.numel()
    return "right" if torch.allclose(ours.double(), theirs, atol=1e-4, rtol=1e-4) else "wrong"


def make_network(draw: Inputs) -> tuple[Any, int, bool]:
    """A transformer of any kind and size, its width, and whether it has a memory."""
    import torch
    from torch import nn

    from lead.networks.layers import Transformer
    from lead.networks.mld import SkipTransformer

    heads = draw.rng.choice((1, 2, 3, 4))
    width, ff = heads * draw.rng.choice((2, 8, 10, 16, 17)), draw.size(100)
    kind = draw.rng.choice(("plain", "skips", "mld", "mld memory"))
    torch.manual_seed(draw.rng.getrandbits(40))
    if kind in ("plain", "skips"):
        layers = draw.rng.choice((3, 5) if kind == "skips" else (1, 2))
        network: nn.Module = Transformer(width, layers, heads, ff, skips=kind == "skips")
    else:
        network = SkipTransformer(width, draw.rng.choice((1, 3)), heads, ff, 0.1, memory=kind == "mld memory")
    return network.eval(), width, kind == "mld memory"


def try_stack(draw: Inputs) -> str:
    """A stack, its tokens in pieces, some rows with adapters."""
    import torch

    from lead.kernels import native, optimize
    from lead.networks.layers import lengths_to_mask
    from lead.networks.lora import LoRA, apply_lora

    reference, width, has_memory = make_network(draw)
    batch, tokens = draw.rng.choice((0, 1, 2, 5, draw.size(40))), draw.rng.choice((0, 1, 2, draw.size(70)))
    x, memory = draw.normal(batch, tokens, width), draw.normal(batch, 1, width) if has_memory else None
    mask = lengths_to_mask(torch.randint(1, max(tokens, 1) + 1, (batch,), generator=draw.generator), tokens)
    first = draw.rng.randint(0, tokens)
    shared = x[:1, :first].clone()
    if draw.rng.random() < 0.5 and batch:
        x = torch.cat([shared.expand(batch, -1, -1), x[:, first:]], dim=1)
    pieces = [shared.expand(batch, -1, -1), x[:, first:].clone()] if torch.equal(x[:, :first], shared.expand(
        batch, -1, -1)) and batch else [x]  # fmt: skip
    wanted = slice(*sorted((draw.rng.randint(0, tokens), draw.rng.randint(0, tokens))))
    network, best = optimize(copy.deepcopy(reference)), native.LEVEL
    native.LEVEL = draw.rng.choice((best, min(best, 256)))
    torch.set_num_threads(draw.rng.choice((1, 1, 2, 3)))
    given = (x, mask) if memory is None else (x, mask, memory)
    try:
        with torch.no_grad(), ExitStack() as stack:
            for rank in draw.rng.choice(((), (), (1,), (draw.size(40),), (3, 16))):
                adapter = LoRA.initialize(reference, rank, draw.generator)
                for up in adapter.up:
                    up.copy_(0.2 * draw.normal(*up.shape))
                pair = adapter, draw.normal(*draw.rng.choice(((batch,), (1,))))
                stack.enter_context(apply_lora(network, [pair]))
                stack.enter_context(apply_lora(reference, [pair]))
            packed = network.pack(x)
            assert packed is not None
            evaluate = packed.prepare(pieces, mask, wanted, None if memory is None else memory[:, 0])
            ours = [evaluate().clone() for _ in range(2)]
            if not (batch and tokens):
                return "right" if ours[0].shape == (batch, wanted.stop - wanted.start, width) else "wrong"
            theirs = reference(*given)[:, wanted]
    finally:
        native.LEVEL = best
    same = torch.equal(*ours) and torch.allclose(ours[0], theirs, atol=1e-3, rtol=1e-3)
    return "right" if same else "wrong"


def try_odd_size(draw: Inputs) -> str:
    """A sound call of which one size or address is made odd: refused, or harmless."""
    import torch

    from lead.kernels import native, optimize

    network, width, has_memory = make_network(draw)
    batch, tokens = draw.size(4), draw.size(9)
    x, memory = draw.normal(batch, tokens, width), draw.normal(batch, width)
    with torch.no_grad():
        packed = optimize(network).pack(x)
    assert packed is not None
    stack, y = packed.stack, torch.empty(batch, tokens, width)
    pieces = (native.Piece * 1)(native.Piece(x.data_ptr(), tokens, tokens * width))
    call = native.Call(pieces, 1, None, memory.data_ptr() if has_memory else None, y.data_ptr(), batch, tokens, 0,
                       tokens, draw.rng.choice((1, 2)))  # fmt: skip
    layer = stack.layers[draw.rng.randrange(stack.count)]
    matrix = getattr(layer, draw.rng.choice(("qkv", "out", "first", "second")))
    norm, odd = getattr(layer, draw.rng.choice(("norm_1", "norm_2"))), draw.rng.choice(ODD)
    huge = draw.rng.choice([size for size in ODD if not 0 <= size < 1 << 31])
    changes: list[tuple[Any, str, int | None]] = [
        *((stack, name, odd) for name in ("joins", "width", "heads", "hidden")),
        (stack, "count", odd if odd <= stack.count else huge), (stack, "layers", None),
        *((matrix, name, odd) for name in ("inputs", "outputs", "rank")), (matrix, "panels", None),
        (norm, "gain", None), (norm, "shift", None), (call, "pieces", None), (call, "y", None), (call, "batch", huge),
        *((call, name, odd) for name in ("tokens", "start", "wanted")), (call, "threads", min(odd, 0) or huge),
        (call, "count", min(odd, 1)), (pieces[0], "at", None), (pieces[0], "tokens", odd),
        (pieces[0], "stride", -1 if odd else 0),
    ]  # fmt: skip
    holder, name, value = draw.rng.choice(changes)
    if value is None and name in ("layers", "pieces"):
        setattr(holder, name, type(getattr(holder, name))())
    else:
        setattr(holder, name, value)
    try:
        native.evaluate(stack, call, (x, memory))
    except ValueError:
        return "refused"
    return "harmless"


KINDS: tuple[Callable[[Inputs], str], ...] = (try_matrix, try_stack, try_odd_size)


def try_inputs(numbers: Sequence[int], seed: int, at: Path | None) -> int:
    """Try inputs, print what came of them, and return the exit code."""
    counts: Counter[str] = Counter()
    for number in numbers:
        if at is not None:
            at.write_text(str(number))
        kind = KINDS[number % len(KINDS)]
        outcome = kind(Inputs(seed, number))
        counts[f"{kind.__name__.removeprefix('try_').replace('_', ' ')}: {outcome}"] += 1
        if outcome == "wrong":
            print(f"wrong: --case {number}", flush=True)
    for what, count in sorted(counts.items()):
        print(f"{what:24} {count:8}")
    return 1 if any(what.endswith("wrong") for what in counts) else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int, metavar="NUMBER")
    parser.add_argument("--sanitize", action="store_true", help="build the extension with ASan and UBSan, and try that")
    parser.add_argument("--library", type=Path, help="try this build of the extension")
    parser.add_argument("--at", type=Path, help="write the number of the input here before it is tried")
    given = parser.parse_args()
    if given.sanitize:
        words = [word for word in sys.argv[1:] if word != "--sanitize"]
        with tempfile.TemporaryDirectory() as folder:
            sys.exit(run_sanitized(given.library or build(Path(folder)), words))
    if given.library:
        use_library(given.library)
    from lead.kernels import native

    if not native.LEVEL:
        print("not tried: there is no extension here")
        return
    sys.exit(try_inputs(range(given.inputs) if given.case is None else [given.case], given.seed, given.at))


if __name__ == "__main__":
    main()
