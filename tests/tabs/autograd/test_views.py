"""What is said of mistakes, of numbers, and of what the drawings show, in both languages."""

from __future__ import annotations

import re

import pytest

from model.autograd.comparison import compare
from model.autograd.descent import descend
from model.autograd.errors import BadValue, ExpressionError, Names, ValueMissing
from model.autograd.gradients import trace
from model.autograd.graph import draw
from model.autograd.parsing import parse
from tabs.autograd import details, views
from tabs.autograd.controls import Controls, choice_of
from tabs.numbers import number, signed

POINT = {"w": 2.0, "b": 1.0, "x": 3.0, "target": 10.0}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("", "unfinished"),
        ("x +", "unfinished"),
        ("sin", "unfinished"),
        ("(x", "unfinished"),
        ("2x", "error"),
        ("x!", "error"),
        ("ln(x)", "error"),
        ("x)", "error"),
    ],
)
def test_only_what_is_wrong_is_red_and_its_character_is_marked(source, kind, language) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(source)
    shown = views.problem(caught.value, language)
    assert f"ag-{kind} ag-hinders" in shown
    assert ({"en": "Unfinished.", "zh": "未写完。"}[language] in shown) is (kind == "unfinished")
    marked = re.findall("<mark>(.*?)</mark>", shown)
    assert marked == ([source[caught.value.position :][:1] or " "] if source else [])


@pytest.mark.parametrize(
    ("error", "kind"),
    [(BadValue(name="w", value="1e200"), "error"), (ValueMissing(names=Names("wb")), "unfinished")],
)
def test_a_value_that_is_missing_is_waited_for(error, kind: str) -> None:
    assert f"ag-{kind}" in views.problem(error, "en")
    assert "<pre>" not in views.problem(error, "en")


def test_names_are_listed_as_one_lists_them() -> None:
    for names, english, chinese in (("w", "w", "w"), ("wb", "w and b", "w、b")):
        assert ValueMissing(names=Names(names)).message("en") == f"No value for {english}."
        assert ValueMissing(names=Names(names)).message("zh") == f"缺少变量 {chinese} 的值。"
    assert f"{Names('abc'):en}" == "a, b and c"


def test_what_is_used_more_than_once_is_told_for_one_and_for_many() -> None:
    def last(source: str, language: str) -> str:
        parsed = parse(source)
        drawn = draw(parsed, trace(parsed, dict.fromkeys(parsed.variables, 3.0)))
        return views.step_text(drawn, len(drawn.steps), language)

    assert "x is used more than once" in last("x*x + x", "en")
    many = "exp(x*y)*(x*y) + (y + x)*(x*y)*0 + max(x, y)", "x*y + (x*y)*2"
    said = [last(source, language) for source in many for language in ("en", "zh")]
    assert not [text for text in said if re.search("(,| and ).* is used", text)]


@pytest.mark.parametrize(
    ("source", "values", "english", "chinese"),
    [
        ("x", {"x": 1.0}, "0 operations, 1 variable;", "0 个运算，1 个变量；"),
        ("x**2", {"x": 1.0}, "1 operation, 1 variable;", "1 个运算，1 个变量；"),
        ("w*x + 1", {"x": 1.0, "w": 2.0}, "2 operations, 2 variables;", "2 个运算，2 个变量；"),
    ],
)
def test_the_graph_is_told_in_words(source: str, values: dict, english: str, chinese: str) -> None:
    parsed = parse(source)
    drawn = draw(parsed, trace(parsed, values))
    last = len(drawn.steps)
    assert f"Graph of L = {source}: {english} step 0 of {last}." in views.graph_in_words(
        drawn, 0, "en"
    )
    assert chinese in views.graph_in_words(drawn, last, "zh")
    assert views.graph(drawn, last, False, "zh").count('role="img" aria-label="L = ') == 2


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_result_has_one_name_everywhere(language: str) -> None:
    for source, name in (("w*x", "L"), ("L*x", "f")):
        parsed = parse(source)
        asked = Controls(
            source, dict.fromkeys(parsed.variables, 2.0), chosen=choice_of(parsed.variables, [])
        )
        compared = compare(parsed, asked.values(parsed))
        assert views.value(compared).startswith(f'<p class="ag">{name} = ')
        assert f"∂{name}/∂x" in views.answer(compared, "", language)
        assert f">{name}</text>" in details.descent(parsed, asked, language)["plots"]
        assert f"{name} &= " in details.formula(parsed, asked, language)["formula"]
        assert f"\n{name} = " in details.code(parsed, asked, language)["code"]


def test_no_head_of_a_table_is_empty_and_every_table_can_be_scrolled_by_keyboard() -> None:
    parsed = parse("w*x**2")
    compared = compare(parsed, {"w": 2.0, "x": 3.0})
    paths = descend(parsed, compared.values, ["w"], 0.1, 3)
    hessian = views.hessian(parsed, {"w": {"w": 0.0}}, True, "en")
    for shown in (views.answer(compared, hessian, "en"), views.loss_table(paths, "en")):
        assert all(re.sub("<.*?>", "", head).strip() for head in re.findall("<th.*?</th>", shown))
        assert shown.count("<table>") == shown.count('tabindex="0" role="region" aria-label=')


@pytest.mark.parametrize(
    ("rate", "trained", "english", "chinese"),
    [
        (0.0, ["w"], "must be above 0 and at most 1000,", "须大于 0 且不超过 1000"),
        (-1.0, ["w"], "must be above 0", "须大于 0"),
        (1001.0, ["w"], "must be above 0", "须大于 0"),
        (None, ["w"], "No value for Learning rate", "缺少变量 学习率"),
        (0.1, [], "Choose at least one variable", "至少选择一个"),
    ],
)
def test_a_bad_descent_has_its_sentence_in_its_own_place(rate, trained, english, chinese) -> None:
    parsed = parse("(target - (w*x + b))**2")
    chosen = {**choice_of(parsed.variables, ["w"]), "trained": trained}
    asked = Controls(parsed.source, dict(POINT), chosen=chosen, rate=rate)
    for language, sentence in (("en", english), ("zh", chinese)):
        shown = details.descent(parsed, asked, language)
        assert list(shown) == ["verdict"]
        assert sentence in shown["verdict"]
        assert "ag-hinders" in shown["verdict"]


def test_nothing_is_less_than_nothing() -> None:
    assert [number(v) for v in (-0.0, 0.0, -1.5)] == ["0", "0", "−1.5"]
    assert [signed(v) for v in (-0.0, -0.001, 0.001, 0.0, -0.5, 0.5)] == [
        *("0.00", "0.00", "0.00", "0.00", "−0.50", "+0.50")
    ]
    compared = compare(parse("-x**2"), {"x": 0.0})
    assert "−0<" not in views.answer(compared, "", "en")
    assert "−0<" not in views.value(compared)
