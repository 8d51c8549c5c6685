from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from model.training.head import STRENGTHS, Head, HeadSettings, HeadTraining, fit_head, nearest_rows


def random_head(rows: int, dim: int, seed: int = 0) -> Head:
    generator = torch.Generator().manual_seed(seed)
    return Head(torch.randn(rows, dim, generator=generator), torch.randn(rows, generator=generator))


def clouds(count: int = 40, dim: int = 6, views: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Features [3 * count, views, dim] of three overlapping clouds, and their labels."""
    generator = torch.Generator().manual_seed(4)
    labels = torch.arange(3).repeat_interleave(count)
    centres = 1.5 * torch.randn(3, 1, dim, generator=generator)
    noise = torch.randn(3 * count, views, dim, generator=generator)
    return centres[labels] + noise, labels


def optimum(features: torch.Tensor, labels: torch.Tensor, start: Head, strength: float) -> Head:
    """The head of least loss, by a method that needs no learning rate."""
    weight = start.weight.clone().requires_grad_()
    bias = start.bias.clone().requires_grad_()
    solver = torch.optim.LBFGS([weight, bias], max_iter=500, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        solver.zero_grad()
        moved = (weight - start.weight).square().sum() + (bias - start.bias).square().sum()
        total = F.cross_entropy(features @ weight.T + bias, labels) + strength / 2 * moved
        total.backward()
        return total

    solver.step(loss)
    return Head(weight.detach(), bias.detach())


@pytest.mark.slow
@pytest.mark.parametrize("strength", [1.0, 0.1, 0.03])
def test_training_ends_at_the_optimum_of_l2_sp(strength):
    features, labels = clouds()
    start = random_head(3, 6)
    settings = HeadSettings(strength, epochs=400, batch_size=60, learning_rate=0.05)
    found = fit_head(features, labels, start, settings)
    best = optimum(features[:, 0], labels, start, strength)
    assert torch.allclose(found.weight, best.weight, atol=0.03)
    assert torch.allclose(found.bias, best.bias, atol=0.03)
    assert not torch.allclose(found.weight, start.weight, atol=0.1)


def test_the_stronger_the_nearer_the_start():
    features, labels = clouds()
    start = random_head(3, 6)
    moved = []
    for strength in STRENGTHS:
        settings = HeadSettings(strength, learning_rate=0.03)
        moved.append((fit_head(features, labels, start, settings).weight - start.weight).norm())
    assert moved == sorted(moved)
    assert moved[0] < moved[-1] / 3


def test_an_epoch_sees_every_picture_once_through_one_view():
    # One-hot "features": what is added to the weights tells which pictures and views were seen.
    count, views = 8, 3
    features = torch.eye(count * views).reshape(count, views, -1)
    start = Head(torch.zeros(2, count * views), torch.zeros(2))
    labels = torch.tensor([0, 1] * 4)
    settings = HeadSettings(strength=0.0, batch_size=3, epochs=40)
    training = HeadTraining(features, labels, start, settings)
    told = []
    training.run_epoch(told.append)
    assert told == [3, 3, 2]
    seen = (training.head.weight[0] != 0).reshape(count, views)
    assert seen.sum(dim=1).tolist() == [1] * count
    for _ in range(39):
        training.run_epoch()
    assert (training.head.weight[0] != 0).all(), "each view has its turn"


def test_history_is_of_the_batches_as_they_were_met():
    features, labels = clouds(views=1)
    training = HeadTraining(features, labels, random_head(3, 6), HeadSettings(learning_rate=1e-12))
    epoch = training.run_epoch()
    logits = random_head(3, 6)(features[:, 0])
    assert epoch.epoch == 1
    assert epoch.loss == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-5)
    assert epoch.accuracy == pytest.approx((logits.argmax(1) == labels).double().mean().item())
    assert training.history == [epoch]


def test_the_learning_rate_falls_to_nothing_along_a_cosine():
    features, labels = clouds()
    settings = HeadSettings(epochs=4, learning_rate=0.01)
    training = HeadTraining(features, labels, random_head(3, 6), settings)
    rates = []
    for _ in range(4):
        rates.append(training.schedule.get_last_lr()[0])
        training.run_epoch()
    assert rates == pytest.approx([0.01, 0.00853553, 0.005, 0.00146447], abs=1e-8)
    assert training.schedule.get_last_lr()[0] == pytest.approx(0)


def test_state_goes_on_bit_for_bit():
    features, labels = clouds(views=2)
    settings = HeadSettings(epochs=6, batch_size=16)
    start = random_head(3, 6)
    whole = HeadTraining(features, labels, start, settings)
    for _ in range(6):
        whole.run_epoch()
    first = HeadTraining(features, labels, start, settings)
    for _ in range(2):
        first.run_epoch()
    second = HeadTraining(features, labels, start, settings)
    second.load_state_dict(first.state_dict())
    for _ in range(4):
        second.run_epoch()
    assert torch.equal(second.head.weight, whole.head.weight)
    assert torch.equal(second.head.bias, whole.head.bias)
    assert second.history == whole.history


def test_the_seed_decides():
    features, labels = clouds(views=2)
    start, settings = random_head(3, 6), HeadSettings(epochs=2)
    one, two = (fit_head(features, labels, start, settings).weight for _ in range(2))
    other = fit_head(features, labels, start, replace(settings, seed=1)).weight
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_nearest_rows_are_those_of_the_greatest_mean_probability():
    logits = torch.full((5, 10), -5.0)
    logits[0:2, 7] = 5.0  # class 0 looks like ImageNet's 7
    logits[2:5, 3] = 5.0
    logits[4, 3], logits[4, 7] = -5.0, 5.0  # one of class 1's three looks like class 0's
    assert nearest_rows(logits, torch.tensor([0, 0, 1, 1, 1]), 2) == [7, 3]


def test_two_classes_never_start_from_one_row():
    logits = torch.zeros(4, 10)
    logits[:2, 5] = 3.0
    logits[2:, 5] = 4.0  # surer of the same row: it chooses first
    logits[:2, 8] = 1.0
    assert nearest_rows(logits, torch.tensor([0, 0, 1, 1]), 2) == [8, 5]


def test_more_classes_than_rows_share_them():
    logits = 10 * torch.eye(3)[torch.tensor([0, 1, 2, 2])]
    assert nearest_rows(logits, torch.arange(4), 4) == [0, 1, 2, 2]


def test_a_head_of_rows_gives_those_logits():
    head, features = random_head(10, 4), torch.randn(2, 3, 4)
    assert torch.allclose(head.rows([7, 2])(features), head(features)[..., [7, 2]])
    linear = torch.nn.Linear(4, 10)
    linear.load_state_dict({"weight": head.weight, "bias": head.bias})
    assert torch.allclose(head(features), linear(features), atol=1e-6)
