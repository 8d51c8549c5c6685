# ruff: noqa: E402
"""The app: three tabs on one page. `python app.py --help` lists the options.

The page is served first and PyTorch imported afterwards, in the background, so that a visitor
of a Space that is just waking up sees something within seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import logging
import os
import sys
import threading
from collections.abc import Sequence

from model.process.proxies import tidy_proxies

tidy_proxies()  # before Gradio is imported, which some of them would keep from starting

import gradio as gr

from model.errors import UserError
from model.process.log import guard_streams
from model.serving.models import serve_classifier, serve_regressor
from model.serving.served import Served
from tabs import status
from tabs.appearance import appearance
from tabs.autograd import tab as autograd
from tabs.classification import tab as classification
from tabs.language import Words, i18n_key
from tabs.listeners import opened
from tabs.regression import tab as regression
from tabs.server.launch import serving, stopped_by_signals
from tabs.server.page import Page
from tabs.server.uploads import MINUTES_KEPT, keep_tidy, upload_folder

TITLE = "Ants or bees"
APACHE = "https://www.apache.org/licenses/LICENSE-2.0"
CC = "https://creativecommons.org/licenses/by-nc/4.0/deed"
# A Space knows its own name, and so does a copy of it; elsewhere nobody knows where the code is.
SPACE = os.getenv("SPACE_ID")
SOURCE = f"https://huggingface.co/spaces/{SPACE}/tree/main"
TEXT: Words = {
    "app.name": ("Ants or bees", "蚂蚁还是蜜蜂"),
    "app.title": ("# Ants or bees 🐜🐝", "# 蚂蚁还是蜜蜂 🐜🐝"),
    "app.intro": (
        "See what a neural network decides, why, and how PyTorch computes it.",
        "看神经网络如何作出判断，以及背后的 PyTorch 如何计算。",
    ),
    "app.classification": ("Classify", "图像分类"),
    "app.regression": ("Regression", "回归"),
    "app.autograd": ("Autograd", "自动求导"),
    "app.lost": (
        "The connection was lost, and is back.",
        "连接曾中断，现已恢复。",
    ),
    "app.foot": (
        f"Code: [Apache-2.0]({APACHE}). Built-in classifier's weights: [CC BY-NC 4.0]({CC}), "
        f"non-commercial use only. Pictures are deleted from this server within {MINUTES_KEPT} "
        "minutes and go nowhere else.",
        f"代码：[Apache-2.0]({APACHE})。内置分类模型的权重：[CC BY-NC 4.0]({CC}.zh-hans)，"
        f"仅限非商业用途。图片最多在服务器上保留 {MINUTES_KEPT} 分钟，不会发往别处。",
    ),
    "app.source": (f"[Source code]({SOURCE})", f"[源代码]({SOURCE})"),
}
LANGUAGE_SWITCH = """
<div role="group" aria-label="Language, 语言">
  <button data-language="en" lang="en">EN</button><button data-language="zh" lang="zh">中文</button>
</div>"""


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    source = "a run folder, USER/REPO or USER/REPO@REVISION; default: ${0}, or the bundled model"
    parser = argparse.ArgumentParser(description="Serve the demo on http://127.0.0.1:7860.")
    parser.add_argument(
        "--classifier",
        metavar="SOURCE",
        default=os.getenv("CLASSIFIER_MODEL"),
        help=source.format("CLASSIFIER_MODEL"),
    )
    parser.add_argument(
        "--regressor",
        metavar="SOURCE",
        default=os.getenv("REGRESSOR_MODEL"),
        help=source.format("REGRESSOR_MODEL"),
    )
    parser.add_argument("--host", help="address to listen on; 0.0.0.0 is every one")
    parser.add_argument("--port", type=int, help="default: $GRADIO_SERVER_PORT, or 7860 and up")
    parser.add_argument("--share", action="store_true", help="make a public link for 72 hours")
    return parser.parse_args(arguments)


def build(classifier: Served, regressor: Served) -> gr.Blocks:
    """The page; the two models may still be loading."""
    with Page(title=TITLE, analytics_enabled=False) as page:
        with gr.Row(elem_id="header"):
            gr.Markdown(i18n_key("app.title"), elem_id="title")
            gr.Markdown(i18n_key("app.intro"), elem_id="intro")
            status.build(classifier, regressor)
            gr.HTML(LANGUAGE_SWITCH, elem_id="language-switch")
        with gr.Tabs(elem_id="tabs") as tabs:
            with named_tab("classification"):
                classification.build(classifier)
            with named_tab("regression"):
                regression.build(regressor)
            with named_tab("autograd"):
                autograd.build()
        with gr.Row(elem_id="foot"):
            gr.Markdown(i18n_key("app.foot"))
            if SPACE:
                gr.Markdown(i18n_key("app.source"))
        follow_address(tabs)
    return page


def named_tab(name: str) -> gr.Tab:
    return gr.Tab(i18n_key(f"app.{name}"), id=name, elem_id=f"tab-{name}")


def follow_address(tabs: gr.Tabs) -> None:
    """Show the tab that the address names, name in it the one that is shown, and say its name in
    the page's language, in which Gradio leaves the tabs as they were."""
    private = {"api_visibility": "private"}
    gr.on(opened(), None, None, tabs, js="() => page.openTab()", **private)
    for tab in tabs.children:
        tab.select(None, js=f"() => page.turned({tab.id!r})", **private)
    names = f"() => page.nameTabs({[tab.id for tab in tabs.children]})"
    switched = gr.Button(visible="hidden", elem_id="name-tabs")
    switched.click(None, None, tabs.children, js=names, **private)


def load(*models: Served) -> None:
    """Load the models, and torch with them, while the page is already there."""
    for served in models:
        served.start()
    for served in models:
        with contextlib.suppress(UserError):  # the page says it
            served.get()
    # The million objects of torch live as long as the app: not to be searched for garbage again.
    gc.freeze()


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_arguments(arguments)
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("model").setLevel(logging.INFO)  # and not of the libraries: every request
    try:
        with stopped_by_signals(), upload_folder() as folder:
            classifier = serve_classifier(options.classifier)
            regressor = serve_regressor(options.regressor)
            page = build(classifier, regressor)
            with serving(
                page,
                folder,
                options.host,
                options.port,
                share=options.share,
                footer_links=["api"],
                **appearance(
                    TEXT, status.TEXT, classification.TEXT, regression.TEXT, autograd.TEXT
                ),
            ):
                threading.Thread(target=load, args=(classifier, regressor), daemon=True).start()
                keep_tidy(folder, page.needed_files)
    except UserError as error:
        print(f"app.py: {error}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    guard_streams("stdout", "stderr")
    sys.exit(main())
