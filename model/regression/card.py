"""The regressor's model card and its figure, made of nothing but its metrics."""

from __future__ import annotations

from typing import Any

from huggingface_hub import EvalResult, ModelCardData
from matplotlib.figure import Figure

from model.run.card import to_png

NAME = "Ten numbers to one"

BODY = """\
# {name}: a small network that learns a linear function

Linear 10-64, ReLU, Linear 64-32, ReLU, Linear 32-1: 2,817 parameters. It predicts
y = 2 + 0.5 x₁ − 0.2 x₂ + 1.5 x₃ − 2 x₄ + 0.8 x₅ − 1.1 x₆ + 0.3 x₇ − 0.7 x₈ + 1.2 x₉ − 0.9 x₁₀
and was told nothing of it but {train_rows} examples with noise of standard deviation
{noise_floor} added. What it says can therefore be checked against the truth.

一个小网络，从带噪声的样本中学会一个线性函数；函数是已知的，因此它的每个回答都能与真值对照。
{interrupted}
## Figures

Of {held_out_rows} held-out rows, which took no part in training, with the weights as saved (half
precision):

| | |
|---|---|
| RMSE | {held_out_rmse:.4f} |
| RMSE, in standard deviations of y | {held_out_rmse_standardised:.4f} |
| R² | {held_out_r2:.5f} |
| RMSE of the true function on the same rows (nothing can beat it but by chance) | \
{held_out_rmse_of_truth:.4f} |
| RMSE against the true function, without noise | {held_out_rmse_to_truth:.4f} |
| RMSE against the true function where all ten inputs are uniform in −3…3 | \
{cube_rmse_to_truth:.4f} |
| RMSE on the {train_rows} training rows | {train_rmse:.4f} |
| RMSE in {folds}-fold cross-validation on the training rows | {cross_validation} |

![Error by epoch; learned and true weights](curves.png)

## What it learned

The gradient of the output by each input (autograd, mean over the held-out rows ± standard
deviation from row to row) against the weight of the true function. A linear function's gradient is
the same everywhere; the network's nearly is.

| input | true | learned |
|---|---|---|
{weights}

## How it was trained

{epochs} epochs of batches of {batch_size}, mean squared error on standardised targets, Adam with
learning rate {learning_rate} falling along a half cosine, weight decay {weight_decay} falling to 0
at {decay_percent} % of the steps; seed {seed}. These settings were chosen by cross-validation on
the training rows of seeds 0 and 1 (tests/benchmarks/regressor_recipe.py). It took
{seconds} s on {device}. The same seed on the same machine gives the
same weights, bit for bit, on a CPU:

    {command}

## Limits

The training rows are standard normal: 99 % of them are nearer to zero than 4.82. Further out the
network guesses from what it saw near zero. Rows with all inputs uniform in −3…3 are 5.4 from zero
on average, and the error there (see the table) is several times as large.

## Use

    import torch
    from safetensors.torch import load_file
    from torch import nn

    network = nn.Sequential(
        nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1)
    ).half()
    network.load_state_dict(load_file("model.safetensors"))
    network.float()(torch.zeros(1, 10))  # about 2, the bias

In the app: `python app.py --regressor FOLDER`.

Data, code and weights are this project's own: Apache-2.0.
"""


def write_card(metrics: dict[str, Any]) -> str:
    """The README.md of a run folder, with the Hub's front matter."""
    final, settings, weights = metrics["final"], metrics["settings"], metrics["weights"]
    rows = zip(weights["true"], weights["learned"], weights["learned_std"], strict=True)
    folds = metrics["cross_validation"]["rmse"]
    stopped = f"\n**Interrupted** after {metrics['epochs']} of {settings['epochs']} epochs.\n"
    body = BODY.format(
        **{
            **settings,
            **final,
            "device": metrics["device"],
            "epochs": metrics["epochs"],
            "folds": len(folds),
        },
        name=NAME,
        command=_command(settings),
        seconds=metrics["seconds"],
        noise_floor=metrics["noise_floor"],
        interrupted=stopped if metrics["interrupted"] else "",
        cross_validation=f"{sum(folds) / len(folds):.4f}" if folds else "not run",
        weights="\n".join(
            f"| x{i} | {true:+.1f} | {learned:+.3f} ± {spread:.3f} |"
            for i, (true, learned, spread) in enumerate(rows, start=1)
        ),
        decay_percent=f"{100 * settings['decay_until']:g}",
    )
    return f"---\n{_front_matter(final)}\n---\n{body}"


def _command(settings: dict[str, Any]) -> str:
    options = ("epochs", "batch_size", "learning_rate", "seed")
    given = (f" --{name.replace('_', '-')} {settings[name]}" for name in options)
    return "python train.py regressor" + "".join(given)


def _front_matter(final: dict[str, Any]) -> str:
    results = [
        EvalResult(
            task_type="tabular-regression",
            dataset_type="synthetic",
            dataset_name="1,000 noisy rows of a linear function, 200 held out",
            metric_type=metric,
            metric_value=final[f"held_out_{metric}"],
        )
        for metric in ("rmse", "r2")
    ]
    return ModelCardData(
        license="apache-2.0",
        library_name="pytorch",
        pipeline_tag="tabular-regression",
        tags=["regression", "synthetic-data", "teaching"],
        model_name=NAME,
        eval_results=results,
    ).to_yaml()


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
    return to_png(figure)
