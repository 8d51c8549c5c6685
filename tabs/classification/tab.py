"""Classify: a picture in; an answer, how sure it is, and where in the picture it saw it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict

import gradio as gr
from gradio.context import Context
from gradio.data_classes import FileDataDict
from PIL import Image

from model.errors import UserError
from model.images.loader import PictureTooHeavy, load_picture
from model.serving.served import Served
from tabs.api import endpoint
from tabs.classification import views
from tabs.classification.text import TEXT as TEXT
from tabs.language import i18n_key
from tabs.listeners import Updates, again, listen
from tabs.server.uploads import MEGABYTES, DiskFull, NotUploaded, path_of
from tabs.zerogpu import on_gpu

if TYPE_CHECKING:  # torch comes with it, and the page must be up before torch is
    from model.classifier.classifier import Answer, Classifier

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.jpg"))


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
    gr.Markdown(i18n_key("classify.intro"), elem_id="classify-intro")
    with gr.Row(elem_id="classify"):
        with gr.Column(elem_id="classify-photo"):
            picture = gr.Image(
                label=i18n_key("classify.picture"),
                type="filepath",
                image_mode=None,
                sources=["upload", "webcam", "clipboard"],
                buttons=[],
                elem_id="classify-picture",
            )
            preview = gr.HTML(elem_id="classify-preview")
        with gr.Column(elem_id="classify-answer"):
            words = gr.HTML(views.BONE, elem_id="classify-words")
            probabilities = gr.HTML(views.BONE, elem_id="classify-probabilities")
        examples = gr.HTML(elem_id="classify-examples")
        heat_map = gr.HTML(views.BONE, elem_id="classify-heat-map")
    given = gr.Button(visible="hidden", elem_id="classify-given")
    refused = gr.Textbox(visible="hidden", elem_id="classify-refused")
    given.click(None, None, [picture, refused], js="() => page.given()", api_visibility="private")
    constants = {"ask": asker(served)}
    triggers = [Context.root_block.load, picture.change, refused.change, again()]
    inputs = {"picture": picture, "refused": refused}
    answer = {"words": words, "probabilities": probabilities, "heat_map": heat_map}
    options = {
        "concurrency_limit": 1,  # each takes all processors
        # Gradio would open the file with Pillow, which knows neither HEIC nor our error messages
        "preprocess": False,
    }
    asked = listen(triggers, show, inputs, answer, constants, failed=show_problem, **options)
    listen(triggers, show_preview, inputs, {"preview": preview}, failed=show_no_preview, **options)
    # What never came to `show`: the queue is full, or the line is lost.
    parts = [*answer.values(), preview]
    asked.failure(None, None, parts, js="() => page.unanswered()", api_visibility="private")
    files = {path.stem: examples.serve_static_file(path) for path in EXAMPLES}
    # They lie beside the uploads, but do not go with them.
    examples.keep_in_cache.update(file["path"] for file in files.values())
    urls = {stem: file["url"].lstrip("/") for stem, file in files.items()}
    listen(
        [Context.root_block.load, again()],
        show_examples,
        inputs={},
        outputs={"examples": examples},
        constants={"urls": urls},
    )
    endpoint(classify, "classify", **constants)


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


def show(picture: FileDataDict | None, refused: str, ask: Callable, language: str) -> Updates:
    """The verdict, the probabilities and the heat map of the picture that was given."""
    check(picture, refused)
    if picture is None:
        words = views.waiting(language)
        return {"words": words, "probabilities": views.BONE, "heat_map": views.BONE}
    answer = ask(load_picture(path_of(picture)))
    return {
        "words": views.verdict(answer, language),
        "probabilities": views.bars(answer, language),
        "heat_map": views.heat_map(answer, language),
    }


def show_problem(error: UserError, language: str) -> Updates:
    """Why there is no answer, in its place."""
    return {"words": views.problem(error, language), "probabilities": "", "heat_map": ""}


def show_preview(picture: FileDataDict | None, language: str) -> Updates:
    """The picture that was given, before the model says anything of it."""
    if picture is None:
        return {"preview": ""}
    name = str(picture.get("orig_name") or "") if isinstance(picture, dict) else ""
    # which `show` decodes as a whole at the same time: a JPEG is not decoded twice as such
    small = load_picture(path_of(picture), enough=views.SIDE)
    return {"preview": views.preview(small, name, language)}


def show_no_preview(error: UserError, language: str) -> Updates:
    """Nothing: `show_problem` says why."""
    return {"preview": ""}


def show_examples(urls: Mapping[str, str], language: str) -> Updates:
    """The pictures to click on, by what is on them."""
    return {"examples": views.examples(urls, language)}


def check(picture: FileDataDict | None, refused: str) -> None:
    """Raises what is wrong where there is no picture because the server `refused` it, with this
    HTTP status."""
    if picture is None and refused:
        refusals = {"413": PictureTooHeavy(limit=MEGABYTES), "503": DiskFull()}
        raise refusals.get(refused, NotUploaded())


def classify(image: FileDataDict, ask: Callable) -> Classification:
    """Classify a picture: JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC or AVIF, up to 64 megapixels,
    the long side at most 20 times the short one.

    `verdict` is "known"; "unusual" when the picture is perhaps of a class, but unlike those that
    the model was trained on; or "neither" when it is like none of them: `label` and
    `probabilities` then only compare classes that do not apply. `known` is true for the first
    only. `known_score` is in 0..1.

    对一张图片分类：给出最可能的类别 `label`、各类别的概率，以及图片是否像训练图片（`verdict`）。
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
