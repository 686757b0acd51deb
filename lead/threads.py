"""Parts of a batch side by side, each computed from end to end by a thread of its own.

torch cuts every product among its threads and waits for all of them after each; of products of a few hundred rows two
cores make a tenth more than one, and far less where another program holds a core.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

Part = TypeVar("Part")
Made = TypeVar("Made")
Each = Callable[[Callable[[Part], Made], Sequence[Part]], list[Made]]
"""Called with a function and parts: the function's results in the parts' order."""


@contextmanager
def side_by_side(ways: int) -> Iterator[Each]:
    """Gives a function that works on up to `ways` parts at once, torch's threads shared out among them.

    Inside, the caller too has only a part's share of the threads.  Where torch has one thread the parts follow each
    other, with the same results.  Gradients are recorded where they are in the caller; autocast has to be entered by
    the function itself.
    """
    threads = torch.get_num_threads()
    if threads == 1:
        yield lambda work, parts: [work(part) for part in parts]
        return
    share = max(threads // ways, 1)
    with ThreadPoolExecutor(ways, initializer=torch.set_num_threads, initargs=(share,)) as pool:

        def each(work: Callable[[Part], Made], parts: Sequence[Part]) -> list[Made]:
            recording = torch.is_grad_enabled()

            def made(part: Part) -> Made:
                with torch.set_grad_enabled(recording):
                    return work(part)

            return list(pool.map(made, parts))

        torch.set_num_threads(share)
        try:
            yield each
        finally:
            torch.set_num_threads(threads)
