from __future__ import annotations

import functools
import json
import math
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import jinja2
import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.metrics import r2_score, root_mean_squared_error
from torch import nn
from torch.nn import functional as F

from model.process.worker import Worker
from model.regression.card import write_card
from model.regression.data import make_data, split_data, true_values
from model.regression.evaluation import compare_weights, evaluate, r_squared, rmse
from model.regression.ground_truth import (
    InputError,
    OutOfRange,
    check_inputs,
    is_far,
    true_function,
)
from model.regression.live import TrainingLost, make_trainer, watch_training
from model.regression.loop import Training, cross_validate
from model.regression.regressor import (
    NotARegressor,
    Regressor,
    build_network,
    gradients,
)
from model.regression.settings import BadSetting, RegressorSettings
from model.regression.trainer import Trainer
from model.regression.training import train_regressor
from model.run.checkpoint import BrokenCheckpoint, Checkpoint, OtherRun
from model.run.folder import UselessRun, read_run
from model.run.progress import Silence

ROOT = Path(__file__).parents[3]
BUNDLED = ROOT / "model" / "weights" / "regression"
SHORT = RegressorSettings(epochs=4, folds=0, device="cpu")
ROW = [0.31, -1.2, 0.55, 2.04, -0.77, 1.5, -2.1, 0.08, 0.9, -0.4]


def plain_network() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1)
    )


@pytest.fixture(scope="module")
def bundled() -> Regressor:
    return Regressor.load(BUNDLED)


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


class Watch(Silence):
    """Writes down the bars, how far each came and its figures; `act` is told how far each time."""

    def __init__(self, act: Callable[[int], object] = lambda done: None) -> None:
        self.act, self.bars, self.figures = act, [], []

    def bar(self, title: str, total: int) -> Silence:
        self.bars.append([title, 0, total])
        return self

    def advance(self, steps: int) -> None:
        self.bars[-1][1] += steps

    def note(self, **figures: float) -> None:
        self.figures.append(figures)
        self.act(self.bars[-1][1])


def interrupt_at(epoch: int) -> Watch:
    def act(done: int) -> None:
        if done == epoch:
            raise KeyboardInterrupt

    return Watch(act)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


# The data and the truth.


def test_the_data_are_those_of_the_learning_route():
    data = make_data(seed=5)
    assert data.x.shape == (1000, 10)
    assert data.y.shape == (1000,)
    assert abs(data.x.mean().item()) < 0.03
    assert abs(data.x.std().item() - 1) < 0.03
    weights = torch.tensor([0.5, -0.2, 1.5, -2.0, 0.8, -1.1, 0.3, -0.7, 1.2, -0.9])
    noise = data.y - (data.x @ weights + 2)
    assert abs(noise.std().item() - 0.1) < 0.01
    assert abs(noise.mean().item()) < 0.01
    found = torch.linalg.lstsq(torch.cat([data.x, torch.ones(1000, 1)], 1), data.y).solution
    assert torch.allclose(found, torch.cat([weights, torch.tensor([2.0])]), atol=0.02)


def test_held_out_rows_are_not_trained_on():
    train, held_out = split_data(seed=5)
    assert (len(train.y), len(held_out.y)) == (800, 200)
    every = torch.cat([train.x, held_out.x])
    assert torch.equal(every.sort(dim=0).values, make_data(5).x.sort(dim=0).values)
    assert len(every.unique(dim=0)) == 1000
    assert not torch.equal(make_data(5).x, make_data(6).x)


def test_the_true_function_in_closed_form():
    assert true_function([0] * 10) == 2
    assert true_function([1] * 10) == pytest.approx(1.4, abs=1e-15)
    assert true_function([0] * 3 + [1] + [0] * 6) == 0
    for row in make_data(0).x[:20].double():
        assert true_function(row.tolist()) == pytest.approx(true_values(row[None]).item())


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([1.0] * 9, "9 numbers were given"),
        ([1.0] * 11, "11 numbers were given"),
        ([], "0 numbers"),
        ("0123456789", "a list of 10 numbers"),
        (None, "a list of 10 numbers"),
        ({"x1": 1.0}, "a list of 10 numbers"),
        ([0.0] * 4 + [math.nan] + [0.0] * 5, "x5 is not a finite number"),
        ([math.inf] + [0.0] * 9, "x1 is not a finite number"),
        ([0.0] * 9 + [-100.5], "x10 is -100.5; the range is -100 to 100"),
        ([0.0] * 9 + ["1"], "x10 is not a finite number"),
        ([0.0] * 9 + [None], "x10 is not a finite number"),
        ([True] + [0.0] * 9, "x1 is not a finite number"),
        ([10**400] + [0.0] * 9, "x1 is not a finite number"),
    ],
)
def test_wrong_inputs_are_named(x, message, bundled):
    with pytest.raises(InputError, match=message) as caught:
        bundled.predict(x)
    assert "x" in caught.value.message("zh") or "个" in caught.value.message("zh")


