"""Train a model, write its run folder, publish it: `python train.py classifier --data DIR`.

A run folder is all that the app needs: `python app.py --classifier runs/classifier`.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from model.errors import UserError
from model.process.interrupt import INTERRUPTED, interrupt_once
from model.process.log import guard_streams
from model.process.proxies import tidy_proxies

if TYPE_CHECKING:
    from model.hub.publish import Destination

# torchrun tells the processes that it starts how many they are, and which this one is.
IS_ONE_OF_SEVERAL = os.environ.get("WORLD_SIZE", "1") != "1"
IS_MAIN_PROCESS = os.environ.get("RANK", "0") == "0"

DATA_HELP = """folder of pictures: train/ and val/ with one sub-folder a class; without val/, or
with the classes at the top, a fifth of each class is set aside by the seed. Where there is no such
folder, USER/DATASET@COMMIT of such a dataset on the Hub; without @COMMIT, the latest
(default: PyTorch's ants and bees, downloaded once)"""

WORKERS = min(max(os.cpu_count() or 2, 2), 8)  # fewer would keep a GPU waiting

EVALUATION_DATA_HELP = """folder of pictures: one sub-folder for each of the model's classes, or
val/ (else test/) with these in it; a sub-folder other/ may hold pictures of none of the classes.
Where there is no such folder, USER/DATASET@COMMIT of a dataset on the Hub"""


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.set_defaults(unsaved="a model")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_classifier(commands.add_parser("classifier", help="train a ResNet-18's head, or all of it"))
    add_regressor(commands.add_parser("regressor", help="train a small network on ten numbers"))
    add_evaluate(commands.add_parser("evaluate", help="judge a classifier by pictures of yours"))
    add_push(commands.add_parser("push", help="publish an earlier run on the Hugging Face Hub"))
    return parser.parse_args(arguments)


def add_classifier(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=run_training, train=train_classifier)
    parser.add_argument("--data", metavar="DIR", help=DATA_HELP)
    parser.add_argument(
        "--init-weights",
        type=Path,
        metavar="FILE",
        help="ImageNet resnet18 to start from, .pth or .safetensors (default: torchvision's)",
    )
    parser.add_argument(
        "--train-body",
        nargs="?",
        const="always",
        choices=["auto", "always", "never"],
        help="fine-tune the whole network after its head: always (as --train-body alone says), "
        "never, or where the folds say that it is surely better (auto, the default where there is "
        "an accelerator, as never is elsewhere)",
    )
    parser.add_argument("--half", action="store_true", help="save the weights as float16")
    add_workers(parser)
    add_common(
        parser,
        Path("runs/classifier"),
        epochs="of the whole network 3 or 8, as the folds choose",
        batch_size="of the whole network 32 or 16",
    )
    parser.add_argument(
        "--learning-rate", type=rate, help="default: of the whole network 0.00001 or 0.0003"
    )


def add_regressor(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=run_training, train=train_regressor)
    add_common(parser, Path("runs/regressor"), epochs="200")
    parser.add_argument("--learning-rate", type=rate, help="default: 0.001")


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=run_evaluation, unsaved="a report")
    parser.add_argument("source", metavar="RUN", help="a run folder, or USER/REPO@REVISION")
    parser.add_argument("--data", required=True, metavar="DIR", help=EVALUATION_DATA_HELP)
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("runs/evaluation"),
        metavar="DIR",
        help="for evaluation.json and worst.png; default: runs/evaluation, where an earlier "
        "evaluation is replaced and nothing else is",
    )
    add_workers(parser)
    add_device(parser)


def add_push(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=run_push)
    parser.add_argument("folder", type=Path, metavar="RUN_DIR", help="a run folder")
    parser.add_argument("push_to_hub", metavar="USER/REPO", help="made if it is not there")
    add_destination(parser)


def add_destination(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--private", action="store_true", help="a new repo is private")
    parser.add_argument(
        "--revision", metavar="BRANCH", help="publish on this branch; default: main"
    )
    parser.add_argument("--create-pr", action="store_true", help="propose it as a pull request")


def add_common(
    parser: argparse.ArgumentParser, output: Path, epochs: str, batch_size: str = "32"
) -> None:
    parser.add_argument(
        "--output", type=Path, default=output, metavar="DIR", help=f"run folder (default: {output})"
    )
    parser.add_argument("--epochs", type=positive, help=f"default: {epochs}")
    parser.add_argument("--batch-size", type=positive, help=f"default: {batch_size}")
    parser.add_argument(
        "--seed", type=not_negative, default=0, help="the same seed gives the same model"
    )
    add_device(parser)
    parser.add_argument(
        "--resume", action="store_true", help="go on with an interrupted run of the same settings"
    )
    parser.add_argument(
        "--push-to-hub", metavar="USER/REPO", help="publish the run on the Hugging Face Hub"
    )
    add_destination(parser)


def add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--device", default="auto", help="auto (the default), cpu, cuda, mps, xpu, …"
    )


