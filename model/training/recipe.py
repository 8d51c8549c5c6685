"""`train.py classifier`: from a folder of pictures to a run folder, phase by phase.

features of every picture, once -> folds -> head -> (body) -> the val split, once
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import ResNet

from model.device import choose_device
from model.errors import UserError
from model.images.folder import DataError, PictureFolder, load_training_picture, read_folder
from model.run.folder import UselessRun, check_output, write_run
from model.run.progress import Reporter, Silence
from model.training.body import BodyTraining
from model.training.cross_validation import (
    OutOfFold,
    choose_strength,
    make_known_score,
    rest_of,
    split_folds,
    start_head,
)
from model.training.distributed import join_team
from model.training.evaluation import make_run
from model.training.features import Views, prefetch
from model.training.head import Head, HeadTraining, fit_head, nearest_rows
from model.training.initial_weights import load_initial
from model.training.job import ClassifierSettings, Job, Trained, all_features
from model.training.resume import Saved

BODY_FOLDS = 2  # each costs half a training of the whole network


class OnePicture(DataError):
    en = "The class {name} has one picture to learn from; it needs two at least. Add pictures."
    zh = "类别 {name} 只有一张训练图片，至少需要两张。请添加图片。"


class Diverged(UserError):
    en = "The loss is no longer a finite number. Train again with a lower --learning-rate."
    zh = "损失已不是有限的数。请用更小的 --learning-rate 重新训练。"


def train_classifier(
    settings: ClassifierSettings,
    data: Path,
    output: Path,
    *,
    init_weights: Path | None = None,
    resume: bool = False,
    reporter: Reporter | None = None,
) -> dict[str, Any] | None:
    """Train on the pictures under `data` and write the run folder `output`; its metrics.

    Started by torchrun, all processes work together, and those that do not lead return None.
    Ctrl-C during the epochs leaves the best so far, with "interrupted" true in the metrics;
    earlier it raises KeyboardInterrupt. Raises DataError, RunError, InitialWeightsError,
    DeviceError, OtherRun, BrokenCheckpoint, CheckpointInTheWay or Diverged.
    """
    started = time.monotonic()
    check_output(output, "classifier")
    with join_team(choose_device(settings.device)) as (team, device):
        reporter = reporter if reporter and team.leads else Silence()
        folder = read_folder(data, seed=settings.seed)
        reporter.line(describe_folder(folder))
        initial = load_initial(init_weights)
        initial.network.to(device, memory_format=torch.channels_last)
        job = Job(settings, folder, initial, output, team, device, reporter)
        check_pictures(job)
        saved = Saved(job, resume)
        try:
            return train_and_write(job, saved, started)
        except UserError as error:
            # what is of no use or soon done again is not left behind
            if isinstance(error, Diverged | UselessRun) or not settings.train_body:
                saved.remove()
            raise


def train_and_write(job: Job, saved: Saved, started: float) -> dict[str, Any] | None:
    """The training and its run folder; the metrics in the process that leads."""
    trained = train_head(job, saved)
    if job.settings.train_body and not trained.interrupted:
        trained = train_body(job, saved, trained)
    run = make_run(job, trained, started)
    if job.team.leads:
        write_run(job.output, run)
        if not trained.interrupted:
            saved.remove()
    job.team.wait()
    return dict(run.metrics) if job.team.leads else None


def check_pictures(job: Job) -> None:
    """Find out now, not after the training, what would stop it at its end.

    Raises OnePicture, or BrokenPicture for a val picture.
    """
    for name, count in zip(job.folder.classes, torch.bincount(job.labels).tolist(), strict=True):
        if count < 2:
            raise OnePicture(name=name)
    root, val = job.folder.root, job.folder.val
    mine = [val[i].path for i in job.team.share(len(val))]
    for _ in prefetch(lambda path: load_training_picture(path, root), mine, job.settings.workers):
        pass


def describe_folder(folder: PictureFolder) -> str:
    """One line: how many pictures of what."""
    skipped = f"; {len(folder.skipped)} placeholder skipped" if folder.skipped else ""
    return (
        f"{len(folder.train)} pictures to learn from, {len(folder.val)} to be judged by, "
        f"{len(folder.classes)} classes: {', '.join(folder.classes)}{skipped}"
    )


def train_head(job: Job, saved: Saved) -> Trained:
    """The default recipe: frozen body, head near its start, strength chosen by the folds."""
    seed, features = job.settings.seed, saved.features
    if features is None:
        views = Views(job.preprocessing, mirrored=True, augmented=job.settings.augmented, seed=seed)
        features = all_features(job, job.initial.network, job.folder.train, views)
        saved.keep_features(features)
    folds = split_folds(job.labels, job.settings.folds, seed)
    choice = choose_strength(features, job.labels, job.imagenet, job.settings.head, folds)
    quality = choice.candidates[choice.strength]
    job.reporter.line(
        f"{len(folds)} folds: L2-SP strength {choice.strength:g}, "
        f"{quality.correct} of {quality.total} right, NLL {quality.nll:.3f}"
    )
    rows = nearest_rows(job.imagenet(features[:, 0]), job.labels, job.num_classes)
    settings = replace(job.settings.head, strength=choice.strength)
    training = HeadTraining(features, job.labels, job.imagenet.rows(rows), settings)
    if "head" in saved.state:
        training.load_state(saved.state["head"])
    interrupted = run_epochs(
        job,
        training,
        settings.epochs,
        lambda: saved.save(head=training.state()),
    )
    network = with_head(job.initial.network, training.head)
    return Trained(
        network,
        features[:, 0],
        choice.out_of_fold,
        choice,
        rows,
        training.history,
        interrupted=interrupted,
    )


def train_body(job: Job, saved: Saved, frozen: Trained) -> Trained:
    """Fine-tune the whole network from the frozen recipe's: on the folds first, for the
    calibration's sake, then on everything. Interrupted, the best so far is what is left."""
    count = len(job.labels)
    folds = split_folds(job.labels, BODY_FOLDS, job.settings.seed)
    state = saved.state.get("body") or {
        "stage": 0,
        "training": None,
        "logits": torch.empty_like(frozen.out_of_fold.logits),
        "known": torch.empty_like(frozen.out_of_fold.known_scores),
    }
    for stage in range(state["stage"], BODY_FOLDS):
        job.reporter.line(f"the whole network, fold {stage + 1} of {BODY_FOLDS}")
        others = rest_of(folds[stage], count)
        training, interrupted = tune(job, saved, without(job, frozen, others), others, state)
        if interrupted:
            return replace(frozen, interrupted=True)
        judge_fold(job, tuned_network(training), others, folds[stage], state)
        state = {**state, "stage": stage + 1, "training": None}
        saved.save(body=state)
    job.reporter.line("the whole network, all pictures")
    training, interrupted = tune(job, saved, frozen.network, torch.arange(count), state)
    if interrupted and not training.history:
        return replace(frozen, interrupted=True)
    tuned = tuned_network(training)
    features = all_features(job, tuned, job.folder.train, Views(job.preprocessing))
    return replace(
        frozen,
        network=tuned,
        features=features[:, 0],
        out_of_fold=OutOfFold(state["logits"], state["known"]),
        body_history=training.history,
        interrupted=interrupted,
    )


