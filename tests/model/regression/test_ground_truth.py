from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch

from model.regression.data import make_data, split_data, true_values
from model.regression.ground_truth import (
    InputError,
    OutOfRange,
    check_inputs,
    is_far,
    true_function,
)
from model.regression.regressor import (
    Regressor,
)
from tests.regressors import (
    BUNDLED,
    ROOT,
)


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
        ([1.0] * 9, "10 numbers, x1 to x10; it was given 9"),
        ([1.0] * 11, "it was given 11"),
        ([], "0 numbers"),
        ("0123456789", "a list of 10 numbers"),
        (None, "a list of 10 numbers"),
        ({"x1": 1.0}, "a list of 10 numbers"),
        ([0.0] * 4 + [math.nan] + [0.0] * 5, "x5 is not a finite number"),
        ([math.inf] + [0.0] * 9, "x1 is not a finite number"),
        ([0.0] * 9 + [-100.5], "x10 is -100.5; the range is −100 to 100"),
        ([0.0] * 9 + ["1"], "x10 is not a finite number"),
        ([0.0] * 9 + [None], "x10 is not a finite number"),
        ([True] + [0.0] * 9, "x1 is not a finite number"),
        ([10**400] + [0.0] * 9, "x1 is not a finite number"),
    ],
)
def test_wrong_inputs_are_named(x, message):
    with pytest.raises(InputError, match=message) as caught:
        Regressor.load(BUNDLED).predict(x)
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
