"""Why a value is nan or infinite, why methods disagree: what happened, at which operation.

A remark is a sentence in two languages, as a `UserError` is, but nothing is wrong with the input.
"""

from __future__ import annotations

import math
from typing import ClassVar

from model.autograd.expression import LEAKY_SLOPE, Expression, Node

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
    zh = (
        "{names}：各项几乎相消或消失，而 float64 只有 16 位有效数字；符号列用 40 位计算，是准确的。"
    )


class CoarseDifference(Remark):
    en = "{names}: the function bends too sharply here for quotients of differences."
    zh = "{names}：函数在此处弯曲过急，差商不够准确。"


class NoSymbolic(Remark):
    en = "Too long to differentiate symbolically in the time allowed."
    zh = "表达式太长，无法在限定时间内完成符号求导。"


class SymbolicBusy(Remark):
    en = "The server is busy with other expressions, so there are no symbolic derivatives now. \
Try again in a moment."
    zh = "服务器正忙于其他表达式，暂时没有符号求导的结果，请稍后再试。"


class TooLongToWrite(Remark):
    en = "The symbolic derivatives are too long to be written out."
    zh = "符号求导的结果太长，无法写出。"


def about_values(expression: Expression, values: list[float]) -> list[Remark]:
    """What is remarkable about the operations, given every node's value."""
    remarks = []
    for node, value in zip(expression.nodes, values, strict=True):
        inputs = [values[i] for i in node.inputs]
        if node.constant is None and not node.is_leaf and not any(map(math.isnan, inputs)):
            text = expression.source[node.start : node.end]
            varies = expression.nodes[node.inputs[-1]].constant is None
            remarks.append(
                _about_kink(node, text, inputs)
                or _about_domain(node, text, inputs, varies)
                or _about_result(text, value, inputs)
            )
    return [remark for remark in remarks if remark is not None]


KINKS = {"relu": (0, 1, 0), "abs": (-1, 1, 0), "leaky_relu": (LEAKY_SLOPE, 1, LEAKY_SLOPE)}


def _about_kink(node: Node, text: str, inputs: list[float]) -> Remark | None:
    if node.operation in KINKS and inputs[0] == 0:
        left, right, chosen = KINKS[node.operation]
        return Kink(text=text, left=left, right=right, chosen=chosen)
    if node.operation in ("min", "max") and inputs[0] == inputs[1]:
        return Tie(text=text)
    if node.operation == "softplus" and inputs[0] > SOFTPLUS_THRESHOLD:
        return SoftplusIsLinear(text=text)
    return None


def _about_domain(node: Node, text: str, inputs: list[float], varies: bool) -> Remark | None:
    """At the edge of where the operation is defined, or beyond it. `varies`: its last input."""
    x, y = inputs[0], inputs[-1]
    number = f"{x:.6g}"
    match node.operation:
        case "div" if y == 0:
            return DivisionByZero(text=text)
        case "log" | "log2" | "log10" if x <= 0:
            return Logarithm(text=text, x=number)
        case "sqrt" if x < 0:
            return NegativeRoot(text=text, x=number)
        case "asin" | "acos" if abs(x) > 1:
            return OutsideDomain(text=text, x=number)
        case "pow" if x == 0 and y < 0:
            return DivisionByZero(text=text)
        case "pow" if x < 0 and (varies or not float(y).is_integer()):
            return NegativeBase(text=text, x=number)
        case "pow" if x == 0 and 0 < y < 1:
            return VerticalTangent(text=text)
        case "sqrt" if x == 0:
            return VerticalTangent(text=text)
        case "asin" | "acos" if abs(x) == 1:
            return VerticalTangent(text=text)
    return None


def _about_result(text: str, value: float, inputs: list[float]) -> Remark | None:
    if math.isnan(value):
        return Indeterminate(text=text)
    if math.isinf(value) and all(map(math.isfinite, inputs)):
        return Overflow(text=text)
    return None
