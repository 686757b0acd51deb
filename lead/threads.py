"""Parts of a batch side by side, each computed from start to end by one thread.

torch splits every product among its threads and waits for all of them after each one. For products of a few hundred
rows, two cores are then a tenth faster than one; where another program holds a core, they gain far less.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol, TypeVar, runtime_checkable

import torch

Part = TypeVar("Part")
Result = TypeVar("Result")


@runtime_checkable
class Each(Protocol):
    """A function of a function and parts: it returns the function's results in the order of the parts."""

    def __call__(self, work: Callable[[Part], Result], parts: Sequence[Part], /) -> list[Result]: ...


@contextmanager
def side_by_side(ways: int) -> Iterator[Each]:
    """Yield an `Each` that computes up to `ways` parts at once; torch's threads are divided among the parts.

    Inside, the caller itself has only one part's share of the threads. If torch has one thread, the parts are computed
    one after the other, with the same results. Gradients are recorded if the caller of `Each` records them. The work
    has to enter autocast itself.
    """
    threads = torch.get_num_threads()
    if threads == 1:
        yield lambda work, parts: [work(part) for part in parts]
        return
    share = max(threads // ways, 1)
    with ThreadPoolExecutor(ways, initializer=torch.set_num_threads, initargs=(share,)) as pool:

        def each(work: Callable[[Part], Result], parts: Sequence[Part], /) -> list[Result]:
            recording = torch.is_grad_enabled()

            def run(part: Part) -> Result:
                with torch.set_grad_enabled(recording):
                    return work(part)

            return list(pool.map(run, parts))

        torch.set_num_threads(share)
        try:
            yield each
        finally:
            torch.set_num_threads(threads)