def add_workers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--workers",
        type=not_negative,
        default=WORKERS,
        help="threads that read pictures; default: one a processor, 2 to 8",
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
    if not 0 < number < 1000:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and below 1000")
    return number


def train_classifier(options: argparse.Namespace) -> bool:
    """Whether this process has a whole run to publish: torchrun starts several."""
    from model.images.download import download_hymenoptera
    from model.run.progress import Terminal
    from model.training import recipe
    from model.training.settings import ClassifierSettings

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
    metrics = recipe.train_classifier(
        settings,
        download_hymenoptera() if options.data is None else options.data,
        options.output,
        init_weights=options.init_weights,
        resume=options.resume,
        reporter=Terminal(),
    )
    if metrics is None:
        return False
    print(
        f"val: {metrics['val_correct']} of {metrics['val_total']} right, "
        f"NLL {metrics['val']['nll']:.3f}, ECE {metrics['val']['ece']:.3f}\n"
        f"Saved in {options.output}. To serve it: python app.py --classifier {options.output}"
    )
    return not metrics["interrupted"]


def train_regressor(options: argparse.Namespace) -> bool:
    """Whether there is a whole run to publish."""
    import torch

    from model.regression import training
    from model.regression.settings import RegressorSettings
    from model.run.progress import Terminal

    # Matrices as small as these gain nothing by a second processor, and lose much where it is busy.
    torch.set_num_threads(1)
    given = {
        name: getattr(options, name)
        for name in ("epochs", "batch_size", "learning_rate", "seed", "device")
        if getattr(options, name) is not None
    }
    settings = RegressorSettings(**given)
    run = training.train_regressor(
        settings, options.output, resume=options.resume, reporter=Terminal()
    )
    if run.metrics["interrupted"]:
        print(f"Interrupted; the {run.metrics['epochs']} epochs done are kept, --resume goes on.")
    final = run.metrics["final"]
    print(
        f"held out: RMSE {final['held_out_rmse']:.4f}, R² {final['held_out_r2']:.5f}\n"
        f"Saved in {options.output}. To serve it: python app.py --regressor {options.output}"
    )
    return not run.metrics["interrupted"]


def run_evaluation(options: argparse.Namespace) -> None:
    from model.run.progress import Terminal
    from model.training.evaluate import evaluate
    from model.training.evaluation_report import describe_report

    report = evaluate(
        options.source,
        options.data,
        options.output,
        device=options.device,
        workers=options.workers,
        reporter=Terminal(),
    )
    print(f"{describe_report(report)}\nSaved in {options.output}: evaluation.json, worst.png")


def run_push(options: argparse.Namespace) -> None:
    from model.hub.publish import push_run

    print(push_run(options.folder, destination(options)))


def destination(options: argparse.Namespace) -> Destination:
    from model.hub.publish import Destination

    return Destination(options.push_to_hub, options.private, options.revision, options.create_pr)


def run_training(options: argparse.Namespace) -> None:
    """Train and, if asked, publish: the token is checked first, since training may take hours."""
    if not options.push_to_hub:
        options.train(options)
        return
    from model.hub.publish import check_token, push_run

    check_token(destination(options))
    if options.train(options):
        print(push_run(options.output, destination(options)))


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_arguments(arguments)
    tidy_proxies()
    logging.basicConfig(format="%(message)s", level="WARNING" if IS_MAIN_PROCESS else "ERROR")
    if IS_ONE_OF_SEVERAL:
        interrupt_once(partial(tell_interrupted, options.unsaved))
    try:
        options.run(options)
    except UserError as error:
        if not IS_MAIN_PROCESS:
            # What all found the main one says, and torchrun ends the others meanwhile.
            time.sleep(10)
        print(f"train.py: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        tell_interrupted(options.unsaved)
        return INTERRUPTED
    return 0


def tell_interrupted(unsaved: str) -> None:
    """One sentence, however many processes there are."""
    if IS_MAIN_PROCESS:
        print(f"train.py: interrupted before there was {unsaved} to save", file=sys.stderr)


if __name__ == "__main__":
    guard_streams("stderr")
    try:
        status = main()
        if IS_ONE_OF_SEVERAL and status == INTERRUPTED:
            os._exit(status)  # no thread that waits for another process is waited for
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # from here, Ctrl-C ends it at once
    except KeyboardInterrupt:  # another one, while the first was told of
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        status = INTERRUPTED
    sys.exit(status)
