"""Text to operations: what is read, and that every refusal points at its character, fast."""

from __future__ import annotations

import pytest

from model.autograd import errors, numeric
from model.autograd.parsing import LIMITS, parse


def value(source: str, **values: float) -> float:
    return float(numeric.evaluate(parse(source), values))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("-x**2", -9),  # the power binds tighter than the sign
        ("2^3^2", 512),  # right to left
        ("2**-1", 0.5),
        ("1 - 2 - 3", -4),
        ("6/3/2", 1),
        (" x \n+ 1", 4),
        ("+x - -x", 6),
        ("max(1, x, 2)", 3),
        ("π - pi", 0),
        (".5e1 + 2.", 7),
        ("log(e**2)", 2),
        ("leaky_relu(-x)", -0.03),
    ],
)
def test_arithmetic_is_pythons(source: str, expected: float) -> None:
    assert value(source, x=3.0) == pytest.approx(expected, abs=1e-15)


def test_variables_come_in_order_of_appearance() -> None:
    assert parse("(target - (w*x + b))**2").variables == ("target", "w", "x", "b")
    assert parse("α*x_1 + αβ").variables == ("α", "x_1", "αβ")


def test_a_repeated_subexpression_is_one_node() -> None:
    operations = [node.operation for node in parse("exp(a)/(exp(a) + exp(b))").nodes]
    assert operations == ["variable", "exp", "variable", "exp", "add", "div"]


def test_nodes_remember_where_they_were_written() -> None:
    parsed = parse("α^2 + sin(β)")
    assert [parsed.source[n.start : n.end] for n in parsed.nodes] == [
        *("α", "2", "α^2", "β", "sin(β)", "α^2 + sin(β)")
    ]


REFUSED = [
    ("", errors.EmptyExpression, 0),
    ("   ", errors.EmptyExpression, 0),
    ("x + $", errors.UnknownCharacter, 4),
    ("x @ y", errors.UnknownCharacter, 2),
    ("x % 2", errors.UnknownCharacter, 2),
    ("a & b", errors.UnknownCharacter, 2),
    ("x\x00", errors.UnknownCharacter, 1),
    ("x + 😀", errors.UnknownCharacter, 4),
    ("'x'", errors.TextNotAllowed, 0),
    ('f"{x}"', errors.TextNotAllowed, 1),
    ("x.real", errors.AttributeNotAllowed, 1),
    ("torch.sin(x)", errors.AttributeNotAllowed, 5),
    ("().__class__", errors.AttributeNotAllowed, 2),
    ("[x for x in y]", errors.BracketNotAllowed, 0),
    ("x[0]", errors.BracketNotAllowed, 1),
    ("{x}", errors.BracketNotAllowed, 0),
    ("(x := 3)", errors.ComparisonNotAllowed, 3),
    ("y = x", errors.ComparisonNotAllowed, 2),
    ("x < 2", errors.ComparisonNotAllowed, 2),
    ("x // 2", errors.FloorDivisionNotAllowed, 2),
    ("lambda x: x", errors.ReservedWord, 0),
    ("x if y else z", errors.ReservedWord, 2),
    ("x and y", errors.ReservedWord, 2),
    ("await x", errors.ReservedWord, 0),
    ("1 + None", errors.ReservedWord, 4),
    ("__import__", errors.BadName, 0),
    ("1 + " + "a" * 21, errors.BadName, 4),
    ("1_000", errors.BadName, 1),
    ("01", errors.BadNumber, 0),
    ("1e101", errors.NumberOutOfRange, 0),
    ("9" * 200, errors.NumberOutOfRange, 0),
    ("9**9**9", errors.ExponentTooLarge, 3),
    ("x**-101", errors.ExponentTooLarge, 3),
    ("x^(50*3)", errors.ExponentTooLarge, 3),
    ("x + 1/0", errors.ConstantUndefined, 4),
    ("sqrt(-1)", errors.ConstantUndefined, 0),
    ("(1e-100)**100", errors.ConstantUndefined, 0),
    ("(1e100)**100", errors.ConstantUndefined, 0),
    ("2x", errors.ImplicitMultiplication, 1),
    ("2(x)", errors.ImplicitMultiplication, 1),
    ("(x)(y)", errors.ImplicitMultiplication, 3),
    ("x y", errors.ImplicitMultiplication, 2),
    ("1.2.3", errors.ImplicitMultiplication, 3),
    ("0x10", errors.ImplicitMultiplication, 1),
    ("1j", errors.ImplicitMultiplication, 1),
    ("x(3)", errors.NotAFunction, 0),
    ("eval(x)", errors.NotAFunction, 0),
    ("1 + ln(x)", errors.OtherName, 4),
    ("x + sinn(x)", errors.OtherName, 4),
    ("pow(x, 2)", errors.OtherName, 0),
    *[
        (f"2*{name}(x)", errors.FunctionNotAvailable, 2)
        for name in ("cot", "softmax", "sigma", "sign", "asinh", "Atan2", "log1p", "elu")
    ],
    ("sin", errors.FunctionWithoutArgument, 0),
    ("1 + sin x", errors.FunctionWithoutArgument, 4),
    ("sin(x, y)", errors.WrongArgumentCount, 0),
    ("max(x)", errors.TooFewArguments, 0),
    ("sin()", errors.MissingOperand, 4),
    ("max(x,)", errors.MissingOperand, 6),
    ("1 +", errors.MissingOperand, 3),
    ("* 2", errors.MissingOperand, 0),
    ("x***2", errors.MissingOperand, 3),
    ("sin(*x)", errors.MissingOperand, 4),
    ("x, y", errors.StrayComma, 1),
    ("(1,5)", errors.StrayComma, 2),
    ("1,50*x", errors.StrayComma, 1),
    ("1,000", errors.DigitsGrouped, 1),
    ("x + 1,234,567", errors.DigitsGrouped, 5),
    ("max(1,000, x)", errors.DigitsGrouped, 5),
    ("2 + x!", errors.FactorialNotSupported, 5),
    ("x != 2", errors.ComparisonNotAllowed, 2),
    ("(x", errors.ParenthesisNotClosed, 0),
    ("sin((x)", errors.ParenthesisNotClosed, 3),
    ("x)", errors.ParenthesisNotOpened, 1),
    ("а + 1", errors.LookAlike, 0),  # CYRILLIC SMALL LETTER A
    ("x + Α", errors.LookAlike, 4),  # GREEK CAPITAL LETTER ALPHA
    ("x²", errors.LookAlike, 1),
    ("x × y", errors.LookAlike, 2),
    ("x − y", errors.LookAlike, 2),
    ("２*x", errors.LookAlike, 0),
    ("（x)", errors.LookAlike, 0),
    ("𝐱 + 1", errors.LookAlike, 0),
    ("µ + 1", errors.LookAlike, 0),  # MICRO SIGN
    ("x" * 301, errors.ExpressionTooLong, 300),
    ("(" * 60 + "x" + ")" * 60, errors.TooDeeplyNested, 40),
    ("-" * 200 + "x", errors.TooDeeplyNested, 40),
    ("**".join(["x"] * 90), errors.TooDeeplyNested, 117),
    ("+".join(f"x{i}" for i in range(13)), errors.TooManyVariables, 38),
]


