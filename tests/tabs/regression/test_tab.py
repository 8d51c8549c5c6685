"""The regression tab, served for real: through its endpoint and through a browser."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path

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
from tabs.regression import tab as regression
from tabs.regression.views import show_answer
from tests.tabs.regression.conftest import make_tab

ROOT = Path(__file__).parents[3]
ROWS = json.loads((ROOT / "examples" / "rows.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def client(base: str) -> Client:
    return Client(base, verbose=False)


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
        told = f"{value:+.3f}".replace("-", "−") if abs(value) >= 0.0005 else "0.000"
        expect(shown(page, name)).to_have_text(told)


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
        ([1.0] * 9, "The network takes 10 numbers, x1 to x10; it was given 9"),
        ([0.0] * 9 + [101], "x10 is 101; the range is −100 to 100"),
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


def test_the_endpoint_speaks_chinese(base: str) -> None:
    client = Client(base, verbose=False, headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    with pytest.raises(AppError, match="但给出了 3 个"):
        client.predict([1, 2, 3], api_name="/predict")


def test_only_the_endpoint_is_public(client: Client) -> None:
    endpoints = client.view_api(return_format="dict")["named_endpoints"]
    assert list(endpoints) == ["/predict"]
    assert "from -100 to 100" in endpoints["/predict"]["description"]
    assert "预测一个数" in endpoints["/predict"]["description"]
    assert [each["parameter_name"] for each in endpoints["/predict"]["parameters"]] == ["x"]


def test_a_model_that_cannot_be_loaded_says_so(serve: Callable[..., str]) -> None:
    served = serve_regressor("no-such-folder")
    served.start()
    client = Client(serve(make_tab(served)), verbose=False)
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
    expect(page.locator("#regression-answer .remark")).to_contain_text("Unusual input")
    assert sliders(page) == ROWS[-1]["x"]
    expect_answer_for_the_sliders(page)


def test_the_parts_add_up(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.locator("#regression-parts .row")).to_have_count(10)
    parts = [number(each) for each in page.locator("#regression-parts .row b").all_inner_texts()]
    line = page.locator(".regression-sum").inner_text()
    zero, together, y = (number(each) for each in re.findall(r"[+−]\d+\.\d+", line))
    assert together == pytest.approx(sum(parts), abs=0.06)
    assert zero + together == pytest.approx(y, abs=0.02)
    assert y == pytest.approx(by_torch([float(v) for v in ROWS[0]["x"]]), abs=0.006)


def field(page: Page, name: str) -> Locator:
    return page.get_by_role("spinbutton", name=name, exact=True)


def test_what_is_no_number_yet_waits(page: Page, url: str) -> None:
    page.goto(url)
    expect_answer_for_the_sliders(page)
    typed, last = field(page, "x4"), ROWS[0]["x"][3]
    for text, x in (("", last), ("-", last), (".", last), ("1e", 1), ("--", 1), ("-0.5", -0.5)):
        typed.fill("")
        typed.press_sequentially(text)
        assert sliders(page)[3] == x
        expect_answer_for_the_sliders(page)
    typed.fill("")
    typed.blur()
    assert typed.input_value() == "-0.5", "the number that the answer is for came back"
    expect_answer_for_the_sliders(page)
    expect(page.get_by_text("Error", exact=True)).to_have_count(0)


def test_what_is_beyond_an_end_is_at_it(page: Page, url: str) -> None:
    page.goto(url)
    expect(shown(page, "network")).to_be_visible()
    for text, end in (("50", 3), ("-7", -3), ("1e9", 3), ("3.001", 3)):
        field(page, "x2").fill("0")
        expect_answer_for_the_sliders(page)
        field(page, "x2").fill(text)
        assert field(page, "x2").input_value() == str(end)
        assert sliders(page)[1] == end
        expect_answer_for_the_sliders(page)


def test_a_slider_comes_before_its_number(page: Page, url: str) -> None:
    page.goto(url)
    slider = page.get_by_role("slider", name="x1", exact=True)
    slider.focus()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    for role, name in (("spinbutton", "x1"), ("slider", "x2"), ("spinbutton", "x2")):
        page.keyboard.press("Tab")
        expect(page.get_by_role(role, name=name, exact=True)).to_be_focused()


def test_the_answer_its_parts_and_the_sliders_are_in_sight(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 800 - 60})  # the page's header is not here
    page.goto(url)
    expect(page.locator(".regression-sum")).to_be_in_viewport(ratio=1)
    for part in (".numbers", ".regression-inputs", "#regression-parts", ".regression-rows"):
        expect(page.locator(part)).to_be_in_viewport(ratio=1)


def test_the_address_holds_the_tab_once_it_was_changed(page: Page, url: str) -> None:
    page.goto(url)
    expect(shown(page, "network")).to_be_visible()
    assert page.url == url
    page.get_by_role("button", name=ROWS[1]["name"]["en"]).click()
    expect(page).to_have_url(re.compile("0%2C0%2C0%2C1%2C0|0,0,0,1,0"))
    page.wait_for_timeout(1200)  # an entry of its own
    page.get_by_label("0.01", exact=True).check()
    page.get_by_label("128", exact=True).check()
    field(page, "x1").fill("2.25")
    expect(page).to_have_url(re.compile(r"x=2\.25.*rate=0\.01&batch=128"))
    page.wait_for_timeout(1200)
    page.reload()
    expect_answer_for_the_sliders(page)
    assert sliders(page) == [2.25, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    assert page.get_by_label("0.01", exact=True).is_checked()
    assert page.get_by_label("128", exact=True).is_checked()
    page.go_back()
    expect(field(page, "x1")).to_have_value("0")
    expect_answer_for_the_sliders(page)
    assert page.get_by_label("0.001", exact=True).is_checked()
    page.go_back()
    expect(field(page, "x1")).to_have_value("0.31")
    assert page.url == url


def test_a_bad_link_is_told_until_something_is_changed(page: Page, url: str) -> None:
    asked = url + "&x=1,2,nan,1e9,0.5&rate=7"
    page.goto(asked)
    remark = page.locator("#regression-answer .remark")
    expect(remark).to_contain_text("it was given 5. x3 is not a finite number")
    expect_answer_for_the_sliders(page)
    assert sliders(page) == [1, 2, 0, 3, 0.5, 0, 0, 0, 0, 0]
    page.get_by_role("button", name="中文").click()
    expect(remark).to_contain_text("链接有误：网络需要 10 个数")
    expect(page.locator("#regression-parts h2")).to_have_text("每个输入的贡献")
    assert page.url == asked
    page.get_by_role("slider").first.press("ArrowRight")
    expect(remark).to_have_count(0)
    expect(page.locator("#regression-answer")).to_contain_text("真实函数")


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
