from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from model.training.calibration import measure
from model.training.cross_validation import (
    STRENGTHS,
    SURE,
    Candidate,
    Recipe,
    Trials,
    best_of,
    choose_head,
    fit_recipe,
    rest_of,
    split_folds,
)
from model.training.head import Head, nearest_rows

LOOKS = {"middle": (0, 1), "squashed": (2, 3)}
DIM = 24


def noise(*shape: int, seed: int = 2) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def imagenet_like(rows: int = 20, dim: int = DIM) -> Head:
    return Head(noise(rows, dim, seed=0), torch.zeros(rows))


def marks(labels: torch.Tensor) -> torch.Tensor:
    """What tells the classes apart: one of the last dimensions is large."""
    return 3 * F.one_hot(labels, DIM).flip(-1).float()


def blind() -> Head:
    """ImageNet rows that do not look at the two last dimensions."""
    head = imagenet_like()
    head.weight[:, -2:] = 0
    return head


LABELS = torch.arange(2).repeat(20)  # 40 pictures


def pictures(views: tuple[float, ...], labels: torch.Tensor = LABELS, seed: int = 3):
    """Features [N, V, D] whose `views` show the class by so much, beside noise."""
    mark = marks(labels)
    return torch.stack(
        [by * mark + noise(len(labels), DIM, seed=seed + v) for v, by in enumerate(views)], dim=1
    )


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


RECIPES = [
    Recipe((0, 1), 0.25, (0.1, 1.0)),
    Recipe((2,), 1.0, (0.1, 0.3), temperature=0.7),
    Recipe((2, 3), 0.0, (0.3, 0.1), temperature=2.0),
]


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_out_of_fold_answers_come_from_heads_that_saw_only_the_others(recipe):
    """In each split, those of a head made of the other folds' pictures and nothing else."""
    features, imagenet = pictures((0.3, 0.3, 0.5, 0.5)), imagenet_like()
    trials = Trials(features, LABELS, imagenet, 5, 0)
    found = trials.blend(recipe)
    splits = found.logits.view(-1, len(LABELS), 2) * found.recipe.temperature
    assert [len(split) for split in trials.splits] == [5] * len(splits)
    for said, split in zip(splits, trials.splits, strict=True):
        for fold in split:
            others = rest_of(fold, len(LABELS))
            uncooled = replace(recipe, temperature=1.0)
            head = fit_recipe(features[others], LABELS[others], imagenet, uncooled)
            expected = head(features[fold, recipe.seen[0]])
            assert torch.allclose(said[fold], expected, atol=0.05)


def test_what_a_fold_holds_cannot_change_the_head_that_judges_it():
    features, imagenet = pictures((0.3, 0.3)), imagenet_like()
    clean = Trials(features, LABELS, imagenet, 5, 0)
    fold = clean.folds[2]
    spoiled = features.clone()
    spoiled[fold] = 5 - 3 * spoiled[fold]
    again = Trials(spoiled, LABELS, imagenet, 5, 0)
    one, two = clean.heads(RECIPES[0]), again.heads(RECIPES[0])
    assert torch.allclose(one[2].weight, two[2].weight, atol=0.01)
    for other in (1, -1):  # the last is the head of all pictures
        assert not torch.allclose(one[other].weight, two[other].weight, atol=0.05)


def candidate(losses: torch.Tensor) -> Candidate:
    return Candidate(RECIPES[0], torch.empty(0), losses)


def test_better_is_by_standard_errors_of_the_pictures_differences():
    spread = torch.tensor([1.0, -1.0, 1.0, -1.0])  # standard error 0.577
    hard = torch.tensor([3.0, 9.0, 1.0, 2.0])  # for both of them: it takes away from neither
    for by in (2.0, 1.5):
        for gain, better in ((by * 0.577 - 0.01, False), (by * 0.577 + 0.01, True)):
            one, other = candidate(hard), candidate(hard + spread + gain)
            assert one.is_better(other, by) is better
            assert not other.is_better(one, by)
    assert not candidate(hard).is_better(candidate(hard), 0.0)


def test_the_first_is_left_only_for_the_best_of_those_that_are_surely_better():
    spread = torch.tensor([1.0, -1.0] * 8)  # standard error 0.258
    surely = SURE * 0.26
    first = candidate(torch.full((16,), 5.0))
    lucky = candidate(first.losses - surely + 0.05 + spread)
    better, best = (candidate(first.losses - surely - by + spread) for by in (0.1, 0.2))
    wild = candidate(first.losses - surely - 0.3 + 9 * spread)  # least loss of all, but who knows
    assert best_of({"a": first, "b": lucky, "c": wild}) is first
    assert best_of({"a": first, "b": better, "c": lucky, "d": best, "e": wild}) is best
    assert best_of({"a": first}) is first


