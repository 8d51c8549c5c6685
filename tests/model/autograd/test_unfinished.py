"""What is merely unfinished is no mistake; what typing on cannot mend is one."""

from __future__ import annotations

import pytest

from model.autograd.errors import ExpressionError
from model.autograd.parsing import parse
from model.autograd.unfinished import is_unfinished


def mistake(source: str) -> ExpressionError | None:
    try:
        parse(source)
    except ExpressionError as error:
        return error
    return None


@pytest.mark.parametrize(
    "source",
    [
        "",
        " ",
        "2 +",
        "sin(",
        "sin",
        "x*",
        "(x",
        "sin((x)",
        "max(x",
        "max(x,",
        "min",
        "as",
        "1e",
        "1e-",
        "2 + .",
        "x**",
        "1 + ( 2*x ",
        "sin()",
    ],
)
def test_more_may_come(source: str) -> None:
    assert is_unfinished(mistake(source))


@pytest.mark.parametrize(
    "source",
    [
        "2x",
        "x!",
        "1/0",
        "x)",
        "ln(x",
        "cot(x",
        "sin(x, y",
        "max(x)",
        "x = ",
        "x $",
        "1,000",
        "01",
        "torch.",
        "x" * 301,
        "(" * 60 + "x",
    ],
)
def test_nothing_that_is_typed_on_mends_it(source: str) -> None:
    assert not is_unfinished(mistake(source))


@pytest.mark.parametrize(
    "whole", ["asin(x) + sin(.5e-3*island)", "max(x, leaky_relu(y))/2", "(target - (w*x + b))**2"]
)
def test_no_mistake_is_seen_on_the_way_to_a_good_expression(whole: str) -> None:
    assert mistake(whole) is None
    for end in range(len(whole)):
        error = mistake(whole[:end])
        assert error is None or is_unfinished(error), whole[:end]
