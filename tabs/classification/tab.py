"""Classify: a picture in; an answer, how sure it is, and where in the picture it saw it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import gradio as gr
from gradio.data_classes import FileDataDict
from PIL import Image

from model.images.loader import load_picture
from model.serving.served import Served
from tabs.api import endpoint
from tabs.language import Words, i18n_key, say
from tabs.listeners import again, listen
from tabs.server.uploads import path_of
from tabs.status import answered_by
from tabs.zerogpu import on_gpu

if TYPE_CHECKING:  # torch comes with it, and the page must be up before torch is
    from model.classifier.classifier import Answer, Classifier

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.jpg"))

TEXT: Words = {
    "classify.intro": (
        "Drop a photo of an ant or a bee. The network says which it is, how sure it is, "
        "where it looked, and when it is **neither**.",
        "拖入一张蚂蚁或蜜蜂的照片。网络会说出它是哪一种、有多大把握、看的是哪里，"
        "也会指出它**两者都不是**。",
    ),
    "classify.picture": ("Picture", "图片"),
    "classify.examples": ("Or try one of these", "或者试试这些"),
    "classify.probabilities": ("Probability of each class", "各类别的概率"),
    "classify.heat_map": ("Where the evidence lies", "判断依据所在"),
    "classify.waiting": ("The answer appears here.", "答案将显示在这里。"),
    "classify.verdict": ("{label}, {confidence:.1%} sure", "{label}，把握 {confidence:.1%}"),
    "classify.neither": ("Neither {classes}", "{classes}都不是"),
    "classify.neither_nor": (" nor ", "和"),
    "classify.none": ("None of the {count:,} classes", "{count:,} 个类别都不是"),
    "classify.rest": ("the other {count:,} classes together", "其余 {count:,} 个类别合计"),
    "classify.neither_why": (
        "This picture is like nothing that the model was trained on (likeness {score:.3f}; "
        "{threshold:.3f} is needed), so the probabilities below only compare classes that do not "
        "apply.",
        "这张图片与训练数据都不相似（相似度 {score:.3f}，需要 {threshold:.3f}），"
        "因此下面的概率只是在不适用的类别之间作比较。",
    ),
    "classify.known_why": (
        "It is like the pictures that the model was trained on (likeness {score:.3f}; "
        "{threshold:.3f} is needed).",
        "它与训练图片相似（相似度 {score:.3f}，需要 {threshold:.3f}）。",
    ),
}

SHOWN = 1000  # classes in the table: a page with ten thousand lines is slow, and nobody reads it
NAMED = 6  # classes that a heading may name

# What the bundled model's classes are called in Chinese; other models' names are shown as given.
CHINESE_NAMES = {"ants": "蚂蚁", "bees": "蜜蜂"}


class ModelCard(TypedDict):
    source: str
    revision: str | None
    labels: list[str]


class Classification(TypedDict):
    label: str
    confidence: float
    probabilities: dict[str, float]
    verdict: Literal["known", "unusual", "neither"]
    known: bool
    known_score: float | None
    model: ModelCard
    device: str
    milliseconds: float


def build(served: Served[Classifier]) -> None:
    """Make the tab's components, listeners and its `/classify` endpoint."""
    gr.Markdown(i18n_key("classify.intro"))
    with gr.Row():
        with gr.Column():
            picture = gr.Image(
                label=i18n_key("classify.picture"),
                type="filepath",
                image_mode=None,
                sources=["upload", "webcam", "clipboard"],
                height=360,
                elem_id="classify-picture",
            )
            gr.Examples(
                examples=[[str(path)] for path in EXAMPLES],
                inputs=[picture],
                label=i18n_key("classify.examples"),
                examples_per_page=20,
                api_visibility="private",
                elem_id="classify-examples",
            )
        with gr.Column():
            words = gr.HTML(waiting("en"), elem_id="classify-words")
            probabilities = gr.Label(
                label=i18n_key("classify.probabilities"),
                show_heading=False,
                elem_id="classify-probabilities",
            )
            heat_map = gr.Image(
                label=i18n_key("classify.heat_map"),
                interactive=False,
                height=280,
                buttons=["fullscreen"],
                elem_id="classify-heat-map",
            )
    ask = asker(served)
    listen(
        [picture.change, again()],
        show,
        inputs={"picture": picture},
        outputs={"words": words, "probabilities": probabilities, "heat_map": heat_map},
        constants={"ask": ask},
        concurrency_limit=1,  # each takes all processors
        # Gradio would open the file with Pillow, which knows neither HEIC nor our error messages
        preprocess=False,
        show_progress="full",
    )
    endpoint(classify, "classify", ask=ask)


