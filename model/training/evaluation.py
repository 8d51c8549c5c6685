"""What the answers of the folds and of the val split are worth, as metrics.json tells it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from model.classifier.ood import KnownScore, combine
from model.images.folder import Picture, PictureFolder
from model.training.calibration import confusion_matrix, fit_temperature, measure, reliability
from model.training.cross_validation import Choice
from model.training.known import far_out

HARDEST = 12


def judge(
    folder: PictureFolder,
    choice: Choice,
    out_of_fold: Tensor,
    val: Tensor,
) -> dict[str, Any]:
    """The figures of metrics.json, from logits [N, K]. The temperature is fitted to what was said
    of the training pictures `out_of_fold`; what the finished classifier says of the `val` pictures
    is only judged."""
    train_labels, val_labels = labels_of(folder.train), labels_of(folder.val)
    temperature = fit_temperature(out_of_fold, train_labels)
    calibrated, val_calibrated = out_of_fold / temperature, val / temperature
    quality = measure(val_calibrated, val_labels)
    candidates = {f"{strength:g}": each.as_json() for strength, each in choice.candidates.items()}
    return {
        "l2_sp": {"strength": choice.strength, "candidates": candidates},
        "temperature": temperature,
        "out_of_fold": measure(calibrated, train_labels).as_json(),
        "out_of_fold_uncalibrated": measure(out_of_fold, train_labels).as_json(),
        "out_of_fold_reliability": describe_reliability(calibrated, train_labels),
        "hardest_train": hardest(calibrated, folder, folder.train),
        "val_correct": quality.correct,
        "val_total": quality.total,
        "val_accuracy": quality.accuracy,
        "val": quality.as_json(),
        "val_uncalibrated": measure(val, val_labels).as_json(),
        "confusion_matrix": confusion_matrix(val.argmax(dim=1), val_labels, len(folder.classes)),
        "val_reliability": describe_reliability(val_calibrated, val_labels),
        "hardest_val": hardest(val_calibrated, folder, folder.val),
    }


def count_answers(known: KnownScore, evidence: Tensor, val_windows: Tensor) -> dict[str, Any]:
    """The limits of the known score, and how many pictures they make known, unusual and neither:
    those to learn from by their out-of-fold `evidence` [N, 2], and the val pictures."""
    train, val = combine(evidence, known.limits), known(val_windows)
    return {
        **asdict(known.limits),
        "far_out": int(far_out(train).sum()),
        "train": dict(Counter(map(known.verdict, train.tolist()))),
        "val": dict(Counter(map(known.verdict, val.tolist()))),
    }


def labels_of(pictures: Sequence[Picture]) -> Tensor:
    """The classes of N pictures, by number: [N]."""
    return torch.tensor([picture.label for picture in pictures])


def describe_reliability(logits: Tensor, labels: Tensor) -> list[dict[str, float]]:
    """The reliability diagram of logits [N, K] without its empty bins."""
    return [asdict(each) for each in reliability(logits.softmax(dim=1), labels) if each.count]


def hardest(
    logits: Tensor, folder: PictureFolder, pictures: Sequence[Picture]
) -> list[dict[str, Any]]:
    """The pictures whose own class got the least probability: perhaps it is the wrong one."""
    own = logits.softmax(dim=1)[torch.arange(len(pictures)), labels_of(pictures)]
    return [
        {
            "file": pictures[i].path.relative_to(folder.root).as_posix(),
            "label": folder.classes[pictures[i].label],
            "probability": round(own[i].item(), 4),
        }
        for i in own.argsort()[:HARDEST].tolist()
    ]
