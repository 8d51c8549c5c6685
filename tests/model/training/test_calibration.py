from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from model.training.calibration import (
    confusion_matrix,
    expected_calibration_error,
    fit_temperature,
    measure,
    reliability,
    wilson_interval,
)


def logits_of(*rows: tuple[float, ...]) -> torch.Tensor:
    """Logits whose softmax is `rows`."""
    return torch.tensor(rows, dtype=torch.float64).log()


def test_quality_by_hand():
    quality = measure(
        logits_of((0.9, 0.1), (0.8, 0.2), (0.3, 0.7), (0.4, 0.6)), torch.tensor([0, 1, 1, 0])
    )
    assert (quality.correct, quality.total, quality.accuracy) == (2, 4, 0.5)
    nll = -sum(map(math.log, (0.9, 0.2, 0.7, 0.4))) / 4
    assert quality.nll == pytest.approx(nll)
    # both classes' squares count: 2 (1 - p)^2 with two classes
    assert quality.brier == pytest.approx(2 * (0.1**2 + 0.8**2 + 0.3**2 + 0.6**2) / 4)
    # four answers in four bins: |confidence - right| each
    assert quality.ece == pytest.approx((0.1 + 0.8 + 0.3 + 0.6) / 4)


def test_ece_averages_within_a_bin():
    probabilities = torch.tensor([[0.95, 0.05]] * 3 + [[0.05, 0.95]])
    labels = torch.tensor([0, 0, 1, 1])
    diagram = reliability(probabilities, labels)
    (full,) = [each for each in diagram if each.count]
    assert (full.count, full.accuracy) == (4, 0.75)
    assert full.confidence == pytest.approx(0.95)
    assert full.low < 0.95 <= full.high
    assert expected_calibration_error(diagram) == pytest.approx(0.2)


def test_a_calibrated_forecaster_has_no_ece():
    generator = torch.Generator().manual_seed(0)
    p = torch.rand(200_000, generator=generator, dtype=torch.float64)
    labels = (torch.rand(len(p), generator=generator) < p).long()
    quality = measure(torch.stack([(1 - p).log(), p.log()], dim=1), labels)
    assert quality.ece < 0.005
    assert quality.brier == pytest.approx(2 / 6, abs=0.005)  # E[2 p (1 - p)]
    assert quality.accuracy == pytest.approx(0.75, abs=0.005)


@pytest.mark.parametrize(("confidence", "index"), [(0.5, 7), (0.6, 8), (2 / 3, 9), (1.0, 14)])
def test_bins_are_open_below_and_closed_above(confidence, index):
    p = torch.tensor([[confidence, 1 - confidence]], dtype=torch.float64)
    (number,) = [i for i, b in enumerate(reliability(p, torch.tensor([0]))) if b.count]
    assert number == index


def test_the_diagram_covers_every_answer():
    logits = torch.randn(500, 7, generator=torch.Generator().manual_seed(1))
    diagram = reliability(logits.softmax(dim=1), torch.zeros(500, dtype=torch.long))
    assert sum(each.count for each in diagram) == 500
    assert all(each.low < each.confidence <= each.high for each in diagram if each.count)


def penalised(logits: torch.Tensor, labels: torch.Tensor, temperature: float) -> float:
    nll = F.cross_entropy(logits.double() / temperature, labels, reduction="sum").item()
    return nll + math.log(temperature) ** 2 / 2


@pytest.mark.parametrize("true", [0.4, 1.0, 3.0])
def test_the_temperature_is_the_best_of_a_grid(true):
    generator = torch.Generator().manual_seed(2)
    honest = 2 * torch.randn(2000, 5, generator=generator)
    labels = torch.multinomial(honest.softmax(dim=1), 1, generator=generator).flatten()
    logits = honest * true
    found = fit_temperature(logits, labels)
    grid = [0.2 * 1.003**i for i in range(1000)]
    assert found == pytest.approx(min(grid, key=lambda t: penalised(logits, labels, t)), rel=0.003)
    assert found == pytest.approx(true, rel=0.1)


def test_a_temperature_changes_no_answer_and_lowers_the_nll():
    generator = torch.Generator().manual_seed(3)
    logits = 10 * torch.randn(300, 3, generator=generator)
    labels = torch.randint(3, (300,), generator=generator)
    before = measure(logits, labels)
    after = measure(logits / fit_temperature(logits, labels), labels)
    assert after.correct == before.correct
    assert after.nll < before.nll
    assert after.ece < before.ece


def test_a_handful_that_is_all_right_does_not_give_certainty():
    logits = torch.tensor([[3.0, -3.0]] * 4)
    temperature = fit_temperature(logits, torch.zeros(4, dtype=torch.long))
    assert 0.3 < temperature < 1


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (0, 10, 0.0, 0.277533),  # 1.96^2 / (10 + 1.96^2)
        (10, 10, 0.722467, 1.0),
        (5, 10, 0.236593, 0.763407),
        # Newcombe, Statistics in Medicine 17, 1998, p. 857-872, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_against_published_values(successes, trials, low, high):
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=6e-5)


def test_the_ends_of_wilsons_interval_are_just_not_rejected():
    for end in wilson_interval(149, 153):
        z = (149 / 153 - end) / math.sqrt(end * (1 - end) / 153)
        assert abs(z) == pytest.approx(1.959964, abs=1e-5)


def test_confusion_matrix():
    answers, labels = torch.tensor([0, 1, 2, 2, 0]), torch.tensor([0, 0, 2, 1, 0])
    assert confusion_matrix(answers, labels, 3) == [[2, 1, 0], [0, 0, 1], [0, 0, 1]]
