"""Why a value is nan or infinite, why methods disagree: what happened, at which operation.

A remark is a sentence in two languages, as a `UserError` is, but nothing is wrong with the input.
"""

from __future__ import annotations

import math

from model.autograd.expression import Expression
from model.autograd.operations import OPERATIONS, Operation
from model.errors import Sentence

SOFTPLUS_THRESHOLD = 20  # torch.nn.functional.softplus returns its input beyond it


class Kink(Sentence):
    """The function has no derivative here, and the methods each say something else."""

    en = "{text} has a kink here: its slope is {left} on one side and {right} on the other. \
There is no derivative; PyTorch takes {chosen}."
    zh = (
        "{text} 在此处有尖点：一侧斜率为 {left}，另一侧为 {right}，导数不存在；"
        "PyTorch 取 {chosen}。"
    )


class Tie(Kink):
    en = (
        "{text} is a tie here: a kink, with no derivative. PyTorch gives half the gradient to each."
    )
    zh = "{text} 此处两者相等，是一个尖点，导数不存在；PyTorch 给两边各一半梯度。"


class DivisionByZero(Sentence):
    en = "{text} divides by 0."
    zh = "{text} 的除数为 0。"


class Logarithm(Sentence):
    en = "{text} takes the logarithm of {x}: it is defined above 0 only, and falls to −inf at 0."
    zh = "{text} 要对 {x} 取对数：对数只在 0 以上有定义，在 0 处趋于 −inf。"


class NegativeRoot(Sentence):
    en = "{text} takes the square root of {x}: negative numbers have no real root, so it is nan."
    zh = "{text} 要对 {x} 开平方：负数没有实数平方根，结果为 nan。"


class VerticalTangent(Sentence):
    en = "{text} has a vertical tangent here: its slope is infinite."
    zh = "{text} 在此处的切线竖直，斜率为无穷大。"


class OutsideDomain(Sentence):
    en = "{text} is defined from {low} to {high} only, and {x} is outside, so it is nan."
    zh = "{text} 只在 {low} 到 {high} 之间有定义，{x} 超出范围，结果为 nan。"


class NegativeBase(Sentence):
    en = "{text} raises the negative number {x} to a power that may be fractional: as a function \
of the exponent it is defined only for whole numbers, so that derivative is nan."
    zh = "{text} 是负数 {x} 的幂：作为指数的函数，它只在整数处有定义，因此对指数的导数为 nan。"


class Overflow(Sentence):
    en = "{text} is larger than float64 can hold (1.8e308): it overflows to infinity."
    zh = "{text} 超出 float64 的范围（1.8e308），溢出为无穷大。"


class Indeterminate(Sentence):
    en = "{text} is of the form 0·inf, inf − inf or inf/inf: nan, and so is all that uses it."
    zh = "{text} 是 0·inf、inf − inf 或 inf/inf 的形式，结果为 nan，之后的运算也都是 nan。"


class GradientIndeterminate(Sentence):
    en = "On the way back, an infinite slope meets a gradient of 0: 0·inf is nan."
    zh = "反向传播时，无穷大的斜率遇到为 0 的梯度：0·inf 得 nan。"


class SoftplusIsLinear(Sentence):
    en = "{text}: beyond 20 PyTorch returns the input itself, which is off by less than 2.1e−9."
    zh = "{text}：超过 20 时 PyTorch 直接返回输入，误差小于 2.1e−9。"


class Rounding(Sentence):
    en = "{names:en}: the terms nearly cancel or vanish, and float64 keeps only 16 digits of each. \
The symbolic column, worked out with 40 digits, is right."
    zh = (
        "{names:zh}：各项几乎相消或消失，而 float64 只有 16 位有效数字；"
        "符号列用 40 位计算，是准确的。"
    )


class CoarseDifference(Sentence):
    en = "{names:en}: the function bends too sharply here for quotients of differences."
    zh = "{names:zh}：函数在此处弯曲过急，差商不够准确。"


class NoSymbolic(Sentence):
    en = "Too long to differentiate symbolically in the time allowed."
    zh = "表达式太长，无法在限定时间内完成符号求导。"


class SymbolicBusy(Sentence):
    en = "The server is busy with other expressions, so there are no symbolic derivatives now. \
Try again in a moment."
    zh = "服务器正忙于其他表达式，暂时没有符号求导的结果，请稍后再试。"


class TooLongToWrite(Sentence):
    en = "The symbolic derivatives are too long to be written out."
    zh = "符号求导的结果太长，无法写出。"


OUTSIDE = {kind.__name__: kind for kind in (Logarithm, NegativeRoot, OutsideDomain)}


def about_values(expression: Expression, values: list[float]) -> list[Sentence]:
    """What is remarkable about the operations, given every node's value."""
    remarks = []
    for node, value in zip(expression.nodes, values, strict=True):
        inputs = [values[i] for i in node.inputs]
        if node.constant is None and not node.is_leaf and not any(map(math.isnan, inputs)):
            text = expression.source[node.start : node.end]
            varies = expression.nodes[node.inputs[-1]].constant is None
            remarks.append(_about(OPERATIONS[node.operation], text, value, inputs, varies))
    return [remark for remark in remarks if remark is not None]


def _about(
    row: Operation, text: str, value: float, inputs: list[float], varies: bool
) -> Sentence | None:
    """`varies`: its last input."""
    a, b = inputs[0], inputs[-1]
    if row.kink and a == 0:
        left, right, chosen = map(_written, row.kink)
        return Kink(text=text, left=left, right=right, chosen=chosen)
    if row.name in ("min", "max") and a == b:
        return Tie(text=text)
    if row.name == "softplus" and a > SOFTPLUS_THRESHOLD:
        return SoftplusIsLinear(text=text)
    if (row.name == "div" and b == 0) or (row.name == "pow" and a == 0 and b < 0):
        return DivisionByZero(text=text)
    low, high = row.domain
    at_end = math.isfinite(a) and a in row.domain
    if not low <= a <= high or (at_end and math.isinf(value)):
        ends = {"low": _written(low), "high": _written(high)}
        return OUTSIDE[row.outside](text=text, x=_written(a), **ends)
    if row.name == "pow" and a < 0 and (varies or not float(b).is_integer()):
        return NegativeBase(text=text, x=_written(a))
    if at_end or (row.name == "pow" and a == 0 and 0 < b < 1):
        return VerticalTangent(text=text)
    if math.isnan(value):
        return Indeterminate(text=text)
    if math.isinf(value) and all(map(math.isfinite, inputs)):
        return Overflow(text=text)
    return None


def _written(value: float) -> str:
    """A number in a sentence: a real minus sign, and none before a zero."""
    return f"{value + 0.0:.6g}".replace("-", "−")
