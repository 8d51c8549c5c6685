"""The plain PyTorch program that computes an expression's value and gradients."""

from __future__ import annotations

import re
from collections.abc import Mapping

from model.autograd.expression import Expression, Node

# Names that the program uses itself, or that Python or its reader would stumble over.
TAKEN = {"torch", "F", "print", "name", "variable"}
PYTHON_SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**"}
# How tightly Python binds each; a looser operand gets parentheses.
TIGHTNESS = {"add": 0, "sub": 0, "mul": 1, "div": 1, "neg": 2, "pow": 3}
ATOM = 4
Part = tuple[str, int]


def snippet(expression: Expression, values: Mapping[str, float]) -> str:
    """A program that prints the value and ∂/∂ each variable, as the page shows them.

    A sub-expression that is used more than once gets a line of its own, so that PyTorch's graph
    is the one that is drawn.
    """
    names = _variable_names(expression)
    lines = ["import torch"]
    if any(n.operation in ("leaky_relu", "softplus", "gelu") for n in expression.nodes):
        lines.append("import torch.nn.functional as F")
    lines.append("")
    for name in expression.variables:
        lines.append(
            f"{names[name]} = torch.tensor({float(values[name])!r}, "
            "dtype=torch.float64, requires_grad=True)"
        )
    shared, result = _expression_lines(expression, names)
    lines += [*([""] if expression.variables else []), *shared, f"{result}"]
    out = _free("loss", names.values())
    if expression.variables:
        lines.append(f"{out}.backward()")
    lines += ["", f'print("value", {out}.item())' if expression.variables else f"print({out})"]
    for name in expression.variables:
        lines.append(f'print("d/d{name}", {names[name]}.grad.item())')
    return "\n".join(lines) + "\n"


def _free(name: str, taken: object) -> str:
    while name in taken:
        name += "_"
    return name


def _variable_names(expression: Expression) -> dict[str, str]:
    return {name: name + "_" * (name in TAKEN) for name in expression.variables}


def _expression_lines(expression: Expression, names: dict[str, str]) -> tuple[list[str], str]:
    """Lines for what is used more than once, and the line of the result."""
    uses = [0] * len(expression.nodes)
    for node in expression.nodes:
        for i in node.inputs:
            uses[i] += 1
    lines: list[str] = []
    parts: list[Part] = []
    taken = set(names.values())
    for i, node in enumerate(expression.nodes):
        part = _part(expression, node, [parts[k] for k in node.inputs], names)
        if uses[i] > 1 and not node.is_leaf and node.constant is None:
            name = _free(f"s{len(lines) + 1}", taken)
            lines.append(f"{name} = {part[0]}")
            part = (name, ATOM)
        parts.append(part)
    return lines, f"{_free('loss', taken)} = {parts[-1][0]}"


def _part(expression: Expression, node: Node, inputs: list[Part], names: dict[str, str]) -> Part:
    if node.operation == "variable":
        return names[node.name], ATOM
    if node.operation == "number":
        return {"pi": "torch.pi", "π": "torch.pi", "e": "torch.e"}.get(node.name, node.name), ATOM
    if node.operation in TIGHTNESS:
        return _sign(node, inputs), TIGHTNESS[node.operation]
    constants = [expression.nodes[i].constant is not None for i in node.inputs]
    arguments = [
        _tensor(text) if c else text for (text, _), c in zip(inputs, constants, strict=True)
    ]
    call = f"{_function(node.operation)}({', '.join(arguments)})"
    return (f"{call}.item()" if node.constant is not None else call), ATOM


def _sign(node: Node, inputs: list[Part]) -> str:
    """ "a + b", with the parentheses that Python needs and no others."""
    tightness = TIGHTNESS[node.operation]
    if node.operation == "neg":
        return f"-{_wrap(inputs[0], tightness)}"
    right_to_left = node.operation == "pow"
    left = _wrap(inputs[0], tightness + right_to_left)
    # A sign may follow ** directly; everything else to the right must bind tighter.
    right = _wrap(inputs[1], 2 if right_to_left else tightness + 1)
    return f"{left} {PYTHON_SIGNS[node.operation]} {right}"


def _wrap(part: Part, least: int) -> str:
    text, tightness = part
    return text if tightness >= least else f"({text})"


def _tensor(text: str) -> str:
    number = text if re.search(r"[.e]|torch", text) else f"{text}.0"
    return f"torch.tensor({number}, dtype=torch.float64)"


def _function(operation: str) -> str:
    if operation in ("leaky_relu", "softplus", "gelu"):
        return f"F.{operation}"
    return {"min": "torch.minimum", "max": "torch.maximum"}.get(operation, f"torch.{operation}")