def asker(served: Served[Classifier]) -> Callable[[Image.Image], Answer]:
    """A function that asks the model that is served at the time.

    On ZeroGPU it runs in a fork of this process, to which arguments travel pickled: the picture
    can, the model must be there already.
    """

    @on_gpu
    def ask(picture: Image.Image) -> Answer:
        from model.device import choose_device  # torch comes with it

        # On ZeroGPU the model was loaded where there is no GPU yet, and here there is one.
        return served.get().to(choose_device())(picture)

    return ask


def show(picture: FileDataDict | None, ask: Callable, language: str) -> dict[str, Any]:
    """The verdict, the probabilities and the heat map of a picture that was dropped."""
    if picture is None:
        return {"words": waiting(language), "probabilities": None, "heat_map": None}
    answer = ask(load_picture(path_of(picture)))
    # matplotlib and torch come with it: only once there is something to draw
    from model.images.heatmap import overlay

    return {
        "words": verdict(answer, language),
        "probabilities": table(answer.probabilities, language),
        # there is no evidence for a class to show where the picture is of neither
        "heat_map": overlay(answer.seen, answer.heat_map) if answer.known else None,
    }


def classify(image: FileDataDict, ask: Callable) -> Classification:
    """Classify a picture: JPEG, PNG, WebP, GIF, BMP, TIFF or HEIC, up to 64 megapixels,
    the long side at most 20 times the short one.

    `verdict` is "known"; "unusual" when the picture is perhaps of a class, but unlike those that
    the model was trained on; or "neither" when it is like none of them: `label` and
    `probabilities` then only compare classes that do not apply. `known` is true for the first
    only. `known_score` is in 0..1.
    """
    answer = ask(load_picture(path_of(image)))
    return Classification(
        label=answer.label,
        confidence=answer.confidence,
        probabilities=answer.probabilities,
        verdict=answer.verdict,
        known=answer.known,
        known_score=answer.known_score,
        model=ModelCard(**asdict(answer.origin), labels=list(answer.probabilities)),
        device=answer.device,
        milliseconds=round(answer.milliseconds, 1),
    )


def verdict(answer: Answer, language: str) -> str:
    """The answer as a heading, what it rests on, and who gave it, as HTML."""
    tell = partial(say, TEXT, language=language)
    names = [name_of(name, language) for name in answer.probabilities]
    if answer.known:
        # rounding would claim a certainty that no model has
        confidence = min(answer.confidence, 0.999)
        label = name_of(answer.label, language)
        heading = tell("classify.verdict", label=label, confidence=confidence)
    elif len(names) > NAMED:
        heading = tell("classify.none", count=len(names))
    else:
        heading = tell("classify.neither", classes=tell("classify.neither_nor").join(names))
    tone = "known" if answer.known else "neither"
    lines = [answered_by(answer.origin, answer.device, answer.milliseconds, language)]
    if answer.known_score is not None:
        facts = {"score": answer.known_score, "threshold": answer.known_threshold}
        lines.insert(0, tell(f"classify.{tone}_why", **facts))
    paragraphs = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return f'<div class="classify-verdict {tone}"><h2>{escape(heading)}</h2>{paragraphs}</div>'


def table(probabilities: dict[str, float], language: str) -> dict[str, float]:
    """The probabilities to show, by the names to show: the SHOWN likeliest, and the rest's sum."""
    ranked = sorted(probabilities.items(), key=lambda item: item[1], reverse=True)
    shown = {name_of(name, language): probability for name, probability in ranked[:SHOWN]}
    if rest := ranked[SHOWN:]:
        folded = say(TEXT, "classify.rest", language, count=len(rest))
        shown[folded] = sum(probability for _, probability in rest)
    return shown


def waiting(language: str) -> str:
    """What stands in the verdict's place before there is one."""
    text = say(TEXT, "classify.waiting", language)
    return f'<div class="classify-verdict neither"><p>{text}</p></div>'


def name_of(name: str, language: str) -> str:
    """A class's name in the reader's language."""
    return CHINESE_NAMES.get(name, name) if language == "zh" else name
