from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from model.classifier.ood import (
    SHARPENING,
    KnownScore,
    Limits,
    bhattacharyya,
    combine,
    directions,
    prototypes,
    sharpened,
    windows_of,
)

LIMITS = Limits(0.5, 0.2, 0.6, 0.05)


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


def test_a_bright_picture_turns_its_class_no_more_than_a_dark_one():
    features = torch.tensor([[3.0, 0.0], [0.0, 400.0], [0.0, 5.0]])
    expected = torch.tensor([[0.5**0.5, 0.5**0.5], [0.0, 1.0]])
    assert torch.allclose(directions(features, torch.tensor([0, 0, 1]), 2), expected)


@pytest.mark.parametrize(("side", "parts"), [(8, 25), (7, 25), (2, 4), (1, 1), (32, 289)])
def test_windows_are_the_whole_and_every_half(side, parts):
    activations = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(3))
    windows = windows_of(activations)
    assert windows.shape == (2, 1 + parts, 3)
    assert torch.allclose(windows[:, 0], activations.mean(dim=(2, 3)))
    half = max(1, side // 2)
    assert torch.allclose(windows[:, 1], activations[..., :half, :half].mean(dim=(2, 3)))
    assert torch.allclose(windows[:, -1], activations[..., -half:, -half:].mean(dim=(2, 3)))


def sparse_features(count: int, seed: int) -> torch.Tensor:
    """Features [count, 512] as a ReLU leaves them: most of them zero, others for each."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.rand(count, 512, generator=generator)
    return features * (torch.rand(count, 512, generator=generator) < 0.2)


def make_score(classes: int = 2, limits: Limits = LIMITS) -> tuple[KnownScore, torch.Tensor]:
    """A score, and its classes' features."""
    weight = torch.randn(1000, 512, generator=torch.Generator().manual_seed(2))
    centres = sparse_features(classes, seed=3)
    prototypes = sharpened(centres @ weight.T)
    axes, percentiles = F.normalize(centres, dim=1), torch.linspace(0, 1, 101) ** 2
    if limits.neither_threshold is None:
        axes = percentiles = None
    return KnownScore(weight, torch.zeros(1000), prototypes, axes, percentiles, limits), centres


def same_everywhere(features: torch.Tensor) -> torch.Tensor:
    """The windows of pictures that look alike everywhere."""
    return features[:, None].expand(-1, 26, -1)


def test_what_is_like_a_class_scores_1_and_what_is_not_near_0():
    known, centres = make_score(3)
    assert known(same_everywhere(centres)).tolist() == pytest.approx([1.0] * 3, abs=1e-3)
    other = sparse_features(3, seed=9)
    assert (known(same_everywhere(other)) < 0.01).all()


def test_a_class_in_a_part_of_the_picture_counts_for_that_part():
    known, centres = make_score()
    other = sparse_features(1, seed=9)
    windows = same_everywhere(other).clone()
    windows[:, 1:6] = centres[0]
    likeness = known.evidence(windows)[0, 0].item()
    assert likeness == pytest.approx(5 / 25, abs=0.01)
    assert known.evidence(same_everywhere(other))[0, 0] < 0.01


def test_features_that_point_elsewhere_halve_the_score_at_the_floor():
    evidence = torch.tensor([[0.8, 0.6], [0.8, 1.0], [0.8, 0.3], [0.0, 1.0]])
    assert combine(evidence, LIMITS).tolist() == pytest.approx([0.4, 0.8, 0.002, 0.0], abs=1e-3)


@pytest.mark.parametrize("count", [1, 255, 256, 600])
def test_any_number_of_pictures_gives_the_same_scores(count):
    known, centres = make_score()
    mixture = torch.linspace(0, 1, count)[:, None]
    windows = same_everywhere(mixture * centres[:1] + (1 - mixture) * centres[1:])
    found = known(windows)
    assert found.shape == (count,)
    alone = torch.cat([known(each[None]) for each in windows[-3:]])
    assert torch.allclose(found[-3:], alone, atol=1e-5)


@pytest.mark.parametrize(
    ("score", "verdict", "percentile"),
    [(1.0, "known", 100), (0.5, "known", 70.7), (0.49, "unusual", 70), (0.2, "unusual", 44.7),
     (0.19, "neither", 43.6), (0.0, "neither", 0)],
)  # fmt: skip
def test_what_a_score_means(score, verdict, percentile):
    known, _ = make_score()
    assert known.verdict(score) == verdict
    assert known.percentile(score) == pytest.approx(percentile, abs=0.1)


def test_what_is_hardly_a_photo_is_not_known_however_like_a_class():
    known, _ = make_score()
    floor, width = LIMITS.cosine_floor, LIMITS.cosine_width
    steps = (-0.9, -0.8, 2.1, 2.3)  # sigmoid(-0.85) is 0.3, sigmoid(2.2) is 0.9
    scores, verdicts = known.weigh(torch.tensor([[1.0, floor + width * each] for each in steps]))
    assert (scores >= known.limits.neither_threshold).all()
    assert verdicts == ["neither", "unusual", "unusual", "known"]


def test_before_there_were_three_answers_there_were_two():
    """By the whole picture alone, and nothing is unusual."""
    known, centres = make_score(limits=Limits(0.3))
    windows = same_everywhere(torch.rand(2, 512)).clone()
    windows[:, 0] = centres
    assert known(windows).tolist() == pytest.approx([1.0] * 2, abs=1e-3)
    assert [known.verdict(score) for score in (0.3, 0.29, 0.0)] == ["known", "neither", "neither"]
    assert known.percentile(0.3) is None


def test_half_precision_keeps_the_scores():
    known, centres = make_score()
    windows = same_everywhere(centres.repeat(20, 1) * torch.linspace(0, 1.2, 40)[:, None])
    expected = known(windows)
    kept = known.half().state_dict()
    names = ("weight", "bias", "prototypes", "directions", "percentiles")
    assert {name: tensor.dtype for name, tensor in kept.items()} == dict.fromkeys(
        names, torch.float16
    )
    assert torch.allclose(known.float()(windows), expected, atol=0.01)
