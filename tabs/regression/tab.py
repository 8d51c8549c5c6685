"""Regression: ten sliders, what a small network makes of them, and a network that learns to."""

from __future__ import annotations

import html
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import gradio as gr
from gradio.context import Context

from model.errors import UserError
from model.regression.ground_truth import (
    INPUTS,
    NOISE,
    TRUE_WEIGHTS,
    check_inputs,
    is_far,
    true_function,
)
from model.regression.live import Snapshot, make_trainer, watch_training
from model.serving.served import Served
from tabs.api import endpoint
from tabs.language import Words, i18n_key, language_of, say
from tabs.listeners import listen
from tabs.regression.charts import Bar, draw_bars, draw_errors, signed

if TYPE_CHECKING:  # torch comes with it, and the page must be up before torch is
    from model.regression.regressor import Regressor

ROWS = json.loads(
    (Path(__file__).parents[2] / "examples" / "rows.json").read_text(encoding="utf-8")
)
NAMES = [f"x{number}" for number in range(1, INPUTS + 1)]
LEARNING_RATES = (0.0001, 0.001, 0.01, 0.1)
BATCH_SIZES = (16, 32, 128, 800)

TEXT: Words = {
    "regression.intro": (
        "Ten numbers in, one out. The network learned a **known** linear function from 800 noisy "
        "examples, so everything it says can be checked. Move a slider.",
        "输入十个数，输出一个数。网络从 800 个带噪声的样本中学会了一个**已知**的线性函数，"
        "因此它的每个回答都能核对。拖动滑块试试。",
    ),
    "regression.network": ("Network", "网络"),
    "regression.true": ("True function", "真实函数"),
    "regression.difference": ("Difference", "差"),
    "regression.waiting": ("The model is being loaded …", "正在加载模型……"),
    "regression.answered": (
        "Answered by the {source} model on {device} in {milliseconds:.1f} ms",
        "由{source}模型在 {device} 上用 {milliseconds:.1f} 毫秒得出",
    ),
    "regression.bundled": ("bundled", "内置"),
    "regression.far": (
        "Further from zero than 99 % of the training rows: the network has hardly seen such "
        "numbers, and its error grows.",
        "比 99% 的训练数据离零更远：网络几乎没见过这样的数，误差会变大。",
    ),
    "regression.randomise": ("Random row", "随机一行"),
    "regression.reset": ("Reset to zero", "全部归零"),
    "regression.examples": ("Or try:", "或者试试："),
    "regression.adds": ("What each input adds", "每个输入的贡献"),
    "regression.adds_network": ("network: x × mean gradient", "网络：x × 平均梯度"),
    "regression.adds_true": ("truth: x × weight", "真值：x × 权重"),
    "regression.adds_sum": (
        "{zero} (the network at all zeros) {sum} (the bars together) = {y}",
        "{zero}（输入全为零时的网络）{sum}（各条之和）= {y}",
    ),
    "regression.learn": (
        "### Watch it learn\nA fresh network, the same 10-64-32-1 layers with random weights, "
        "trains on fresh data for 200 epochs. Its weights, which nobody told it, approach the "
        "true ones; its error, the noise. Which learning rate is too low? What does a batch of "
        "all 800 rows change?",
        "### 看它学习\n一个全新的网络（同样是 10-64-32-1 层，权重随机）在新数据上训练 200 轮。"
        "没有人告诉它真实权重，它却逐渐接近它们；误差则接近噪声。"
        "哪个学习率太小了？一批就用全部 800 行会怎样？",
    ),
    "regression.rate": ("Learning rate", "学习率"),
    "regression.batch": ("Batch size", "批大小"),
    "regression.train": ("Train", "开始训练"),
    "regression.stop": ("Stop", "停止"),
    "regression.progress": (
        "Epoch {epoch} of {epochs} · held-out RMSE {rmse:.3f} · R² {r2:.4f}",
        "第 {epoch} / {epochs} 轮 · 留出集 RMSE {rmse:.3f} · R² {r2:.4f}",
    ),
    "regression.errors": ("Error (RMSE) by epoch", "各轮的误差（RMSE）"),
    "regression.epoch": ("epoch", "轮次"),
    "regression.train_rows": ("training rows", "训练数据"),
    "regression.held_out": ("held-out rows", "留出数据"),
    "regression.noise": ("noise", "噪声"),
    "regression.weights": ("Weights", "权重"),
    "regression.learned": ("learned: mean gradient", "学到的：平均梯度"),
    "regression.weight": ("true weight", "真实权重"),
    **{
        f"regression.row_{number}": (row["name"]["en"], row["name"]["zh"])
        for number, row in enumerate(ROWS)
    },
}

