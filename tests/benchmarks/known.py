"""Does "neither" tell other things from ants and bees? Some seconds a run folder.

    python tests/benchmarks/known.py --data ../shared/hymenoptera_data \\
        --other ../shared/caltech101_other runs/classifier [RUN …]

`near` holds what looks somewhat like an insect, `far` what does not. AUROC is the probability that
a val picture scores higher than one of the others. Wanted: 0.961 and 0.993; of val at most 3 %
"neither", of near 75 % and of far 96 % at least.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from model.classifier.classifier import Answer, Classifier
from model.images.formats import PICTURE_SUFFIXES
from model.images.loader import load_picture
from model.run.origin import Origin


def answers_of(classifier: Classifier, folder: Path) -> list[Answer]:
    """What the app says of every picture under `folder`."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    return [classifier(load_picture(file)) for file in files]


def tally(answers: list[Answer]) -> str:
    """How many are known, unusual and neither."""
    counts = Counter(answer.verdict for answer in answers)
    return " / ".join(str(counts[name]) for name in ("known", "unusual", "neither"))


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
    print("Known / unusual / neither:\n")
    print("| run | AUROC near | AUROC far | val | near | far |")
    print("|---|---|---|---|---|---|")
    for run in options.runs:
        classifier = Classifier.load(run, Origin(run.name))
        folders = (options.data / "val", options.other / "near", options.other / "far")
        answers = [answers_of(classifier, folder) for folder in folders]
        val, near, far = ([answer.known_score for answer in each] for each in answers)
        cells = [f"{auroc(val, near):.3f}", f"{auroc(val, far):.3f}", *map(tally, answers)]
        print(f"| {run.name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
