"""What does tuning the body bring where ImageNet's features do not fit? Half an hour.

    python tests/benchmarks/digits.py \\
        --init-weights ../shared/resnet18_imagenet/resnet18_imagenet.pth

scikit-learn's handwritten digits, drawn as pictures of 64 pixels: 30 of each to learn from, the
other 1,497 to be judged by. `train.py classifier` with `--train-body never` and `always`. Wanted:
3 points of accuracy more.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.benchmarks.yardstick import train  # noqa: E402

A_CLASS = 30


def draw_digits(root: Path, a_class: int = A_CLASS, seed: int = 0) -> Path:
    """`root` with so many pictures of each digit in train/ and all others in val/."""
    digits, seen = load_digits(), Counter()
    for number in np.random.default_rng(seed).permutation(len(digits.target)):
        label = int(digits.target[number])
        split = "train" if seen[label] < a_class else "val"
        seen[label] += 1
        grey = Image.fromarray((digits.images[number] * (255 / 16)).astype(np.uint8))
        path = root / split / str(label) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        grey.resize((64, 64), Image.Resampling.BICUBIC).convert("RGB").save(path)
    return root


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--init-weights", type=Path, required=True, help="an ImageNet resnet18")
    options = parser.parse_args()
    found = {}
    print("| body | seconds | val right | accuracy | NLL | ECE |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        data, weights = draw_digits(Path(folder) / "digits"), options.init_weights.resolve()
        for mode in ("never", "always"):
            output = Path(folder) / mode
            metrics = train(data, weights, output, f"--train-body={mode}")
            found[mode] = metrics["val_accuracy"]
            quality = metrics["val"]
            print(
                f"| {mode} | {metrics['seconds']:.0f} | {metrics['val_correct']} of "
                f"{metrics['val_total']} | {metrics['val_accuracy']:.1%} | {quality['nll']:.3f} | "
                f"{quality['ece']:.3f} |",
                flush=True,
            )
    print(f"\nthe tuned body gains {100 * (found['always'] - found['never']):.1f} points")
    print(f"compared on the training pictures: {metrics['comparison']}")


if __name__ == "__main__":
    main()
