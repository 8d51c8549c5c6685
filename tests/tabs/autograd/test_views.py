"""What is said of a mistake: of the expression above, only where that was mistyped."""

from __future__ import annotations

import gradio as gr
import pytest

from model.autograd.errors import BadValue, EmptyExpression, ExpressionError
from model.autograd.parsing import parse
from tabs.autograd import events, views

KEPT = {"en": "the last expression that was complete", "zh": "上一个完整表达式"}
POINT = {"w": 2.0, "b": 1.0, "x": 3.0, "target": 10.0}
CHOSEN = {"along": "w", "across": "w", "up": "b", "trained": ["w", "b"]}


def request(language: str = "en") -> gr.Request:
    return gr.Request(headers={"accept-language": language})


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("source", ["", "2x", "x +", "sin", "(x"])
def test_a_mistyped_expression_leaves_the_last_answer(source: str, language: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(source)
    shown = views.problem(caught.value, language)
    assert KEPT[language] in shown
    assert ("<pre>" in shown) is not isinstance(caught.value, EmptyExpression)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    ("trained", "rate"), [(["w"], 0.0), (["w"], None), (["w"], 1001.0), (["w"], -1.0), ([], 0.1)]
)
def test_a_bad_descent_says_nothing_of_the_expression(trained, rate, language: str) -> None:
    chosen = {**CHOSEN, "trained": trained}
    text = events.DEFAULT["expression"]
    shown = events.show_moving(text, POINT, chosen, rate, 30, request(language))
    assert list(shown) == ["verdict"]
    assert "ag-error" in shown["verdict"]
    assert KEPT[language] not in shown["verdict"]


def test_a_bad_value_says_nothing_of_the_expression() -> None:
    fields = dict.fromkeys(events.FIELDS, 1.0) | {"field_0": 1e200}
    shown = events.change_values("w*x", POINT, 0, False, request(), **fields)
    assert list(shown) == ["problem"]
    assert BadValue(name="w", value=1e200).message("en") in shown["problem"]
    assert KEPT["en"] not in shown["problem"]
