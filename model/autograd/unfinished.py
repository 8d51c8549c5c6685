"""Whether an expression is wrong, or merely not all typed yet."""

from __future__ import annotations

from model.autograd.errors import EmptyExpression, ExpressionError, MissingOperand
from model.autograd.parsing import parse

CONTINUATIONS = ("", "1", "_", "(1)", "(1,1)", ",1")  # each a way to go on with an expression


def is_unfinished(error: ExpressionError) -> bool:
    """Whether what is wrong may only be that more is to be typed: after "2 +", "sin(", "1e" or
    "as", of which asin may become."""
    if isinstance(error, EmptyExpression | MissingOperand):
        return True
    closing = ")" * max(0, error.source.count("(") - error.source.count(")"))
    return any(_is_read(error.source + more + closing) for more in CONTINUATIONS)


def _is_read(source: str) -> bool:
    try:
        parse(source)
    except ExpressionError:
        return False
    return True
