from __future__ import annotations

import json
import math
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict, replace

import pytest
import torch
from torch.nn import functional as F

from model.regression.data import split_data
from model.regression.evaluation import evaluate
from model.regression.loop import Training, cross_validate
from model.regression.regressor import (
    Regressor,
)
from model.regression.settings import BadSetting, RegressorSettings
from model.regression.training import train_regressor
from model.run.checkpoint import BrokenCheckpoint, Checkpoint, OtherRun
from model.run.folder import UselessRun, read_run
from tests.regressors import (
    ROOT,
    ROW,
    Watch,
    interrupt_at,
    plain_network,
    same,
    weights_of,
)

SHORT = RegressorSettings(epochs=4, folds=0, device="cpu")


def test_the_default_settings_reach_the_noise_floor():
    training = Training(replace(RegressorSettings(), device="cpu", seed=7), *split_data(7))
    for _ in range(training.settings.epochs):
        training.run_epoch()
    figures = evaluate(training.finished_network(), *split_data(7))
    assert figures["held_out_r2"] >= 0.98
    assert figures["held_out_rmse"] <= 0.125
    assert figures["held_out_rmse"] == pytest.approx(
        training.history[-1]["held_out_rmse"], abs=1e-3
    ), "rounding to half precision cost more than it may"


def test_the_loop_is_torchs():
    """The same run with torch's own scheduler, written out."""
    settings = replace(SHORT, epochs=2, weight_decay=0.0, seed=1)
    train, held_out = split_data(1)
    training = Training(settings, train, held_out)
    reference = plain_network()
    reference.load_state_dict(training.network.state_dict())
    generator = torch.Generator()
    generator.set_state(training.generator.get_state())
    optimizer = torch.optim.Adam(reference.parameters(), lr=0.001)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=50)
    target = (train.y - train.y.mean()) / train.y.std()
    for _ in range(2):
        for rows in torch.randperm(800, generator=generator).split(32):
            optimizer.zero_grad()
            F.mse_loss(reference(train.x[rows]).squeeze(1), target[rows]).backward()
            optimizer.step()
            cosine.step()
        training.run_epoch()
    for ours, theirs in zip(training.network.parameters(), reference.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)


def test_the_weight_decay_fades():
    training = Training(replace(SHORT, epochs=10), *split_data(0))
    (group,) = training.optimizer.param_groups
    decays = [(training.run_epoch(), group["weight_decay"])[1] for _ in range(10)]
    assert decays == sorted(decays, reverse=True)
    assert decays[5] > 0
    assert decays[7:] == [0, 0, 0]


def test_a_seed_decides_every_bit(tmp_path):
    for name, seed in (("one", 3), ("two", 3), ("other", 4)):
        train_regressor(replace(SHORT, seed=seed), tmp_path / name)
    one, two, other = (weights_of(tmp_path / name) for name in ("one", "two", "other"))
    assert same(one, two)
    assert not same(one, other)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["one", "other", "two"]


