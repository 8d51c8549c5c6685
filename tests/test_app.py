"""The whole app as a process of its own, the way a visitor meets it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from playwright.sync_api import Page, expect

from model.serving.models import WEIGHTS_FOLDER
from tabs.server.uploads import EVERY, MINUTES_KEPT
from tests.conftest import ROOT, run_python, running_app

PHOTOS = ROOT.parent / "shared" / "hymenoptera_data" / "val"
BEE = ROOT / "examples" / "bee_on_daisy.jpg"
PATIENCE = 30_000  # milliseconds


@pytest.fixture(scope="module")
def client(app_url: str) -> Client:
    return Client(app_url, verbose=False)


def test_the_page_is_built_without_torch() -> None:
    program = """
import sys
import app
from model.serving.models import serve_classifier, serve_regressor
app.build(serve_classifier(None), serve_regressor(None))
print([name for name in ("torch", "torchvision", "sympy", "huggingface_hub.hf_api")
       if name in sys.modules])
"""
    finished = run_python("-c", program)
    assert finished.returncode == 0, finished.stderr
    # gradio itself may bring the Hub's client, never torch
    assert "torch" not in finished.stdout
    assert "sympy" not in finished.stdout


def test_the_api_has_three_documented_endpoints(client: Client) -> None:
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert sorted(endpoints) == ["/classify", "/gradients", "/predict"]
    for endpoint in endpoints.values():
        assert len(endpoint["description"]) > 40
        assert endpoint["returns"][0]["type"].get("type") == "object"


def test_the_three_endpoints_answer(client: Client) -> None:
    assert client.predict(handle_file(str(BEE)), api_name="/classify")["label"] == "bees"
    assert client.predict([0.0] * 10, api_name="/predict")["y_true"] == pytest.approx(2.0)
    answer = client.predict("x**2", {"x": 3}, api_name="/gradients")
    assert (answer["value"], answer["gradients"]) == (9, {"x": 6})


@pytest.mark.slow
@pytest.mark.skipif(not PHOTOS.is_dir(), reason="the ants and bees photos are not here")
def test_the_val_photos_are_answered_as_the_card_says(client: Client) -> None:
    answers = [
        (photo.parent.name, client.predict(handle_file(str(photo)), api_name="/classify"))
        for photo in sorted(PHOTOS.glob("*/*.jpg"))
    ]
    assert len(answers) == 153
    assert sum(label == answer["label"] for label, answer in answers) >= 148
    assert sum(answer["known"] for _, answer in answers) >= 135


def test_one_visit_to_all_three_tabs(page: Page, app_url: str) -> None:
    page.goto(app_url)
    expect(page.locator("#status")).to_contain_text("built-in", timeout=PATIENCE)
    expect(page.locator("#status")).to_contain_text(f"PyTorch {torch.__version__}")
    page.locator("#classify-picture input[type=file]").set_input_files(BEE)
    expect(page.locator("#classify-words")).to_contain_text("99", timeout=PATIENCE)

    page.get_by_role("tab", name="Regression").click()
    slider = page.locator("input[type=range]").first
    before = page.locator("#regression-answer").inner_text()
    slider.focus()
    for _ in range(30):
        slider.press("ArrowRight")
    expect(page.locator("#regression-answer")).not_to_have_text(before, timeout=PATIENCE)

    page.get_by_role("tab", name="Autograd").click()
    page.locator("#autograd-expression textarea, #autograd-expression input").first.fill("x**3")
    expect(page.locator("#autograd-answer")).to_contain_text("∂L/∂x", timeout=PATIENCE)


def test_the_page_is_chinese_for_a_chinese_browser(
    new_page: Callable[..., Page], app_url: str
) -> None:
    page = new_page(locale="zh-CN")
    page.goto(app_url)
    expect(page.get_by_role("tab", name="图像分类")).to_be_visible(timeout=PATIENCE)
    expect(page.locator("#status")).to_contain_text("内置模型", timeout=PATIENCE)
    text = page.locator("body").inner_text()
    assert not [word for word in text.split() if word.count(".") == 1 and word.startswith("app.")]


@pytest.mark.slow
def test_a_picture_is_gone_when_the_page_says_so_and_the_examples_stay(tmp_path: Path) -> None:
    with running_app(tmp_path) as app:
        client = Client(app.url, verbose=False)
        before = {path for path in app.uploads.rglob("*") if path.is_file()}
        Image.new("RGB", (300, 200), "green").save(tmp_path / "own.png")  # no example
        client.predict(handle_file(str(tmp_path / "own.png")), api_name="/classify")
        files = {path for path in app.uploads.rglob("*") if path.is_file()}
        assert len(files) > len(before), "nothing was uploaded"
        for path in files:
            os.utime(path, (time.time() - 60 * MINUTES_KEPT,) * 2)
        deadline = time.monotonic() + EVERY + 10
        while files != before and time.monotonic() < deadline:
            time.sleep(1)
            files = {path for path in app.uploads.rglob("*") if path.is_file()}
        assert files == before


@pytest.mark.slow
def test_a_model_folder_given_by_environment_is_served(tmp_path: Path) -> None:
    folder = WEIGHTS_FOLDER / "ants_bees"
    with running_app(tmp_path, CLASSIFIER_MODEL=str(folder)) as app:
        answer = Client(app.url, verbose=False).predict(handle_file(str(BEE)), api_name="/classify")
        assert answer["model"]["source"] == "ants_bees"


def test_a_wrong_model_says_so_and_the_rest_works(tmp_path: Path) -> None:
    folder = WEIGHTS_FOLDER / "regression"
    environment = {"CLASSIFIER_MODEL": "an option comes first", "REGRESSOR_MODEL": str(folder)}
    with running_app(tmp_path, "--classifier", str(tmp_path), **environment) as app:
        client = Client(app.url, verbose=False)
        with pytest.raises(AppError, match=r"config\.json|model\.safetensors"):
            client.predict(handle_file(str(BEE)), api_name="/classify")
        answer = client.predict([0.0] * 10, api_name="/predict")
        assert answer["y"] == pytest.approx(2.0, abs=0.2)
        assert answer["model"]["source"] == "regression"
    assert "not a model folder" in app.log.read_text()
