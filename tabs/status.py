"""Which model answers: the line on top of the page, and the one below an answer."""

from __future__ import annotations

from html import escape

import gradio as gr
from gradio.context import Context

from model.errors import UserError
from model.run.origin import Origin
from model.serving.served import Served
from tabs.language import Words, language_of, say
from tabs.listeners import listen

TEXT: Words = {
    "status.classify": ("Classifier", "分类模型"),
    "status.regression": ("Regressor", "回归模型"),
    "status.device": ("Device", "设备"),
    "status.bundled": ("bundled with this app", "随应用内置"),
    "status.answered": (
        "Model: {source}. Device: {device}, {milliseconds:.1f} ms.",
        "模型：{source}。设备：{device}，{milliseconds:.1f} 毫秒。",
    ),
}
SECONDS = 5  # between looks: a model may be swapped in when the Hub is back


def build(classifier: Served, regressor: Served) -> None:
    """Make the line; it is filled when the page is opened and kept up to date."""
    line = gr.HTML(elem_id="status")
    models = {"classifier": classifier, "regressor": regressor}
    looks = [Context.root_block.load, gr.Timer(SECONDS).tick]
    listen(looks, show, inputs={}, outputs={"line": line}, constants=models)


def show(classifier: Served, regressor: Served, request: gr.Request) -> dict[str, str]:
    language = language_of(request)
    parts = describe("status.classify", classifier, language)
    parts += describe("status.regression", regressor, language)
    parts += describe_device(classifier, language)
    return {"line": f'<div class="status">{"".join(parts)}</div>'}


def describe(key: str, served: Served, language: str) -> list[str]:
    """HTML of one model: where it came from, then what the reader should know about it."""
    name = say(TEXT, key, language)
    lines, notice = [], served.notice
    try:
        lines = [_fact(name, origin_text(served.get(timeout=0).origin, language))]
    except UserError as error:
        notice = error
    if notice:
        text = f"{name}: {notice.message(language)}"
        lines.append(f'<span class="notice">{escape(text)}</span>')
    return lines


def describe_device(classifier: Served, language: str) -> list[str]:
    """HTML of what computes here, once torch has been imported to serve the classifier."""
    try:
        classifier.get(timeout=0)
    except UserError:
        return []
    from model import device

    found = str(device.describe(device.choose_device()))
    return [_fact(say(TEXT, "status.device", language), found)]


def _fact(name: str, text: str) -> str:
    return f"<span>{escape(name)}: <b>{escape(text)}</b></span>"


def answered_by(origin: Origin, device: str, milliseconds: float, language: str) -> str:
    """Which model gave an answer, where, and how fast."""
    facts = {"device": device, "milliseconds": milliseconds}
    return say(TEXT, "status.answered", language, source=origin_text(origin, language), **facts)


def origin_text(origin: Origin, language: str) -> str:
    """Where a model came from, in the reader's language."""
    return say(TEXT, "status.bundled", language) if origin == Origin("bundled") else str(origin)
