"""What the regression tab draws and says, whatever the numbers."""

from __future__ import annotations

import math
import re

import pytest

from model.regression.live import Snapshot
from tabs.regression.learning import Watched
from tabs.regression.views import draw_bars, draw_errors, show_answer


def snapshot(*errors: float, epochs: int = 200, weight: float = 0.5) -> Snapshot:
    return Snapshot(len(errors), epochs, [*errors], [*errors], 0.5, [weight] * 10)


@pytest.mark.parametrize(
    ("errors", "english", "chinese"),
    [
        ([0.3], "training 0.300, held-out 0.300 after 1 epoch; noise 0.1", "1 轮后训练 0.300"),
        ([9, 0.25], "training 0.250, held-out 0.250 after 2 epochs;", "2 轮后训练 0.250"),
        ([math.nan], "training not a number, held-out not a number after", "训练 非数值"),
        ([math.inf], "training ∞, held-out ∞ after 1 epoch", "训练 ∞"),
    ],
)
def test_the_curves_are_told_in_words(errors: list[float], english: str, chinese: str) -> None:
    drawn = {each: draw_errors(snapshot(*errors), each) for each in ("en", "zh")}
    assert f'aria-label="Error by epoch: {english}' in drawn["en"]
    assert chinese in drawn["zh"]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_training_that_diverged_says_so(value: float, language: str) -> None:
    run = snapshot(1.0, value, epochs=2, weight=value)
    watched = Watched(language, snapshot=run)
    assert {"en": "lower learning rate", "zh": "更小的学习率"}[language] in watched.status
    text = re.sub("<[^>]*>", " ", watched.show()["charts"])
    assert not re.search(r"nan|inf|[-−+] ", text)


@pytest.mark.parametrize("value", [0.0, -0.0, 0.0004, -0.0004, 1e-12, -1e-12])
def test_zero_has_no_sign(value: float) -> None:
    answer = {"y": value, "y_true": value, "difference": value, "far_from_training": False}
    answer |= {"model": {"source": "bundled", "revision": None}, "device": "cpu"}
    assert show_answer({**answer, "milliseconds": 1.0}, "en").count("<b>0.000</b>") == 3


def test_bars_are_to_scale_whatever_the_numbers() -> None:
    network = [-2.0, math.nan, *[0.0] * 8]
    drawn = draw_bars(network, [4.0, *[1.0] * 9], "Title", ("net", "<b>"), "en")
    assert 'style="left:25.00%;width:25.00%"' in drawn
    assert 'class="true" style="left:100.00%"' in drawn
    assert "&lt;b&gt;" in drawn
    assert "width:0.00%" in drawn
    assert 'aria-label="Title: for each input the net, then the &lt;b&gt;"' in drawn


def test_errors_off_the_chart_stay_on_its_edge() -> None:
    drawn = draw_errors(snapshot(math.inf, math.nan, 1e9, 1.0, 0.0), "en")
    path = re.search(r'class="line0" d="([^"]+)"', drawn)[1]
    x, y = zip(*(map(float, each.split()) for each in re.split("[ML]", path)[1:]), strict=True)
    assert list(x) == sorted(x)
    assert y[0] == y[1] == y[2] == min(y)
    assert y[4] == max(y)
    assert y[0] < y[3] < y[4] <= 260
