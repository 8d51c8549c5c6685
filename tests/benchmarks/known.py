"""Does "neither" tell other things from ants and bees? Some seconds a run folder.

    python tests/benchmarks/known.py --data ../shared/hymenoptera_data \\
        --other ../shared/caltech101_other runs/classifier [RUN …]

`near` holds what looks somewhat like an insect, `far` what does not. AUROC is the probability that
a val picture scores higher than one of the others. Wanted: 0.96 and 0.99.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from model.classifier.classifier import Classifier
from model.images.formats import PICTURE_SUFFIXES
from model.images.loader import load_picture
from model.run.origin import Origin


def scores_of(classifier: Classifier, folder: Path) -> list[float]:
    """The known score of every picture under `folder`, as the app computes it."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    return [classifier(load_picture(file)).known_score for file in files]


def auroc(positive: list[float], negative: list[float]) -> float:
    """Area under the ROC curve: the Mann-Whitney statistic, ties counting one half."""
    wins = sum((p > n) + (p == n) / 2 for p in positive for n in negative)
    return wins / (len(positive) * len(negative))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, nargs="+", help="run folders")
    parser.add_argument("--data", type=Path, required=True, help="the ants and bees")
    parser.add_argument("--other", type=Path, required=True, help="a folder with near/ and far/")
    options = parser.parse_args()
    print("| run | AUROC near | AUROC far | val accepted | near refused | far refused |")
    print("|---|---|---|---|---|---|")
    for run in options.runs:
        classifier = Classifier.load(run, Origin(run.name))
        threshold = classifier.known.threshold
        val = scores_of(classifier, options.data / "val")
        near, far = (scores_of(classifier, options.other / name) for name in ("near", "far"))
        accepted = sum(score >= threshold for score in val)
        refused = [sum(score < threshold for score in other) for other in (near, far)]
        print(
            f"| {run.name} | {auroc(val, near):.3f} | {auroc(val, far):.3f} | {accepted} of "
            f"{len(val)} | {refused[0]} of {len(near)} | {refused[1]} of {len(far)} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
