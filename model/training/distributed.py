"""Several processes that train one model together, as `torchrun` starts them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
import torch.distributed as dist

# DistributedDataParallel imports it, and it keeps for good the process group that there is by then
# (as defaults of its functions), whose threads may then abort the process at its end.
import torch.distributed.nn.functional
from torch import Tensor, nn

from model.device import choose_device
from model.errors import UserError

Answer = TypeVar("Answer")


class ProcessLost(UserError):
    en = (
        "Another process of this training has ended: what it said stands above, or the system "
        "ended it, perhaps for want of memory. Start them again, with --resume."
    )
    zh = (
        "本次训练的另一个进程已结束：原因见上文，或者被系统终止（可能是内存不足）。"
        "请加上 --resume 重新启动。"
    )
    exit_status = 1


def world_size() -> int:
    """How many processes work together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """This process's number, from 0; a process alone is 0 of 1."""
    return dist.get_rank() if world_size() > 1 else 0


def is_main_process() -> bool:
    """True in the one process that talks and writes."""
    return rank() == 0


def share(count: int) -> range:
    """Which of `count` items are this process's work."""
    return range(rank(), count, world_size())


def gather(rows: Tensor, count: int) -> Tensor:
    """Rows [count, ...] of all processes, in order, from the rows of each one's `share`."""
    if world_size() == 1:
        return rows
    longest = -(-count // world_size())
    padded = rows.new_zeros(longest, *rows.shape[1:])
    padded[: len(rows)] = rows
    gathered = [torch.empty_like(padded) for _ in range(world_size())]
    dist.all_gather(gathered, padded)
    return torch.stack(gathered, dim=1).flatten(0, 1)[:count]


def all_reduce(tensor: Tensor) -> Tensor:
    """The sum of the processes' tensors, in all of them."""
    if world_size() > 1:
        dist.all_reduce(tensor)
    return tensor


def from_main_process(ask: Callable[[], Answer]) -> Answer:
    """What `ask` gives in the main process, in all of them."""
    if world_size() == 1:
        return ask()
    answer = [ask() if is_main_process() else None]
    dist.broadcast_object_list(answer)
    return answer[0]


def barrier() -> None:
    """Return once every process is here."""
    if world_size() > 1:
        dist.barrier()


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch normalisation over the whole batch, however many processes share it.

    As torch's SyncBatchNorm, which processors cannot use; a process's part may be empty.
    """

    def forward(self, input: Tensor) -> Tensor:
        """[n, C, h, w] -> the same shape and type."""
        if not self.training:
            return super().forward(input)
        x, places = input.float(), (0, 2, 3)
        own = [x.sum(places), x.square().sum(places), x.new_tensor([x.numel() / x.shape[1]])]
        sums, squares, count = torch.distributed.nn.functional.all_reduce(torch.cat(own)).split(
            [x.shape[1], x.shape[1], 1]
        )
        mean = sums / count
        variance = (squares / count - mean.square()).clamp_min(0)
        with torch.no_grad():
            unbiased = variance * count / (count - 1).clamp_min(1)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(unbiased, self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        shift = self.bias - mean * scale
        return (x * scale[:, None, None] + shift[:, None, None]).to(input.dtype)


def share_batch_norm(network: nn.Module) -> None:
    """Have the batch-norm layers of `network`, in place, look at the batch of all processes."""
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SharedBatchNorm  # the same weights and buffers by the same names


@contextmanager
def process_group(device: torch.device) -> Iterator[torch.device]:
    """The processes that torchrun's environment describes, together; this one's own device.

    Processes on accelerators get one each, by LOCAL_RANK (DeviceError if there are too few);
    processors talk through gloo. Raises ProcessLost where one waits for another that is gone.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield device
        return
    if device.type != "cpu":
        device = choose_device(f"{device.type}:{os.environ['LOCAL_RANK']}")
        torch.accelerator.set_device_index(device.index)
    dist.init_process_group(dist.get_default_backend_for_device(device))
    try:
        yield device
    except RuntimeError as error:
        if isinstance(error, dist.DistError) or "gloo" in str(error):
            raise ProcessLost() from error
        raise
    finally:
        dist.destroy_process_group()
