"""Whether to train the whole network, how boldly, and then doing it.

All is judged on the training pictures alone, by models that have not seen the one in question: in
each of a few splits both halves are predicted from the other, by the frozen body's head and by a
network tuned from it. The same pictures and the same halves, so that picture by picture the two
can be subtracted from each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.models import ResNet

from model.classifier.network import replace_head
from model.run.progress import Reporter
from model.training.augmentation import ShrunkPictures
from model.training.body import BodySettings, BodyTraining
from model.training.calibration import fit_temperature
from model.training.cross_validation import rest_of, split_folds
from model.training.head import Head
from model.training.known import prototype_score
from model.training.loop import Trained, run_epochs

FOLDS = 2  # each costs half a training of the whole network
SPLITS = 3
SURE = 2.0  # standard errors
LOOKING = 1 / 3  # what a picture costs that is only looked at, by one that is learned from


@dataclass(frozen=True)
class Comparison:
    """The frozen body against the tuned one on the training pictures, out of fold.

    `candidates` are the NLLs that each boldness came to on the first split; the one of least,
    `boldness`, was compared on all `splits`. `standard_error` is that of the difference of the
    two NLLs, from the pictures' own differences; `tuned` is what came of it.
    """

    boldness: str
    candidates: dict[str, float]
    splits: int
    frozen_nll: float
    tuned_nll: float
    standard_error: float
    tuned: bool


def compare_answers(
    frozen: list[Tensor], tuned: list[Tensor], labels: Tensor
) -> tuple[float, float, float]:
    """NLL of the frozen body's logits [N, K], one a split, and of the tuned one's, and the standard
    error of their difference."""
    before, after = (calibrated_losses(each, labels) for each in (frozen, tuned))
    error = (before - after).std() / len(labels) ** 0.5
    return before.mean().item(), after.mean().item(), error.item()


class Interrupted(Exception):
    """Ctrl-C before there was a tuned network."""


@dataclass(frozen=True)
class Tuner:
    """Tunes the body on some of the pictures, from the head that `fit` makes of these alone.

    `fit` takes pictures' numbers and gives their head; `look` takes a network and numbers and
    gives these pictures' features [n, 1, 512] and windows; `save` keeps the state for --resume.
    """

    network: ResNet
    pictures: ShrunkPictures
    labels: Tensor
    imagenet: Head
    candidates: Mapping[str, BodySettings]
    fit: Callable[[Tensor], Head]
    look: Callable[[ResNet, Tensor], tuple[Tensor, Tensor]]
    save: Callable[[dict[str, Any]], None]
    reporter: Reporter

    def tune(
        self, title: str, name: str, numbers: Tensor, state: dict[str, Any]
    ) -> tuple[BodyTraining, bool]:
        """Train on the pictures `numbers` as the candidate `name` does, going on from `state`;
        whether Ctrl-C ended it early."""
        self.reporter.line(f"the whole network, {name}, {title}")
        head = self.fit(numbers)
        network = replace_head(self.network, head.weight, head.bias)
        training = BodyTraining(network, self.pictures, numbers, self.candidates[name])
        interrupted = run_epochs(
            training,
            state["training"],
            lambda now: self.save({**state, "training": now}),
            self.reporter,
        )
        return training, interrupted

    def answer_out_of_fold(self, name: str, split: int, state: dict[str, Any]) -> Tensor:
        """Logits [N, K] of every picture by a network, tuned as `name` is, that has not seen it;
        of the first split the known score's evidence as well, into `state`. Raises Interrupted."""
        count, key = len(self.labels), f"{name} {split}"
        folds = self.folds(split)
        for number, fold in enumerate(folds):
            if number < state["folds"].get(key, 0):
                continue
            others = rest_of(fold, count)
            title = f"split {split + 1}, fold {number + 1} of {len(folds)}"
            training, interrupted = self.tune(title, name, others, state)
            if interrupted:
                raise Interrupted
            tuned = training.averaged()
            features, windows = self.look(tuned, fold)
            answers = Head.of(tuned)(features[:, 0])
            state["logits"].setdefault(key, answers.new_zeros(count, answers.shape[1]))
            state["logits"][key][fold] = answers
            if split == 0:
                known = prototype_score(
                    self.look(tuned, others)[1], self.labels[others], self.imagenet
                )
                state["evidence"].setdefault(name, torch.zeros(count, 2))
                state["evidence"][name][fold] = known.evidence(windows)
            state["folds"][key] = number + 1
            state["training"] = {}
            self.save(state)
        return state["logits"][key]

    def answer_frozen(self, features: Tensor, split: int) -> Tensor:
        """The same of the frozen body, whose features are [N, 512]."""
        logits = torch.empty(0)
        for fold in self.folds(split):
            answers = self.fit(rest_of(fold, len(self.labels)))(features[fold])
            if not len(logits):
                logits = answers.new_empty(len(features), answers.shape[1])
            logits[fold] = answers
        return logits

    def folds(self, split: int) -> list[Tensor]:
        """The halves of the `split`-th way to halve the pictures."""
        seed = next(iter(self.candidates.values())).seed
        return split_folds(self.labels, FOLDS, seed + split)


