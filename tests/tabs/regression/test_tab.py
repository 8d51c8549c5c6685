"""The regression tab, served for real: through its endpoint and through a browser."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gradio as gr
import pytest
import torch
from gradio_client import Client
from gradio_client.exceptions import AppError
from playwright.sync_api import Locator, Page, expect
from safetensors.torch import load_file
from torch import nn

from model.regression.ground_truth import true_function
from model.run.origin import Origin
from model.serving.models import serve_regressor
from model.serving.served import Served
from tabs.appearance import appearance
from tabs.regression import tab as regression
from tabs.regression.views import draw_bars, draw_errors, show_answer
from tabs.server.page import Page as AppPage

ROOT = Path(__file__).parents[3]
ROWS = json.loads((ROOT / "examples" / "rows.json").read_text(encoding="utf-8"))


def tab(served: Served) -> gr.Blocks:
    with AppPage() as blocks, gr.Tab("Regression"):
        regression.build(served)
    return blocks


@pytest.fixture(scope="module")
def url(serve: Callable[..., str]) -> str:
    served = serve_regressor(None)
    served.start()
    return serve(tab(served), **appearance(regression.TEXT))


@pytest.fixture(scope="module")
def client(url: str) -> Client:
    return Client(url, verbose=False)


def by_torch(x: list[float]) -> float:
    """What the bundled weights make of `x` in plain torch."""
    network = nn.Sequential(
        nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1)
    )
    weights = load_file(ROOT / "model" / "weights" / "regression" / "model.safetensors")
    network.load_state_dict({name: each.float() for name, each in weights.items()})
    return network(torch.tensor([x])).item()


def number(shown: str) -> float:
    return float(shown.replace("−", "-"))


def sliders(page: Page) -> list[float]:
    return [float(each.input_value()) for each in page.get_by_role("slider").all()]


def shown(page: Page, name: str) -> Locator:
    return page.locator(f"#regression-answer .{name} b")


def expect_answer_for_the_sliders(page: Page) -> None:
    """The page's three numbers become those of torch for what the sliders say."""
    expect(shown(page, "network")).to_be_visible()
    x = sliders(page)
    y, truth = by_torch(x), true_function(x)
    for name, value in (("network", y), ("true", truth), ("difference", y - truth)):
        expect(shown(page, name)).to_have_text(f"{value:+.3f}".replace("-", "−"))


# The endpoint.


@pytest.mark.parametrize("row", ROWS, ids=[row["name"]["en"] for row in ROWS])
def test_the_endpoint_predicts_what_torch_does(client: Client, row: dict) -> None:
    answer = client.predict(row["x"], api_name="/predict")
    assert answer["y"] == pytest.approx(by_torch([float(v) for v in row["x"]]), abs=1e-5)
    assert answer["y_true"] == pytest.approx(true_function(row["x"]))
    assert answer["difference"] == pytest.approx(answer["y"] - answer["y_true"])
    assert answer["far_from_training"] is (math.hypot(*row["x"]) > 4.82)
    assert answer["model"] == {"source": "bundled", "revision": None}
    assert answer["device"] == "cpu"
    assert answer["milliseconds"] >= 0


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([1.0] * 9, "9 numbers were given; the network takes 10"),
        ([0.0] * 9 + [101], "x10 is 101; the range is -100 to 100"),
        ([0.0] * 9 + [None], "x10 is not a finite number"),
        ([0.0] * 9 + ["nan"], "x10 is not a finite number"),
        ([0.0] * 9 + [10**400], "x10 is not a finite number"),
        (None, "a list of 10 numbers"),
        ("1,2,3", "a list of 10 numbers"),
    ],
)
def test_the_endpoint_says_what_is_wrong(client: Client, x: object, message: str) -> None:
    with pytest.raises(AppError, match=message) as caught:
        client.predict(x, api_name="/predict")
    assert "/" not in str(caught.value), "a path of the server in the message"


