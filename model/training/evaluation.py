"""The end of a training: temperature, threshold, the val split read once, and the run folder."""

from __future__ import annotations

import math
import time
from collections import Counter
from dataclasses import asdict, replace
from typing import Any

import torch
from torch import Tensor

from model.classifier.classifier import KNOWN, Classifier, ClassifierError, Preprocessing
from model.classifier.ood import KnownScore
from model.device import describe
from model.images.folder import Picture
from model.run.folder import Run, UselessRun, mark
from model.run.origin import Origin
from model.training.calibration import Bin, confusion_matrix, fit_temperature, measure, reliability
from model.training.card import draw_curves, draw_reliability, write_card
from model.training.cross_validation import acceptance_threshold, make_known_score, split_folds
from model.training.features import Views
from model.training.head import Head
from model.training.initial_weights import IMAGENET_CLASSES
from model.training.job import Job, Trained, all_features

HARDEST = 12


def make_run(job: Job, trained: Trained, started: float) -> Run:
    """Everything that the run folder holds; `started` is when the training was (monotonic).

    Raises UselessRun where the app would refuse it.
    """
    temperature = fit_temperature(trained.out_of_fold.logits, job.labels)
    threshold = acceptance_threshold(trained.out_of_fold.known_scores)
    known = make_known_score(trained.features, job.labels, job.imagenet, job.num_classes, threshold)
    # rounded before val is read: what is measured is what is saved
    known = KnownScore.from_tensors(known.tensors(), threshold)
    if job.settings.half:
        trained.network.half().float()
    val = Val.read(job, trained, temperature, known)
    metrics = {
        **mark("classifier"),
        **describe_training(job, trained, started),
        **describe_out_of_fold(job, trained, temperature),
        **val.describe(job),
        "known": {
            "threshold": threshold,
            "val_accepted": int((val.known_scores >= threshold).sum()),
            "val_total": len(val.known_scores),
        },
    }
    weights = trained.network.state_dict()
    if job.settings.half:
        weights = {k: v.half() if v.is_floating_point() else v for k, v in weights.items()}
    run = Run(
        weights=weights,
        config=make_config(job, temperature, threshold),
        metrics=metrics,
        card=write_card(metrics),
        figures={
            "curves.png": draw_curves(metrics),
            "reliability.png": draw_reliability(metrics),
        },
        tensors={KNOWN: known.tensors()},
    )
    try:
        Classifier(run, Origin("trained"), torch.device("cpu"))
    except ClassifierError as error:
        raise UselessRun() from error
    return run


class Val:
    """What the finished classifier says of the val split, computed as the app computes."""

    def __init__(self, logits: Tensor, labels: Tensor, known_scores: Tensor, temperature: float):
        self.logits, self.labels, self.known_scores = logits, labels, known_scores
        self.temperature = temperature

    @classmethod
    def read(cls, job: Job, trained: Trained, temperature: float, known: KnownScore) -> Val:
        pictures = job.folder.val
        views = Views(job.preprocessing)
        features = all_features(job, trained.network, pictures, views, exact=True)
        labels = torch.tensor([picture.label for picture in pictures])
        logits = Head.of(trained.network)(features[:, 0])
        return cls(logits, labels, known(features[:, 0]), temperature)

    def describe(self, job: Job) -> dict[str, Any]:
        """The figures of metrics.json that speak of val."""
        calibrated = self.logits / self.temperature
        quality = measure(calibrated, self.labels)
        return {
            "val_correct": quality.correct,
            "val_total": quality.total,
            "val_accuracy": quality.accuracy,
            "val": quality.as_json(),
            "val_uncalibrated": measure(self.logits, self.labels).as_json(),
            "confusion_matrix": confusion_matrix(
                self.logits.argmax(dim=1), self.labels, job.num_classes
            ),
            "val_reliability": as_json(reliability(calibrated.softmax(dim=1), self.labels)),
            "hardest_val": hardest(job, job.folder.val, calibrated, self.labels),
        }


