from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from model.training.cross_validation import (
    choose_strength,
    not_worse,
    rest_of,
    split_folds,
    start_head,
)
from model.training.head import STRENGTHS, Head, HeadSettings, fit_head


def imagenet_like(rows: int = 20, dim: int = 8) -> Head:
    generator = torch.Generator().manual_seed(0)
    return Head(torch.randn(rows, dim, generator=generator), torch.zeros(rows))


def pictures_like(head: Head, rows: list[int], count: int, noise: float):
    """Features [len(rows) * count, 2, D] whose best ImageNet row is the class's, and labels."""
    generator = torch.Generator().manual_seed(1)
    labels = torch.arange(len(rows)).repeat_interleave(count)
    directions = F.normalize(head.weight[rows], dim=1)[labels][:, None]
    scatter = torch.randn(len(labels), 2, head.weight.shape[1], generator=generator)
    return 2 * directions + noise * scatter, labels


@pytest.mark.parametrize("seed", range(5))
def test_folds_are_disjoint_whole_and_stratified(seed):
    counts = [13, 29, 7]
    labels = torch.arange(3).repeat_interleave(torch.tensor(counts))
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))]
    folds = split_folds(labels, 5, seed)
    assert torch.cat(folds).sort().values.tolist() == list(range(49))
    for fold in folds:
        for k, count in enumerate(counts):
            assert count // 5 <= (labels[fold] == k).sum() <= -(-count // 5)


def test_folds_come_from_the_seed():
    labels = torch.tensor([0, 1] * 20)
    as_lists = [[fold.tolist() for fold in split_folds(labels, 5, seed)] for seed in (0, 0, 1)]
    assert as_lists[0] == as_lists[1] != as_lists[2]


def test_no_more_folds_than_the_smallest_class_has_pictures():
    labels = torch.tensor([0] * 9 + [1] * 3)
    folds = split_folds(labels, 5, 0)
    assert len(folds) == 3
    assert all((labels[rest_of(fold, 12)] == 1).any() for fold in folds)


def test_rest_of_a_fold():
    assert rest_of(torch.tensor([1, 4]), 6).tolist() == [0, 2, 3, 5]


def test_out_of_fold_answers_come_from_heads_that_saw_only_the_others():
    imagenet = imagenet_like()
    features, labels = pictures_like(imagenet, [3, 11], 10, noise=0.8)
    folds = split_folds(labels, 5, 0)
    settings = HeadSettings(epochs=3)
    choice = choose_strength(features, labels, imagenet, settings, folds)
    fold, others = folds[2], rest_of(folds[2], 20)
    start = start_head(features[others, 0], labels[others], imagenet, 2)
    settings = HeadSettings(choice.strength, epochs=3)
    head = fit_head(features[others], labels[others], start, settings)
    assert torch.equal(choice.logits[fold], head(features[fold, 0]))

    spoiled = features.clone()
    spoiled[fold] += 100  # what a fold holds cannot change what is said of it by the others
    again = choose_strength(spoiled, labels, imagenet, settings, [fold, others])
    clean = choose_strength(features, labels, imagenet, settings, [fold, others])
    assert torch.equal(again.logits[others] == 0, clean.logits[others] == 0)
    assert not torch.equal(again.logits[fold], clean.logits[fold])


def test_where_the_start_fits_the_strongest_pull_is_chosen():
    imagenet = imagenet_like()
    features, labels = pictures_like(imagenet, [3, 11], 15, noise=0.9)
    choice = choose_strength(features, labels, imagenet, HeadSettings(), split_folds(labels, 5, 0))
    assert choice.strength == STRENGTHS[0]
    assert choice.candidates.keys() == set(STRENGTHS)
    assert choice.candidates[choice.strength].correct > 25


def test_where_the_start_misleads_it_may_go_away():
    imagenet = imagenet_like()
    features, labels = pictures_like(imagenet, [3, 11], 30, noise=0.3)
    # The classes differ in what the ImageNet head does not look at.
    blind = Head(imagenet.weight.clone(), imagenet.bias)
    blind.weight[:, :4] = 0
    features[:, :, 0] = (2.0 * labels - 1)[:, None]
    features[:, :, 1:] = 0.3 * torch.randn(60, 2, 7, generator=torch.Generator().manual_seed(2))
    settings = HeadSettings(learning_rate=0.03)
    choice = choose_strength(features, labels, blind, settings, split_folds(labels, 5, 0))
    assert choice.strength < 1
    assert choice.candidates[choice.strength].nll < choice.candidates[STRENGTHS[0]].nll / 2


def test_the_rule_of_half_a_standard_error():
    best = torch.zeros(4)
    spread = torch.tensor([1.0, -1.0, 1.0, -1.0])  # standard error 0.577
    assert not_worse(spread + 0.28, best)
    assert not not_worse(spread + 0.30, best)
    assert not not_worse(torch.tensor([1.0, 0.9, 1.1, 1.0]), best)
    assert not_worse(best, best)