def train_body(tuner: Tuner, frozen: Trained, always: bool, state: dict[str, Any]) -> Trained:
    """Tune the body as boldly as is best, if `always` or if the comparison is for it; the frozen
    recipe's network otherwise, and where Ctrl-C came too early."""
    state = state or {"training": {}, "folds": {}, "logits": {}, "evidence": {}}
    tuner.reporter.line(describe_cost(tuner, always))
    try:
        comparison = compare(tuner, frozen.features, always, state)
    except Interrupted:
        return replace(frozen, interrupted=True)
    tuner.reporter.line(describe_comparison(comparison))
    frozen = replace(frozen, comparison=comparison)
    if not comparison.tuned:
        return frozen
    name, count = comparison.boldness, torch.arange(len(tuner.labels))
    training, interrupted = tuner.tune("all pictures", name, count, state)
    if interrupted and not training.history:
        return replace(frozen, interrupted=True)
    logits = [state["logits"][f"{name} {split}"] for split in range(comparison.splits)]
    temperature = fit_temperature(torch.cat(logits), tuner.labels.repeat(len(logits)))
    tuned = training.averaged()
    tuned.fc.weight /= temperature
    tuned.fc.bias /= temperature
    features, windows = tuner.look(tuned, count)
    return replace(
        frozen,
        network=tuned,
        features=features[:, 0],
        windows=windows,
        logits=logits[0] / temperature,
        evidence=state["evidence"][name],
        interrupted=interrupted,
        history=training.history,
        body=training.settings,
    )


def compare(tuner: Tuner, features: Tensor, always: bool, state: dict[str, Any]) -> Comparison:
    """The comparison; where the tuned body is to be taken anyway, or is behind on the first split
    already, on that alone. Raises Interrupted."""
    labels = tuner.labels
    first = {name: tuner.answer_out_of_fold(name, 0, state) for name in tuner.candidates}
    nlls = {
        name: calibrated_losses([logits], labels).mean().item() for name, logits in first.items()
    }
    boldness = min(nlls, key=nlls.__getitem__)
    frozen, tuned = [tuner.answer_frozen(features, 0)], [first[boldness]]
    ahead = nlls[boldness] < calibrated_losses(frozen, labels).mean().item()
    for split in range(1, SPLITS if ahead and not always else 1):
        tuned.append(tuner.answer_out_of_fold(boldness, split, state))
        frozen.append(tuner.answer_frozen(features, split))
    before, after, error = compare_answers(frozen, tuned, labels)
    worth_it = always or before - after > SURE * error
    return Comparison(boldness, nlls, len(tuned), before, after, error, worth_it)


def calibrated_losses(splits: list[Tensor], labels: Tensor) -> Tensor:
    """Each picture's loss [N] in the mean of the splits, whose logits are [N, K], with the one
    temperature that is best for all of them."""
    logits, repeated = torch.cat(splits), labels.repeat(len(splits))
    calibrated = logits.double() / fit_temperature(logits, repeated)
    losses = F.cross_entropy(calibrated, repeated, reduction="none")
    return losses.reshape(len(splits), len(labels)).mean(dim=0)


def describe_cost(tuner: Tuner, always: bool) -> str:
    """One line: how long it will take at most, by what one batch takes."""
    count, candidates = len(tuner.labels), tuner.candidates.values()
    further = 0 if always else SPLITS - 1
    # of a split each half is learned from once
    halves = [each.for_pictures(count // FOLDS).epochs for each in candidates]
    last = max(each.for_pictures(count).epochs for each in candidates)
    learned = sum(halves) + further * max(halves) + last
    looked = FOLDS * len(halves) + further + 1
    seconds = (learned + LOOKING * looked) * count * seconds_a_picture(tuner)
    time_text = f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
    return (
        f"the whole network: at most {learned} epochs in all, about {time_text}, "
        f"to compare {' and '.join(tuner.candidates)} tuning with the frozen body and to train"
    )


def seconds_a_picture(tuner: Tuner) -> float:
    """How long a picture takes to be learned from, measured on one batch."""
    settings = replace(next(iter(tuner.candidates.values())), epochs=2, batches=0)
    numbers = torch.arange(min(settings.batch_size, len(tuner.labels)))
    num_classes = int(tuner.labels.max()) + 1
    network = replace_head(tuner.network, torch.zeros(num_classes, 512), torch.zeros(num_classes))
    training = BodyTraining(network, tuner.pictures, numbers, settings)
    training.run_epoch()  # the first one decodes the pictures and wakes up the device
    started = time.perf_counter()
    training.run_epoch()
    return (time.perf_counter() - started) / len(numbers)


def describe_comparison(comparison: Comparison) -> str:
    """One line: what the folds say of the tuned body."""
    splits = f"{comparison.splits} split{'s' if comparison.splits > 1 else ''}"
    return (
        f"{splits}: frozen body NLL {comparison.frozen_nll:.3f}, tuned ({comparison.boldness}) "
        f"{comparison.tuned_nll:.3f}, standard error of the difference "
        f"{comparison.standard_error:.3f}: {'tuned' if comparison.tuned else 'left frozen'}"
    )