def tune(
    job: Job, saved: Saved, network: ResNet, numbers: Tensor, state: dict[str, Any]
) -> tuple[BodyTraining, bool]:
    """Fine-tune a copy of `network` on the pictures `numbers`, going on from `state`; whether
    Ctrl-C ended it early."""
    training = BodyTraining(
        copy.deepcopy(network),
        job.folder.train,
        job.folder.root,
        numbers,
        job.preprocessing.normalise,
        job.settings.body,
        job.team,
    )
    if state["training"] is not None:
        training.load_state(state["training"])
    interrupted = run_epochs(
        job,
        training,
        job.settings.body.epochs,
        lambda: saved.save(body={**state, "training": training.state()}),
    )
    return training, interrupted


def without(job: Job, frozen: Trained, numbers: Tensor) -> ResNet:
    """The frozen recipe's network, its head trained on the pictures `numbers` alone."""
    features, labels = frozen.features[numbers], job.labels[numbers]
    settings = replace(job.settings.head, strength=frozen.choice.strength)
    start = start_head(features, labels, job.imagenet, job.num_classes)
    return with_head(job.initial.network, fit_head(features[:, None], labels, start, settings))


def judge_fold(
    job: Job, tuned: ResNet, numbers: Tensor, fold: Tensor, state: dict[str, Any]
) -> None:
    """Fill in what `tuned`, trained on `numbers`, says of the pictures in `fold`."""
    features = all_features(job, tuned, job.folder.train, Views(job.preprocessing))[:, 0]
    state["logits"][fold] = Head.of(tuned)(features[fold])
    known = make_known_score(features[numbers], job.labels[numbers], job.imagenet, job.num_classes)
    state["known"][fold] = known(features[fold])


def run_epochs(
    job: Job, training: HeadTraining | BodyTraining, epochs: int, save: Callable[[], None]
) -> bool:
    """Train up to `epochs`, a bar and a checkpoint each; True if Ctrl-C ended it early."""
    try:
        while len(training.history) < epochs:
            title = f"epoch {len(training.history) + 1}/{epochs}"
            with job.reporter.bar(title, total=training.pictures_an_epoch) as bar:
                done = training.run_epoch(bar.advance)
                bar.note(loss=done.loss, accuracy=done.accuracy)
            if not math.isfinite(done.loss):
                raise Diverged()
            save()
    except KeyboardInterrupt:
        job.reporter.line(
            f"Interrupted after {len(training.history)} of {epochs} epochs; saving the model as "
            "it is. With --resume the training goes on."
        )
        return True
    return False


def tuned_network(training: BodyTraining) -> ResNet:
    """The network with the mean of the weights before and after fine-tuning."""
    network = copy.deepcopy(training.network).requires_grad_(False)
    network.load_state_dict(training.averaged())
    return network


def with_head(network: ResNet, head: Head) -> ResNet:
    """A copy of `network` whose last layer is `head`."""
    copied = copy.deepcopy(network)
    copied.fc = nn.Linear(head.weight.shape[1], len(head.weight)).to(network.fc.weight.device)
    copied.fc.weight.data.copy_(head.weight)
    copied.fc.bias.data.copy_(head.bias)
    return copied.requires_grad_(False)
