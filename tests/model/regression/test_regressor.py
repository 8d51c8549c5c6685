from __future__ import annotations

import functools
import json
import math
import shutil

import jinja2
import pytest
import torch
from safetensors.torch import save_file
from sklearn.metrics import r2_score, root_mean_squared_error
from torch import nn

from model.regression.card import write_card
from model.regression.data import make_data, split_data
from model.regression.evaluation import compare_weights, evaluate, r_squared, rmse
from model.regression.regressor import (
    NotARegressor,
    Regressor,
    build_network,
    gradients,
)
from tests.regressors import (
    BUNDLED,
    ROW,
    plain_network,
    same,
    weights_of,
)


@pytest.fixture(scope="module")
def bundled() -> Regressor:
    return Regressor.load(BUNDLED)


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
