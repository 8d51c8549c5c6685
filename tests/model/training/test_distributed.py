from __future__ import annotations

import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
import torch

from model.device import DeviceError
from model.training import distributed
from tests.conftest import clean_environment, free_port

ROOT = Path(__file__).parents[3]


def test_a_process_alone_is_the_main_one_and_keeps_its_rows(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with distributed.process_group(torch.device("cpu")) as device:
        rows = torch.arange(6.0).reshape(3, 2)
        assert device.type == "cpu"
        assert (distributed.rank(), distributed.world_size()) == (0, 1)
        assert distributed.is_main_process()
        assert list(distributed.share(3)) == [0, 1, 2]
        assert torch.equal(distributed.gather(rows, 3), rows)
        assert torch.equal(distributed.all_reduce(rows.clone()), rows)
        distributed.barrier()


def test_more_processes_than_accelerators_is_said(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "63")
    with (
        pytest.raises(DeviceError, match="63"),
        distributed.process_group(torch.device("cuda")),
    ):
        pass


def run_together(world_size: int, code: str, *arguments: str) -> None:
    """Run `code` in so many processes, as torchrun would; every one must end well."""
    place = {
        "WORLD_SIZE": str(world_size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            cwd=ROOT,
            env=clean_environment(RANK=str(rank), LOCAL_RANK=str(rank), **place),
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(world_size)
    ]
    try:
        for process in processes:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors
    finally:
        for process in processes:
            process.kill()
    assert "WORLD_SIZE" not in os.environ


GATHER = """
import torch, weakref
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from model.training.distributed import all_reduce, barrier, gather, is_main_process, rank, share
from model.training.distributed import process_group
with process_group(torch.device("cpu")):
    for count in (0, 1, 2, 3, 4, 7):
        everything = torch.arange(count * 6.0).reshape(count, 2, 3)
        assert count // 3 <= len(share(count)) <= count // 3 + 1
        rows = everything[list(share(count))]
        assert torch.equal(gather(rows, count), everything), (rank(), count)
    assert all_reduce(torch.tensor([1.0, rank()])).tolist() == [3.0, 3.0]
    barrier()
    assert is_main_process() == (rank() == 0)
    group = weakref.ref(dist.group.WORLD)
    DistributedDataParallel(torch.nn.Linear(2, 2))
assert group() is None  # nor any thread of it, which could abort the process at its end
"""


def test_three_processes_gather_their_rows_in_order():
    run_together(3, GATHER)


# Batch normalisation of a batch shared by three processes, one of which has none of it, beside
# torch's of the whole batch by one: values, running statistics and gradients.
BATCH_NORM = """
import copy, torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from model.training.distributed import process_group, rank, share_batch_norm
generator = torch.Generator().manual_seed(0)
whole = 3 + 2 * torch.randn(5, 4, 6, 6, generator=generator)
goal = torch.randn(5, 4, 6, 6, generator=generator)
with process_group(torch.device("cpu")):
    torch.manual_seed(1)
    alone = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4))
    nn.init.uniform_(alone[1].weight)
    shared = copy.deepcopy(alone)
    share_batch_norm(shared)
    model = DistributedDataParallel(shared)
    expected = alone(whole)
    (expected * goal).sum().backward()
    rows = ([0, 3, 4], [], [1, 2])[rank()]
    found = model(whole[rows])
    (3 * (found * goal[rows]).sum()).backward()
    assert torch.allclose(found, expected[rows], atol=1e-5)
    for name, value in shared.state_dict().items():
        if "running" in name:
            assert torch.allclose(value, alone.state_dict()[name], rtol=1e-5), name
    for name, value in shared.named_parameters():
        gradient = alone.get_parameter(name).grad
        assert torch.allclose(value.grad, gradient, atol=1e-4), name
    shared.eval(), alone.eval()
    assert torch.allclose(shared(whole), alone(whole), atol=1e-5)
"""


def test_three_processes_normalise_a_batch_as_one():
    run_together(3, BATCH_NORM)


LOST = """
import os, torch
from model.training.distributed import ProcessLost, all_reduce, from_main_process
from model.training.distributed import process_group, rank
try:
    with process_group(torch.device("cpu")):
        assert from_main_process(lambda: f"rank {rank()}") == "rank 0"
        if rank() == 1:
            os._exit(0)
        all_reduce(torch.ones(1))
except ProcessLost as error:
    assert "has ended" in str(error)
else:
    raise AssertionError("it was not noticed")
"""


@pytest.mark.slow
def test_a_process_that_is_gone_is_told_of_by_the_others():
    run_together(3, LOST)


# One epoch of the body in several processes, on fewer pictures than processes, on batches that
# split unevenly, and on as many; what it came to, by the number of pictures.
EPOCH = """
import sys, torch
from pathlib import Path
from torchvision.models import resnet18
from model.images.folder import read_folder
from model.classifier.preprocessing import Preprocessing
from model.training.augmentation import ShrunkPictures
from model.training.body import BodySettings, BodyTraining
from model.training.distributed import is_main_process, process_group
weights, data, output = map(Path, sys.argv[1:])
found = {}
with process_group(torch.device("cpu")):
    for count, new in ((1, False), (2, False), (4, False), (7, False), (2, True), (4, True)):
        network = resnet18()
        network.load_state_dict(torch.load(weights, weights_only=True))
        pictures = ShrunkPictures(read_folder(data, seed=0).train, data, Preprocessing())
        settings = BodySettings(
            1, 1e-3, 0.3, 0.08, 0.5, new_statistics=new, batch_size=4, workers=0
        )
        numbers = torch.arange(count)
        training = BodyTraining(network.eval(), pictures, numbers, settings, torch.float32)
        batches = []
        rates = [group["lr"] for group in training.optimizer.param_groups]
        epoch = training.run_epoch(batches.append)
        gradients = {name: each.grad for name, each in network.named_parameters()}
        found[count, new] = {
            "loss": epoch.loss,
            "accuracy": epoch.accuracy,
            "gradients": gradients,
            "batches and rates": (batches, rates),
        }
    if is_main_process():
        torch.save(found, output)
"""


@pytest.mark.slow
def test_any_number_of_processes_trains_on_the_same_batches(initial_weights, data, tmp_path):
    """Three processes, or eight, come to the last batch's gradients of one, even where some have
    no picture of it; neither the batches nor the learning rates are others."""
    found = []
    for world_size in (1, 3, 8):
        output = tmp_path / f"{world_size}.pt"
        run_together(world_size, EPOCH, str(initial_weights), str(data), str(output))
        found.append(torch.load(output, weights_only=True))
    alone = found[0]
    for together, (count, expected) in product(found[1:], alone.items()):
        assert together[count]["batches and rates"] == expected["batches and rates"]
        assert together[count]["loss"] == pytest.approx(expected["loss"], rel=1e-2)
        assert together[count]["accuracy"] == expected["accuracy"]
        for name, gradient in expected["gradients"].items():
            difference = (together[count]["gradients"][name] - gradient).norm()
            assert difference <= 0.05 * gradient.norm(), (count, name)
