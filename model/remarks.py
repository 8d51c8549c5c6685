"""Why a value is nan or infinite, why methods disagree: what happened, at which operation.

A remark is a sentence in two languages, as a `UserError` is, but nothing is wrong with the input.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from model.expression import Expression, Node

SOFTPLUS_THRESHOLD = 20  # torch.nn.functional.softplus returns its input beyond it


class Remark:
    en: ClassVar[str]
    zh: ClassVar[str]

    def __init__(self, **facts: object) -> None:
        self.facts = facts

    def message(self, language: str) -> str:
        return (self.zh if language == "zh" else self.en).format(**self.facts)


class Kink(Remark):
    """The function has no derivative here, and the methods each say something else."""

    en = "{text} has a kink here: its slope is {left} on one side and {right} on the other. \
There is no derivative; torch takes {chosen}."
    zh = "{text} 在此处有尖点：一侧斜率为 {left}，另一侧为 {right}，导数不存在；torch 取 {chosen}。"


class Tie(Kink):
    en = "{text} is a tie here: a kink, with no derivative. torch gives half the gradient to each."
    zh = "{text} 此处两者相等，是一个尖点，导数不存在；torch 给两边各一半梯度。"


class DivisionByZero(Remark):
    en = "{text} divides by 0."
    zh = "{text} 的除数为 0。"


class Logarithm(Remark):
    en = "{text} is a logarithm of {x}: it is defined above 0 only, and falls to −inf at 0."
    zh = "{text} 是 {x} 的对数：对数只在 0 以上有定义，在 0 处趋于 −inf。"


class NegativeRoot(Remark):
    en = "{text} is the square root of {x}: negative numbers have no real root, so it is nan."
    zh = "{text} 是 {x} 的平方根：负数没有实数平方根，结果为 nan。"


class VerticalTangent(Remark):
    en = "{text} has a vertical tangent here: its slope is infinite."
    zh = "{text} 在此处的切线竖直，斜率为无穷大。"


class OutsideDomain(Remark):
    en = "{text} is defined from −1 to 1 only, and {x} is outside, so it is nan."
    zh = "{text} 只在 −1 到 1 之间有定义，{x} 超出范围，结果为 nan。"


class NegativeBase(Remark):
    en = "{text} raises the negative number {x} to a power that may be fractional: as a function \
of the exponent it is defined only for whole numbers, so that derivative is nan."
    zh = "{text} 是负数 {x} 的幂：作为指数的函数，它只在整数处有定义，因此对指数的导数为 nan。"


class Overflow(Remark):
    en = "{text} is larger than float64 can hold (1.8e308): it overflows to infinity."
    zh = "{text} 超出 float64 的范围（1.8e308），溢出为无穷大。"


class Indeterminate(Remark):
    en = "{text} is of the form 0·inf, inf − inf or inf/inf: nan, and so is all that uses it."
    zh = "{text} 是 0·inf、inf − inf 或 inf/inf 的形式，结果为 nan，之后的运算也都是 nan。"


class GradientIndeterminate(Remark):
    en = "On the way back, an infinite slope meets a gradient of 0: 0·inf is nan."
    zh = "反向传播时，无穷大的斜率遇到为 0 的梯度：0·inf 得 nan。"


class SoftplusIsLinear(Remark):
    en = "{text}: beyond 20 torch returns the input itself, which is off by less than 2.1e-9."
    zh = "{text}：超过 20 时 torch 直接返回输入，误差小于 2.1e-9。"


class Rounding(Remark):
    en = "{names}: the terms nearly cancel or vanish, and float64 keeps only 16 digits of each. \
The symbolic column, worked out with 40 digits, is right."
    zh = "{names}：各项几乎相消或消失，而 float64 只有 16 位有效数字；符号列用 40 位数字计算，是准确的。"


class CoarseDifference(Remark):
    en = "{names}: the function bends too sharply here for quotients of differences."
    zh = "{names}：函数在此处弯曲过急，差商不够准确。"


class NoSymbolic(Remark):
    en = "Too long to differentiate symbolically in the time allowed."
    zh = "表达式太长，无法在限定时间内完成符号求导。"


def about_values(expression: Expression, values: list[float]) -> list[Remark]:
    """What is remarkable about the operations, given every node's value."""
    remarks: list[Remark] = []
    for node, value in zip(expression.nodes, values, strict=True):
        if node.constant is None and not node.is_leaf:
            remarks += _about(expression, node, value, [values[i] for i in node.inputs])
    return remarks


def _about(expr: Expression, node: Node, value: float, inputs: list[float]) -> Iterator[Remark]:
    """At most one remark on one operation; none where its inputs are nan already."""
    text = expr.source[node.start : node.end]
    x, y = inputs[0], inputs[-1]
    match node.operation:
        case _ if any(map(math.isnan, inputs)):
            return
        case "relu" | "abs" | "leaky_relu" if x == 0:
            left, right, chosen = {
                "relu": (0, 1, 0),
                "abs": (-1, 1, 0),
                "leaky_relu": (0.01, 1, 0.01),
            }[node.operation]
            yield Kink(text=text, left=left, right=right, chosen=chosen)
        case "min" | "max" if x == y:
            yield Tie(text=text)
        case "div" if y == 0:
            yield DivisionByZero(text=text)
        case "log" | "log2" | "log10" if x <= 0:
            yield Logarithm(text=text, x=f"{x:.6g}")
        case "sqrt" if x < 0:
            yield NegativeRoot(text=text, x=f"{x:.6g}")
        case "asin" | "acos" if abs(x) > 1:
            yield OutsideDomain(text=text, x=f"{x:.6g}")
        case "sqrt" if x == 0:
            yield VerticalTangent(text=text)
        case "asin" | "acos" if abs(x) == 1:
            yield VerticalTangent(text=text)
        case "pow":
            yield from _about_power(expr, node, text, x, y)
        case "softplus" if x > SOFTPLUS_THRESHOLD:
            yield SoftplusIsLinear(text=text)
    known = node.operation in ("div", "log", "log2", "log10", "sqrt", "asin", "acos", "pow")
    if (math.isnan(value) and not known) or (
        math.isnan(value) and node.operation == "div" and y != 0
    ):
        yield Indeterminate(text=text)
    elif math.isinf(value) and all(map(math.isfinite, inputs)) and not _is_pole(node, x, y):
        yield Overflow(text=text)


def _is_pole(node: Node, x: float, y: float) -> bool:
    """Whether infinity is the operation's own value here, not an overflow."""
    if node.operation == "pow":
        return x == 0
    return (node.operation == "div" and y == 0) or node.operation.startswith("log")


def _about_power(
    expr: Expression, node: Node, text: str, base: float, exponent: float
) -> Iterator[Remark]:
    variable_exponent = expr.nodes[node.inputs[1]].constant is None
    if base == 0 and exponent < 0:
        yield DivisionByZero(text=text)
    elif base == 0 and 0 < exponent < 1:
        yield VerticalTangent(text=text)
    elif base < 0 and (variable_exponent or exponent != int(exponent)):
        yield NegativeBase(text=text, x=f"{base:.6g}")