@pytest.mark.parametrize(
    ("views", "seen"),
    [
        ((0.0, 0.0, 1.0, 1.0), (2, 3)),  # all of the picture is needed
        ((1.0, 1.0, 0.0, 0.0), (0, 1)),  # it is no help
        ((0.5, 0.5, 0.5, 0.5), (0, 1)),  # as good as the first
        ((0.0, 0.0, 0.0, 0.0), (0, 1)),  # neither is of use
    ],
    ids=str,
)
def test_another_look_is_taken_where_it_is_surely_better(views, seen):
    choice = choose_head(pictures(views), LABELS, blind(), LOOKS)
    assert choice.recipe.seen == seen
    useful = max(views) == 1
    assert choice.quality.correct >= 35 if useful else choice.quality.correct < 40
    assert set(LOOKS) < set(choice.candidates)


def test_the_same_view_twice_is_the_first():
    features = pictures((0.7, 0.7))[:, [0, 1, 0, 1]]
    choice = choose_head(features, LABELS, blind(), LOOKS)
    assert choice.recipe.seen[0] == 0
    one, two = choice.candidates["middle"], choice.candidates["squashed"]
    assert one.nll == pytest.approx(two.nll, abs=1e-3)


@pytest.mark.parametrize("look", LOOKS)
def test_mirror_images_that_mislead_are_not_learned_from(look):
    """As of left and right hands: mirrored, one class looks like the other."""
    view, mirrored = LOOKS[look]
    features = pictures((0.0,) * 4)
    features[:, view] += marks(LABELS)
    features[:, mirrored] += marks(1 - LABELS)
    looks = {look: LOOKS[look], **LOOKS}  # in this order: with its mirror images none is of use
    choice = choose_head(features, LABELS, blind(), looks)
    assert choice.recipe.seen == (view,)
    assert choice.quality.correct >= 35
    assert choice.candidates["without mirror images"].nll < 0.8 * choice.candidates[look].nll


def test_mirror_images_that_do_not_mislead_are_kept():
    choice = choose_head(pictures((0.5, 0.5, 0.0, 0.0)), LABELS, blind(), LOOKS)
    assert choice.recipe.seen == (0, 1)


def test_where_imagenets_rows_are_the_classes_they_are_started_from():
    imagenet = imagenet_like(dim=200)
    directions = F.normalize(imagenet.weight[[3, 11]], dim=1)[LABELS][:, None]
    features = 3 * directions + noise(40, 4, 200)
    choice = choose_head(features[:20], LABELS[:20], imagenet, LOOKS)
    assert choice.rows == [3, 11]
    assert choice.recipe.from_imagenet == 1
    alone = [choice.candidates[f"from {name} alone"].nll for name in ("zero", "ImageNet's rows")]
    assert alone[1] < alone[0]
    rest = features[20:]  # which the few are enough for
    assert measure(choice.head(rest[:, 0]), LABELS[20:]).accuracy > 0.9


def test_where_imagenets_rows_mislead_zero_is_started_from():
    imagenet = blind().cooled(0.25)  # loud about what has nothing to do with the classes
    choice = choose_head(pictures((1.0,) * 4), LABELS, imagenet, LOOKS)
    assert choice.recipe.from_imagenet == 0
    alone = [choice.candidates[f"from {name} alone"].nll for name in ("zero", "ImageNet's rows")]
    assert alone[0] < alone[1] / 2


def test_each_start_has_the_strength_of_least_loss():
    choice = choose_head(pictures((0.5,) * 4), LABELS, imagenet_like(), LOOKS)
    for found, chosen in zip(choice.strengths.values(), choice.recipe.strengths, strict=True):
        assert tuple(found) == STRENGTHS
        assert found[chosen] == min(found.values())
        assert max(found.values()) > min(found.values()) + 0.01
    assert choice.folds == 5
    assert set(choice.candidates) == {
        *LOOKS,
        "without mirror images",
        "from zero alone",
        "from ImageNet's rows alone",
    }


