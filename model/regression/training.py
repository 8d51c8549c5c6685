"""From settings to a run folder: train, cross-validate, evaluate, write."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from model.device import describe
from model.regression.card import draw_curves, write_card
from model.regression.evaluation import compare_weights, evaluate
from model.regression.ground_truth import NOISE, TRUE_BIAS, TRUE_WEIGHTS
from model.regression.loop import RegressorSettings, Training, cross_validate
from model.regression.regressor import ARCHITECTURE, LAYERS, is_finite, split_data
from model.run import checkpoint
from model.run.folder import Run, UselessRun, check_output, mark, write_run, writing


@dataclass(frozen=True)
class Progress:
    """Where a run is: `done` of `total` steps of a `phase` ("train" or "cross-validate"), and the
    figures of the last one by name."""

    phase: str
    done: int
    total: int
    figures: dict[str, float]


Report = Callable[[Progress], None]


def train_regressor(
    settings: RegressorSettings,
    output: Path,
    report: Report = lambda progress: None,
    resume: bool = False,
) -> Run:
    """Train on the synthetic data of `settings.seed` and write the run folder `output`.

    After each epoch the state is saved beside `output`; `resume` goes on from there if a run was
    killed. Ctrl-C ends the training: the epochs done so far are written, with "interrupted" true
    in the metrics, and can be gone on with too. Raises RunError, SettingsChanged,
    BrokenCheckpoint or CheckpointInTheWay; KeyboardInterrupt if not one epoch is done.
    """
    check_output(output, "regressor")
    training = Training(settings, *split_data(settings.seed))
    saved = checkpoint.beside(output)
    if resume and saved.exists():
        training.load_state(checkpoint.load(saved))
    checkpoint.check(saved)
    interrupted, folds = False, []
    try:
        for _ in range(training.epoch, settings.epochs):
            figures = training.run_epoch()
            with writing(output):
                checkpoint.save(saved, training.state())
            shown = {name: figures[name] for name in ("loss", "held_out_rmse", "held_out_r2")}
            report(Progress("train", training.epoch, settings.epochs, shown))
        for error in cross_validate(settings):
            folds.append(error)
            report(Progress("cross-validate", len(folds), settings.folds, {"rmse": error}))
    except KeyboardInterrupt:
        if not saved.exists():
            raise
        training.load_state(checkpoint.load(saved))  # the last whole epoch
        interrupted = True
    run = make_run(training, folds, interrupted)
    write_run(output, run)
    if not interrupted:
        checkpoint.remove(saved)
    return run


def make_run(training: Training, folds: list[float], interrupted: bool) -> Run:
    """The run folder's contents. Raises UselessRun where the app would refuse them."""
    network = training.finished_network()
    final = evaluate(network, *split_data(training.settings.seed))
    if not is_finite(network) or not all(map(math.isfinite, final.values())):
        raise UselessRun()
    metrics = {
        **mark("regressor"),
        "settings": asdict(training.settings),
        "seed": training.settings.seed,
        "device": str(describe(training.device)),
        "seconds": round(training.seconds, 2),
        "interrupted": interrupted,
        "epochs": training.epoch,
        "noise_floor": NOISE,
        "final": final,
        "cross_validation": {"folds": len(folds), "rmse": [round(each, 4) for each in folds]},
        "weights": compare_weights(network, split_data(training.settings.seed)[1].x),
        "history": [{k: round(v, 6) for k, v in each.items()} for each in training.history],
    }
    config = {
        **mark("regressor"),
        "task": "regression",
        "architecture": ARCHITECTURE,
        "layers": list(LAYERS),
        "activation": "relu",
        "dtype": "float16",
        "true_function": {"weights": TRUE_WEIGHTS, "bias": TRUE_BIAS, "noise": NOISE},
    }
    weights = {name: tensor.half() for name, tensor in network.state_dict().items()}
    return Run(weights, config, metrics, write_card(metrics), {"curves.png": draw_curves(metrics)})
