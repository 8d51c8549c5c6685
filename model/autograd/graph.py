"""The computational graph of an expression, and backpropagation through it step by step.

Every operation is a node with a name (v1, v2, …; the result is L), drawn with its value and its
gradient. The steps go forward through the operations, then backward, one operation at a time.
Constants are part of the operations that use them, as they are for autograd.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from model.autograd.expression import Expression, Node
from model.autograd.gradients import Trace
from model.autograd.graph_layout import Layout, arrange
from model.autograd.operations import OPERATIONS


@dataclass(frozen=True)
class Step:
    """`node` has been computed (forward), or has handed its gradient on (backward).

    `lines` are formulas with their numbers; `gradients` are those collected so far, by node.
    `added` lists the inputs whose gradients this step added to, rather than began.
    """

    forward: bool
    node: int
    lines: tuple[str, ...]
    gradients: Mapping[int, float]
    added: tuple[str, ...] = ()


@dataclass(frozen=True)
class Graph:
    """Nodes are places in `expression.nodes`. `names` and `formulas` (such as "v1 = w · x") cover
    those that a variable is in; without any variable, the result alone."""

    expression: Expression
    trace: Trace
    names: dict[int, str]
    formulas: dict[int, str]
    layout: Layout

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        return (*_forward(self), *_backward(self))

    @property
    def result(self) -> int:
        return len(self.expression.nodes) - 1

    def inputs(self, node: int) -> list[tuple[int, float]]:
        """The nodes that feed `node`, with the local derivative along each edge."""
        pairs = zip(self.expression.nodes[node].inputs, self.trace.local[node], strict=True)
        return [(source, local) for source, local in pairs if local is not None]


def number(value: float, digits: int = 6) -> str:
    """A number for people: few digits, a real minus sign, 3 rather than 3.0, 0 rather than −0."""
    return f"{value + 0.0:.{digits}g}".replace("-", "−")


def draw(expression: Expression, trace: Trace) -> Graph:
    """The graph of `expression` as `trace` saw it."""
    nodes = expression.nodes
    shown = [i for i, n in enumerate(nodes) if n.constant is None or i == len(nodes) - 1]
    names = _names(expression, shown)
    formulas = {
        i: f"{names[i]} = {operation_text(nodes[i], _operands(expression, names, i))}"
        for i in shown
        if not nodes[i].is_leaf
    }
    inputs = {i: [k for k in nodes[i].inputs if k in names] for i in shown}
    return Graph(expression, trace, names, formulas, arrange(inputs))


def _names(expression: Expression, shown: list[int]) -> dict[int, str]:
    """Variables keep theirs; operations become v1, v2, …; the result L, unless that is taken."""
    taken = set(expression.variables)  # at most twelve, so that one of thirteen is free
    letter = next(c for c in "vuthsqpzyxwkj" if not any(re.fullmatch(c + r"\d+", t) for t in taken))
    names, count = {}, 0
    for i in shown:
        node = expression.nodes[i]
        if node.operation == "variable":
            names[i] = node.name
        elif i == len(expression.nodes) - 1:
            names[i] = expression.result_name
        else:
            count += 1
            names[i] = f"{letter}{count}"
    return names


def _operands(expression: Expression, names: Mapping[int, str], i: int) -> list[str]:
    """The inputs of node `i` by name, constants as they were written."""
    texts = []
    for k in expression.nodes[i].inputs:
        node = expression.nodes[k]
        text = expression.source[node.start : node.end]
        texts.append(names.get(k, text if node.is_leaf else f"({text})"))
    return texts


def operation_text(node: Node, operands: list[str]) -> str:
    """`node` applied to operands that are already text: "w · x", "sin(v1)"."""
    row = OPERATIONS[node.operation]
    if not row.sign:
        return f"{row.name}({', '.join(operands)})"
    return f" {row.shown} ".join(operands) if row.arity == 2 else row.shown + operands[0]


def _forward(graph: Graph) -> list[Step]:
    steps = []
    values = graph.trace.values
    for i, formula in graph.formulas.items():
        node = graph.expression.nodes[i]
        wrap = _in_formula if OPERATIONS[node.operation].sign else str
        numbers = [wrap(number(values[k])) for k in node.inputs]
        line = _equals(formula, operation_text(node, numbers), number(values[i]))
        steps.append(Step(True, i, (line,), {}))
    return steps


def _equals(*parts: str) -> str:
    """ "a = b = c", without a part that repeats the one before."""
    sides = [side for part in parts for side in part.split(" = ")]
    return " = ".join(side for i, side in enumerate(sides) if not i or side != sides[i - 1])


def _in_formula(text: str) -> str:
    return f"({text})" if text.startswith("−") else text


def _backward(graph: Graph) -> list[Step]:
    names, result = graph.names, graph.result
    if graph.trace.gradients[result] is None:
        return []
    collected: dict[int, float] = {result: 1.0}
    end = names[result]
    steps = [Step(False, result, (f"∂{end}/∂{end} = 1",), dict(collected))]
    for i in reversed(graph.formulas):
        lines, added = [], []
        for rule, (source, local) in zip(_rules(graph, i), graph.inputs(i), strict=True):
            share = collected[i] * local
            name = names[source]
            chain = f"∂{end}/∂{names[i]} · ∂{names[i]}/∂{name}"
            product = f"{number(collected[i])} · {_in_formula(number(local))} = {number(share)}"
            sign, total = "=", ""
            if source in collected:
                sign, total = "+=", f"   → {number(collected[source] + share)}"
                added.append(name)
            collected[source] = collected.get(source, 0.0) + share
            lines.append(_equals(f"∂{names[i]}/∂{name}", rule, number(local)))
            lines.append(f"∂{end}/∂{name} {sign} {chain} = {product}{total}")
        steps.append(Step(False, i, tuple(lines), dict(collected), tuple(dict.fromkeys(added))))
    return steps


def _rules(graph: Graph, i: int) -> list[str]:
    """The local derivative by each input with a gradient, in words."""
    operands = _operands(graph.expression, graph.names, i)
    facts = {"y": graph.names[i], "a": operands[0], "b": operands[-1]}
    rules = OPERATIONS[graph.expression.nodes[i].operation].rules
    pairs = zip(rules, graph.trace.local[i], strict=True)
    return [rule.format(**facts) for rule, local in pairs if local is not None]
