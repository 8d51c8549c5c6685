from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from torchvision.models import resnet18

from model.training.head import Head, fit_heads, nearest_rows

EXACT = {"tolerance": 1e-9}  # in double precision it ends where the loss falls by less than this


def random_head(*shape: int, seed: int = 0) -> Head:
    """Of [K, D], or of [H, K, D] for H heads."""
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(*shape, generator=generator, dtype=torch.float64)
    return Head(weight, torch.randn(*shape[:-1], generator=generator, dtype=torch.float64))


def zeros(heads: int, classes: int, dim: int) -> Head:
    return Head(torch.zeros(heads, classes, dim).double(), torch.zeros(heads, classes).double())


def clouds(classes: int = 3, count: int = 20, dim: int = 6, views: int = 1):
    """Features [classes * count, views, dim] of overlapping clouds, far from the origin as those
    after a ReLU are, and their labels."""
    generator = torch.Generator().manual_seed(4)
    labels = torch.arange(classes).repeat_interleave(count)
    centres = 3 + 1.5 * torch.randn(classes, 1, dim, generator=generator, dtype=torch.float64)
    shape = (classes * count, views, dim)
    return centres[labels] + torch.randn(shape, generator=generator, dtype=torch.float64), labels


def everyone(labels: torch.Tensor, heads: int = 1) -> torch.Tensor:
    return torch.ones(heads, len(labels), dtype=torch.float64)


def same(one: Head, two: Head, atol: float = 1e-3) -> bool:
    weights = torch.allclose(one.weight, two.weight, atol=atol)
    # what is added to all classes' biases alike changes no probability
    biases = (head.bias - head.bias.mean(dim=-1, keepdim=True) for head in (one, two))
    return weights and torch.allclose(*biases, atol=atol)


@pytest.mark.parametrize("strength", [1.0, 0.1, 0.01])
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_from_zero_it_is_scikit_learns_logistic_regression(classes, strength):
    features, labels = clouds(classes)
    start = zeros(1, classes, 6)
    found = fit_heads(features, labels, everyone(labels), strength, start, **EXACT)[0]
    # of two classes scikit-learn has one row, the difference of ours, whose square is twice theirs
    inverse = (2 if classes == 2 else 1) / (strength * len(labels))
    theirs = LogisticRegression(C=inverse, tol=1e-10, max_iter=10_000).fit(features[:, 0], labels)
    expected = theirs.predict_proba(features[:, 0].numpy())
    assert found(features[:, 0]).softmax(dim=1).numpy() == pytest.approx(expected, abs=1e-4)
    if classes == 2:
        difference = found.weight[1] - found.weight[0]
        assert difference.tolist() == pytest.approx(theirs.coef_[0].tolist(), abs=2e-3)
    else:
        assert found.weight.numpy() == pytest.approx(theirs.coef_, abs=2e-3)


@pytest.mark.parametrize("strength", [10.0, 0.3, 0.01])
@pytest.mark.parametrize("views", [1, 2])
def test_where_it_ends_no_derivative_is_left(strength, views):
    """The condition of the minimum of L2-SP, of unequal shares too; the bias is not held."""
    features, labels = clouds(views=views)
    start = random_head(1, 3, 6)
    shares = torch.rand(1, len(labels), generator=torch.Generator().manual_seed(1)).double()
    found = fit_heads(features, labels, shares, strength, start, **EXACT)[0]
    errors = found(features).softmax(dim=-1) - F.one_hot(labels, 3)[:, None]
    errors = errors * (shares[0] / shares.sum())[:, None, None] / views
    by_weight = torch.einsum("nvk,nvd->kd", errors, features)
    by_weight += strength * (found.weight - start.weight[0])
    assert by_weight.abs().max() < 1e-4
    assert errors.sum(dim=(0, 1)).abs().max() < 1e-4
    assert not torch.allclose(found.weight, start.weight[0], atol=1e-3)


def test_the_default_tolerance_in_single_precision_is_near_that():
    features, labels = clouds(dim=64)
    for strength in (1.0, 0.01):
        start = zeros(1, 3, 64)
        exact = fit_heads(features, labels, everyone(labels), strength, start, **EXACT)[0]
        start = Head(start.weight.float(), start.bias.float())
        shares = everyone(labels).float()
        found = fit_heads(features.float(), labels, shares, strength, start)[0]
        probabilities = [
            head(x[:, 0]).softmax(dim=1).double()
            for head, x in ((exact, features), (found, features.float()))
        ]
        assert torch.allclose(*probabilities, atol=0.01)


