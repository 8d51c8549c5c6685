"""`train.py evaluate`: what a finished classifier is worth on pictures that it has not seen.

The pictures are gone through in a random order, so that what was seen when somebody stops it is a
fair sample of all, from which the figures are made just the same.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms import v2

from model.classifier.classifier import Classifier
from model.classifier.errors import NotFinite
from model.classifier.network import feature_maps
from model.classifier.ood import windows_of
from model.classifier.preprocessing import Preprocessing
from model.device import describe
from model.hub.locate import locate
from model.hub.source import HubSettings
from model.images.errors import BrokenPicture
from model.images.folder import Picture, load_training_picture
from model.run.files import EVALUATION, WORST
from model.run.folder import check_output, mark, to_json, write_folder
from model.run.progress import Reporter, Silence
from model.training.evaluation_folder import EvaluationFolder, read_evaluation_folder
from model.training.evaluation_report import Judged, draw_worst, make_report
from model.training.features import PICTURES_AT_ONCE, prefetch, to_device

KIND = "report"


def evaluate(
    source: str,
    data: str | Path,
    output: Path,
    *,
    device: str = "auto",
    workers: int = 2,
    reporter: Reporter | None = None,
    settings: HubSettings | None = None,
) -> dict[str, Any]:
    """Judge the classifier of `source`, a run folder or USER/REPO@REVISION, by the pictures of
    `data`, a folder or a dataset's USER/REPO@REVISION; write evaluation.json and worst.png into the
    folder `output`, and give the former.

    A picture that cannot be read is named and left out. Ctrl-C ends it with what was seen so far
    ("partial" is then true), or raises KeyboardInterrupt where that is nothing. Raises DataError,
    RunError, ClassifierError, DeviceError, HubError.
    """
    started = time.monotonic()
    reporter = reporter or Silence()
    check_output(output, KIND)
    run = locate(source, settings)
    classifier = Classifier.load(run.folder, run.origin, device)
    pictures = locate(data, settings, repo_type="dataset", reporter=reporter)
    folder = read_evaluation_folder(pictures.folder, classifier.classes, pictures.origin.source)
    for line in folder.describe(len(classifier.classes)):
        reporter.line(line)
    judged, broken, stopped = judge_pictures(classifier, folder, workers, reporter)
    broken.sort(key=lambda each: each.file)
    for each in broken:
        reporter.line(f"left out {each}")
    report = {
        **mark(KIND),
        "model": str(classifier.origin),
        "data": folder.name,
        "data_commit": pictures.origin.revision,
        "partial": stopped,
        "pictures": len(folder.pictures) + len(folder.other),
        **make_report(judged, classifier.classes, folder.root),
        "missing": list(folder.missing),
        "left_out": list(folder.left_out),
        "unreadable": [{"file": e.file, "reason": e.cause.message("en")} for e in broken],
        "device": str(describe(classifier.device)),
        "seconds": round(time.monotonic() - started, 1),
    }
    files = {EVALUATION: to_json(report), WORST: draw_worst(report["worst"], folder.root)}
    write_folder(output, KIND, files)
    return report


def judge_pictures(
    classifier: Classifier, folder: EvaluationFolder, workers: int, reporter: Reporter
) -> tuple[list[Judged], list[BrokenPicture], bool]:
    """What it says of the pictures, which of them are broken, and whether Ctrl-C came between.
    Raises KeyboardInterrupt where it came before a picture of a class was seen."""
    classifier.network.to(memory_format=torch.channels_last)
    pictures = [*folder.pictures, *folder.other]
    random.Random(0).shuffle(pictures)
    starts = range(0, len(pictures), PICTURES_AT_ONCE)
    batches = [pictures[start : start + PICTURES_AT_ONCE] for start in starts]
    load = partial(load_batch, root=folder.root, preprocessing=classifier.preprocessing)
    judged: list[Judged] = []
    broken: list[BrokenPicture] = []
    try:
        with reporter.bar("evaluating", total=len(pictures)) as bar:
            for loaded in prefetch(load, batches, workers):
                broken += [error for _, error in loaded if isinstance(error, BrokenPicture)]
                readable = [each for each in loaded if isinstance(each[1], Tensor)]
                if readable:
                    judged.append(judge_batch(classifier, *zip(*readable, strict=True)))
                bar.advance(len(loaded))
    except KeyboardInterrupt:
        if not any(each.label >= 0 for batch in judged for each in batch.pictures):
            raise
        return judged, broken, True
    return judged, broken, False


def load_batch(
    pictures: Sequence[Picture], root: Path, preprocessing: Preprocessing
) -> list[tuple[Picture, Tensor | BrokenPicture]]:
    """The pictures with what the network sees of them, uint8 [3, crop, crop], or why it cannot."""
    loaded: list[tuple[Picture, Tensor | BrokenPicture]] = []
    for each in pictures:
        try:
            seen = preprocessing.shrink(load_training_picture(each.path, root))
            loaded.append((each, v2.functional.pil_to_tensor(seen)))
        except BrokenPicture as error:
            loaded.append((each, error.fresh()))
    return loaded


@torch.inference_mode()
def judge_batch(
    classifier: Classifier, pictures: tuple[Picture, ...], pixels: tuple[Tensor, ...]
) -> Judged:
    """What it says of N pictures, whose pixels these are. Raises NotFinite."""
    images = classifier.preprocessing.normalise(to_device(torch.stack(pixels), classifier.device))
    images = images.contiguous(memory_format=torch.channels_last)
    windows = windows_of(feature_maps(classifier.network, images))
    logits = classifier.network.fc(windows[:, 0]).cpu() / classifier.temperature
    scores, verdicts = torch.ones(len(pictures)), ["known"] * len(pictures)
    if classifier.known is not None:  # a model that cannot tell takes all for known
        scores, verdicts = classifier.known.judge(windows)
        scores = scores.cpu()
    if not (logits.isfinite().all() and scores.isfinite().all()):
        raise NotFinite()
    return Judged(pictures, logits, scores, tuple(verdicts))
