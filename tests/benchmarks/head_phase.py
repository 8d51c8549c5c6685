"""How long is the head made, beside the features that it is made of? Some ten minutes.

    python tests/benchmarks/head_phase.py --tasks ../shared/caltech101_tasks \\
        --init-weights ../shared/resnet18_imagenet/resnet18_imagenet.pth

For 3 classes of 33 pictures and for 1,000 of 3. What the body sees of the first pictures is timed,
and counted as often as there would be pictures; the heads learn from drawn features, whose classes
lie as near to each other as the folds' accuracy says. Wanted: at most 5 s on two cores for the few,
and at most 1.6 times the features' time for the many.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import torch
from torch import Tensor

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from model.images.folder import read_folder  # noqa: E402
from model.run.progress import Silence  # noqa: E402
from model.training.cross_validation import choose_head  # noqa: E402
from model.training.features import LOOKS, Views, extract_features  # noqa: E402
from model.training.head import Head  # noqa: E402
from model.training.initial_weights import load_initial  # noqa: E402
from model.training.recipe import PAIRS  # noqa: E402

TIMED = 96  # pictures


def draw_features(classes: int, each: int) -> tuple[Tensor, Tensor]:
    """Features [N, V, 512] like a body's, never negative and mostly small, and labels [N]."""
    generator = torch.Generator().manual_seed(0)
    centres = 3 * torch.rand(classes, 1, 512, generator=generator) ** 3
    noise = torch.randn(classes * each, 2 * len(LOOKS), 512, generator=generator)
    return (centres.repeat_interleave(each, 0) + noise).relu(), torch.arange(
        classes
    ).repeat_interleave(each)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=Path, required=True, help="a folder of folders")
    parser.add_argument("--init-weights", type=Path, required=True, help="an ImageNet resnet18")
    options = parser.parse_args()
    initial = load_initial(options.init_weights.resolve())
    folder = read_folder(options.tasks.resolve() / "mammals", seed=0)
    reading = {"root": folder.root, "workers": 2, "reporter": Silence()}
    views = Views(tuple(LOOKS.values()), mirrored=True)
    started = time.perf_counter()
    extract_features(initial.network, folder.train[:TIMED], views, **reading)
    a_picture = (time.perf_counter() - started) / TIMED
    print(f"features: {1000 * a_picture:.0f} ms a picture, {torch.get_num_threads()} threads\n")
    print("| classes | pictures | features, s | head, s | ratio | right out of fold |")
    print("|---|---|---|---|---|---|")
    for classes, each in ((3, 33), (1000, 3)):
        features, labels = draw_features(classes, each)
        started = time.perf_counter()
        choice = choose_head(features, labels, Head.of(initial.network), PAIRS)
        seconds = time.perf_counter() - started
        looked = a_picture * len(labels)
        print(
            f"| {classes} | {len(labels)} | {looked:.1f} | {seconds:.1f} | "
            f"{seconds / looked:.2f} | {choice.quality.accuracy:.1%} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
