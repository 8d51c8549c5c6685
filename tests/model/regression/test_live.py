from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import torch

from model.process.worker import Worker
from model.regression import live
from model.regression.live import Line, LineFull, TrainingLost, make_trainer, watch_training
from model.regression.trainer import Trainer


@pytest.fixture(scope="module")
def trainer() -> Iterator[Worker]:
    made = make_trainer()
    yield made
    made.close()


@pytest.mark.usefixtures("two_threads")
def test_watching_a_network_learn(trainer: Worker):
    snapshots = list(watch_training(trainer, {"epochs": 60, "seed": 0, "learning_rate": 0.001}))
    assert [each.finished for each in snapshots] == [False] * (len(snapshots) - 1) + [True]
    assert len(snapshots[-1].held_out_rmse) == 60
    assert snapshots[-1].held_out_rmse[-1] < snapshots[-1].held_out_rmse[0] / 5
    true = [0.5, -0.2, 1.5, -2.0, 0.8, -1.1, 0.3, -0.7, 1.2, -0.9]
    assert snapshots[-1].weights == pytest.approx(true, abs=0.15)
    assert torch.get_num_threads() == 2


def test_watchers_take_turns_and_get_what_they_would_alone(trainer: Worker):
    settings = [{"epochs": 40, "seed": seed} for seed in (1, 2, 3)]
    alone = [list(watch_training(trainer, each))[-1] for each in settings]
    watched = [watch_training(trainer, each) for each in settings]
    together, order = {}, []
    while len(together) < 3:
        for place, watcher in enumerate(watched):
            if place not in together and (snapshot := next(watcher)):
                order.append(place)
                if snapshot.finished:
                    together[place] = snapshot
    assert [together[place] for place in range(3)] == alone
    assert order[:3] == [0, 1, 2]


def test_a_training_whose_process_dies_says_so_and_the_next_one_runs(trainer: Worker):
    watcher = watch_training(trainer, {"epochs": 10**6})
    next(watcher)
    trainer.close()
    with pytest.raises(TrainingLost):
        next(watcher)
    assert list(watch_training(trainer, {"epochs": 2}))[-1].finished


def test_runs_that_are_left_do_not_pile_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("model.regression.trainer.MOST_RUNS", 3)
    trainer = Trainer()
    for number in range(5):
        settings = {"epochs": 10**6, "seed": number, "batch_size": 800}
        trainer({"run": str(number), "epoch": 0, "settings": settings})
    assert list(trainer.runs) == ["2", "3", "4"]


def test_the_line_serves_who_came_first():
    line = Line(together=2, most_waiting=2)
    assert [line.ahead(run) for run in "abcd"] == [0, 0, 1, 2]
    with pytest.raises(LineFull):
        line.ahead("e")
    assert [line.ahead(run) for run in "dcba"] == [2, 1, 0, 0], "asking again changes no place"
    line.leave("a")
    line.leave("a")
    assert [line.ahead(run) for run in "bcde"] == [0, 0, 1, 2]


def test_whoever_is_not_heard_of_leaves_the_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(live, "PATIENCE", 0.05)
    line = Line(together=1)
    assert [line.ahead("gone"), line.ahead("here")] == [0, 1]
    time.sleep(0.03)
    assert line.ahead("here") == 1
    time.sleep(0.03)
    assert line.ahead("here") == 0
