"""What answers are worth: those of the folds and of the val split, as metrics.json tells it, and
those of an evaluation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model.classifier.ood import KnownScore
from model.images.folder import Picture, PictureFolder
from model.training.calibration import confusion_matrix, measure, reliability
from model.training.known import far_out

HARDEST = 12
MATRIX_CLASSES = 20  # the most for which counts by class and answer are a table that can be read


def judge(folder: PictureFolder, out_of_fold: Tensor, val: Tensor) -> dict[str, Any]:
    """The figures of metrics.json, from calibrated logits [N, K]: what was said of the training
    pictures `out_of_fold`, and what the finished classifier says of the `val` pictures."""
    train_labels, val_labels = labels_of(folder.train), labels_of(folder.val)
    quality = measure(val, val_labels)
    return {
        "out_of_fold": measure(out_of_fold, train_labels).as_json(),
        "out_of_fold_reliability": describe_reliability(out_of_fold, train_labels),
        "hardest_train": hardest(out_of_fold, folder.train, folder.classes, folder.root),
        "val_correct": quality.correct,
        "val_total": quality.total,
        "val_accuracy": quality.accuracy,
        "val": quality.as_json(),
        **describe_confusion(val.argmax(dim=1), val_labels, folder.classes),
        "val_reliability": describe_reliability(val, val_labels),
        "hardest_val": hardest(val, folder.val, folder.classes, folder.root),
    }


def count_answers(known: KnownScore, evidence: Tensor, val_windows: Tensor) -> dict[str, Any]:
    """The limits of the known score, and how many pictures they make known, unusual and neither:
    those to learn from by their out-of-fold `evidence` [N, 2], and the val pictures."""
    (scores, train), (_, val) = known.weigh(evidence), known.judge(val_windows)
    return {
        **asdict(known.limits),
        "far_out": int(far_out(scores).sum()),
        "train": dict(Counter(train)),
        "val": dict(Counter(val)),
    }


def labels_of(pictures: Sequence[Picture]) -> Tensor:
    """The classes of N pictures, by number: [N]."""
    return torch.tensor([picture.label for picture in pictures])


def describe_reliability(logits: Tensor, labels: Tensor) -> list[dict[str, float]]:
    """The reliability diagram of logits [N, K] without its empty bins."""
    return [asdict(each) for each in reliability(logits.softmax(dim=1), labels) if each.count]


def describe_confusion(answers: Tensor, labels: Tensor, classes: Sequence[str]) -> dict[str, Any]:
    """What was taken for what, from answers [N] and labels [N], the most frequent mistake first;
    for few classes all counts as well, by true class (row) and answer (column)."""
    pairs = torch.stack([labels, answers], dim=1)[answers != labels]
    mistakes, counts = torch.unique(pairs, dim=0, return_counts=True)
    confusions = [
        {"label": classes[label], "answer": classes[answer], "count": count}
        for (label, answer), count in zip(mistakes.tolist(), counts.tolist(), strict=True)
    ]
    confusions.sort(key=lambda each: -each["count"])
    if len(classes) > MATRIX_CLASSES:
        return {"confusions": confusions}
    matrix = confusion_matrix(answers, labels, len(classes))
    return {"confusion_matrix": matrix, "confusions": confusions}


def hardest(
    logits: Tensor,
    pictures: Sequence[Picture],
    classes: Sequence[str],
    root: Path,
    count: int = HARDEST,
) -> list[dict[str, Any]]:
    """The `count` pictures whose own class got the least probability by logits [N, K]: perhaps it
    is the wrong one. Files are named relative to `root`."""
    probabilities = logits.softmax(dim=1)
    own = probabilities[torch.arange(len(pictures)), labels_of(pictures)]
    return [
        {
            "file": pictures[i].path.relative_to(root).as_posix(),
            "label": classes[pictures[i].label],
            "probability": round(own[i].item(), 4),
            "answer": classes[int(probabilities[i].argmax())],
        }
        for i in own.argsort(stable=True)[:count].tolist()
    ]


def auroc(positive: Tensor, negative: Tensor) -> float:
    """The area under the ROC curve of scores [P] and [N], 0..1: how often a positive one is above
    a negative one, where equal ones count half (Hanley and McNeil, Radiology 143, 1982, p. 29)."""
    ordered = negative.sort().values
    below = torch.searchsorted(ordered, positive)
    not_above = torch.searchsorted(ordered, positive, right=True)
    return (below + not_above).double().mean().item() / (2 * len(negative))
