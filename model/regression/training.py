"""From settings to a run folder: train, cross-validate, evaluate, write."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path

from model.device import describe
from model.regression.card import draw_curves, write_card
from model.regression.data import split_data
from model.regression.evaluation import compare_weights, evaluate
from model.regression.ground_truth import NOISE, TRUE_BIAS, TRUE_WEIGHTS
from model.regression.loop import Training, cross_validate
from model.regression.regressor import ARCHITECTURE, LAYERS, is_finite
from model.regression.settings import RegressorSettings
from model.run.checkpoint import Checkpoint
from model.run.files import CURVES
from model.run.folder import Run, UselessRun, check_output, mark, write_run
from model.run.progress import Reporter, Silence


def train_regressor(
    settings: RegressorSettings,
    output: Path,
    *,
    resume: bool = False,
    reporter: Reporter | None = None,
) -> Run:
    """Train on the synthetic data of `settings.seed` and write the run folder `output`.

    After each epoch the state is saved beside `output`; `resume` goes on from there if a run was
    killed. Ctrl-C ends the training: the epochs done so far are written, with "interrupted" true
    in the metrics, and can be gone on with too. Raises RunError, or what a Checkpoint raises;
    KeyboardInterrupt if not one epoch is done.
    """
    check_output(output, "regressor")
    reporter = reporter or Silence()
    training = Training(settings, *split_data(settings.seed))
    saved = Checkpoint(output, {"kind": "regressor", **asdict(settings)})
    if resume and (state := saved.load()):
        training.load_state_dict(state)
    kept, interrupted, folds = training.epoch, False, []
    try:
        with reporter.bar("train", settings.epochs) as bar:
            bar.advance(training.epoch)
            while training.epoch < settings.epochs:
                figures = training.run_epoch()
                saved.save(training.state_dict())
                kept = training.epoch
                bar.advance(1)
                bar.note(**{k: figures[k] for k in ("loss", "held_out_rmse", "held_out_r2")})
        with reporter.bar("cross-validate", settings.folds) as bar:
            for error in cross_validate(settings):
                folds.append(error)
                bar.advance(1)
                bar.note(rmse=error)
    except KeyboardInterrupt:
        if not kept:
            raise
        training.load_state_dict(saved.load())  # the last whole epoch
        interrupted = True
    run = make_run(training, folds, interrupted)
    write_run(output, run)
    if not interrupted:
        saved.remove()
    return run


def make_run(training: Training, folds: list[float], interrupted: bool) -> Run:
    """The run folder's contents. Raises UselessRun where the app would refuse them."""
    network, rows = training.finished_network(), split_data(training.settings.seed)
    final = evaluate(network, *rows)
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
        "weights": compare_weights(network, rows[1].x),
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
    return Run(weights, config, metrics, write_card(metrics), {CURVES: draw_curves(metrics)})
