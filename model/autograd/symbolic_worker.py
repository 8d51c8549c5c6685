"""SymPy's answers, from processes of its own: this one never imports SymPy.

What is quick for sure goes through one process, all else through another, so that nobody's long
expression keeps the short ones waiting. What the processes answer is remembered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from model.autograd import remarks
from model.autograd.expression import Expression
from model.errors import Sentence
from model.process.worker import Busy, Worker, WorkerError

QUICK_NODES = 16  # as many take at most some 50 ms, and the slowest of all accepted ones 0.5 s
CPU_SECONDS = 1.0  # the process is ended then, and the expression has no symbolic answer
SECONDS = 4.0  # the same on a machine that is busy with other things
LINE_SECONDS = 1.0  # until it is one's turn
REMEMBERED = 192  # answers, of at most 100 kB

HANDLER = "model.autograd.symbolic:Differentiator"
QUICK = Worker(HANDLER, cpu_seconds=CPU_SECONDS)
SLOW = Worker(HANDLER, most_waiting=3, nice=10, cpu_seconds=CPU_SECONDS)


@dataclass(frozen=True)
class Symbolic:
    """∂/∂ each variable: `slopes` worked out with 40 digits, nan where there is none; `latex`
    None where it is too long to write out."""

    slopes: dict[str, float]
    latex: dict[str, str] | None


class NoAnswer(Exception):
    """There is no symbolic answer; `remark` says why."""

    def __init__(self, remark: Sentence) -> None:
        super().__init__(type(remark).__name__)
        self.remark = remark


def derivatives(expression: Expression, values: Mapping[str, float]) -> Symbolic:
    """Raises `NoAnswer`."""
    return Symbolic(**_ask("derivatives", expression, tuple(values.items())))


def hessian(expression: Expression, values: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Second derivatives by row and column, nan where there is none. Raises `NoAnswer`."""
    return _ask("hessian", expression, tuple(values.items()))


def simplified(expression: Expression) -> Sequence[str | None]:
    """The function and each derivative in a shorter form in LaTeX, None where none was found.
    Raises `NoAnswer`."""
    return _ask("simplified", expression)


@lru_cache(REMEMBERED)
def _ask(wanted: str, expression: Expression, values: tuple[tuple[str, float], ...] = ()):
    # What SymPy needs to simplify can be limited but not foretold, so that is never quick.
    quick = wanted != "simplified" and len(expression.nodes) <= QUICK_NODES
    request = {"wanted": wanted, "source": expression.source, "values": dict(values)}
    try:
        return (QUICK if quick else SLOW).ask(request, SECONDS, LINE_SECONDS)
    except Busy:
        raise NoAnswer(remarks.SymbolicBusy()) from None
    except WorkerError:
        raise NoAnswer(remarks.NoSymbolic()) from None
