"""Train a model and write its run folder: `python train.py classifier --data DIR`.

A run folder is all that the app needs: `python app.py --classifier runs/classifier`.
"""

from __future__ import annotations

import argparse
import logging
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from model.errors import UserError

DATA_HELP = """folder of pictures: train/ and val/ with one sub-folder a class; without val/, or
with the classes at the top, a fifth of each class is set aside by the seed
(default: PyTorch's ants and bees, downloaded once)"""


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_classifier(commands.add_parser("classifier", help="fine-tune a ResNet-18 on pictures"))
    add_regressor(commands.add_parser("regressor", help="train a small network on ten numbers"))
    return parser.parse_args(arguments)


def add_classifier(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=run_classifier)
    parser.add_argument("--data", type=Path, metavar="DIR", help=DATA_HELP)
    parser.add_argument(
        "--init-weights",
        type=Path,
        metavar="FILE",
        help="ImageNet resnet18 to start from, .pth or .safetensors (default: torchvision's)",
    )
    parser.add_argument(
        "--train-body",
        action="store_true",
        help="fine-tune the whole network after its head; slower (default: the head alone)",
    )
    parser.add_argument("--half", action="store_true", help="save the weights as float16")
    parser.add_argument(
        "--workers", type=not_negative, default=2, help="threads that read pictures; default: 2"
    )
    add_common(parser, Path("runs/classifier"), epochs="30, or 5 with --train-body")
    parser.add_argument(
        "--learning-rate", type=rate, help="default: 0.001, or 0.00001 with --train-body"
    )


def add_regressor(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=run_regressor)
    add_common(parser, Path("runs/regressor"), epochs="200")
    parser.add_argument("--learning-rate", type=rate, help="default: 0.001")


def add_common(parser: argparse.ArgumentParser, output: Path, epochs: str) -> None:
    parser.add_argument(
        "--output", type=Path, default=output, metavar="DIR", help=f"run folder (default: {output})"
    )
    parser.add_argument("--epochs", type=positive, help=f"default: {epochs}")
    parser.add_argument("--batch-size", type=positive, default=32, help="default: 32")
    parser.add_argument(
        "--seed", type=not_negative, default=0, help="the same seed gives the same model"
    )
    parser.add_argument(
        "--device", default="auto", help="auto (the default), cpu, cuda, mps, xpu, …"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with an interrupted run of the same settings"
    )


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def not_negative(text: str) -> int:
    number = int(text)
    if not 0 <= number < 2**32:
        raise argparse.ArgumentTypeError(f"{text} is not 0 or more (and less than 2^32)")
    return number


def rate(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def run_classifier(options: argparse.Namespace) -> None:
    from model.download import download_hymenoptera
    from model.job import ClassifierSettings
    from model.progress import Terminal
    from model.training import train_classifier

    settings = ClassifierSettings(
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        train_body=options.train_body,
        seed=options.seed,
        device=options.device,
        workers=options.workers,
        half=options.half,
    )
    metrics = train_classifier(
        settings,
        options.data or download_hymenoptera(),
        options.output,
        init_weights=options.init_weights,
        resume=options.resume,
        reporter=Terminal(),
    )
    if metrics:  # one of several processes has them
        print(
            f"val: {metrics['val_correct']} of {metrics['val_total']} right, "
            f"NLL {metrics['val']['nll']:.3f}, ECE {metrics['val']['ece']:.3f}\n"
            f"Saved in {options.output}. To serve it: python app.py --classifier {options.output}"
        )


def run_regressor(options: argparse.Namespace) -> None:
    from model.progress import Terminal
    from model.regressor_training import Progress, RegressorSettings, train_regressor

    given = {
        name: getattr(options, name)
        for name in ("epochs", "batch_size", "learning_rate", "seed", "device")
        if getattr(options, name) is not None
    }
    settings = RegressorSettings(**given)
    bars = {}

    def report(progress: Progress) -> None:
        if progress.phase not in bars:
            bars[progress.phase] = Terminal().bar(progress.phase, progress.total)
        bar = bars[progress.phase]
        bar.update(progress.done - bar.n)
        bar.set_postfix({name: f"{value:.4f}" for name, value in progress.figures.items()})

    run = train_regressor(settings, options.output, report, resume=options.resume)
    for bar in bars.values():
        bar.close()
    final = run.metrics["final"]
    print(
        f"held out: RMSE {final['held_out_rmse']:.4f}, R² {final['held_out_r2']:.5f}\n"
        f"Saved in {options.output}. To serve it: python app.py --regressor {options.output}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_arguments(arguments)
    leads = os.environ.get("RANK", "0") == "0"  # torchrun starts several of us
    logging.basicConfig(format="%(message)s", level="WARNING" if leads else "ERROR")
    try:
        options.run(options)
    except UserError as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("train.py: interrupted before there was a model to save", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
