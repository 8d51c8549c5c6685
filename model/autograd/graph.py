"""The computational graph of an expression, and backpropagation through it step by step.

Every operation is a node with a name (v1, v2, …; the result is L), drawn with its value and its
gradient. The steps go forward through the operations, then backward, one operation at a time.
Constants are part of the operations that use them, as they are for autograd.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from model.autograd.expression import Expression, Node
from model.autograd.gradients import Trace
from model.autograd.graph_layout import Layout, arrange

SIGNS = {"add": "+", "sub": "−", "mul": "·", "div": "/", "pow": "**"}
# ∂y/∂a and ∂y/∂b of each operation y, as its step states it.
RULES: Mapping[str, tuple[str, ...]] = {
    "neg": ("−1",),
    "add": ("1", "1"),
    "sub": ("1", "−1"),
    "mul": ("{b}", "{a}"),
    "div": ("1 / {b}", "−{a} / {b}**2"),
    "pow": ("{b}·{a}**({b} − 1)", "{y}·log({a})"),
    "min": ("[{a} < {b}]", "[{b} < {a}]"),
    "max": ("[{a} > {b}]", "[{b} > {a}]"),
    "sin": ("cos({a})",),
    "cos": ("−sin({a})",),
    "tan": ("1 + {y}**2",),
    "asin": ("1 / sqrt(1 − {a}**2)",),
    "acos": ("−1 / sqrt(1 − {a}**2)",),
    "atan": ("1 / (1 + {a}**2)",),
    "sinh": ("cosh({a})",),
    "cosh": ("sinh({a})",),
    "tanh": ("1 − {y}**2",),
    "exp": ("{y}",),
    "log": ("1 / {a}",),
    "log2": ("1 / ({a}·log(2))",),
    "log10": ("1 / ({a}·log(10))",),
    "sqrt": ("1 / (2·{y})",),
    "abs": ("{a} / |{a}|",),
    "erf": ("2/sqrt(pi)·exp(−{a}**2)",),
    "sigmoid": ("{y}·(1 − {y})",),
    "relu": ("[{a} > 0]",),
    "leaky_relu": ("1 if {a} > 0 else 0.01",),
    "softplus": ("sigmoid({a})",),
    "gelu": ("Φ({a}) + {a}·φ({a})",),
}


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
    steps: tuple[Step, ...]

    @property
    def result(self) -> int:
        return len(self.expression.nodes) - 1

    def inputs(self, node: int) -> list[tuple[int, float]]:
        """The nodes that feed `node`, with the local derivative along each edge."""
        pairs = zip(self.expression.nodes[node].inputs, self.trace.local[node], strict=True)
        return [(source, local) for source, local in pairs if local is not None]


def number(value: float, digits: int = 6) -> str:
    """A number for people: few digits, a real minus sign, 3 rather than 3.0."""
    return f"{value:.{digits}g}".replace("-", "−")


def draw(expression: Expression, trace: Trace) -> Graph:
    """The graph of `expression` as `trace` saw it."""
    shown = [
        i
        for i, node in enumerate(expression.nodes)
        if node.constant is None or i == len(expression.nodes) - 1
    ]
    names = _names(expression, shown)
    formulas = {
        i: f"{names[i]} = {_formula(expression, names, node)}"
        for i, node in enumerate(expression.nodes)
        if i in names and not node.is_leaf
    }
    inputs = {i: [k for k in expression.nodes[i].inputs if k in names] for i in shown}
    graph = Graph(expression, trace, names, formulas, arrange(inputs), ())
    steps = (*_forward(graph), *_backward(graph))
    return Graph(expression, trace, names, formulas, graph.layout, steps)


def _names(expression: Expression, shown: list[int]) -> dict[int, str]:
    """Variables keep theirs; operations become v1, v2, …; the result L, unless that is taken."""
    taken = set(expression.variables)
    letter = next(c for c in "vuthsq" if not any(re.fullmatch(c + r"\d+", t) for t in taken))
    result = next(name for name in ("L", "f", "F", "out", "result_") if name not in taken)
    names, count = {}, 0
    for i in shown:
        node = expression.nodes[i]
        if node.operation == "variable":
            names[i] = node.name
        elif i == len(expression.nodes) - 1:
            names[i] = result
        else:
            count += 1
            names[i] = f"{letter}{count}"
    return names


def _operand(expression: Expression, names: Mapping[int, str], i: int) -> str:
    if i in names:
        return names[i]
    node = expression.nodes[i]
    text = expression.source[node.start : node.end]
    return text if node.is_leaf else f"({text})"


def _formula(expression: Expression, names: Mapping[int, str], node: Node) -> str:
    return operation_text(node, [_operand(expression, names, i) for i in node.inputs])


def operation_text(node: Node, operands: list[str]) -> str:
    """`node` applied to operands that are already text: "w · x", "sin(v1)"."""
    if node.operation in SIGNS:
        return f" {SIGNS[node.operation]} ".join(operands)
    if node.operation == "neg":
        return f"−{operands[0]}"
    return f"{node.operation}({', '.join(operands)})"


def _forward(graph: Graph) -> list[Step]:
    steps = []
    values = graph.trace.values
    for i, node in enumerate(graph.expression.nodes):
        if i not in graph.formulas:
            continue
        wrap = _in_formula if node.operation in (*SIGNS, "neg") else str
        numbers = [wrap(number(values[k])) for k in node.inputs]
        parts = [graph.formulas[i], operation_text(node, numbers), number(values[i])]
        steps.append(Step(True, i, (_equals(*parts),), {}))
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
    for i in reversed(range(result + 1)):
        if i not in graph.formulas:
            continue
        lines, added = [], []
        for rule, (source, local) in _rules(graph, i):
            share = collected[i] * local
            name = names[source]
            chain = f"∂{end}/∂{names[i]} · ∂{names[i]}/∂{name}"
            product = f"{number(collected[i])} · {_in_formula(number(local))} = {number(share)}"
            sign = "="
            if source in collected:
                sign = "+="
                added.append(name)
            collected[source] = collected.get(source, 0.0) + share
            lines.append(_equals(f"∂{names[i]}/∂{name}", rule, number(local)))
            total = f"   → {number(collected[source])}" if sign == "+=" else ""
            lines.append(f"∂{end}/∂{name} {sign} {chain} = {product}{total}")
        steps.append(Step(False, i, tuple(lines), dict(collected), tuple(dict.fromkeys(added))))
    return steps


def _rules(graph: Graph, i: int) -> list[tuple[str, tuple[int, float]]]:
    """For each input with a gradient: the rule of its local derivative, and the edge."""
    node = graph.expression.nodes[i]
    operands = [_operand(graph.expression, graph.names, k) for k in node.inputs]
    facts = {"y": graph.names[i], "a": operands[0], "b": operands[-1]}
    locals_ = graph.trace.local[i]
    return [
        (rule.format(**facts), (source, local))
        for rule, source, local in zip(RULES[node.operation], node.inputs, locals_, strict=True)
        if local is not None
    ]
