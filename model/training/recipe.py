"""`train.py classifier`: from a folder of pictures to a run folder, phase by phase.

features of every picture, once -> folds -> head -> (body) -> the val split, once -> run folder
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchvision.models import ResNet

from model.classifier.classifier import FORMAT_VERSION, Classifier, make_config
from model.classifier.errors import ClassifierError
from model.classifier.network import replace_head
from model.classifier.ood import KnownScore
from model.classifier.preprocessing import Preprocessing
from model.device import choose_device, describe
from model.errors import UserError
from model.images.folder import PictureFolder
from model.run.checkpoint import Checkpoint
from model.run.files import CURVES, KNOWN, RELIABILITY
from model.run.folder import Run, UselessRun, check_output, mark, write_run
from model.run.origin import Origin
from model.run.progress import Reporter, Silence
from model.training import card
from model.training.augmentation import ShrunkPictures
from model.training.cross_validation import Choice, choose_head, fit_recipe, split_folds
from model.training.distributed import barrier, is_main_process, process_group, world_size
from model.training.evaluation import count_answers, judge, labels_of
from model.training.features import LOOKS, Views, extract_features
from model.training.head import Head
from model.training.initial_weights import IMAGENET_CLASSES, Initial, load_initial
from model.training.known import evidence_out_of_fold, fit_known_score
from model.training.loop import Diverged, Trained
from model.training.pictures import check_pictures, describe_folder, digest_of, scan_data
from model.training.settings import ClassifierSettings
from model.training.tuning import Tuner, train_body

MOST = 1e6  # of a feature: usual ones are below 10, and of larger ones no head can be found
# each look's view and its mirror image, as `Views` gives them
PAIRS = {name: (2 * i, 2 * i + 1) for i, name in enumerate(LOOKS)}


def train_classifier(
    settings: ClassifierSettings,
    data: str | Path,
    output: Path,
    *,
    init_weights: Path | None = None,
    resume: bool = False,
    reporter: Reporter | None = None,
) -> dict[str, Any] | None:
    """Train on the pictures of `data`, a folder or a dataset's USER/REPO@REVISION on the Hub, and
    write the run folder `output`; its metrics.

    Started by torchrun, all processes work together, and all but the main one return None.
    Ctrl-C during the epochs leaves what was learned so far, with "interrupted" true in the metrics;
    earlier it raises KeyboardInterrupt. Raises DataError, HubError, RunError, InitialWeightsError,
    DeviceError, Diverged, or what Checkpoint raises.
    """
    started = time.monotonic()
    check_output(output, "classifier")
    with process_group(choose_device(settings.device)) as device:
        if reporter is None or not is_main_process():
            reporter = Silence()
        if settings.train_body is None:
            by_default = "never" if device.type == "cpu" else "auto"
            settings = replace(settings, train_body=by_default)
        folder, problems = scan_data(data, settings.seed, reporter)
        reporter.line(describe_folder(folder))
        initial = load_initial(init_weights)
        if initial.unwrapped:
            reporter.line(f"--init-weights: taken {initial.unwrapped}")
        initial.network.to(device, memory_format=torch.channels_last)
        reading = {"workers": settings.workers, "device": device, "reporter": reporter}
        check_pictures(folder, problems, **reading)
        facts = fingerprint(settings, folder, initial, device)
        saved = {
            name: Checkpoint(output, facts, name=name, is_main_process=is_main_process())
            for name in ("features", "body")
        }
        states = {name: each.load() if resume else {} for name, each in saved.items()}
        try:
            run = follow_recipe(settings, folder, initial, saved, states, reporter, started)
            if is_main_process():
                write_run(output, run)
        except UserError as error:
            # what is of no use or soon done again is not left behind
            if isinstance(error, Diverged | UselessRun) or settings.train_body == "never":
                for each in saved.values():
                    each.remove()
            raise
        if not run.metrics["interrupted"]:
            for each in saved.values():
                each.remove()
        barrier()
        return dict(run.metrics) if is_main_process() else None


def follow_recipe(
    settings: ClassifierSettings,
    folder: PictureFolder,
    initial: Initial,
    saved: Mapping[str, Checkpoint],
    states: Mapping[str, dict[str, Any]],
    reporter: Reporter,
    started: float,
) -> Run:
    """The phases in turn, each going on from its state; what the run folder holds. `started` is
    when the training was (monotonic). Raises UselessRun where the app would refuse the model."""
    labels = labels_of(folder.train)
    imagenet = Head.of(initial.network)  # on the CPU, where heads are trained: they are small
    options = {"root": folder.root, "workers": settings.workers, "reporter": reporter}
    extract = partial(extract_features, **options)

    views = Views(tuple(LOOKS.values()), mirrored=True)
    seen = states["features"].get("seen") or extract(initial.network, folder.train, views)
    saved["features"].save({"seen": seen})
    features, windows = seen
    if not (features.abs() < MOST).all():  # nor are NaNs
        raise UselessRun()
    reporter.line("the head, by cross-validation")
    choice = choose_head(
        features, labels, imagenet, PAIRS, folds=settings.folds, seed=settings.seed
    )
    preprocessing = LOOKS[choice.look]
    reporter.line(describe_choice(choice))

    one_look = Views((preprocessing,))
    if preprocessing != views.looks[0]:
        windows = extract(initial.network, folder.train, one_look)[1]
    folds = split_folds(labels, settings.folds, settings.seed)
    evidence = evidence_out_of_fold(windows, labels, imagenet, folds)
    network = replace_head(initial.network, choice.head.weight, choice.head.bias)
    whole = features[:, choice.recipe.seen[0]]
    trained = Trained(network, whole, windows, choice.logits, evidence)

    if settings.train_body != "never":

        def fit(numbers: Tensor) -> Head:
            return fit_recipe(features[numbers], labels[numbers], imagenet, choice.recipe)

        def look(network: ResNet, numbers: Tensor) -> tuple[Tensor, Tensor]:
            pictures = [folder.train[n] for n in numbers.tolist()]
            return extract(network, pictures, one_look)

        tuner = Tuner(
            initial.network,
            ShrunkPictures(folder.train, folder.root, preprocessing),
            labels,
            imagenet,
            settings.bodies(mirrored=len(choice.recipe.seen) > 1),
            fit,
            look,
            saved["body"].save,
            reporter,
        )
        trained = train_body(tuner, trained, settings.train_body == "always", states["body"])

    known = fit_known_score(trained.windows, labels, imagenet, trained.evidence)
    if settings.half:  # before val is read: what is measured is what is saved
        trained.network.half().float()
    val, val_windows = extract(trained.network, folder.val, one_look, exact=True)
    metrics = {
        **describe_training(settings, choice, folder, initial, trained, started),
        **judge(folder, trained.logits, Head.of(trained.network)(val[:, 0])),
        "known": count_answers(known, trained.evidence, val_windows),
    }
    return make_run(trained.network, preprocessing, settings.half, known, metrics)


def describe_training(
    settings: ClassifierSettings,
    choice: Choice,
    folder: PictureFolder,
    initial: Initial,
    trained: Trained,
    started: float,
) -> dict[str, Any]:
    """What was done, on what, and how it went."""
    train, val = (Counter(each.label for each in part) for part in (folder.train, folder.val))
    per_class = {
        name: {
            "train": train[k],
            "val": val[k],
            "imagenet_row": row,
            "imagenet_name": IMAGENET_CLASSES[row],
        }
        for k, (name, row) in enumerate(zip(folder.classes, choice.rows, strict=True))
    }
    return {
        **mark("classifier"),
        "task": "image-classification",
        "settings": asdict(settings),
        "head": {"look": choice.look, **asdict(choice.recipe)},
        "cross_validation": {
            "folds": choice.folds,
            "strengths": choice.strengths,
            "candidates": {name: each.as_json() for name, each in choice.candidates.items()},
        },
        "comparison": asdict(trained.comparison) if trained.comparison else None,
        "body": asdict(trained.body) if trained.body else None,
        "seed": settings.seed,
        "device": str(describe(next(initial.network.parameters()).device)),
        "processes": world_size(),
        "seconds": round(time.monotonic() - started, 1),
        "interrupted": trained.interrupted,
        "initial_weights": {**asdict(initial.provenance), "sha256": initial.sha256},
        "data": folder.source,
        "data_commit": folder.commit,
        "classes": per_class,
        "skipped": [path.relative_to(folder.root).as_posix() for path in folder.skipped],
        "history": [asdict(epoch) for epoch in trained.history],
    }


def make_run(
    network: ResNet,
    preprocessing: Preprocessing,
    half: bool,
    known: KnownScore,
    metrics: dict[str, Any],
) -> Run:
    """What the run folder holds. Raises UselessRun where the app would refuse it."""
    weights = network.state_dict()
    if half:
        weights = {k: v.half() if v.is_floating_point() else v for k, v in weights.items()}
    run = Run(
        weights=weights,
        config=make_config(list(metrics["classes"]), preprocessing, known.limits),
        metrics=metrics,
        card=card.write_card(metrics),
        figures={
            CURVES: card.draw_curves(metrics),
            RELIABILITY: card.draw_reliability(metrics),
        },
        tensors={KNOWN: known.half().state_dict()},
    )
    try:
        Classifier(run, Origin("trained"), torch.device("cpu"))
    except ClassifierError as error:
        raise UselessRun() from error
    return run


def describe_choice(choice: Choice) -> str:
    """One line: what the folds chose."""
    recipe, found = choice.recipe, choice.quality
    share = f"{recipe.from_imagenet:.0%} from ImageNet's rows"
    return (
        f"chosen by {choice.folds} folds: {choice.look}, {share}, "
        f"{found.correct} of {found.total} right out of fold, NLL {found.nll:.3f}"
    )


def fingerprint(
    settings: ClassifierSettings, folder: PictureFolder, initial: Initial, device: torch.device
) -> dict[str, Any]:
    """What decides the weights, by name. The number of processes does not: the batches are the
    same, shared by fewer or more, so that --resume may go on with another number."""
    return {
        "kind": "classifier",
        "format_version": FORMAT_VERSION,
        **asdict(settings),
        "workers": None,
        "device": device.type,
        "pictures": digest_of(folder),
        "initial weights": initial.sha256,
    }
