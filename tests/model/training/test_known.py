from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from model.classifier.ood import Limits, combine
from model.training.cross_validation import rest_of, split_folds
from model.training.head import Head
from model.training.known import (
    evidence_out_of_fold,
    far_out,
    fit_known_score,
    fit_limits,
    prototype_score,
    reached_by,
)


def windows_like(count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, Head]:
    """Windows [2 count, 26, 512] of two classes, their labels, and a head that tells them apart."""
    generator = torch.Generator().manual_seed(seed)
    head = Head(torch.randn(1000, 512, generator=generator) / 10, torch.zeros(1000))
    centres = F.relu(torch.randn(2, 1, 512, generator=generator))
    labels = torch.arange(2).repeat_interleave(count)
    noise = torch.randn(2 * count, 26, 512, generator=generator)
    return F.relu(centres[labels] + 0.3 * noise).half(), labels, head


@pytest.mark.parametrize(
    ("count", "share", "reached"),
    [(1000, 0.95, 951), (1000, 0.99, 991), (99, 0.99, 99), (99, 0.95, 95), (12, 0.99, 12),
     (12, 0.95, 12), (19, 0.95, 19), (39, 0.95, 38)],
)  # fmt: skip
def test_a_threshold_is_reached_by_its_share_or_is_the_lowest(count, share, reached):
    scores = torch.rand(count, generator=torch.Generator().manual_seed(count))
    assert (scores >= reached_by(scores, share)).sum() == reached


@pytest.mark.parametrize("share", [0.95, 0.99])
def test_a_new_picture_reaches_it_as_often_as_is_promised(share):
    """In the mean over many trainings of 120 pictures: the conformal guarantee."""
    scores = torch.rand(4000, 121, generator=torch.Generator().manual_seed(1))
    reached = [bool(row[-1] >= reached_by(row[:-1], share)) for row in scores]
    assert sum(reached) / len(reached) == pytest.approx(share + 0.003, abs=0.009)


def test_pictures_of_something_else_are_far_out_and_hard_ones_are_not():
    hard = torch.linspace(-3, 4, 100).sigmoid()
    assert not far_out(hard).any()
    assert far_out(torch.cat([hard, torch.tensor([1e-6, 1e-5])])).nonzero().flatten().tolist() == [
        100,
        101,
    ]


@pytest.mark.parametrize("scores", [[1.0] * 9 + [0.9], [0.0] * 5, [0.5, 0.5, 0.5, 0.4], [1.0, 0.5]])
def test_pictures_that_are_all_alike_leave_none_far_out_for_a_trifle(scores):
    odds = torch.tensor(scores).double().logit(eps=1e-9)
    expected = odds < odds.quantile(0.25) - 1.5 * max(odds.quantile(0.75) - odds.quantile(0.25), 1)
    assert torch.equal(far_out(torch.tensor(scores)), expected)
    assert far_out(torch.tensor(scores)).sum() <= 1


def test_mislabelled_pictures_do_not_set_the_limits():
    generator = torch.Generator().manual_seed(4)
    likeness = (2 * torch.randn(300, generator=generator)).sigmoid()
    evidence = torch.stack([likeness, 0.8 + 0.03 * torch.randn(300, generator=generator)], dim=1)
    clean = fit_limits(evidence)
    wrong = torch.tensor([[1e-7, 0.8]]).expand(6, 2)
    spoiled = fit_limits(torch.cat([evidence, wrong]))
    assert spoiled.known_threshold == pytest.approx(clean.known_threshold, rel=0.1)
    assert spoiled.neither_threshold == pytest.approx(clean.neither_threshold, rel=0.1)
    assert 0 < clean.neither_threshold < clean.known_threshold
    assert clean.cosine_floor < evidence[:, 1].min()
    shared = combine(evidence, clean)
    assert (shared >= clean.neither_threshold).float().mean() >= 0.98


def test_evidence_comes_from_prototypes_that_saw_only_the_others():
    windows, labels, head = windows_like(10)
    folds = split_folds(labels, 5, 0)
    found = evidence_out_of_fold(windows, labels, head, folds)
    fold, others = folds[1], rest_of(folds[1], 20)
    by_hand = prototype_score(windows[others], labels[others], head).evidence(windows[fold])
    assert torch.equal(found[fold], by_hand)
    seen = prototype_score(windows, labels, head).evidence(windows)
    assert (found.mean(dim=0) < seen.mean(dim=0)).all()


@pytest.mark.parametrize("count", [2, 60])
def test_the_score_of_any_number_of_pictures(count):
    windows, labels, head = windows_like(count)
    evidence = evidence_out_of_fold(windows, labels, head, split_folds(labels, 5, 0))
    known = fit_known_score(windows, labels, head, evidence)
    scores = combine(evidence, known.limits)
    assert known.percentile(scores.min().item()) == pytest.approx(0, abs=1)
    assert known.percentile(scores.quantile(0.5).item()) == pytest.approx(50, abs=3)
    assert [known.verdict(each) for each in known(windows).tolist()].count("known") >= 1.9 * count
    elsewhere, *_ = windows_like(count, seed=1)
    assert {known.verdict(each) for each in known(elsewhere).tolist()} == {"neither"}
    assert known.limits == Limits(**vars(fit_limits(evidence)))
