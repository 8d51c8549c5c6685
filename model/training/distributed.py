"""Several processes that train one model together, as `torchrun` starts them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from model.device import choose_device


@dataclass(frozen=True)
class Team:
    """This process's place: `rank` of `size`. A process alone is rank 0 of 1."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """True in the one process that talks and writes."""
        return self.rank == 0

    def share(self, count: int) -> range:
        """Which of `count` items are this process's work."""
        return range(self.rank, count, self.size)

    def gather(self, mine: Tensor, count: int) -> Tensor:
        """Rows [count, ...] of everybody, in order, from the rows of each one's `share`."""
        if self.size == 1:
            return mine
        longest = -(-count // self.size)
        padded = mine.new_zeros(longest, *mine.shape[1:])
        padded[: len(mine)] = mine
        everyone = [torch.empty_like(padded) for _ in range(self.size)]
        dist.all_gather(everyone, padded)
        return torch.stack(everyone, dim=1).flatten(0, 1)[:count]

    def total(self, mine: Tensor) -> Tensor:
        """The sum of everybody's tensors."""
        if self.size > 1:
            dist.all_reduce(mine)
        return mine

    def wait(self) -> None:
        """Return once every process of the team is here."""
        if self.size > 1:
            dist.barrier()


@contextmanager
def join_team(device: torch.device) -> Iterator[tuple[Team, torch.device]]:
    """The team that torchrun's environment describes, and this process's own device.

    Processes on accelerators get one each, by LOCAL_RANK (DeviceError if there are too few);
    processors talk through gloo.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Team(), device
        return
    if device.type != "cpu":
        device = choose_device(f"{device.type}:{os.environ['LOCAL_RANK']}")
        torch.accelerator.set_device_index(device.index)
    backend = dist.get_default_backend_for_device(device)
    dist.init_process_group(backend)
    try:
        yield Team(dist.get_rank(), size), device
    finally:
        dist.destroy_process_group()
