"""The regression tab, served alone."""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr
import pytest

import app
from model.serving.models import serve_regressor
from model.serving.served import Served
from tabs.appearance import appearance
from tabs.regression import tab as regression
from tabs.server.page import Page


def make_tab(served: Served) -> gr.Blocks:
    with Page() as blocks:
        gr.HTML(app.LANGUAGE_SWITCH)
        with gr.Tabs(), gr.Tab("Regression", id="regression"):
            regression.build(served)
    return blocks


@pytest.fixture(scope="module")
def base(serve: Callable[..., str]) -> str:
    served = serve_regressor(None)
    served.start()
    return serve(make_tab(served), **appearance(app.TEXT, regression.TEXT))


@pytest.fixture
def url(base: str) -> str:
    return base + "?tab=regression"
