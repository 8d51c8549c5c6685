from __future__ import annotations

import pytest
import torch

from model.classifier.ood import SHARPENING, KnownScore, bhattacharyya, prototypes, sharpened


def test_bhattacharyya_by_hand():
    p = torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]], dtype=torch.float64)
    q = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]], dtype=torch.float64)
    expected = torch.tensor([[1.0, 0.5], [0.5**0.5, 0.0]], dtype=torch.float64)
    assert torch.allclose(bhattacharyya(p, q), expected)


def test_bhattacharyya_of_gaussians():
    # exp(-(m1 - m2)^2 / 8 s^2) for equal variances: Bhattacharyya 1943
    x = torch.linspace(-12, 12, 20001, dtype=torch.float64)
    p, q = ((-((x - mean) ** 2) / 2).softmax(dim=0)[None] for mean in (0.0, 1.5))
    expected = torch.tensor(-(1.5**2) / 8, dtype=torch.float64).exp()
    assert bhattacharyya(p, q).item() == pytest.approx(expected.item(), rel=1e-6)


def test_sharpening_is_a_power_of_the_distribution():
    logits = torch.randn(3, 10, generator=torch.Generator().manual_seed(0))
    powered = logits.softmax(dim=1) ** (1 / SHARPENING)
    assert torch.allclose(sharpened(logits), powered / powered.sum(dim=1, keepdim=True), atol=1e-6)


def test_prototypes_are_normalised_geometric_means():
    logits = torch.randn(6, 10, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    labels = torch.tensor([0, 1, 0, 1, 1, 1])
    for k, found in enumerate(prototypes(logits, labels, 2)):
        mean = sharpened(logits[labels == k]).log().mean(dim=0).exp()
        assert torch.allclose(found, mean / mean.sum())


def make_score(classes: int = 2) -> tuple[KnownScore, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    weight = torch.randn(1000, 512, generator=generator) / 5
    centres = torch.randn(classes, 512, generator=generator)
    logits = centres @ weight.T
    known = KnownScore(weight, torch.zeros(1000), sharpened(logits), 0.5)
    return known, centres


def test_what_is_like_a_class_scores_1_and_what_is_not_near_0():
    known, centres = make_score(3)
    assert known(centres) == pytest.approx([1.0] * 3, abs=1e-4)
    assert (known(-centres) < 0.01).all()
    assert ((known(0.5 * centres) > 0.01) & (known(0.5 * centres) < 0.99)).all()


def test_half_precision_keeps_the_scores():
    known, centres = make_score()
    features = centres.repeat(20, 1) * torch.linspace(0, 1.2, 40)[:, None]
    expected = known(features)
    kept = known.half().state_dict()
    assert {name: tensor.dtype for name, tensor in kept.items()} == dict.fromkeys(
        ("weight", "bias", "prototypes"), torch.float16
    )
    assert torch.allclose(known.float()(features), expected, atol=0.01)
