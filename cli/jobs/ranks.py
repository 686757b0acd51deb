"""This process's share of work that was started in several processes, on one machine or on more.

torchrun and `accelerate launch` tell each process its number by variables. What comes of an item depends on the item
alone and is a file of its own, so the processes need not speak with each other. Knows nothing of what the work is.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from cli.console import resolve_device

T = TypeVar("T")
VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Ranks:
    """Which process this is, of how many."""

    rank: int
    count: int
    local_rank: int
    local_count: int
    """On this machine."""

    @classmethod
    def found(cls) -> "Ranks":
        """As the launcher says; without one, the only process."""
        rank, count, local_rank, local_count = (
            int(os.environ.get(name, other)) for name, other in zip(VARIABLES[:4], ("0", "1", "0", "1"), strict=True)
        )
        return cls(rank, count, local_rank, local_count)

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """Every count-th item from the rank-th on: each item is in one process's share."""
        return items[self.rank :: self.count]

    def device(self, name: str) -> str:
        """`--device`, where `auto` gives each process of a machine a GPU of its own."""
        if self.local_count == 1 or resolve_device(name) != "cuda":
            return name
        import torch

        return f"cuda:{self.local_rank % torch.cuda.device_count()}"

    def __str__(self) -> str:
        return f"process {self.rank + 1} of {self.count}"


def threads_each(processes: int) -> int:
    """Processor threads for each of so many processes on this machine."""
    return max((os.cpu_count() or 1) // processes, 1)