def test_the_run_folder_tells_all(tmp_path):
    seen = Watch()
    settings = replace(SHORT, folds=2)
    returned = train_regressor(settings, tmp_path / "run", reporter=seen)
    assert sorted(each.name for each in (tmp_path / "run").iterdir()) == [
        "README.md",
        "config.json",
        "curves.png",
        "metrics.json",
        "model.safetensors",
    ]
    run = read_run(tmp_path / "run")
    assert run.metrics == json.loads(json.dumps(returned.metrics))
    assert [each["epoch"] for each in run.metrics["history"]] == [1, 2, 3, 4]
    errors = [each["train_rmse"] for each in run.metrics["history"]]
    assert errors == sorted(errors, reverse=True)
    assert run.metrics["final"]["held_out_rows"] == 200
    assert run.metrics["final"]["held_out_rmse_standardised"] == pytest.approx(
        run.metrics["final"]["held_out_rmse"] / split_data(settings.seed)[0].y.std().item(),
        abs=1e-4,
    )
    assert run.metrics["cross_validation"]["rmse"] == pytest.approx(
        list(cross_validate(settings)), abs=1e-4
    )
    assert run.metrics["interrupted"] is False
    assert seen.bars == [["train", 4, 4], ["cross-validate", 2, 2]]
    assert [sorted(each) for each in seen.figures] == [
        *[["held_out_r2", "held_out_rmse", "loss"]] * 4,
        *[["rmse"]] * 2,
    ]
    assert (tmp_path / "run" / "curves.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("rate", [1e5, 1e20])
def test_a_model_that_the_app_would_refuse_is_not_written(tmp_path, rate):
    with pytest.raises(UselessRun, match="lower --learning-rate"):
        train_regressor(replace(SHORT, learning_rate=rate), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_cross_validation_does_not_look_at_held_out_rows(monkeypatch):
    before = list(cross_validate(replace(SHORT, folds=2)))
    train, held_out = split_data(SHORT.seed)
    spoiled = train, held_out._replace(y=held_out.y + 1000)
    monkeypatch.setattr("model.regression.loop.split_data", lambda seed: spoiled)
    assert list(cross_validate(replace(SHORT, folds=2))) == before


def test_ctrl_c_leaves_what_was_learned_and_can_be_gone_on_from(tmp_path):
    run = train_regressor(SHORT, tmp_path / "run", reporter=interrupt_at(2))
    assert run.metrics["interrupted"] is True
    assert run.metrics["epochs"] == 2
    assert "**Interrupted** after 2 of 4 epochs" in (tmp_path / "run" / "README.md").read_text()
    assert math.isfinite(Regressor.load(tmp_path / "run").predict(ROW))

    train_regressor(SHORT, tmp_path / "run", resume=True)
    train_regressor(SHORT, tmp_path / "uninterrupted")
    assert same(weights_of(tmp_path / "run"), weights_of(tmp_path / "uninterrupted"))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["run", "uninterrupted"]


def test_ctrl_c_before_the_first_epoch_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Training, "run_epoch", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train_regressor(SHORT, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_before_the_first_epoch_does_not_write_an_earlier_run(tmp_path, monkeypatch):
    train_regressor(SHORT, tmp_path / "run", reporter=interrupt_at(2))
    shutil.rmtree(tmp_path / "run")

    def interrupt(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Training, "run_epoch", interrupt)
    for settings in (SHORT, replace(SHORT, seed=1)):
        with pytest.raises(KeyboardInterrupt):
            train_regressor(settings, tmp_path / "run")
    assert [each.name for each in tmp_path.iterdir()] == ["run.checkpoint.pt"]


TRAIN = """
import sys
from pathlib import Path
from model.regression.settings import RegressorSettings
from model.regression.training import train_regressor
from tests.regressors import Watch
settings = RegressorSettings(epochs=60, folds=0, device="cpu")
reporter = Watch(lambda done: print(done, flush=True))
train_regressor(settings, Path(sys.argv[1]), reporter=reporter)
"""


@pytest.mark.slow
def test_a_killed_run_goes_on_bit_for_bit(tmp_path):
    settings = RegressorSettings(epochs=60, folds=0, device="cpu")
    train_regressor(settings, tmp_path / "uninterrupted")

    output = tmp_path / "run"
    killed = subprocess.Popen(
        [sys.executable, "-c", TRAIN, str(output)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    while int(killed.stdout.readline() or 60) < 7:
        pass
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert not output.exists()
    saved = Checkpoint(output, {"kind": "regressor", **asdict(settings)})
    done = saved.load()["history"][-1]["epoch"]
    assert 7 <= done < 60

    epochs = []
    train_regressor(settings, output, reporter=Watch(epochs.append), resume=True)
    assert epochs == list(range(done + 1, 61))
    assert same(weights_of(output), weights_of(tmp_path / "uninterrupted"))
    told, expected = (
        json.loads((folder / "metrics.json").read_text())
        for folder in (output, tmp_path / "uninterrupted")
    )
    assert told["history"] == expected["history"]


def test_what_cannot_be_gone_on_from_is_said(tmp_path):
    train_regressor(SHORT, tmp_path / "run", reporter=interrupt_at(1))
    with pytest.raises(OtherRun, match="batch-size 32, not 64"):
        train_regressor(replace(SHORT, batch_size=64), tmp_path / "run", resume=True)
    saved = tmp_path / "run.checkpoint.pt"
    saved.write_bytes(saved.read_bytes()[:-100])
    with pytest.raises(BrokenCheckpoint):
        train_regressor(SHORT, tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"learning_rate": 0.0},
        {"learning_rate": math.nan},
        {"weight_decay": -1.0},
        {"decay_until": 0.0},
        {"folds": 1},
        {"folds": 801},
    ],
)
def test_settings_that_cannot_be(wrong):
    with pytest.raises(BadSetting, match=next(iter(wrong)).replace("_", "-")):
        RegressorSettings(**wrong)