CSS = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")


class Model(TypedDict):
    source: str
    revision: str | None


class Prediction(TypedDict):
    y: float
    y_true: float
    difference: float
    far_from_training: bool
    model: Model
    device: str
    milliseconds: float


def build(served: Served[Regressor]) -> None:
    """Make the tab's components, listeners and its `/predict` endpoint."""

    def predict(x: list[float]) -> Prediction:
        """Predict one number from ten, each from -100 to 100.

        The model was trained on standard normal numbers; `far_from_training` is true when x is
        further from zero than 99 % of those rows, where errors grow. `y_true` is the value of the
        function that the model learned from noisy examples, `difference` is y - y_true.
        """
        return ask(served.get(), x)

    def show(request: gr.Request, **named: float) -> dict[str, str]:
        language, x = language_of(request), tuple(named[name] for name in NAMES)
        try:
            regressor = served.get()
            answered = show_answer(ask(regressor, x), language)
            return {"answer": answered, "parts": show_parts(regressor, x, language)}
        except UserError as error:
            return {"answer": notice(error.message(language)), "parts": ""}

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
        [Context.root_block.load, *(slider.change for slider in sliders)],
        show,
        dict(zip(NAMES, sliders, strict=True)),
        {"answer": answer, "parts": parts},
        trigger_mode="always_last",
        concurrency_limit=8,
    )
    build_learning()
    endpoint(predict, "predict")


def build_sliders() -> list[gr.Slider]:
    """Ten sliders, and the buttons that set them all."""
    first = ROWS[0]["x"]
    sliders = [
        gr.Slider(-3, 3, x, step=0.01, label=name, elem_classes="regression-slider")
        for name, x in zip(NAMES, first, strict=True)
    ]
    with gr.Row():
        randomise = gr.Button(i18n_key("regression.randomise"), size="sm", min_width=120)
        reset = gr.Button(i18n_key("regression.reset"), size="sm", min_width=120)
    gr.Markdown(i18n_key("regression.examples"))
    with gr.Row(elem_classes="regression-rows"):
        examples = [
            gr.Button(i18n_key(f"regression.row_{number}"), size="sm", min_width=120)
            for number in range(len(ROWS))
        ]
    private = {"show_progress": "hidden", "api_visibility": "private"}
    randomise.click(random_row, outputs=sliders, **private)
    reset.click(lambda: [0] * INPUTS, outputs=sliders, **private)
    for button, row in zip(examples, ROWS, strict=True):
        button.click(lambda x=row["x"]: x, outputs=sliders, **private)
    return sliders


def build_learning() -> None:
    """The part of the tab where a fresh network trains."""
    trainer = make_trainer()

    def learn(rate: float, batch: int, request: gr.Request) -> Iterator[str]:
        """Train a fresh network; its charts, several times a second."""
        settings = {"learning_rate": rate, "batch_size": batch, "seed": random.randrange(2**31)}
        for snapshot in watch_training(trainer, settings):
            yield show_learning(snapshot, language_of(request))

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
    charts = gr.HTML(elem_id="regression-learning")
    training = train.click(
        learn,
        [rate, batch],
        charts,
        show_progress="hidden",
        concurrency_limit=8,
        api_visibility="private",
    )
    stop.click(None, cancels=[training], api_visibility="private")