def describe_training(job: Job, trained: Trained, started: float) -> dict[str, Any]:
    """What was done, on what, how long it took and how it went, epoch by epoch."""
    train = Counter(picture.label for picture in job.folder.train)
    val = Counter(picture.label for picture in job.folder.val)
    per_class = {
        name: {
            "train": train[k],
            "val": val[k],
            "imagenet_row": trained.rows[k],
            "imagenet_name": IMAGENET_CLASSES[trained.rows[k]],
        }
        for k, name in enumerate(job.folder.classes)
    }
    return {
        "task": "image-classification",
        "settings": asdict(job.settings),
        "head": asdict(replace(job.settings.head, strength=trained.choice.strength)),
        "body": asdict(job.settings.body) if trained.body_history else None,
        "seed": job.settings.seed,
        "device": str(describe(job.device)),
        "processes": job.team.size,
        "seconds": round(time.monotonic() - started, 1),
        "interrupted": trained.interrupted,
        "initial_weights": {**asdict(job.initial.provenance), "sha256": job.initial.sha256},
        "data": job.folder.root.resolve().name,
        "classes": per_class,
        "skipped": [path.relative_to(job.folder.root).as_posix() for path in job.folder.skipped],
        "history": [asdict(epoch) for epoch in trained.history],
        "body_history": [asdict(epoch) for epoch in trained.body_history],
    }


def describe_out_of_fold(job: Job, trained: Trained, temperature: float) -> dict[str, Any]:
    """What the folds say: the choice of strength, and calibration before and after."""
    logits = trained.out_of_fold.logits
    calibrated = logits / temperature
    return {
        "folds": len(split_folds(job.labels, job.settings.folds, job.settings.seed)),
        "l2_sp": {
            "strength": trained.choice.strength,
            "candidates": {
                f"{strength:g}": quality.as_json()
                for strength, quality in trained.choice.candidates.items()
            },
        },
        "temperature": temperature,
        "out_of_fold": measure(calibrated, job.labels).as_json(),
        "out_of_fold_uncalibrated": measure(logits, job.labels).as_json(),
        "out_of_fold_reliability": as_json(reliability(calibrated.softmax(dim=1), job.labels)),
        "hardest_train": hardest(job, job.folder.train, calibrated, job.labels),
    }


def hardest(
    job: Job, pictures: tuple[Picture, ...], logits: Tensor, labels: Tensor
) -> list[dict[str, Any]]:
    """The pictures whose own class got the least probability: perhaps it is the wrong one."""
    own = logits.softmax(dim=1)[torch.arange(len(labels)), labels]
    return [
        {
            "file": pictures[i].path.relative_to(job.folder.root).as_posix(),
            "label": job.folder.classes[labels[i]],
            "probability": round(own[i].item(), 4),
        }
        for i in own.argsort()[:HARDEST].tolist()
    ]


def make_config(job: Job, temperature: float, threshold: float) -> dict[str, Any]:
    """config.json, as timm reads it, with what we add beside."""
    preprocessing = job.preprocessing
    return {
        **mark("classifier"),
        "architecture": "resnet18",
        "num_classes": job.num_classes,
        "num_features": 512,
        "global_pool": "avg",
        "label_names": list(job.folder.classes),
        "pretrained_cfg": timm_preprocessing(preprocessing, job.num_classes),
        "temperature": temperature,
        "known_threshold": threshold,
    }


def timm_preprocessing(preprocessing: Preprocessing, num_classes: int) -> dict[str, Any]:
    """`preprocessing` in timm's words."""
    crop_pct = preprocessing.crop / preprocessing.resize
    while math.floor(preprocessing.crop / crop_pct) < preprocessing.resize:
        crop_pct = math.nextafter(crop_pct, 0)  # timm rounds down what it computes from it
    return {
        "input_size": [3, preprocessing.crop, preprocessing.crop],
        "fixed_input_size": False,
        "pool_size": [preprocessing.crop // 32, preprocessing.crop // 32],
        "interpolation": "bilinear",
        "crop_pct": crop_pct,
        "crop_mode": "center",
        "mean": list(preprocessing.mean),
        "std": list(preprocessing.std),
        "num_classes": num_classes,
        "first_conv": "conv1",
        "classifier": "fc",
    }


def as_json(diagram: list[Bin]) -> list[dict[str, float]]:
    """A reliability diagram without its empty bins."""
    return [asdict(each) for each in diagram if each.count]