def test_the_seed_decides():
    features = pictures((0.3,) * 4)
    one, two, other = (
        choose_head(features, LABELS, imagenet_like(), LOOKS, seed=seed) for seed in (4, 4, 5)
    )
    assert torch.equal(one.logits, two.logits)
    assert torch.equal(one.head.weight, two.head.weight)
    assert torch.equal(one.head.bias, two.head.bias)
    assert (one.recipe, one.candidates, one.strengths) == (
        two.recipe,
        two.candidates,
        two.strengths,
    )
    assert not torch.equal(one.logits, other.logits)


@pytest.mark.parametrize("counts", [(2, 2), (2, 9), (3, 2, 2)], ids=str)
def test_two_pictures_of_a_class_are_enough(counts):
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    choice = choose_head(pictures((1.0,) * 4, labels), labels, imagenet_like(), LOOKS)
    assert choice.folds == 2
    assert choice.logits.shape == (len(labels), len(counts))
    assert choice.logits.isfinite().all()
    assert choice.head.weight.isfinite().all()
    assert choice.quality.total == len(labels)


@pytest.mark.parametrize("views", [(0.3,) * 4, (1.0, 1.0, 0.0, 0.0)], ids=str)
def test_the_finished_head_has_the_temperature_in_it_and_saw_all_pictures(views):
    features, imagenet = pictures(views), imagenet_like()
    choice = choose_head(features, LABELS, imagenet, LOOKS)
    assert choice.recipe.temperature != 1
    seen = features[:, choice.recipe.seen[0]]
    plain = fit_recipe(features, LABELS, imagenet, replace(choice.recipe, temperature=1.0))
    expected = (plain(seen) / choice.recipe.temperature).softmax(dim=1)
    assert torch.allclose(choice.head(seen).softmax(dim=1), expected, atol=0.01)
    again = fit_recipe(features, LABELS, imagenet, choice.recipe)
    assert torch.allclose(again(seen).softmax(dim=1), expected, atol=0.01)


def test_the_mean_of_two_heads_is_weighed_as_the_recipe_says():
    features, imagenet = pictures((0.5, 0.5)), imagenet_like()
    zero, rows, mean = (
        fit_recipe(features, LABELS, imagenet, Recipe((0, 1), share, (0.1, 1.0)))
        for share in (0.0, 1.0, 0.25)
    )
    assert torch.allclose(mean.weight, torch.lerp(zero.weight, rows.weight, 0.25), atol=1e-5)
    assert torch.allclose(mean.bias, torch.lerp(zero.bias, rows.bias, 0.25), atol=1e-5)
    assert not torch.allclose(zero.weight, rows.weight, atol=0.1)


def test_rows_that_are_held_hard_stay():
    features, imagenet = pictures((0.5, 0.5)), imagenet_like()
    held = fit_recipe(features, LABELS, imagenet, Recipe((0, 1), 1.0, (1.0, 1e6)))
    rows = nearest_rows(imagenet(features[:, 0]), LABELS, 2)
    assert torch.allclose(held.weight, imagenet.weight[rows], atol=1e-4)
    held = fit_recipe(features, LABELS, imagenet, Recipe((0, 1), 0.0, (1e6, 1.0)))
    assert held.weight.abs().max() < 1e-4


@pytest.mark.parametrize("shown", [0.1, 0.4, 1.0])
@pytest.mark.parametrize("strength", [3.0, 0.01])
def test_no_other_temperature_makes_the_answers_better(shown, strength):
    """Than by what the one pseudo-observation, that its logarithm is standard normal, is worth."""
    trials = Trials(pictures((shown, shown)), LABELS, imagenet_like(), 5, 0)
    found = trials.blend(Recipe((0, 1), 0.0, (strength, strength)))
    log_t = torch.tensor(found.recipe.temperature).log()
    labels = LABELS.repeat(len(found.logits) // len(LABELS))

    def lost(further: float) -> float:
        logits = found.logits.double() / torch.tensor(further).exp()
        nll = F.cross_entropy(logits, labels, reduction="sum")
        return (nll + (log_t + further).square() / 2).item()

    assert lost(0.0) <= min(lost(t / 10) for t in range(-30, 31) if t) + 1e-3
    assert found.nll == pytest.approx(F.cross_entropy(found.logits, labels).item(), abs=1e-4)
    if strength == 3.0 and shown == 1.0:
        assert log_t < -0.3, "a head held so near zero is too unsure"
    if strength == 0.01 and shown == 0.1:
        assert log_t > 0.3, "one that learned noise by heart is too sure"
