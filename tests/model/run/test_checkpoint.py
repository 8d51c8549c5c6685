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

from model.run.checkpoint import (
    BrokenCheckpoint,
    Checkpoint,
    CheckpointInTheWay,
    OldCheckpoint,
    OtherRun,
)
from model.run.folder import OutputNotWritable

ROOT = Path(__file__).parents[3]
SETTINGS = {"kind": "regressor", "seed": 3, "learning_rate": 0.1, "betas": (0.8, 0.95)}


@pytest.fixture
def saved(tmp_path) -> Checkpoint:
    return Checkpoint(tmp_path / "run", SETTINGS)


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


def test_a_run_goes_on_bit_for_bit(saved):
    assert saved.load() == {}
    _, uninterrupted = trained(7)
    saved.save(trained(3)[0])
    loaded = saved.load()
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
def test_every_kind_of_tensor_comes_back(saved, tensor):
    saved.save({"a": [tensor], 3: {"tied": tensor}, "n": None})
    back = saved.load()
    for twin in (back["a"][0], back[3]["tied"]):
        assert twin.dtype == tensor.dtype
        assert torch.equal(twin.nan_to_num(7), tensor.nan_to_num(7))
    assert back["n"] is None


def test_any_damage_is_noticed(saved):
    saved.save({"weights": torch.arange(5.0), "epoch": 4})
    whole = saved.path.read_bytes()
    for length in (30, 60, len(whole) // 2, len(whole) - 1):
        saved.path.write_bytes(whole[:length])
        with pytest.raises(BrokenCheckpoint, match="damaged"):
            saved.load()
    for place in range(26, len(whole)):
        saved.path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(BrokenCheckpoint, match="damaged"):
            saved.load()
    saved.path.write_bytes(whole)
    assert saved.load()["epoch"] == 4


class Runs:
    def __reduce__(self):
        return (os.mkdir, ("executed",))


def test_nothing_in_it_is_run(saved, monkeypatch):
    monkeypatch.chdir(saved.output.parent)
    saved.save({"epoch": Runs()})
    with pytest.raises(BrokenCheckpoint):
        saved.load()
    assert not Path("executed").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 4}, "had seed 3, not 4"),
        ({"learning_rate": 0.2}, "had learning-rate 0.1, not 0.2"),
        ({"betas": (0.8, 0.9)}, "betas"),
        ({"kind": "classifier"}, "had kind regressor, not classifier"),
        ({"half": True}, "had half None, not True"),
    ],
    ids=str,
)
def test_another_run_is_named(saved, change, words):
    saved.save({"epoch": 1})
    with pytest.raises(OtherRun, match=words) as caught:
        Checkpoint(saved.output, SETTINGS | change).load()
    assert not caught.value.message("zh").isascii()
    assert saved.load() == {"epoch": 1}


def test_one_of_the_older_format_is_refused(saved):
    old = saved.output.with_name("run.checkpoint.safetensors")
    save_file({"0": torch.ones(3)}, old, {"state": "{}", "sha256": "0"})
    with pytest.raises(
        OldCheckpoint, match=r"--resume: run\.checkpoint\.safetensors was"
    ) as caught:
        saved.load()
    assert "早期版本" in caught.value.message("zh")
    saved.save({"epoch": 1})
    assert saved.load() == {"epoch": 1}
    saved.remove()
    assert [each.name for each in old.parent.iterdir()] == [old.name]


def test_only_the_main_process_writes(saved):
    other = Checkpoint(saved.output, SETTINGS, is_main_process=False)
    other.save({"epoch": 1})
    assert saved.load() == {}
    saved.save({"epoch": 2})
    other.remove()
    assert other.load() == {"epoch": 2}


def test_files_of_several_names_stand_side_by_side(saved):
    features = Checkpoint(saved.output, SETTINGS, name="features")
    features.save({"features": torch.ones(2)})
    saved.save({"epoch": 2})
    names = sorted(each.name for each in saved.output.parent.iterdir())
    assert names == ["run.checkpoint.pt", "run.features.pt"]
    saved.remove()
    assert features.load()["features"].tolist() == [1, 1]


def test_what_cannot_be_saved_leaves_the_last_checkpoint(saved):
    saved.save({"epoch": 1})
    with pytest.raises((TypeError, AttributeError)):
        saved.save({"epoch": lambda: 2})
    assert saved.load() == {"epoch": 1}
    with pytest.raises(OutputNotWritable):
        Checkpoint(saved.path / "run", SETTINGS).save({"epoch": 2})
    assert [each.name for each in saved.output.parent.iterdir()] == [saved.path.name]


def text(path: Path) -> None:
    path.write_text("a thesis")


def nothing(path: Path) -> None:
    path.write_bytes(b"")


def somebody_elses_tensors(path: Path) -> None:
    torch.save({"weights": torch.ones(3)}, path)


def folder(path: Path) -> None:
    path.mkdir()
    (path / "a").write_text("b")


def link_to_a_checkpoint(path: Path) -> None:
    Checkpoint(path.with_name("other"), SETTINGS).save({"epoch": 7})
    path.symlink_to("other.checkpoint.pt")


def link_to_nothing(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize(
    "make",
    [text, nothing, somebody_elses_tensors, folder, link_to_a_checkpoint, link_to_nothing],
)
def test_what_is_no_checkpoint_is_neither_replaced_nor_removed(saved, make):
    make(saved.path)
    around = saved.output.parent
    for other in ("run.checkpoint.pt.partial", ".run.checkpoint.pt.x.partial"):
        (around / other).write_text("mine")
    before = {each: each.lstat().st_mtime_ns for each in around.rglob("*")}
    with pytest.raises(CheckpointInTheWay, match=saved.path.name):
        saved.save({"epoch": 1})
    with pytest.raises(CheckpointInTheWay):
        Checkpoint(saved.output, SETTINGS)
    saved.remove()
    assert {each: each.lstat().st_mtime_ns for each in around.rglob("*")} == before


def test_what_this_program_wrote_is_replaced_and_removed(tmp_path):
    saved = Checkpoint(tmp_path / "run [1]", SETTINGS)
    saved.remove()
    for epoch in (1, 2):
        saved.save({"epoch": epoch})
    (tmp_path / ".run [1].checkpoint.pt.0123abcd.partial").write_text("cut by a kill")
    saved.remove()
    assert list(tmp_path.iterdir()) == []


SAVE_FOR_EVER = """
import sys, torch
from pathlib import Path
from model.run.checkpoint import Checkpoint
saved = Checkpoint(Path(sys.argv[1]), {})
for epoch in range(10**6):
    saved.save({"epoch": epoch, "w": torch.full((300_000,), float(epoch))})
"""


def test_killed_at_any_moment_leaves_a_whole_checkpoint(tmp_path):
    saved = Checkpoint(tmp_path / "c", {})
    process = subprocess.Popen([sys.executable, "-c", SAVE_FOR_EVER, str(saved.output)], cwd=ROOT)
    seen = set()
    try:
        deadline = time.monotonic() + 60
        while not saved.path.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        for round_ in range(20):
            time.sleep(0.003 * round_)
            os.kill(process.pid, signal.SIGSTOP)
            state = saved.load()
            seen.add(state["epoch"])
            assert torch.equal(state["w"], torch.full((300_000,), float(state["epoch"])))
            os.kill(process.pid, signal.SIGCONT)
    finally:
        process.kill()
        process.wait()
    state = saved.load()
    assert torch.equal(state["w"], torch.full((300_000,), float(state["epoch"])))
    assert len(seen) > 3
