"""The tab alone, served with a switch of the language beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gradio as gr
import pytest

from model.classifier.classifier import Answer, Classifier
from model.images.loader import load_picture
from model.run.origin import Origin
from model.serving.models import WEIGHTS_FOLDER, serve_classifier
from model.serving.served import Served
from tabs.appearance import appearance
from tabs.classification import tab as classification
from tabs.server.page import Page
from tests.conftest import ROOT

EXAMPLES = ROOT / "examples"
BEE, TEAPOT = EXAMPLES / "bee_on_daisy.jpg", EXAMPLES / "neither_teapot.jpg"
PATIENCE = 30_000  # milliseconds
SWITCH = '<button data-language="en">EN</button><button data-language="zh">中文</button>'
NAME = {"app.name": ("Ants or bees", "蚂蚁还是蜜蜂")}


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    return Classifier.load(WEIGHTS_FOLDER / "ants_bees", Origin("bundled"), device="cpu")


@pytest.fixture(scope="session")
def answer(classifier: Classifier) -> Answer:
    """The bundled model's answer to a bee."""
    return classifier(load_picture(BEE))


def tab_of(served: Served) -> Page:
    with Page() as blocks:
        with gr.Tabs():
            with gr.Tab("Classify"):
                classification.build(served)
            with gr.Tab("Another"):
                gr.Markdown("Elsewhere")
        gr.Textbox(label="Words")
        gr.HTML(SWITCH)
    served.start()
    return blocks


@pytest.fixture(scope="module")
def serve_tab(serve: Callable[..., str]) -> Callable[[Page], str]:
    """`serve_tab(tab_of(served)) -> url`."""
    options = appearance(classification.TEXT, NAME)
    return lambda blocks: serve(blocks, **options, max_file_size="20mb")


@pytest.fixture(scope="module")
def blocks() -> Page:
    """The tab with the bundled model."""
    return tab_of(serve_classifier(None))


@pytest.fixture(scope="module")
def url(serve_tab: Callable[[Page], str], blocks: Page) -> str:
    return serve_tab(blocks)


@pytest.fixture
def no_picture(tmp_path: Path) -> Path:
    """A file that only calls itself one."""
    fake = tmp_path / "bee.png"
    fake.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    return fake
