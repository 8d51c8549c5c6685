"""What an evaluation came to: its figures, in numbers and in words, and its worst pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor

from model.classifier.ood import Verdict
from model.images.folder import Picture, load_training_picture
from model.process.log import escape
from model.training.calibration import measure
from model.training.contact_sheet import draw_contact_sheet
from model.training.evaluation import (
    MATRIX_CLASSES,
    auroc,
    describe_confusion,
    describe_reliability,
    hardest,
    labels_of,
)
from model.training.evaluation_folder import NoneReadable

WORST_PICTURES = 20
TOP = 10  # of what is printed


@dataclass(frozen=True)
class Judged:
    """What a classifier said of N pictures: calibrated logits [N, K], known scores [N], verdicts.
    The label of a picture that is of no class is negative."""

    pictures: tuple[Picture, ...]
    logits: Tensor
    scores: Tensor
    verdicts: tuple[Verdict, ...]

    @classmethod
    def together(cls, parts: Sequence[Judged], of_a_class: bool) -> Judged | None:
        """The pictures of the classes, or the others, as one; None where there are none."""
        pictures = [picture for part in parts for picture in part.pictures]
        chosen = [n for n, each in enumerate(pictures) if (each.label >= 0) == of_a_class]
        if not chosen:
            return None
        verdicts = [verdict for part in parts for verdict in part.verdicts]
        return cls(
            tuple(pictures[n] for n in chosen),
            torch.cat([part.logits for part in parts])[chosen],
            torch.cat([part.scores for part in parts])[chosen],
            tuple(verdicts[n] for n in chosen),
        )


def make_report(judged: Sequence[Judged], classes: Sequence[str], root: Path) -> dict[str, Any]:
    """The figures of evaluation.json. Raises NoneReadable where none is of a class."""
    ours, other = (Judged.together(judged, of_a_class) for of_a_class in (True, False))
    if ours is None:
        raise NoneReadable(folder=escape(str(root)))
    labels, answers = labels_of(ours.pictures), ours.logits.argmax(dim=1)
    total, right = Counter(labels.tolist()), Counter(labels[answers == labels].tolist())
    others = other and {
        "total": len(other.pictures),
        "verdicts": count_verdicts(other),
        "auroc": auroc(ours.scores, other.scores),
    }
    return {
        **measure(ours.logits, labels).as_json(),
        "verdicts": count_verdicts(ours),
        "other": others,
        "classes": {name: {"right": right[k], "total": total[k]} for k, name in enumerate(classes)},
        **describe_confusion(answers, labels, classes),
        "reliability": describe_reliability(ours.logits, labels),
        "worst": hardest(ours.logits, ours.pictures, classes, root, WORST_PICTURES),
    }


def count_verdicts(judged: Judged) -> dict[str, int]:
    counts = Counter(judged.verdicts)
    return {verdict: counts[verdict] for verdict in get_args(Verdict)}


def draw_worst(worst: Sequence[dict[str, Any]], root: Path) -> bytes:
    """A contact sheet of the report's worst pictures, a PNG, numbered as they are listed."""
    tiles = []
    for number, each in enumerate(worst, start=1):
        caption = f"{number}. {each['label']} {each['probability']:.0%}"
        if each["answer"] != each["label"]:
            caption += f", said {each['answer']}"
        tiles.append((load_training_picture(root / each["file"], root), caption))
    return draw_contact_sheet(tiles)


def describe_report(report: dict[str, Any]) -> str:
    """The report in lines to be printed."""
    low, high = report["interval"]
    lines = []
    if report["partial"]:
        seen = report["total"] + (report["other"] or {"total": 0})["total"]
        lines = [f"Stopped early: a random {seen} of {report['pictures']} pictures were seen."]
    rows = [
        ("right", f"{report['correct']} of {report['total']} ({report['accuracy']:.1%})"),
        ("95 % interval", f"{low:.1%} to {high:.1%} (Wilson)"),
        *((name.upper(), f"{report[name]:.3f}") for name in ("nll", "ece")),
        ("verdicts", describe_verdicts(report["verdicts"])),
    ]
    if report["other"]:
        rows.append(("other", describe_verdicts(report["other"]["verdicts"])))
        rows.append(("AUROC", f"{report['other']['auroc']:.3f} of the known score"))
    lines += [f"{name:<14} {text}" for name, text in rows]
    return "\n".join([*lines, *describe_classes(report), *describe_mistakes(report)])


def describe_verdicts(verdicts: dict[str, int]) -> str:
    return ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())


def describe_classes(report: dict[str, Any]) -> list[str]:
    """How many of each class were right, the worst first; only those where they are many."""
    judged = [(name, each) for name, each in report["classes"].items() if each["total"]]
    judged.sort(key=lambda item: item[1]["right"] / item[1]["total"])
    few = judged if len(judged) <= MATRIX_CLASSES else judged[:TOP]
    title = "By class:" if few is judged else f"The worst {TOP} of {len(judged)} classes:"
    return [title, *(f"  {name}: {each['right']} of {each['total']}" for name, each in few)]


def describe_mistakes(report: dict[str, Any]) -> list[str]:
    """The counts by class and answer where classes are few, the most frequent mistakes, and the
    worst pictures."""
    lines, names = [], list(report["classes"])
    if len(names) <= TOP:
        lines.append("True class (row) and answer (column):")
        lines += [
            f"  {' '.join(f'{n:>6}' for n in row)}  {name}"
            for name, row in zip(names, report["confusion_matrix"], strict=True)
        ]
    if report["confusions"]:
        lines.append("Most frequent mistakes:")
        for each in report["confusions"][:TOP]:
            lines.append(f"  {each['count']} × {each['label']} taken for {each['answer']}")
    lines.append(f"The {len(report['worst'])} worst pictures:")
    for number, each in enumerate(report["worst"], start=1):
        wrong = f", said {each['answer']}" if each["answer"] != each["label"] else ""
        said = f"{each['label']} {each['probability']:.1%}{wrong}"
        lines.append(f"  {number:>2}. {each['file']}: {said}")
    return lines