def test_heads_fitted_at_once_are_those_fitted_alone():
    features, labels = clouds(views=2)
    generator = torch.Generator().manual_seed(2)
    shares = torch.rand(4, len(labels), generator=generator).double().round(decimals=1)
    starts = random_head(4, 3, 6)
    together = fit_heads(features, labels, shares, 0.1, starts, **EXACT)
    for h in range(4):
        start = Head(starts.weight[h : h + 1], starts.bias[h : h + 1])
        alone = fit_heads(features, labels, shares[h : h + 1], 0.1, start, **EXACT)[0]
        assert same(together[h], alone)
    assert not same(together[0], together[1], atol=0.01)


def test_where_the_search_begins_is_not_where_it_ends():
    features, labels = clouds()
    start = random_head(2, 3, 6)
    near = fit_heads(features, labels, everyone(labels, 2), 0.3, start, **EXACT)
    begin = random_head(2, 3, 6, seed=9)
    far = fit_heads(features, labels, everyone(labels, 2), 0.3, start, begin, **EXACT)
    assert same(near, far)


@pytest.mark.parametrize("left_out", [[0], [3, 25, 41], list(range(0, 60, 3))], ids=len)
def test_a_picture_of_no_share_is_not_learned_from(left_out):
    features, labels = clouds(views=2)
    shares = everyone(labels)
    shares[0, left_out] = 0
    start = random_head(1, 3, 6)
    found = fit_heads(features, labels, shares, 0.1, start, **EXACT)
    spoiled, wrong = features.clone(), labels.clone()
    spoiled[left_out] = 20 * spoiled[left_out] - 7
    wrong[left_out] = (labels[left_out] + 1) % 3
    assert same(found, fit_heads(spoiled, wrong, shares, 0.1, start, **EXACT))
    rest = shares[0].bool()
    there = fit_heads(features[rest], labels[rest], shares[:, rest], 0.1, start, **EXACT)
    assert same(found, there)
    assert not same(found, fit_heads(spoiled, wrong, everyone(labels), 0.1, start, **EXACT), 0.01)


def test_a_share_of_two_is_the_picture_twice():
    features, labels = clouds()
    shares = everyone(labels)
    shares[0, :7] = 2
    twice = torch.cat([torch.arange(7), torch.arange(len(labels))])
    start = random_head(1, 3, 6)
    found = fit_heads(features, labels, shares, 0.1, start, **EXACT)
    listed = everyone(labels[twice])
    assert same(found, fit_heads(features[twice], labels[twice], listed, 0.1, start, **EXACT))


def test_each_view_is_a_picture_of_its_own():
    features, labels = clouds(views=2)
    start = random_head(1, 3, 6)
    found = fit_heads(features, labels, everyone(labels), 0.1, start, **EXACT)
    apart, repeated = features.flatten(0, 1)[:, None], labels.repeat_interleave(2)
    assert same(found, fit_heads(apart, repeated, everyone(repeated), 0.1, start, **EXACT))


def test_the_stronger_the_nearer_the_start():
    features, labels = clouds()
    start = random_head(1, 3, 6)
    moved = [
        (
            fit_heads(features, labels, everyone(labels), strength, start).weight - start.weight
        ).norm()
        for strength in (1e6, 10.0, 1.0, 0.1, 0.01)
    ]
    assert moved == sorted(moved)
    assert moved[0] < 1e-4
    assert moved[-1] > 1


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
    head, features = random_head(10, 4), torch.randn(2, 3, 4).double()
    assert torch.allclose(head.rows([7, 2])(features), head(features)[..., [7, 2]])


def test_a_head_is_a_networks_last_layer():
    network = resnet18(num_classes=10)
    features = torch.randn(3, 512)
    assert torch.allclose(Head.of(network)(features), network.fc(features), atol=1e-5)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_a_cooled_heads_logits_are_divided(temperature):
    head, features = random_head(10, 4), torch.randn(5, 4).double()
    assert torch.allclose(head.cooled(temperature)(features), head(features) / temperature)
