from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from model.device import DeviceError
from model.training.distributed import Team, join_team
from tests.conftest import clean_environment, free_port

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(("size", "count"), [(1, 5), (2, 5), (3, 9), (4, 2), (3, 0)])
def test_shares_are_disjoint_whole_and_even(size, count):
    shares = [Team(rank, size).share(count) for rank in range(size)]
    assert sorted(n for share in shares for n in share) == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_process_alone_leads_and_keeps_its_rows(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with join_team(torch.device("cpu")) as (team, device):
        rows = torch.arange(6.0).reshape(3, 2)
        assert (team, device.type, team.leads) == (Team(0, 1), "cpu", True)
        assert torch.equal(team.gather(rows, 3), rows)
        assert torch.equal(team.total(rows.clone()), rows)
        team.wait()


def test_more_processes_than_accelerators_is_said(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "63")
    with pytest.raises(DeviceError, match="63"), join_team(torch.device("cuda")):
        pass


GATHER = """
import torch
from model.training.distributed import join_team
with join_team(torch.device("cpu")) as (team, device):
    for count in (0, 1, 2, 3, 4, 7):
        everything = torch.arange(count * 6.0).reshape(count, 2, 3)
        mine = everything[list(team.share(count))]
        assert torch.equal(team.gather(mine, count), everything), (team.rank, count)
    assert team.total(torch.tensor([1.0, team.rank])).tolist() == [3.0, 3.0]
    team.wait()
    assert team.leads == (team.rank == 0)
"""


def test_three_processes_gather_their_rows_in_order():
    place = {"WORLD_SIZE": "3", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", GATHER],
            cwd=ROOT,
            env=clean_environment(RANK=str(rank), LOCAL_RANK=str(rank), **place),
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(3)
    ]
    try:
        for process in processes:
            _, errors = process.communicate(timeout=90)
            assert process.returncode == 0, errors
    finally:
        for process in processes:
            process.kill()
    assert "WORLD_SIZE" not in os.environ