@pytest.mark.parametrize(("source", "error", "position"), REFUSED)
def test_refusals_point_at_the_character(source: str, error, position: int) -> None:
    with pytest.raises(errors.ExpressionError) as raised:
        parse(source)
    assert (type(raised.value), raised.value.position) == (error, position)


def test_every_refusal_speaks_both_languages() -> None:
    for source, error, position in REFUSED:
        with pytest.raises(error) as raised:
            parse(source)
        english, chinese = (raised.value.message(language) for language in ("en", "zh"))
        assert any("\u4e00" <= c <= "\u9fff" for c in chinese)
        if position and error is not errors.ExpressionTooLong:
            assert str(position + 1) in english
            assert str(position + 1) in chinese


def test_the_sentences_say_what_to_write() -> None:
    for source, english, chinese in (
        ("ln(x)", "Did you mean log(…)? ", "是否想写 log(…)？"),
        ("lg(x)", "Did you mean log10(…)? ", "是否想写 log10(…)？"),
        ("pow(x, 2)", "Did you mean a**b? ", "是否想写 a**b？"),
        ("cot(x)", "not available", "不支持"),
        ("max(x)", "at least 2 arguments, not 1", "至少需要 2 个参数"),
        ("max(1,000)", "Write 1000, without a comma", "请写作 1000"),
    ):
        with pytest.raises(errors.ExpressionError) as raised:
            parse(source)
        assert english in raised.value.message("en")
        assert chinese in raised.value.message("zh")


def test_too_many_operations_are_refused() -> None:
    balanced = "x"
    while 2 * len(balanced) + 3 <= LIMITS.characters:
        balanced = f"({balanced}+{balanced})"
    with pytest.raises(errors.TooManyOperations):
        parse("-".join(["---x"] * 34) + "".join(["*max(x,-x)"] * 6) + "*-x*-x*-x*-x")
    assert len(parse(balanced).nodes) < LIMITS.nodes
