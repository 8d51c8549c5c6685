"""The classifier's model card and its figures, made of nothing but its metrics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData
from matplotlib.figure import Figure

from model.process.log import escape
from model.run import card
from model.training.evaluation import MATRIX_CLASSES


def write_card(metrics: dict[str, Any]) -> str:
    """The README.md of a run folder, with the Hub's front matter."""
    initial, data = metrics["initial_weights"], escape(metrics["data"])
    classes = list(metrics["classes"])
    title = " or ".join(classes) if len(classes) <= 4 else data
    scores = {"accuracy": metrics["val_accuracy"], **metrics["val"]}
    front_matter = ModelCardData(
        license=initial["license"],
        library_name="timm",
        pipeline_tag="image-classification",
        base_model=initial["base_model"],
        datasets=["imagenet-1k", *([data] if metrics.get("data_commit") else [])],
        metrics=["accuracy"],
        tags=["image-classification", "timm", "resnet18", "calibrated"],
        model_name=title,
        eval_results=[
            EvalResult(
                task_type="image-classification",
                dataset_type=card.identifier(data),
                dataset_name=f"{data}, val",
                dataset_revision=metrics.get("data_commit"),
                metric_type=name,
                metric_value=round(scores[name], 4),
            )
            for name in ("accuracy", "nll", "ece")
        ],
    )
    return card.write_card(
        Path(__file__).with_name("card.md"),
        front_matter,
        metrics=metrics,
        title=title,
        origin=card.Markdown(initial["origin"]),
        classes=classes,
        kinds=describe_classes(classes),
        listed=MATRIX_CLASSES,
        train_total=sum(each["train"] for each in metrics["classes"].values()),
    )


def describe_classes(classes: Sequence[str]) -> str:
    """The classes in words, all of them while they are few."""
    named = list(classes[:MATRIX_CLASSES])
    if others := len(classes) - len(named):
        return f"{len(classes):,} classes ({', '.join(named)} and {others:,} more)"
    return f"{', '.join(named[:-1])} and {named[-1]}"


def draw_curves(metrics: dict[str, Any]) -> bytes:
    """A PNG: the NLL out of fold by the head's strength and start, and the loss of the body's
    training by epoch where there was one."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    nll, loss = figure.subplots(1, 2)
    for label, found in metrics["cross_validation"]["strengths"].items():
        nll.plot(list(map(float, found)), list(found.values()), ".-", label=f"from {label}")
    nll.set(title="Cross-validation", xlabel="strength", ylabel="NLL out of fold", xscale="log")
    nll.legend()
    loss.set(title="Training of the whole network", xlabel="epoch", ylabel="cross-entropy")
    if epochs := metrics["history"]:
        loss.plot([each["epoch"] for each in epochs], [each["loss"] for each in epochs], ".-")
    else:
        loss.text(0.5, 0.5, "left frozen", ha="center", transform=loss.transAxes)
    return card.to_png(figure)


def draw_reliability(metrics: dict[str, Any]) -> bytes:
    """A PNG: of the answers given with so much confidence, how many were right."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    for axes, name, key in zip(
        figure.subplots(1, 2), ("train, out of fold", "val"), ("out_of_fold", "val"), strict=True
    ):
        bins = metrics[f"{key}_reliability"]
        axes.plot([0, 1], [0, 1], color="grey", linestyle="--")
        axes.scatter(
            [each["confidence"] for each in bins],
            [each["accuracy"] for each in bins],
            s=[10 + 3 * each["count"] for each in bins],
            alpha=0.7,
        )
        axes.set(
            title=f"{name}: ECE {metrics[key]['ece']:.3f}",
            xlabel="confidence (area: pictures)",
            ylabel="right",
            xlim=(0, 1.05),
            ylim=(0, 1.05),
        )
    return card.to_png(figure)