def ask(regressor: Regressor, x: list[float] | tuple[float, ...]) -> Prediction:
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
        model=Model(source=regressor.origin.source, revision=regressor.origin.revision),
        device=str(regressor.device),
        milliseconds=round(milliseconds, 2),
    )


def random_row() -> list[float]:
    """A row as the training rows are drawn, within the sliders' ends."""
    return [round(max(-3.0, min(3.0, random.gauss())), 2) for _ in range(INPUTS)]


def show_answer(answer: Prediction, language: str) -> str:
    """The prediction, the truth and their difference, as HTML."""
    shown = {"network": "y", "true": "y_true", "difference": "difference"}
    numbers = "".join(
        f'<div class="{key}"><span>{say(TEXT, f"regression.{key}", language)}</span>'
        f"<b>{signed(answer[name], 3)}</b></div>"
        for key, name in shown.items()
    )
    source = answer["model"]["source"]
    if source == "bundled":
        source = say(TEXT, "regression.bundled", language)
    by = say(
        TEXT,
        "regression.answered",
        language,
        source=source,
        device=answer["device"],
        milliseconds=answer["milliseconds"],
    )
    far = say(TEXT, "regression.far", language) if answer["far_from_training"] else ""
    warning = f'<p class="far">⚠ {far}</p>' if far else ""
    return (
        f'<div class="regression-answer"><div class="numbers">{numbers}</div>'
        f"{warning}<p>{html.escape(by)}</p></div>"
    )


def show_parts(regressor: Regressor, x: tuple[float, ...], language: str) -> str:
    """What each input adds to the prediction and to the truth, as a bar chart."""
    contributions = regressor.contributions(x)
    y = regressor.predict(x)
    together = sum(contributions)
    bars = [
        Bar(name, part, weight * value)
        for name, part, weight, value in zip(NAMES, contributions, TRUE_WEIGHTS, x, strict=True)
    ]
    chart = draw_bars(
        bars,
        say(TEXT, "regression.adds_network", language),
        say(TEXT, "regression.adds_true", language),
    )
    total = say(
        TEXT,
        "regression.adds_sum",
        language,
        zero=signed(y - together),
        sum=signed(together),
        y=signed(y),
    )
    title = say(TEXT, "regression.adds", language)
    return f'<h3>{title}</h3>{chart}<p class="regression-sum">{total}</p>'


def show_learning(snapshot: Snapshot, language: str) -> str:
    """Where a training run is: its errors, and its weights beside the true ones."""
    status = say(
        TEXT,
        "regression.progress",
        language,
        epoch=snapshot.epoch,
        epochs=snapshot.epochs,
        rmse=snapshot.held_out_rmse[-1],
        r2=snapshot.r_squared,
    )
    curves = [
        (say(TEXT, "regression.train_rows", language), snapshot.train_rmse),
        (say(TEXT, "regression.held_out", language), snapshot.held_out_rmse),
    ]
    words = {
        "title": say(TEXT, "regression.errors", language),
        "epoch": say(TEXT, "regression.epoch", language),
        "noise": say(TEXT, "regression.noise", language),
    }
    weights = draw_bars(
        [Bar(*row) for row in zip(NAMES, snapshot.weights, TRUE_WEIGHTS, strict=True)],
        say(TEXT, "regression.learned", language),
        say(TEXT, "regression.weight", language),
    )
    errors = draw_errors(curves, snapshot.epochs, NOISE, words)
    return (
        f'<p class="regression-status" role="status">{status}</p>'
        f'<div class="regression-charts"><div><h3>{words["title"]}</h3>{errors}</div>'
        f"<div><h3>{say(TEXT, 'regression.weights', language)}</h3>{weights}</div></div>"
    )


def notice(text: str) -> str:
    return f'<div class="regression-answer"><p>{html.escape(text)}</p></div>'