def test_the_ends_of_the_range_are_in_it():
    assert check_inputs([100, -100] + [0] * 8) == [100.0, -100.0] + [0.0] * 8
    with pytest.raises(OutOfRange):
        check_inputs([100.001] + [0] * 9)


def test_far_is_where_one_training_row_in_a_hundred_is():
    rows = torch.randn(50_000, 10, generator=torch.Generator().manual_seed(1))
    share = sum(map(is_far, rows.tolist())) / len(rows)
    assert abs(share - 0.01) < 0.002


def test_the_truth_needs_no_torch():
    code = "import sys, model.regression.settings; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


# The network and its figures.


def test_the_network_is_the_plain_one():
    network = build_network(torch.Generator().manual_seed(0))
    assert str(network) == str(plain_network())
    assert sum(each.numel() for each in network.parameters()) == 2817


def test_the_network_starts_as_pytorch_starts_it():
    torch.manual_seed(0)
    ours = [build_network(torch.Generator().manual_seed(seed)) for seed in range(200)]
    theirs = [plain_network() for _ in range(200)]
    for name in ours[0].state_dict():
        mine = torch.cat([each.state_dict()[name].flatten() for each in ours])
        plain = torch.cat([each.state_dict()[name].flatten() for each in theirs])
        bound = plain.abs().max()
        assert mine.abs().max() == pytest.approx(bound.item(), rel=0.1)
        assert mine.std() == pytest.approx(plain.std().item(), rel=0.15)


def test_networks_do_not_share_random_numbers():
    torch.manual_seed(1)
    one = build_network(torch.Generator().manual_seed(3)).state_dict()
    torch.rand(100)
    assert same(one, build_network(torch.Generator().manual_seed(3)).state_dict())


def test_figures_are_those_of_scikit_learn():
    y = torch.randn(50, generator=torch.Generator().manual_seed(0))
    predicted = y + 0.3 * torch.randn(50, generator=torch.Generator().manual_seed(1))
    assert r_squared(predicted, y) == pytest.approx(r2_score(y, predicted), abs=1e-6)
    assert rmse(predicted, y) == pytest.approx(root_mean_squared_error(y, predicted), abs=1e-6)
    assert r_squared(y.mean().expand(50), y) == pytest.approx(0, abs=1e-6)


def test_gradients_are_the_jacobian():
    network = build_network(torch.Generator().manual_seed(0)).double()
    x = torch.randn(5, 10, dtype=torch.float64)
    with torch.no_grad():  # as an evaluation would call it
        found = gradients(network, x)
    for row, gradient in zip(x, found, strict=True):
        assert torch.allclose(torch.autograd.functional.jacobian(network, row)[0], gradient)


def test_a_linear_networks_weights_are_found_exactly():
    linear = nn.Sequential(nn.Linear(10, 1)).requires_grad_(False)
    linear[0].weight.copy_(torch.tensor([[0.5, -0.2, 1.5, -2.0, 0.8, -1.1, 0.3, -0.7, 1.2, -0.9]]))
    linear[0].bias.fill_(2.0)
    train, held_out = split_data(0)
    found = compare_weights(linear, held_out.x)
    assert found["largest_difference"] == 0
    assert max(found["learned_std"]) == 0
    figures = evaluate(linear, train, held_out)
    assert figures["held_out_rmse_to_truth"] < 1e-5
    assert figures["held_out_rmse"] == figures["held_out_rmse_of_truth"]


# The bundled model.


def test_predictions_are_torchs(bundled):
    network = plain_network()
    network.load_state_dict({k: v.float() for k, v in weights_of(BUNDLED).items()})
    for row in make_data(9).x[:20]:
        assert bundled.predict(row.tolist()) == network(row[None]).item()
    assert bundled.predict([0] * 10) == pytest.approx(2, abs=0.1)
    assert bundled.origin.source == "regression"


def test_the_bundled_model_is_as_good_as_its_metrics_say(bundled):
    metrics = json.loads((BUNDLED / "metrics.json").read_text())
    figures = evaluate(bundled.network, *split_data(metrics["seed"]))
    for name, value in figures.items():
        assert metrics["final"][name] == pytest.approx(value, abs=2e-5), name
    assert figures["held_out_r2"] >= 0.98
    assert figures["held_out_rmse"] <= 0.125
    assert metrics["weights"]["largest_difference"] < 0.05
    card = (BUNDLED / "README.md").read_text()
    assert f"| RMSE | {figures['held_out_rmse']:.4f} |" in card
    assert f"| R² | {figures['held_out_r2']:.5f} |" in card
    assert {each.dtype for each in weights_of(BUNDLED).values()} == {torch.float16}


