"""The regressor's model card and its figure, made of nothing but its metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData
from matplotlib.figure import Figure

from model.run import card


def write_card(metrics: dict[str, Any]) -> str:
    """The README.md of a run folder, with the Hub's front matter."""
    results = [
        EvalResult(
            task_type="tabular-regression",
            dataset_type="synthetic",
            dataset_name="1,000 noisy rows of a linear function, 200 held out",
            metric_type=metric,
            metric_value=metrics["final"][f"held_out_{metric}"],
        )
        for metric in ("rmse", "r2")
    ]
    data = ModelCardData(
        license="apache-2.0",
        library_name="pytorch",
        pipeline_tag="tabular-regression",
        tags=["regression", "synthetic-data", "teaching"],
        model_name="Ten numbers to one",
        eval_results=results,
    )
    folds = metrics["cross_validation"]["rmse"]
    return card.write_card(Path(__file__).with_suffix(".md"), data, **metrics, folds=folds)


def draw_curves(metrics: dict[str, Any]) -> bytes:
    """A PNG: RMSE by epoch over the noise floor, and the learned weights beside the true ones."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    errors, weights = figure.subplots(1, 2)
    epochs = [each["epoch"] for each in metrics["history"]]
    for key, label in (("train_rmse", "training rows"), ("held_out_rmse", "held-out rows")):
        errors.plot(epochs, [each[key] for each in metrics["history"]], label=label)
    errors.axhline(metrics["noise_floor"], color="grey", linestyle="--", label="noise")
    errors.set(title="Error by epoch", xlabel="epoch", ylabel="RMSE", yscale="log")
    errors.legend()
    places = range(1, 1 + len(metrics["weights"]["true"]))
    weights.bar(places, metrics["weights"]["learned"], color="#9ecae1", label="learned")
    weights.scatter(places, metrics["weights"]["true"], color="black", marker="_", s=200, zorder=3)
    weights.scatter([], [], color="black", marker="_", label="true")
    weights.set(title="Weights", xlabel="input", xticks=list(places))
    weights.axhline(0, color="grey", linewidth=0.8)
    weights.legend()
    return card.to_png(figure)
