"""train.py in several processes, as torchrun starts them: the same model, and an end when asked."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import train
from model.run.folder import read_run
from tests.pictures import make_data, make_picture
from tests.test_train import arguments, start, wait_for

pytestmark = pytest.mark.slow
BODY = ("--train-body", "--epochs", "2", "--batch-size", "4")


@pytest.fixture
def launch() -> Iterator[Callable[..., subprocess.Popen]]:
    """`launch(count, …)` is `torchrun --nproc-per-node COUNT train.py …`, in a process group of its
    own, as a shell starts it."""
    started = []

    def run(count: int, *command: str) -> subprocess.Popen:
        launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count))
        started.append(start(*launcher, "train.py", *command, start_new_session=True))
        return started[-1]

    yield run
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def told_by_train(text: str) -> list[str]:
    """The sentences and tracebacks of train.py itself; torchrun has its own."""
    own = ("train.py: ", "[rank")
    return [line for line in text.splitlines() if line.startswith(own) or "/train.py" in line]


def process_group_of(leader: int) -> list[str]:
    listed = subprocess.run(["ps", "-eo", "pgid=,args="], capture_output=True, text=True).stdout
    return [line for line in listed.splitlines() if line.split()[0] == str(leader)]


def largest_difference(one: Path, two: Path) -> float:
    first, second = read_run(one).weights, read_run(two).weights
    return max((value - second[name]).abs().max().item() for name, value in first.items())


def compare(one: Path, two: Path) -> None:
    """The same model within what rounding does, in figures and in weights."""
    first, second = (json.loads((run / "metrics.json").read_text()) for run in (one, two))
    assert second["val_total"] == first["val_total"]
    assert abs(second["val_correct"] - first["val_correct"]) <= 1
    assert second["settings"] == first["settings"]
    assert second["body"] == first["body"]
    for part in ("val", "out_of_fold"):
        assert second[part]["nll"] == pytest.approx(first[part]["nll"], abs=0.03)
    for name in ("known_threshold", "neither_threshold", "cosine_floor"):
        assert second["known"][name] == pytest.approx(first["known"][name], abs=0.03)
    for before, after in zip(first["history"], second["history"], strict=True):
        assert after["loss"] == pytest.approx(before["loss"], abs=0.03)
    # AdamW steps by the learning rate, 3e-4, whichever way the rounding turned a tiny gradient
    assert largest_difference(one, two) < 0.05


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Two classes of two pictures and one each for val, and one that is left out."""
    data = make_data(tmp_path_factory.mktemp("few") / "data", train=2, val=1)
    make_picture(0, 2, 0).save(data / "train" / "red" / "imageNotFound.gif")
    return data


@pytest.fixture(scope="module")
def alone(few, initial_weights, tmp_path_factory):
    """What one process makes of them, whole network and all; and what it says."""
    output = tmp_path_factory.mktemp("alone") / "run"
    process = start("train.py", *arguments(few, initial_weights, output, *BODY))
    told, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return output, told


@pytest.mark.parametrize("count", [2, 8])
def test_several_processes_work_as_one(launch, count, few, alone, initial_weights, tmp_path):
    """Eight are more than there are pictures, which are four and two."""
    output = tmp_path / "run"
    process = launch(count, *arguments(few, initial_weights, output, *BODY))
    told, errors = process.communicate(timeout=500)
    assert process.returncode == 0, errors
    assert len(told.splitlines()) == len(alone[1].splitlines())
    assert told.splitlines()[0] == alone[1].splitlines()[0]
    assert errors.count("a placeholder, not a photo: 1 (train/red/imageNotFound.gif)") == 1
    assert (
        errors.count("features:   0%") == 11
    )  # train, two times two folds twice, train again, val
    assert [each.name for each in tmp_path.iterdir()] == ["run"]
    assert json.loads((output / "metrics.json").read_text())["processes"] == count
    compare(alone[0], output)


def interrupt(process: subprocess.Popen) -> str:
    """Ctrl-C in the terminal that torchrun runs in; what was told from then on."""
    os.killpg(process.pid, signal.SIGINT)
    began = time.monotonic()
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - began < 25  # before torchrun kills, after 30 s
    assert process.returncode != 0
    assert process_group_of(process.pid) == []
    assert told_by_train(errors) == ["train.py: interrupted before there was a model to save"]
    return errors


def test_ctrl_c_ends_all_processes_and_others_go_on(launch, few, alone, initial_weights, tmp_path):
    """Two are interrupted in the last fold; one goes on, or three do."""
    output = tmp_path / "two" / "run"
    process = launch(2, *arguments(few, initial_weights, output, *BODY))
    wait_for(process.stdout, "fold 2 of 2")
    interrupt(process)
    left = sorted(each.name for each in output.parent.iterdir())
    assert {"run.body.pt", "run.features.pt"} <= set(left)
    assert not [name for name in left if name.endswith(".partial")]

    for count in (1, 3):
        again = shutil.copytree(output.parent, tmp_path / str(count)) / "run"
        command = arguments(few, initial_weights, again, *BODY, "--resume")
        if count == 1:
            assert train.main(command) == 0
        else:
            process = launch(count, *command)
            told, errors = process.communicate(timeout=300)
            assert process.returncode == 0, errors
            assert "gentle, split 1, fold 1 of 2" not in told
            assert errors.count("features:   0%") == 8  # three folds twice, train again, val
        compare(alone[0], again)
        assert [each.name for each in again.parent.iterdir()] == ["run"]


def test_ctrl_c_among_the_features_leaves_nothing(launch, initial_weights, tmp_path):
    data = make_data(tmp_path / "data", train=100, val=1)
    output = tmp_path / "out" / "run"
    output.parent.mkdir()
    process = launch(2, *arguments(data, initial_weights, output))
    wait_for(process.stderr, "features:  ")
    interrupt(process)
    assert list(output.parent.iterdir()) == []


def test_what_all_processes_find_is_said_once(launch, few, tmp_path):
    process = launch(3, *arguments(few, tmp_path / "none.pth", tmp_path / "run"))
    _, errors = process.communicate(timeout=120)
    assert process.returncode != 0
    (said,) = told_by_train(errors)
    assert "none.pth" in said