def test_the_card_says_what_the_bundled_one_does_and_lacks_no_fact(monkeypatch):
    strict = functools.partial(jinja2.Template, undefined=jinja2.StrictUndefined)
    monkeypatch.setattr(jinja2, "Template", strict)  # which leaves a missing fact blank by itself
    metrics = json.loads((BUNDLED / "metrics.json").read_text())
    assert write_card(metrics) == (BUNDLED / "README.md").read_text()
    fewer = {"interrupted": True, "epochs": 3, "cross_validation": {"folds": 0, "rmse": []}}
    card = write_card(metrics | fewer)
    assert "真值对照。\n\n**Interrupted** after 3 of 200 epochs.\n\n## Figures" in card
    assert "| RMSE in 0-fold cross-validation on the training rows | not run |" in card


def test_contributions_add_up_to_the_prediction(bundled):
    parts = bundled.contributions(ROW)
    assert math.fsum(parts) == pytest.approx(
        bundled.predict(ROW) - bundled.predict([0] * 10), abs=0.01
    )
    for part, slope, x in zip(parts, bundled.slopes(ROW), ROW, strict=True):
        assert part == pytest.approx(slope * x, abs=0.5)
    assert bundled.contributions([0] * 10) == [0] * 10


def test_folders_that_are_no_regressor_are_refused(tmp_path):
    config = json.loads((BUNDLED / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"architecture": "resnet18"}))
    save_file(weights_of(BUNDLED), tmp_path / "model.safetensors")
    with pytest.raises(NotARegressor, match="resnet18"):
        Regressor.load(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert Regressor.load(tmp_path).predict(ROW) == Regressor.load(BUNDLED).predict(ROW)
    save_file({"0.weight": torch.zeros(3, 3)}, tmp_path / "model.safetensors")
    with pytest.raises(NotARegressor, match="10-64-32-1"):
        Regressor.load(tmp_path)
    spoiled = weights_of(BUNDLED)
    spoiled["2.bias"][3] = torch.nan
    save_file(spoiled, tmp_path / "model.safetensors")
    with pytest.raises(NotARegressor, match=r"2\.bias holds NaN"):
        Regressor.load(tmp_path)


# Training.


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


@pytest.mark.parametrize(
    "changes",
    [
        {"0.weight": 3e38},
        {"0.bias": 3e38, "2.weight": 3e38},
        {"4.weight": 3e38},
        {"4.bias": 3.4e38, "4.weight": 1e36},
        {"0.weight": 1e-30, "2.weight": 1e25, "4.weight": 1e25},  # the gradient alone
    ],
    ids=str,
)
def test_finite_weights_that_answer_nan_are_not_served(tmp_path, changes):
    folder = shutil.copytree(BUNDLED, tmp_path / "run")
    weights = {name: tensor.float() for name, tensor in weights_of(folder).items()}
    for name, value in changes.items():
        weights[name] = torch.full_like(weights[name], value)
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(NotARegressor, match="not finite"):
        Regressor.load(folder)


def test_double_precision_that_single_cannot_hold_is_not_served(tmp_path):
    folder = shutil.copytree(BUNDLED, tmp_path / "run")
    weights = {name: tensor.double() for name, tensor in weights_of(folder).items()}
    weights["4.bias"][:] = 1e300
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(NotARegressor, match="not finite"):
        Regressor.load(folder)


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
from tests.model.regression.test_regressor import RegressorSettings, Watch, train_regressor
settings = RegressorSettings(epochs=60, folds=0, device="cpu")
reporter = Watch(lambda done: print(done, flush=True))
train_regressor(settings, Path(sys.argv[1]), reporter=reporter)
"""


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


@pytest.fixture(scope="module")
def trainer() -> Iterator[Worker]:
    made = make_trainer()
    yield made
    made.close()


def test_watching_a_network_learn(trainer: Worker):
    threads = torch.get_num_threads()
    snapshots = list(watch_training(trainer, {"epochs": 60, "seed": 0, "learning_rate": 0.001}))
    assert [each.finished for each in snapshots] == [False] * (len(snapshots) - 1) + [True]
    assert len(snapshots[-1].held_out_rmse) == 60
    assert snapshots[-1].held_out_rmse[-1] < snapshots[-1].held_out_rmse[0] / 5
    true = [0.5, -0.2, 1.5, -2.0, 0.8, -1.1, 0.3, -0.7, 1.2, -0.9]
    assert snapshots[-1].weights == pytest.approx(true, abs=0.15)
    assert torch.get_num_threads() == threads


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
