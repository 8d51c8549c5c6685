"""An expression as a list of operations, each after the ones it uses: what automatic
differentiation calls a tape, or Wengert list (R. E. Wengert, "A simple automatic derivative
evaluation program", CACM 7(8), 1964, p. 463).

`(w*x + b)**2` is

    0  w              variable
    1  x              variable
    2  mul 0 1
    3  b              variable
    4  add 2 3
    5  2              number
    6  pow 4 5        the result, always last

A sub-expression written twice is one operation here, used twice: its gradients add up.
`parsing` makes an `Expression` from text; every other module walks over `nodes` once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
RESULT_NAMES = ("L", "f", "out", "result_", *"GHJKMNPQR")  # more than there can be variables


@dataclass(frozen=True)
class Node:
    """One operation, number or variable."""

    operation: str  # "variable", "number", or the name of one in `OPERATIONS`
    inputs: tuple[int, ...] = ()  # places of its inputs in `Expression.nodes`, all before its own
    name: str = ""  # the variable's name, or the number as it was written ("2.50", "pi")
    start: int = 0  # the characters of the source that it was read from: source[start:end]
    end: int = 0
    constant: float | None = None  # its value when no variable is in it

    @property
    def is_leaf(self) -> bool:
        return self.operation in ("variable", "number")


@dataclass(frozen=True)
class Expression:
    """A parsed expression. Its last node is the result."""

    source: str
    nodes: tuple[Node, ...]
    variables: tuple[str, ...]  # in order of appearance

    @property
    def result_name(self) -> str:
        """What the result is called, everywhere: L, unless a variable is."""
        return next(name for name in RESULT_NAMES if name not in self.variables)

    def fold(self, leaf: Callable[[Node], T], apply: Callable[[Node, Sequence[T]], T]) -> list[T]:
        """Work through the nodes in order: `leaf(node)` for numbers and variables,
        `apply(node, results of its inputs)` for operations. Returns every node's result."""
        results: list[T] = []
        for node in self.nodes:
            inputs = [results[i] for i in node.inputs]
            results.append(leaf(node) if node.is_leaf else apply(node, inputs))
        return results

    def index_of(self, variable: str) -> int:
        """The place of `variable` in `nodes`."""
        for i, node in enumerate(self.nodes):
            if node.operation == "variable" and node.name == variable:
                return i
        raise KeyError(variable)
