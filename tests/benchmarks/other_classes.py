"""Is the recipe better than the usual loop where there are no ants and bees? About six minutes.

    python tests/benchmarks/other_classes.py --other ../shared/caltech101_other \\
        --init-weights ../shared/resnet18_imagenet/resnet18_imagenet.pth

Three animals that look alike, and three groups of things, none of which is one ImageNet class. A
third of each class is set aside by the seed as val.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path
from statistics import mean

from yardstick import train, usual_loop

# class -> prefixes of the files of Caltech-101
TASKS: dict[str, dict[str, tuple[str, ...]]] = {
    "near": {"crayfish": ("crayfish",), "lobster": ("lobster",), "mayfly": ("mayfly",)},
    "far": {
        "animals": (
            *("cougar", "crocodile", "flamingo", "llama", "okapi", "panda", "rhino", "wild_cat"),
            *("beaver", "elephant", "emu", "hedgehog", "kangaroo", "octopus", "pigeon", "platypus"),
        ),
        "music": ("accordion", "euphonium", "gramophone", "grand_piano", "mandolin", "saxophone"),
        "on the move": ("airplanes", "car_side", "ferry", "helicopter", "ketch", "schooner"),
    },
}


def make_folder(root: Path, source: Path, classes: dict[str, tuple[str, ...]], seed: int) -> None:
    """Link the pictures of `classes` into `root/train` and `root/val`."""
    for name, prefixes in classes.items():
        files = sorted(path for path in source.iterdir() if path.name.startswith(prefixes))
        random.Random(seed).shuffle(files)
        for number, file in enumerate(files):
            folder = root / ("val" if number < len(files) // 3 else "train") / name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / file.name).symlink_to(file)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--other", type=Path, required=True, help="a folder with near/ and far/")
    parser.add_argument("--init-weights", type=Path, required=True, help="an ImageNet resnet18")
    parser.add_argument("--seeds", type=int, default=3, help="how many (default: 3)")
    options = parser.parse_args()
    weights = options.init_weights.resolve()
    print("| classes | seed | loop | train.py | of | NLL | ECE | loop s | train.py s |")
    print("|---|---|---|---|---|---|---|---|---|")
    for task, classes in TASKS.items():
        both = []
        for seed in range(options.seeds):
            with tempfile.TemporaryDirectory() as folder:
                data = Path(folder) / "data"
                make_folder(data, options.other.resolve() / task, classes, seed)
                started = time.monotonic()
                theirs = usual_loop(data, weights, seed)[-1]
                loop_seconds = time.monotonic() - started
                started = time.monotonic()
                ours = train(data, weights, Path(folder) / "run", "--seed", str(seed))
                seconds = time.monotonic() - started
            both.append((theirs, ours["val_correct"]))
            print(
                f"| {', '.join(classes)} | {seed} | {theirs} | {ours['val_correct']} | "
                f"{ours['val_total']} | {ours['val']['nll']:.3f} | {ours['val']['ece']:.3f} | "
                f"{loop_seconds:.0f} | {seconds:.0f} |",
                flush=True,
            )
        loop, our = (mean(column) for column in zip(*both, strict=True))
        print(f"| mean | | {loop:.1f} | {our:.1f} | {ours['val_total']} | | | | |", flush=True)


if __name__ == "__main__":
    main()
