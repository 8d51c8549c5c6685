"""The classifier's model card and its figures, made of nothing but its metrics."""

from __future__ import annotations

from typing import Any

from huggingface_hub import EvalResult, ModelCardData
from matplotlib.figure import Figure

from model.run.card import to_png

# Found by looking at every picture that the model and its label disagree about.
DOUBTFUL_LABELS = {
    "train/ants/VietnameseAntMimicSpider.jpg": "a spider that mimics ants",
    "train/ants/1489674356_09d48dde0a.jpg": "a velvet ant, which is a wasp",
    "train/ants/1473187633_63ccaacea6.jpg": "doubtful",
    "train/ants/841049277_b28e58ad05.jpg": "doubtful",
    "train/ants/466430434_4000737de9.jpg": "doubtful",
    "train/bees/342758693_c56b89b6b6.jpg": "doubtful",
    "train/bees/586041248_3032e277a9.jpg": "doubtful",
    "train/bees/17209602_fe5a5a746f.jpg": "doubtful",
    "train/bees/2493379287_4100e1dacc.jpg": "doubtful",
    "val/bees/144098310_a4176fd54d.jpg": "a hoverfly",
    "val/bees/1519368889_4270261ee3.jpg": "an empty comb",
}

BODY = """\
# {title}

A ResNet-18 that tells apart {classes}, says how sure it is, and says “neither” of what is like
nothing that it was trained on.
{interrupted}
## How good it is

| | pictures | right | 95 % interval (Wilson) | NLL | Brier | ECE |
|---|---|---|---|---|---|---|
{quality}

Settings, temperature and threshold were chosen by cross-validation on the training pictures; the
val split was read once, at the end. In brackets: without the temperature ({temperature:.3f}).

![Confidence against accuracy](reliability.png)

Val pictures by true class (row) and answer (column):

{confusion}

“Neither” is answered when the Bhattacharyya coefficient of the picture's ImageNet distribution
with every class's is under {threshold:.4f}, which 95 % of the training pictures reach when they
are judged by a model that has not seen them. Of the val pictures {accepted} of {val_total} reach
it.

## How it was made

{recipe}

| class | train | val | started from the ImageNet class |
|---|---|---|---|
{per_class}

{seconds} s on {device}, {processes}; seed {seed}. On a CPU the same seed gives the same weights on
the same machine, bit for bit.

![Loss and accuracy by epoch](curves.png)

## Data

`{data}`: {train_total} pictures to learn from and {val_total} to be judged by.{skipped}{doubtful}

The pictures that the model finds hardest; perhaps some labels are wrong. (They are named and not
shown: the terms of their use are not this project's to give.)

| picture | label | probability given to it |
|---|---|---|
{hardest}

## Limits

It knows these classes and no others, from {train_total} pictures. “Neither” catches most of what
is something else, not all, and some pictures of the right things are called “neither” too. The
confidence holds for pictures like the ones above; for drawings or microscopes' pictures nobody has
checked it. Do not rely on it where a mistake would cost anything.

## How to load it

With this project: `python app.py --classifier FOLDER`.

In torchvision alone:

    from safetensors.torch import load_file
    from torchvision.models import resnet18

    network = resnet18(num_classes={num_classes})
    network.load_state_dict(load_file("model.safetensors"))

In timm, from the Hub:

    import timm

    network = timm.create_model("hf_hub:USER/REPO", pretrained=True)

In transformers, from the Hub (needs timm too):

    from transformers import pipeline

    classify = pipeline("image-classification", model="USER/REPO", dtype="float32")

Divide the logits by `temperature` in config.json before the softmax. `known.safetensors` holds
what the “neither” answer needs.

## Licence

{license}. Initial weights: {origin}.
"""

FROZEN = """\
The body is ImageNet's and stays frozen. The head started from the rows of the ImageNet head named
below and was trained for {epochs} epochs with Adam (learning rate {learning_rate:g}, batches of
{batch_size}) on the features of each picture, its mirror image and {augmented} random crops. L2-SP
(arXiv 1802.01483) held it near that start: as strongly as {folds}-fold cross-validation allows
without being worse than the best strength by more than half a standard error, which was
{strength:g}. Each strength is judged with a temperature of its own:

| L2-SP strength | right of {train_total}, out of fold | NLL |
|---|---|---|
{candidates}"""

TUNED = """

Then all weights were fine-tuned for {epochs} epochs (LP-FT, arXiv 2202.10054; AdamW, learning rate
{learning_rate:g} for the last stage and 0.3 times that of the one above for each other, batches of
{batch_size}) and averaged with those before (WiSE-FT, arXiv 2109.01903). The temperature, the
threshold and the out-of-fold figures above are of this network, by 2 folds."""


