"""k-fold cross-validation: every training picture judged by a head that has not seen it.

From these out-of-fold answers come the choice of the look, of the head's strength and start, the
temperature and the limits of the known score, so that the val split is read once, at the very end.

A few pictures tell little: of many candidates the one that did best on a hundred is often just the
luckiest. So there is a candidate to begin with, which is the best for folders that have nothing to
do with each other, and it is left only for one that is better by so many standard errors of the
difference, picture by picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from model.training.calibration import Quality, fit_temperature, measure
from model.training.head import Head, fit_heads, nearest_rows

# Weaker ones are chosen by luck: with two more the NLL on other folders rose by a twentieth.
STRENGTHS = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01)
SURE, LIKELY = 2.0, 1.5  # standard errors
REPEATS, FEW = 3, 1000  # splits into folds, and the most pictures for which there are so many
BLEND = 0.25  # of the head that starts from ImageNet's rows, in the candidate to begin with


@dataclass(frozen=True)
class Recipe:
    """How a head is made of features [N, V, D]: from which views `seen` of them it learns, the
    first of which it will be used on; the weight `from_imagenet` (0..1) of the head that started
    from ImageNet's rows in the mean with the one that started from zero; both heads' strengths, and
    the temperature that divides the mean's logits."""

    seen: tuple[int, ...]
    from_imagenet: float
    strengths: tuple[float, float]  # from zero, from ImageNet's rows
    temperature: float = 1.0


@dataclass(frozen=True)
class Candidate:
    """A recipe and what its heads said of every picture out of fold: logits [R * N, K] of R
    repeated splits, divided by the temperature, and each picture's mean loss [N]."""

    recipe: Recipe
    logits: Tensor
    losses: Tensor

    @property
    def nll(self) -> float:
        return self.losses.mean().item()

    def is_better(self, other: Candidate, by: float) -> bool:
        """Whether it loses less than `other`, `by` so many standard errors of the difference."""
        gain = (other.losses - self.losses).double()
        return bool(gain.mean() > by * gain.std() / len(gain) ** 0.5)


@dataclass(frozen=True)
class Choice:
    """The recipe that was chosen and its look's name; its calibrated logits [N, K] out of fold (of
    the first split) and their quality; its head learned from all pictures, the temperature in it;
    the rows of the ImageNet head that the classes resemble; and how each candidate did, each with
    a temperature of its own: the others by name, and NLLs by strength, from zero and from the rows.
    """

    recipe: Recipe
    look: str
    logits: Tensor
    quality: Quality
    head: Head
    rows: list[int]
    folds: int
    candidates: dict[str, Quality]
    strengths: dict[str, dict[str, float]]


def split_folds(labels: Tensor, folds: int, seed: int) -> list[Tensor]:
    """Indices of `folds` disjoint parts, each with its share of every class.

    There are at most as many parts as the smallest class has pictures.
    """
    generator = torch.Generator().manual_seed(seed)
    fold_of = torch.empty(len(labels), dtype=torch.long)
    counts = torch.bincount(labels)
    folds = max(2, min(folds, int(counts.min())))
    for k in range(len(counts)):
        members = (labels == k).nonzero().flatten()
        shuffled = members[torch.randperm(len(members), generator=generator)]
        fold_of[shuffled] = torch.arange(len(members)) % folds
    return [(fold_of == fold).nonzero().flatten() for fold in range(folds)]


def rest_of(fold: Tensor, count: int) -> Tensor:
    """The indices below `count` that are not in `fold`."""
    outside = torch.ones(count, dtype=torch.bool)
    outside[fold] = False
    return outside.nonzero().flatten()


def choose_head(
    features: Tensor,
    labels: Tensor,
    imagenet: Head,
    looks: dict[str, tuple[int, int]],
    *,
    folds: int = 5,
    seed: int = 0,
) -> Choice:
    """Cross-validate the ways to make a head of features [N, V, D], and make the best one.

    `looks` names for each way to look at a picture its view and the mirror image's; the first is
    where the choice begins. One after the other are chosen: the strengths, by that look; the look;
    whether the mirror images are learned from; and whether the head that started from ImageNet's
    rows, or the one from zero, is better alone than their mean.
    """
    trials = Trials(features, labels, imagenet, folds, seed)
    (first, views), *others = looks.items()
    strengths = [trials.compare_strengths(views, share) for share in (0.0, 1.0)]
    best = trials.blend(Recipe(views, BLEND, tuple(min(s, key=s.__getitem__) for s in strengths)))
    found = {first: best}
    for name, views in others:
        found[name] = trials.blend(replace(best.recipe, seen=views))
    best = best_of(found)
    found["without mirror images"] = trials.blend(replace(best.recipe, seen=best.recipe.seen[:1]))
    if found["without mirror images"].is_better(best, SURE):
        best = found["without mirror images"]
    zero, rows = (trials.blend(replace(best.recipe, from_imagenet=share)) for share in (0.0, 1.0))
    found["from zero alone"], found["from ImageNet's rows alone"] = zero, rows
    if rows.is_better(zero, LIKELY):
        best = rows
    elif zero.is_better(rows, LIKELY):
        best = zero
    logits = best.logits[: len(labels)]
    return Choice(
        recipe=best.recipe,
        look=next(name for name, pair in looks.items() if best.recipe.seen[0] == pair[0]),
        logits=logits,
        quality=measure(logits, labels),
        head=trials.finished(best.recipe),
        rows=nearest_rows(imagenet(features[:, best.recipe.seen[0]]), labels, trials.num_classes),
        folds=len(trials.splits[0]),
        candidates={name: measure(each.logits, trials.repeated) for name, each in found.items()},
        strengths=dict(zip(("zero", "rows"), strengths, strict=True)),
    )