def test_the_endpoint_speaks_chinese(url: str) -> None:
    client = Client(url, verbose=False, headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    with pytest.raises(AppError, match="给出了 3 个数"):
        client.predict([1, 2, 3], api_name="/predict")


def test_only_the_endpoint_is_public(client: Client) -> None:
    endpoints = client.view_api(return_format="dict")["named_endpoints"]
    assert list(endpoints) == ["/predict"]
    assert "from -100 to 100" in endpoints["/predict"]["description"]
    assert [each["parameter_name"] for each in endpoints["/predict"]["parameters"]] == ["x"]


def test_a_model_that_cannot_be_loaded_says_so(serve: Callable[..., str]) -> None:
    served = serve_regressor("no-such-folder")
    served.start()
    client = Client(serve(tab(served)), verbose=False)
    with pytest.raises(AppError, match="no-such-folder") as caught:
        client.predict([0.0] * 10, api_name="/predict")
    assert str(Path.cwd()) not in str(caught.value)


def test_a_folders_name_is_the_models_source() -> None:
    from model.regression.regressor import Regressor

    regressor = Regressor.load(ROOT / "model" / "weights" / "regression", Origin("own", "f" * 40))
    assert regression.ask(regressor, [0.0] * 10)["model"] == {"source": "own", "revision": "f" * 40}
    shown = show_answer(regression.ask(regressor, [0.0] * 10), "en")
    assert "Model: own@ffffffffffff. Device: cpu" in shown


# The page.


def test_an_arrow_key_moves_the_prediction(page: Page, url: str) -> None:
    page.goto(url)
    expect_answer_for_the_sliders(page)
    before = sliders(page)
    slider = page.get_by_role("slider").nth(3)
    slider.focus()
    for presses in range(1, 6):
        slider.press("ArrowLeft")
        assert sliders(page)[3] == pytest.approx(before[3] - 0.01 * presses)
        expect_answer_for_the_sliders(page)


def test_a_held_key_ends_at_the_last_value(page: Page, url: str) -> None:
    page.goto(url)
    expect(shown(page, "network")).to_be_visible()
    slider = page.get_by_role("slider").first
    slider.focus()
    for _ in range(60):
        slider.press("ArrowRight", no_wait_after=True)
    assert sliders(page)[0] == pytest.approx(ROWS[0]["x"][0] + 0.6)
    expect_answer_for_the_sliders(page)


def test_buttons_set_the_sliders(page: Page, url: str) -> None:
    page.goto(url)
    expect(shown(page, "network")).to_be_visible()
    page.get_by_role("button", name="Reset to zero").click()
    expect(shown(page, "true")).to_have_text("+2.000")
    assert sliders(page) == [0.0] * 10
    page.get_by_role("button", name="Random row").click()
    expect(shown(page, "true")).not_to_have_text("+2.000")
    assert len(set(sliders(page))) > 5
    expect_answer_for_the_sliders(page)
    page.get_by_role("button", name=ROWS[-1]["name"]["en"]).click()
    expect(page.locator("#regression-answer .far")).to_contain_text("99 %")
    assert sliders(page) == ROWS[-1]["x"]
    expect_answer_for_the_sliders(page)


def test_the_parts_add_up(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.locator("#regression-parts .row")).to_have_count(10)
    parts = [number(each) for each in page.locator("#regression-parts .row b").all_inner_texts()]
    line = page.locator(".regression-sum").inner_text()
    zero, together, y = (number(each) for each in re.findall(r"[+−][\d.]+", line))
    assert together == pytest.approx(sum(parts), abs=0.06)
    assert zero + together == pytest.approx(y, abs=0.02)
    assert y == pytest.approx(by_torch([float(v) for v in ROWS[0]["x"]]), abs=0.006)


def threads_of_a_new_thread() -> int:
    """How many threads torch would use in a thread that the server starts now."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(torch.get_num_threads).result()


def test_a_network_learns_while_one_watches(page: Page, url: str) -> None:
    before = threads_of_a_new_thread()
    page.goto(url)
    page.get_by_role("button", name="Train").click()
    status = page.locator(".regression-status")
    # the first training waits for its process to import torch
    expect(status).to_contain_text("of 200", timeout=30_000)
    first = status.inner_text()
    expect(status).to_contain_text("Epoch 200 of 200", timeout=30_000)
    assert "Epoch 200" not in first, "nothing was to be seen before the end"
    assert float(re.search(r"R² ([\d.]+)", status.inner_text())[1]) >= 0.98
    learned = page.locator("#regression-learning .row b").all_inner_texts()
    true = [0.5, -0.2, 1.5, -2.0, 0.8, -1.1, 0.3, -0.7, 1.2, -0.9]
    assert [number(each) for each in learned] == pytest.approx(true, abs=0.1)
    assert threads_of_a_new_thread() == before


def test_a_training_can_be_stopped(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_label("16", exact=True).check()
    page.get_by_role("button", name="Train").click()
    status = page.locator(".regression-status")
    expect(status).to_contain_text("Epoch")
    page.get_by_role("button", name="Stop").click()
    page.get_by_label("800", exact=True).check()
    stopped = status.inner_text()
    page.wait_for_timeout(1000)
    assert status.inner_text() == stopped
    assert "Epoch 200" not in stopped
    page.get_by_role("button", name="Train").click()
    expect(status).to_contain_text("Epoch 200 of 200", timeout=30_000)


def test_chinese_on_a_phone(new_page: Callable[..., Page], url: str) -> None:
    page = new_page(locale="zh-CN", viewport=(390, 844), color_scheme="dark")
    page.goto(url)
    expect(page.get_by_text("真实函数")).to_be_visible()
    expect(page.get_by_role("button", name=ROWS[0]["name"]["zh"])).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    # The answer stays in sight while the last slider is moved.
    page.get_by_role("slider").last.press("ArrowRight")
    page.mouse.wheel(0, 300)
    expect(page.locator("#regression-answer .numbers")).to_be_in_viewport()
    # No word is left in English, once Gradio's own "processing" of a call under way is gone.
    english = re.compile(r"\b(?!RMSE\b)[A-Za-z]{4,}")
    expect(page.locator(".tabitem")).not_to_contain_text(english, use_inner_text=True)


# The drawings.


def test_bars_are_to_scale_whatever_the_numbers() -> None:
    drawn = draw_bars(["a", "<b>"], [-2.0, math.nan], [4.0, 1.0], ("net", "true"))
    assert 'style="left:25.00%;width:25.00%"' in drawn
    assert 'class="true" style="left:100.00%"' in drawn
    assert "&lt;b&gt;" in drawn
    assert "width:0.00%" in drawn


def test_errors_off_the_chart_stay_on_its_edge() -> None:
    words = {"title": "t", "epoch": "e", "noise": "n"}
    drawn = draw_errors({"a": [math.inf, math.nan, 1e9, 1.0, 0.0]}, 5, 0.1, words)
    path = re.search(r'class="line0" d="([^"]+)"', drawn)[1]
    x, y = zip(*(map(float, each.split()) for each in re.split("[ML]", path)[1:]), strict=True)
    assert list(x) == sorted(x)
    assert y[0] == y[1] == y[2] == min(y)
    assert y[4] == max(y)
    assert y[0] < y[3] < y[4] <= 260
