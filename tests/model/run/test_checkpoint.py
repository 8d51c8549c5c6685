from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from model.run import checkpoint

ROOT = Path(__file__).parents[3]


def trained(steps: int, state: dict | None = None) -> tuple[dict, torch.Tensor]:
    """Some steps of a small training run, begun afresh or from `state`; its state and weights."""
    network, generator = torch.nn.Linear(3, 2), torch.Generator().manual_seed(1)
    with torch.no_grad():
        network.weight.fill_(0.5)
        network.bias.fill_(0.1)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.1, betas=(0.8, 0.95))
    if state is not None:
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        generator.set_state(state["generator"])
    for _ in range(steps):
        optimizer.zero_grad()
        network(torch.randn(4, 3, generator=generator)).square().mean().backward()
        optimizer.step()
    state = {
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "generator": generator.get_state(),
        "history": [0.1, float("inf")],
    }
    return state, network.weight.detach()


def test_a_run_goes_on_bit_for_bit(tmp_path):
    _, uninterrupted = trained(7)
    checkpoint.save(tmp_path / "c.safetensors", trained(3)[0])
    loaded = checkpoint.load(tmp_path / "c.safetensors")
    _, resumed = trained(4, loaded)
    assert torch.equal(resumed, uninterrupted)
    assert loaded["history"] == [0.1, float("inf")]
    assert loaded["optimizer"]["param_groups"][0]["betas"] == (0.8, 0.95)
    assert not torch.equal(trained(4)[1], uninterrupted), "the state made no difference"


@pytest.mark.parametrize(
    "tensor",
    [
        torch.tensor(1.5, dtype=torch.float64),
        torch.tensor([]),
        torch.tensor([True, False]),
        torch.tensor([1.0, 3e38], dtype=torch.bfloat16),
        torch.arange(6).reshape(2, 3).T,
        torch.tensor([float("nan"), -0.0]),
    ],
    ids=["scalar", "empty", "bool", "bfloat16", "transposed", "nan"],
)
def test_every_kind_of_tensor_comes_back(tmp_path, tensor):
    checkpoint.save(tmp_path / "c", {"a": [tensor], 3: {"tied": tensor}} | {"n": None})
    back = checkpoint.load(tmp_path / "c")
    for twin in (back["a"][0], back[3]["tied"]):
        assert twin.dtype == tensor.dtype
        assert torch.equal(twin.nan_to_num(7), tensor.nan_to_num(7))
    assert back["n"] is None


def test_any_damage_is_noticed(tmp_path):
    path = tmp_path / "c"
    checkpoint.save(path, {"weights": torch.arange(5.0), "epoch": 4})
    whole = path.read_bytes()
    for length in (0, 4, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(checkpoint.BrokenCheckpoint, match="damaged"):
            checkpoint.load(path)
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        # What still reads as safetensors (a space in its header) must at least hold the same.
        try:
            state = checkpoint.load(path)
        except checkpoint.BrokenCheckpoint:
            continue
        assert state["epoch"] == 4
        assert torch.equal(state["weights"], torch.arange(5.0))


def test_a_missing_checkpoint_is_not_a_broken_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        checkpoint.load(tmp_path / "none")


def test_what_cannot_be_saved_leaves_the_last_checkpoint(tmp_path):
    path = tmp_path / "c"
    checkpoint.save(path, {"epoch": 1})
    with pytest.raises(TypeError):
        checkpoint.save(path, {"epoch": object()})
    assert checkpoint.load(path) == {"epoch": 1}
    with pytest.raises(OSError, match="nowhere"):
        checkpoint.save(tmp_path / "nowhere" / "c", {"epoch": 2})
    assert [each.name for each in tmp_path.iterdir()] == ["c"]


def text(path: Path) -> None:
    path.write_text("a thesis")


def somebody_elses_tensors(path: Path) -> None:
    save_file({"weights": torch.ones(3)}, path, {"format": "pt"})


def folder(path: Path) -> None:
    path.mkdir()
    (path / "a").write_text("b")


def link_to_a_checkpoint(path: Path) -> None:
    checkpoint.save(path.with_name("other"), {"epoch": 7})
    path.symlink_to("other")


def link_to_nothing(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize(
    "make", [text, somebody_elses_tensors, folder, link_to_a_checkpoint, link_to_nothing]
)
def test_what_is_no_checkpoint_is_neither_replaced_nor_removed(tmp_path, make):
    path = tmp_path / "run.checkpoint.safetensors"
    make(path)
    for other in ("run.checkpoint.safetensors.partial", ".run.checkpoint.safetensors.x.partial"):
        (tmp_path / other).write_text("mine")
    before = {each: each.lstat().st_mtime_ns for each in tmp_path.rglob("*")}
    with pytest.raises(checkpoint.CheckpointInTheWay, match=path.name):
        checkpoint.save(path, {"epoch": 1})
    with pytest.raises(checkpoint.CheckpointInTheWay):
        checkpoint.check(path)
    checkpoint.remove(path)
    assert {each: each.lstat().st_mtime_ns for each in tmp_path.rglob("*")} == before


def test_what_this_program_wrote_is_replaced_and_removed(tmp_path):
    path = tmp_path / "run.checkpoint.safetensors"
    checkpoint.remove(path)
    for epoch in (1, 2):
        checkpoint.check(path)
        checkpoint.save(path, {"epoch": epoch})
    (tmp_path / ".run.checkpoint.safetensors.0123abcd.partial").write_text("cut by a kill")
    checkpoint.remove(path)
    assert list(tmp_path.iterdir()) == []


SAVE_FOR_EVER = """
import sys, torch
from pathlib import Path
from model.run import checkpoint
for epoch in range(10**6):
    checkpoint.save(Path(sys.argv[1]), {"epoch": epoch, "w": torch.full((300_000,), float(epoch))})
"""


def test_killed_at_any_moment_leaves_a_whole_checkpoint(tmp_path):
    path = tmp_path / "c"
    process = subprocess.Popen([sys.executable, "-c", SAVE_FOR_EVER, str(path)], cwd=ROOT)
    seen = set()
    try:
        deadline = time.monotonic() + 60
        while not path.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        for round_ in range(20):
            time.sleep(0.003 * round_)
            os.kill(process.pid, signal.SIGSTOP)
            state = checkpoint.load(path)
            seen.add(state["epoch"])
            assert torch.equal(state["w"], torch.full((300_000,), float(state["epoch"])))
            os.kill(process.pid, signal.SIGCONT)
    finally:
        process.kill()
        process.wait()
    state = checkpoint.load(path)
    assert torch.equal(state["w"], torch.full((300_000,), float(state["epoch"])))
    assert len(seen) > 3
