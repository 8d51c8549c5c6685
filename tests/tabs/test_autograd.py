"""The autograd tab, served for real: through its endpoint and through a browser."""

from __future__ import annotations

import math
from collections.abc import Callable

import gradio as gr
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from tabs import autograd
from tabs.language import translations


@pytest.fixture(scope="module")
def url(serve: Callable[..., str]) -> str:
    with gr.Blocks() as blocks, gr.Tab("Autograd"):
        autograd.build()
    return serve(blocks, i18n=translations(autograd.TEXT), css=autograd.CSS)


@pytest.fixture(scope="module")
def client(url: str) -> Client:
    return Client(url, verbose=False)


def test_the_endpoint_differentiates(client: Client) -> None:
    answer = client.predict(
        "(target - (w*x + b))**2",
        {"w": 2, "b": 1, "x": 3, "target": 10},
        api_name="/gradients",
    )
    assert answer["value"] == 9
    assert answer["gradients"] == {"w": -18, "b": -6, "x": -12, "target": 6}


def test_infinite_answers_come_as_strings(client: Client) -> None:
    answer = client.predict("log(x)", {"x": 0}, 2, api_name="/gradients")
    assert float(answer["value"]) == -math.inf
    assert answer["gradients"] == {"x": "Infinity"}
    assert answer["hessian"] == {"x": {"x": "-Infinity"}}


def test_the_endpoint_points_at_mistakes(client: Client) -> None:
    with pytest.raises(AppError, match=r"at character 2.*write 2\*x"):
        client.predict("2x", {"x": 1}, api_name="/gradients")
    with pytest.raises(AppError, match="No value for y"):
        client.predict("x*y", {"x": 1}, api_name="/gradients")


def test_only_the_endpoint_is_public(client: Client) -> None:
    assert list(client.view_api(return_format="dict")["named_endpoints"]) == ["/gradients"]
