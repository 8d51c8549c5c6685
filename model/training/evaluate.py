"""`train.py evaluate`: what a finished classifier is worth on pictures that it has not seen.

The pictures are gone through in a random order, so that what was seen when somebody stops it is a
fair sample of all, from which the figures are made just the same.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms import v2

from model.classifier.classifier import Classifier, Verdict
from model.classifier.errors import NotFinite
from model.classifier.network import feature_maps
from model.device import describe
from model.hub.cache import find_cached, with_copies_blamed
from model.hub.download import fetch
from model.hub.errors import HubUnavailable
from model.hub.source import HubSettings, parse_source
from model.images.errors import BrokenPicture
from model.images.folder import Picture, load_training_picture
from model.run.files import EVALUATION, WORST
from model.run.folder import check_output, mark, to_json, write_folder
from model.run.origin import Origin
from model.run.progress import Reporter, Silence
from model.training.evaluation_folder import EvaluationFolder, read_evaluation_folder
from model.training.evaluation_report import Judged, draw_worst, make_report
from model.training.features import PICTURES_AT_ONCE, prefetch, to_device

KIND = "report"


def evaluate(
    source: str,
    data: Path,
    output: Path,
    *,
    device: str = "auto",
    workers: int = 2,
    reporter: Reporter | None = None,
    settings: HubSettings | None = None,
) -> dict[str, Any]:
    """Judge the classifier of `source`, a run folder or USER/REPO@REVISION, by the pictures under
    `data`; write evaluation.json and worst.png into the folder `output`, and give the former.

    A picture that cannot be read is named and left out. Ctrl-C ends it with what was seen so far
    ("partial" is then true), or raises KeyboardInterrupt where that is nothing. Raises DataError,
    RunError, ClassifierError, DeviceError, HubError.
    """
    started = time.monotonic()
    reporter = reporter or Silence()
    check_output(output, KIND)
    classifier = load_classifier(source, device, settings or HubSettings())
    folder = read_evaluation_folder(data, classifier.classes)
    for line in folder.describe(len(classifier.classes)):
        reporter.line(line)
    judged, broken, partial = judge_pictures(classifier, folder, workers, reporter)
    report = {
        **mark(KIND),
        "model": str(classifier.origin),
        "data": folder.name,
        "partial": partial,
        "pictures": len(folder.pictures) + len(folder.other),
        **make_report(judged, classifier.classes, folder.root),
        "missing": list(folder.missing),
        "left_out": list(folder.left_out),
        "unreadable": broken,
        "device": str(describe(classifier.device)),
        "seconds": round(time.monotonic() - started, 1),
    }
    files = {EVALUATION: to_json(report), WORST: draw_worst(report["worst"], folder.root)}
    write_folder(output, KIND, files)
    return report


def load_classifier(source: str, device: str, settings: HubSettings) -> Classifier:
    """The classifier of `source`, from the cache where its commit is there. Unlike the app, this
    never takes another one instead."""
    where = parse_source(source)
    if isinstance(where, Path):
        return Classifier.load(where, Origin(where.resolve().name), device)
    snapshot = find_cached(where.repo, where.revision, settings) if where.is_pinned else None
    try:
        snapshot = snapshot or fetch(where, settings)
    except HubUnavailable as outage:
        raise with_copies_blamed(outage, where.repo, settings) from outage
    return Classifier.load(snapshot.folder, Origin(snapshot.repo, snapshot.commit), device)


def judge_pictures(
    classifier: Classifier, folder: EvaluationFolder, workers: int, reporter: Reporter
) -> tuple[Judged, list[dict[str, str]], bool]:
    """What it says of the pictures, which could not be read and why, and whether Ctrl-C came
    between. Raises KeyboardInterrupt where it came before anything was seen."""
    pictures = [*folder.pictures, *folder.other]
    random.Random(0).shuffle(pictures)
    done: list[Judged] = []
    broken: list[dict[str, str]] = []
    partial = False
    try:
        with reporter.bar("evaluating", total=len(pictures)) as bar:
            for batch, errors in judge_batches(classifier, pictures, folder.root, workers):
                broken += [{"file": e.file, "reason": e.cause.message("en")} for e in errors]
                done.append(batch)
                bar.advance(len(batch.pictures) + len(errors))
    except KeyboardInterrupt:
        if not any(each.label >= 0 for batch in done for each in batch.pictures):
            raise
        partial = True
    for each in broken:
        reporter.line(f"Left out {each['file']}: {each['reason']}")
    return Judged.together(done), broken, partial


@torch.inference_mode()
def judge_batches(
    classifier: Classifier, pictures: Sequence[Picture], root: Path, workers: int
) -> Iterator[tuple[Judged, list[BrokenPicture]]]:
    """What it says of the pictures, a few at a time, and those among them that are broken."""
    network = classifier.network.to(memory_format=torch.channels_last)

    def load(batch: Sequence[Picture]) -> list[Tensor | BrokenPicture]:
        loaded: list[Tensor | BrokenPicture] = []
        for each in batch:
            try:
                seen = classifier.preprocessing.shrink(load_training_picture(each.path, root))
                loaded.append(v2.functional.pil_to_tensor(seen))
            except BrokenPicture as error:
                loaded.append(error.fresh())
        return loaded

    starts = range(0, len(pictures), PICTURES_AT_ONCE)
    batches = [pictures[start : start + PICTURES_AT_ONCE] for start in starts]
    for batch, loaded in zip(batches, prefetch(load, batches, workers), strict=True):
        pixels = [each for each in loaded if isinstance(each, Tensor)]
        errors = [each for each in loaded if isinstance(each, BrokenPicture)]
        features = torch.empty(0, 512, device=classifier.device)
        if pixels:
            images = to_device(torch.stack(pixels), classifier.device)
            images = classifier.preprocessing.normalise(images)
            images = images.contiguous(memory_format=torch.channels_last)
            features = feature_maps(network, images).mean(dim=(2, 3))
        logits = network.fc(features).cpu() / classifier.temperature
        scores, verdicts = known(classifier, features)
        if not (logits.isfinite().all() and scores.isfinite().all()):
            raise NotFinite()
        readable = tuple(p for p, x in zip(batch, loaded, strict=True) if isinstance(x, Tensor))
        yield Judged(readable, logits, scores, verdicts), errors


def known(classifier: Classifier, features: Tensor) -> tuple[Tensor, tuple[Verdict, ...]]:
    """Known scores [N] of features [N, 512], and the verdicts that they come to; of a model that
    cannot tell, 1 and "known"."""
    if classifier.known is None:
        return torch.ones(len(features)), ("known",) * len(features)
    scores = classifier.known(features).cpu()
    passed = (scores >= classifier.known.threshold).tolist()
    return scores, tuple("known" if each else "neither" for each in passed)