def best_of(found: dict[str, Candidate]) -> Candidate:
    """The first, or of those that are surely better than it the best."""
    first, *others = found.values()
    better = [each for each in others if each.is_better(first, SURE)]
    return min(better, key=lambda each: each.nll, default=first)


class Trials:
    """The heads of the folds, and last of each the one that learns from every picture, all fitted
    at once; each start and strength once."""

    def __init__(
        self, features: Tensor, labels: Tensor, imagenet: Head, folds: int, seed: int
    ) -> None:
        self.features, self.labels, self.imagenet = features, labels, imagenet
        self.num_classes = int(labels.max()) + 1
        few = len(labels) <= FEW  # of many, one split and every other strength tell enough
        self.repeats = REPEATS if few else 1
        self.strengths = STRENGTHS if few else STRENGTHS[::2]
        self.repeated = labels.repeat(self.repeats)
        self.splits = [split_folds(labels, folds, seed + r) for r in range(self.repeats)]
        self.folds = [fold for split in self.splits for fold in split]
        self.shares = torch.ones(len(self.folds) + 1, len(labels))
        for i, fold in enumerate(self.folds):
            self.shares[i, fold] = 0
        self.fitted: dict[tuple[tuple[int, ...], bool, float], Head] = {}
        self.latest: dict[bool, Head] = {}
        self.started: dict[tuple[int, bool], Head] = {}

    def compare_strengths(self, seen: tuple[int, ...], from_imagenet: float) -> dict[float, float]:
        """NLLs by strength, of the mean of heads of which this share is from ImageNet's rows."""
        return {
            strength: self.blend(Recipe(seen, from_imagenet, (strength, strength))).nll
            for strength in self.strengths
        }

    def blend(self, recipe: Recipe) -> Candidate:
        """The candidate that `recipe` is, with the temperature that is best for it."""
        heads = self.heads(recipe)
        count = len(self.labels)
        logits = self.features.new_empty(self.repeats, count, self.num_classes)
        per_split = len(self.splits[0])
        for i, fold in enumerate(self.folds):
            logits[i // per_split, fold] = heads[i](self.features[fold, recipe.seen[0]])
        logits = logits.flatten(0, 1)
        temperature = fit_temperature(logits, self.repeated)
        logits = logits / temperature
        losses = F.cross_entropy(logits, self.repeated, reduction="none")
        losses = losses.view(self.repeats, count)
        return Candidate(replace(recipe, temperature=temperature), logits, losses.mean(dim=0))

    def finished(self, recipe: Recipe) -> Head:
        """The head of `recipe` that learned from every picture, its temperature in it."""
        return self.heads(recipe)[-1].cooled(recipe.temperature)

    def heads(self, recipe: Recipe) -> Head:
        """The heads of the folds and of all pictures."""
        return blend(recipe, lambda from_rows, strength: self.fit(recipe.seen, from_rows, strength))

    def fit(self, seen: tuple[int, ...], from_rows: bool, strength: float) -> Head:
        key = (seen, from_rows, strength)
        if key not in self.fitted:
            features = self.features[:, list(seen)]
            start = self.starts(seen[0], from_rows)
            begin = self.latest.get(from_rows)  # another strength's or look's is not far
            head = fit_heads(features, self.labels, self.shares, strength, start, begin)
            self.fitted[key] = self.latest[from_rows] = head
        return self.fitted[key]

    def starts(self, view: int, from_rows: bool) -> Head:
        """Where the heads start, by one view; found once."""
        key = (view, from_rows)
        if key not in self.started:
            features = self.features[:, [view]]
            self.started[key] = starts(features, self.labels, self.imagenet, self.shares, from_rows)
        return self.started[key]


def fit_recipe(features: Tensor, labels: Tensor, imagenet: Head, recipe: Recipe) -> Head:
    """The head of `recipe` for features [N, V, D] and labels [N], made as `choose_head`'s is."""
    features, shares = features[:, list(recipe.seen)], torch.ones(1, len(labels))

    def fit(from_rows: bool, strength: float) -> Head:
        start = starts(features, labels, imagenet, shares, from_rows)
        return fit_heads(features, labels, shares, strength, start)

    return blend(recipe, fit)[0].cooled(recipe.temperature)


def blend(recipe: Recipe, fit: Callable[[bool, float], Head]) -> Head:
    """The mean of the heads that `fit` makes, from zero and from ImageNet's rows, as the recipe
    weighs them: linear layers' mean is one itself."""
    weights = (1 - recipe.from_imagenet, recipe.from_imagenet)
    heads = [
        (weight, fit(bool(number), recipe.strengths[number]))
        for number, weight in enumerate(weights)
        if weight
    ]
    return Head(
        sum(weight * head.weight for weight, head in heads),
        sum(weight * head.bias for weight, head in heads),
    )


def starts(
    features: Tensor, labels: Tensor, imagenet: Head, shares: Tensor, from_rows: bool
) -> Head:
    """Where H heads start whose pictures' `shares` are [H, N]: at zero, or at the rows of the
    ImageNet head that these pictures resemble, by the first view of features [N, V, D]."""
    num_classes = int(labels.max()) + 1
    if not from_rows:
        size = len(shares), num_classes
        return Head(torch.zeros(*size, features.shape[2]), torch.zeros(*size))
    logits = imagenet(features[:, 0])
    heads = [
        imagenet.rows(nearest_rows(logits[learned], labels[learned], num_classes))
        for learned in shares.bool()
    ]
    weights, biases = zip(*((head.weight, head.bias) for head in heads), strict=True)
    return Head(torch.stack(weights), torch.stack(biases))
