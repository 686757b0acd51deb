"""This process's share of work that was started in several processes, on one machine or more.

torchrun and `accelerate launch` give each process its number in environment variables. The result of an item depends on
the item alone and is a file of its own, so the processes need not communicate. Knows nothing of what the work is.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from cli.options import resolve_device

T = TypeVar("T")
VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Ranks:
    """The number of this process, and how many there are."""

    rank: int
    count: int
    local_rank: int
    """Among those on this machine."""
    local_count: int
    """Processes on this machine."""

    @classmethod
    def from_environment(cls) -> "Ranks":
        """As the launcher says; without a launcher, the only process."""
        rank, count, local_rank, local_count = (
            int(os.environ.get(name, other)) for name, other in zip(VARIABLES[:4], ("0", "1", "0", "1"), strict=True)
        )
        return cls(rank, count, local_rank, local_count)

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """Every `count`-th item from the `rank`-th on; each item is in the share of one process."""
        return items[self.rank :: self.count]

    def device(self, name: str) -> str:
        """The device for `--device`; `auto` gives each process of a machine a GPU of its own."""
        if self.local_count == 1 or resolve_device(name) != "cuda":
            return name
        import torch

        return f"cuda:{self.local_rank % torch.cuda.device_count()}"

    def __str__(self) -> str:
        return f"process {self.rank + 1} of {self.count}"


def threads_per_process(processes: int) -> int:
    """Processor threads for each of `processes` on this machine."""
    return max((os.cpu_count() or 1) // processes, 1)
