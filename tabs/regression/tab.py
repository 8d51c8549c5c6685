"""Regression: ten sliders, what a small network makes of them, and a network that learns to."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from model.errors import UserError
from model.regression.ground_truth import check_inputs, is_far, true_function
from model.serving.served import Served
from tabs.api import endpoint
from tabs.language import i18n_key
from tabs.listeners import Updates, again, listen, opened
from tabs.regression import learning
from tabs.regression.place import HIGHEST, NAME, Place, query_of, read_place
from tabs.regression.text import ROWS
from tabs.regression.text import TEXT as TEXT
from tabs.regression.views import (
    NAMES,
    Model,
    Prediction,
    draw_inputs,
    notice,
    show_answer,
    show_parts,
)

if TYPE_CHECKING:  # torch comes with it, and the page must be up before torch is
    from model.regression.regressor import Regressor

ROW_SCRIPT = (Path(__file__).parent / "row.js").read_text(encoding="utf-8")


def build(served: Served[Regressor]) -> None:
    """Make the tab's components, listeners and its `/predict` endpoint."""
    gr.Markdown(i18n_key("regression.intro"))
    with gr.Column(elem_classes="regression-top"):  # which the answer, sticking, does not leave
        waiting = notice(str(i18n_key("regression.waiting")))
        answer = gr.HTML(waiting, elem_id="regression-answer")
        with gr.Column(elem_classes="regression-left"):
            row = gr.HTML(
                list(Place().x),
                html_template=draw_inputs(HIGHEST),
                js_on_load=ROW_SCRIPT,
                apply_default_css=False,
            )
            buttons = build_buttons()
        parts = gr.HTML(elem_id="regression-parts")
    settings = learning.build()
    shown = {"answer": answer, "parts": parts}
    held = {"row": row, **settings}
    query = {"query": gr.Textbox(visible=False)}
    common = {"constants": {"served": served}, "failed": show_failure}
    listen(opened(), open_place, held, {**held, **shown}, **common)
    listen([again()], show_again, held, shown, **common)
    by_hand = {**common, "changes": NAME}
    listen([row.input], take_row, held, {**shown, **query}, **by_hand)
    for button, chosen in buttons:
        options = {**by_hand, "constants": {"served": served, "chosen": chosen}}
        listen([button.click], set_row, held, {"row": row, **shown, **query}, **options)
    kept = [each.input for each in settings.values()]
    listen(kept, keep_settings, held, query, changes=NAME)
    endpoint(predict, "predict", served=served)


def build_buttons() -> list[tuple[gr.Button, list[float] | None]]:
    """Each button that sets all ten numbers, and what to; None is anything."""
    small = {"size": "sm", "min_width": 100}
    rows = {"randomise": None, "reset": [0.0] * len(NAMES)}
    rows |= {f"row_{number}": row["x"] for number, row in enumerate(ROWS)}
    with gr.Row(elem_classes="regression-rows"):
        return [(gr.Button(i18n_key(f"regression.{key}"), **small), x) for key, x in rows.items()]


def open_place(served: Served, language: str, place: str, row: list[float]) -> Updates:
    """What the address asks for, with what is wrong with it; where it is another tab's, the tab as
    it is."""
    asked = read_place(place)
    if asked is None:
        return show_row(served, row, language)
    opened = {"row": list(asked.x), "rate": asked.rate, "batch": asked.batch}
    return {**opened, **show_row(served, asked.x, language, asked.problems)}


def show_again(served: Served, language: str, place: str, row: list[float]) -> Updates:
    """The answer for what the sliders say; what is wrong with the address is so until they move,
    for then it is written anew."""
    asked = read_place(place)
    return show_row(served, row, language, asked.problems if asked else ())


def take_row(served: Served, language: str, row: list[float], rate: float, batch: int) -> Updates:
    """The answer for what the sliders say, and the address."""
    return {**show_row(served, row, language), **keep_settings(row, rate, batch)}


def set_row(
    served: Served, chosen: list[float] | None, language: str, rate: float, batch: int
) -> Updates:
    """The sliders as a button sets them, and what `take_row` gives."""
    row = random_row() if chosen is None else chosen
    return {"row": row, **take_row(served, language, row, rate, batch)}


def keep_settings(row: list[float], rate: float, batch: int) -> Updates:
    return {"query": query_of(check_inputs(row), rate, batch)}


def show_row(
    served: Served, x: Sequence[float], language: str, problems: Sequence[UserError] = ()
) -> Updates:
    """The answer for `x`, below the `problems`, and its parts; or why there is none."""
    try:
        regressor = served.get()
        answered = show_answer(ask(regressor, x), language, problems)
        return {"answer": answered, "parts": show_parts(regressor, x, language)}
    except UserError as error:
        return show_failure(error, language)


def show_failure(error: UserError, language: str) -> Updates:
    return {"answer": notice(error.message(language)), "parts": ""}


def predict(x: list[float], served: Served) -> Prediction:
    """Predict one number from ten, each from -100 to 100.

    The model was trained on standard normal numbers; `far_from_training` is true when x is
    further from zero than 99 % of those rows, where errors grow. `y_true` is the value of the
    function that the model learned from noisy examples, `difference` is y - y_true.

    由十个数（每个在 -100 到 100 之间）预测一个数，并给出真实函数的值和二者之差。
    """
    return ask(served.get(), x)


def ask(regressor: Regressor, x: Sequence[float]) -> Prediction:
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


def random_row() -> list[float]:
    """A row as the training rows are drawn, within the sliders' ends."""
    return [round(max(-HIGHEST, min(HIGHEST, random.gauss(0, 1))), 2) for _ in NAMES]
