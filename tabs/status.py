"""Which model answers: the badge on top of the page, and the line below an answer."""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qsl

import gradio as gr
from gradio.context import Context

from model.errors import UserError
from model.run.origin import Origin
from model.serving.served import Served, StillLoading
from tabs.language import Words, say
from tabs.listeners import again, listen

TEXT: Words = {
    "status.classify": ("Classifier", "分类模型"),
    "status.regression": ("Regressor", "回归模型"),
    "status.device": ("Device", "设备"),
    "status.model": ("Model: {source}", "模型：{source}"),
    "status.loading": ("The model is being loaded …", "正在加载模型……"),
    "status.failed": ("No model", "没有模型"),
    "status.bundled": ("built-in", "内置模型"),
    "status.no_tab": (
        "The address asks for “{tab}”, and there is no such tab: this is the first one.",
        "地址中的“{tab}”不是任何标签页，因此显示第一个。",
    ),
    "status.answered": (
        "Model: {source}. Device: {device}, {milliseconds:.1f} ms.",
        "模型：{source}。设备：{device}，{milliseconds:.1f} 毫秒。",
    ),
}
TABS = ("classification", "regression", "autograd")  # as the address names them
SECONDS = 5  # between looks: a model may be swapped in when the Hub is back


def build(classifier: Served, regressor: Served) -> None:
    """Make the badge; it is filled when the page is opened and kept up to date."""
    badge = gr.HTML(elem_id="status")
    # Read out when it changes: a model may fail, or be replaced, while the page is open.
    live = '<div role="status">${value}</div>'
    notices = gr.HTML(elem_id="notices", html_template=live)
    models = {"classifier": classifier, "regressor": regressor}
    looks = [Context.root_block.load, again(), gr.Timer(SECONDS).tick]
    listen(looks, show, inputs={}, outputs={"badge": badge, "notices": notices}, constants=models)


def show(classifier: Served, regressor: Served, language: str, place: str) -> dict[str, str]:
    """The classifier's name, which opens to both models and the device; apart from it, and always
    in sight, what the reader should know about them."""
    facts = describe_device(classifier, language)
    notices = []
    for key, served in (("status.regression", regressor), ("status.classify", classifier)):
        name = say(TEXT, key, language)
        source, notice = describe(served, language)
        facts.insert(0, (name, source))
        if notice:
            notices.append(f'<p class="notice">{escape(name)}: {escape(notice)}</p>')
    summary = say(TEXT, "status.model", language, source=facts[0][1]) if facts[0][1] else ""
    summary = summary or say(TEXT, "status.failed" if notices else "status.loading", language)
    asked = dict(parse_qsl(place, keep_blank_values=True)).get("tab", TABS[0])
    if asked not in TABS:
        text = say(TEXT, "status.no_tab", language, tab=asked[:40])
        notices.append(f'<p class="notice">{escape(text)}</p>')
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(fact)}</dd>" for name, fact in facts if fact
    )
    return {
        "badge": f'<details class="status"><summary>{escape(summary)}</summary><dl>{rows}</dl>'
        "</details>",
        "notices": "".join(notices),
    }


def describe(served: Served, language: str) -> tuple[str, str]:
    """Where a model came from, and what the reader should know about it; each may be ""."""
    notice = served.notice
    source = ""
    try:
        source = origin_text(served.get(timeout=0).origin, language)
    except StillLoading:
        pass  # as the badge says
    except UserError as error:
        notice = error
    return source, notice.message(language) if notice else ""


def describe_device(classifier: Served, language: str) -> list[tuple[str, str]]:
    """What computes here, once torch has been imported to serve the classifier."""
    try:
        classifier.get(timeout=0)
    except UserError:
        return []
    from model import device

    found = str(device.describe(device.choose_device()))
    return [(say(TEXT, "status.device", language), found)]


def answered_by(origin: Origin, device: str, milliseconds: float, language: str) -> str:
    """Which model gave an answer, where, and how fast."""
    facts = {"device": device, "milliseconds": milliseconds}
    return say(TEXT, "status.answered", language, source=origin_text(origin, language), **facts)


def origin_text(origin: Origin, language: str) -> str:
    """Where a model came from, in the reader's language."""
    return say(TEXT, "status.bundled", language) if origin == Origin("bundled") else str(origin)
