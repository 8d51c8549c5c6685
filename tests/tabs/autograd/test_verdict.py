"""What is said about the learning rate, in both languages, is what plain descent does."""

from __future__ import annotations

import pytest

from model.autograd.descent import descend, stability
from model.autograd.parsing import parse
from tabs.autograd.views import verdict


def said(source: str, start: tuple[float, ...], rate: float, language: str = "en") -> str:
    parsed = parse(source)
    names = list(parsed.variables)
    values = dict(zip(names, start, strict=True))
    paths = descend(parsed, values, names, rate, 100)
    return verdict(stability(parsed, values, names), paths, rate, False, language)


EXPECTED = [
    ("x**2", (1,), 0.1, "it converges", "收敛"),
    ("x**2", (1,), 1.0, "from side to side", "来回跳动"),
    ("x**2", (1,), 1.2, "every step overshoots", "冲过头"),
    ("x**2 - y**2", (1, 1), 0.1, "runs away at any", "无论学习率多大"),
    ("x**2 - y**2", (1, 0), 0.1, "balances on the ridge", "山脊"),
    ("x**2 + y", (1, 1), 0.1, "goes on for ever", "一直走下去"),
    ("x**2 + 10*y**2", (1, 0), 0.3, "exactly level", "恰好斜率为 0"),
    ("x**2 + 10*y**2", (0, 0), 0.3, "stays where it is", "停在原地"),
    ("log(x)", (-1,), 0.1, "no finite value", "不是有限值"),
    ("sqrt(x)", (0,), 0.1, "no finite value", "不是有限值"),
    ("x**2", (1e7,), 0.1, "is not followed", "不从这里"),
    ("log(x)", (0.1,), 1.0, "came at step 1 to where the function has no value", "没有值"),
]


@pytest.mark.parametrize(("source", "start", "rate", "english", "chinese"), EXPECTED)
def test_each_case_has_its_sentence(source, start, rate, english: str, chinese: str) -> None:
    assert english in said(source, start, rate)
    assert chinese in said(source, start, rate, "zh")
    assert "nan" not in said(source, start, rate)
    assert "step 0" not in said(source, start, rate)


@pytest.mark.parametrize(
    "rate", [1e-3, 5.0, *(pytest.param(each, marks=pytest.mark.slow) for each in (0.1, 0.9))]
)
@pytest.mark.parametrize(
    "source", ["x**4", "abs(x)", "relu(x)**2", "sin(x)", "x**3/x", "exp(x)", "1/x", "-abs(x)"]
)
def test_of_other_functions_only_the_start_is_spoken(source: str, rate: float) -> None:
    claims = ("converges", "overshoots", "any learning rate", "for ever", "no minimum")
    for start in (-2.0, 0.5, 1.0):
        text = said(source, (start,), rate)
        assert not [claim for claim in claims if claim in text]
        assert "At the start" in text or "slope is 0 here" in text or "no finite value" in text


def test_it_does_not_converge_and_run_away_at_once() -> None:
    for source in ("x**2 - y**2", "x**2 + y", "x**2 + y**2", "x*y", "x**2 - 5*y"):
        for rate in (0.01, 0.1, 0.5, 0.9, 1.1, 3.0):
            text = said(source, (1.0, 0.5), rate)
            assert not ("it converges" in text and "gradient descent went beyond" in text)