def write_card(metrics: dict[str, Any]) -> str:
    """The README.md of a run folder, with the Hub's front matter."""
    classes = list(metrics["classes"])
    per_class = metrics["classes"].items()
    initial = metrics["initial_weights"]
    stopped = "\n**Interrupted**: the training was stopped before its last epoch.\n"
    train_total = sum(each["train"] for _, each in per_class)
    known = metrics["known"]
    body = BODY.format(
        title=title(metrics),
        classes=", ".join(classes[:-1]) + " and " + classes[-1],
        interrupted=stopped if metrics["interrupted"] else "",
        quality="\n".join(
            _quality_row(name, metrics[key], metrics[f"{key}_uncalibrated"])
            for name, key in (("train, out of fold", "out_of_fold"), ("val", "val"))
        ),
        temperature=metrics["temperature"],
        confusion=_confusion(classes, metrics["confusion_matrix"]),
        threshold=known["threshold"],
        accepted=known["val_accepted"],
        val_total=metrics["val_total"],
        recipe=_recipe(metrics, train_total),
        per_class="\n".join(
            f"| {name} | {each['train']} | {each['val']} | {each['imagenet_name']} "
            f"({each['imagenet_row']}) |"
            for name, each in per_class
        ),
        seconds=metrics["seconds"],
        device=metrics["device"],
        processes="1 process" if metrics["processes"] == 1 else f"{metrics['processes']} processes",
        seed=metrics["seed"],
        data=metrics["data"],
        train_total=train_total,
        skipped=_skipped(metrics["skipped"]),
        doubtful=_doubtful(metrics),
        hardest="\n".join(
            f"| {each['file']} | {each['label']} | {each['probability']:.4f} |"
            for each in metrics["hardest_val"] + metrics["hardest_train"]
        ),
        num_classes=len(classes),
        license=initial["license"],
        origin=initial["origin"],
    )
    return f"---\n{_front_matter(metrics)}\n---\n{body}"


def title(metrics: dict[str, Any]) -> str:
    """What the model is called."""
    return " or ".join(metrics["classes"]) if len(metrics["classes"]) <= 4 else metrics["data"]


def _quality_row(name: str, after: dict[str, Any], before: dict[str, Any]) -> str:
    low, high = after["interval"]
    figures = " | ".join(f"{after[k]:.3f} ({before[k]:.3f})" for k in ("nll", "brier", "ece"))
    return (
        f"| {name} | {after['total']} | {after['correct']} ({after['accuracy']:.1%}) "
        f"| {low:.1%} to {high:.1%} | {figures} |"
    )


def _confusion(classes: list[str], matrix: list[list[int]]) -> str:
    lines = ["| | " + " | ".join(classes) + " |", "|---" * (len(classes) + 1) + "|"]
    for name, row in zip(classes, matrix, strict=True):
        lines.append(f"| **{name}** | " + " | ".join(map(str, row)) + " |")
    return "\n".join(lines)


def _recipe(metrics: dict[str, Any], train_total: int) -> str:
    recipe = FROZEN.format(
        **metrics["head"],
        augmented=metrics["settings"]["augmented"],
        folds=metrics["folds"],
        train_total=train_total,
        candidates="\n".join(
            f"| {strength} | {each['correct']} | {each['nll']:.4f} |"
            for strength, each in metrics["l2_sp"]["candidates"].items()
        ),
    )
    if metrics["body_history"]:
        recipe += TUNED.format(**{**metrics["body"], "epochs": len(metrics["body_history"])})
    return recipe


def _skipped(names: list[str]) -> str:
    if not names:
        return ""
    return " Left out as a placeholder: " + ", ".join(f"`{name}`" for name in names) + "."


def _doubtful(metrics: dict[str, Any]) -> str:
    if metrics["data"] != "hymenoptera_data":
        return ""
    lines = "\n".join(f"- `{name}`: {what}" for name, what in DOUBTFUL_LABELS.items())
    return (
        " PyTorch's ants and bees, a subset of ImageNet, has labels that are wrong or doubtful, "
        f"which were kept:\n\n{lines}\n\n"
        "So no honest model gets more than 151 of the 153 val pictures right."
    )


def _front_matter(metrics: dict[str, Any]) -> str:
    initial = metrics["initial_weights"]
    results = [
        EvalResult(
            task_type="image-classification",
            dataset_type=metrics["data"],
            dataset_name=f"{metrics['data']}, val",
            metric_type=metric,
            metric_value=round(value, 4),
        )
        for metric, value in (
            ("accuracy", metrics["val_accuracy"]),
            ("nll", metrics["val"]["nll"]),
            ("ece", metrics["val"]["ece"]),
        )
    ]
    return ModelCardData(
        license=initial["license"],
        library_name="timm",
        pipeline_tag="image-classification",
        base_model=initial["base_model"],
        datasets=["imagenet-1k"],
        metrics=["accuracy"],
        tags=["image-classification", "timm", "resnet18", "calibrated"],
        model_name=title(metrics),
        eval_results=results,
    ).to_yaml()


def draw_curves(metrics: dict[str, Any]) -> bytes:
    """A PNG: loss and accuracy on the training pictures by epoch."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    for label, key in (("head", "history"), ("whole network", "body_history")):
        epochs = [each["epoch"] for each in metrics[key]]
        if epochs:
            loss.plot(epochs, [each["loss"] for each in metrics[key]], ".-", label=label)
            accuracy.plot(epochs, [each["accuracy"] for each in metrics[key]], ".-", label=label)
    loss.set(title="Training loss", xlabel="epoch", ylabel="cross-entropy")
    accuracy.set(title="Training accuracy", xlabel="epoch")
    accuracy.yaxis.set_major_formatter("{x:.0%}")
    accuracy.axhline(metrics["val_accuracy"], color="grey", linestyle="--", label="val, at the end")
    accuracy.legend()
    return to_png(figure)


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
    return to_png(figure)
