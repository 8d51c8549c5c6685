"""Regression: ten sliders, what a small network makes of them, and a network that learns to."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import gradio as gr
from gradio.context import Context

from model.errors import UserError
from model.process.worker import Worker
from model.regression.ground_truth import check_inputs, is_far, true_function
from model.regression.live import make_trainer, watch_training
from model.serving.served import Served
from tabs.api import endpoint
from tabs.language import i18n_key
from tabs.listeners import again, listen
from tabs.regression.text import ROWS, TEXT
from tabs.regression.views import (
    NAMES,
    Model,
    Prediction,
    notice,
    show_answer,
    show_learning,
    show_parts,
)

if TYPE_CHECKING:  # torch comes with it, and the page must be up before torch is
    from model.regression.regressor import Regressor

LEARNING_RATES = (0.0001, 0.001, 0.01, 0.1)
BATCH_SIZES = (16, 32, 128, 800)


def build(served: Served[Regressor]) -> None:
    """Make the tab's components, listeners and its `/predict` endpoint."""
    gr.Markdown(i18n_key("regression.intro"))
    with gr.Column():  # which the answer does not leave when it sticks to the screen's edge
        answer = gr.HTML(
            notice(TEXT["regression.waiting"][0]),
            elem_id="regression-answer",
            elem_classes="regression-sticky",
        )
        with gr.Row():
            with gr.Column(min_width=300):
                sliders = build_sliders()
            with gr.Column(min_width=300):
                parts = gr.HTML(elem_id="regression-parts")
    listen(
        [Context.root_block.load, again(), *(slider.change for slider in sliders.values())],
        show,
        inputs=sliders,
        outputs={"answer": answer, "parts": parts},
        constants={"served": served},
    )
    build_learning()
    endpoint(predict, "predict", served=served)


def build_sliders() -> dict[str, gr.Slider]:
    """A slider for each input, and the buttons that set them all."""
    small = {"size": "sm", "min_width": 120}
    sliders = {
        name: gr.Slider(-3, 3, x, step=0.01, label=name, elem_classes="regression-slider")
        for name, x in zip(NAMES, ROWS[0]["x"], strict=True)
    }
    with gr.Row():
        randomise = gr.Button(i18n_key("regression.randomise"), **small)
        reset = gr.Button(i18n_key("regression.reset"), **small)
    listen([randomise.click], random_row, {}, sliders)
    listen([reset.click], set_row, {}, sliders, {"row": [0] * len(NAMES)})
    gr.Markdown(i18n_key("regression.examples"))
    with gr.Row(elem_classes="regression-rows"):
        for number, row in enumerate(ROWS):
            button = gr.Button(i18n_key(f"regression.row_{number}"), **small)
            listen([button.click], set_row, {}, sliders, {"row": row["x"]})
    return sliders


def build_learning() -> None:
    """The part of the tab where a fresh network trains."""
    gr.Markdown(i18n_key("regression.learn"))
    with gr.Row(equal_height=True):
        rate = gr.Radio(
            LEARNING_RATES, value=0.001, label=i18n_key("regression.rate"), min_width=300
        )
        batch = gr.Radio(BATCH_SIZES, value=32, label=i18n_key("regression.batch"), min_width=300)
    with gr.Row():
        train = gr.Button(
            i18n_key("regression.train"),
            variant="primary",
            min_width=120,
            elem_id="regression-train",
        )
        stop = gr.Button(i18n_key("regression.stop"), min_width=120, elem_id="regression-stop")
    training = listen(
        [train.click],
        learn,
        inputs={"rate": rate, "batch": batch},
        outputs={"charts": gr.HTML(elem_id="regression-learning")},
        constants={"trainer": make_trainer()},
        trigger_mode="once",
    )
    stop.click(None, cancels=[training], api_visibility="private")


def show(served: Served, language: str, **row: float) -> dict[str, str]:
    """The answer for what the sliders say, and its parts."""
    x = [row[name] for name in NAMES]
    try:
        regressor = served.get()
        answered = show_answer(ask(regressor, x), language)
        return {"answer": answered, "parts": show_parts(regressor, x, language)}
    except UserError as error:
        return {"answer": notice(error.message(language)), "parts": ""}


def predict(x: list[float], served: Served) -> Prediction:
    """Predict one number from ten, each from -100 to 100.

    The model was trained on standard normal numbers; `far_from_training` is true when x is
    further from zero than 99 % of those rows, where errors grow. `y_true` is the value of the
    function that the model learned from noisy examples, `difference` is y - y_true.
    """
    return ask(served.get(), x)


def ask(regressor: Regressor, x: list[float]) -> Prediction:
    """What `/predict` answers. Raises InputError."""
    x = check_inputs(x)
    started = time.perf_counter()
    y = regressor.predict(x)
    milliseconds = 1000 * (time.perf_counter() - started)
    return Prediction(
        y=y,
        y_true=true_function(x),
        difference=y - true_function(x),
        far_from_training=is_far(x),
        model=Model(**asdict(regressor.origin)),
        device=str(regressor.device),
        milliseconds=round(milliseconds, 2),
    )


def random_row() -> dict[str, float]:
    """A row as the training rows are drawn, within the sliders' ends."""
    return {name: round(max(-3.0, min(3.0, random.gauss(0, 1))), 2) for name in NAMES}


def set_row(row: Sequence[float]) -> dict[str, float]:
    return dict(zip(NAMES, row, strict=True))


def learn(trainer: Worker, language: str, rate: float, batch: int) -> Iterator[dict[str, str]]:
    """Train a fresh network; its charts, several times a second."""
    settings = {"learning_rate": rate, "batch_size": batch, "seed": random.randrange(2**31)}
    for snapshot in watch_training(trainer, settings):
        yield {"charts": show_learning(snapshot, language)}
