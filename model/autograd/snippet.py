"""The plain PyTorch program that computes an expression's value and gradients."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping

from model.autograd.expression import Expression, Node
from model.autograd.operations import OPERATIONS, Level, Operation

# Names that the program uses itself, or that Python or its reader would stumble over.
TAKEN = {"torch", "F", "print", "name", "variable"}
Part = tuple[str, Level]


def snippet(expression: Expression, values: Mapping[str, float]) -> str:
    """A program that prints the result and its derivatives, as the page shows them.

    A sub-expression that is used more than once gets a line of its own, so that PyTorch's graph
    is the one that is drawn.
    """
    names = {name: name + "_" * (name in TAKEN) for name in expression.variables}
    leaves = [
        f"{names[name]} = torch.tensor({float(values[name])!r}, "
        "dtype=torch.float64, requires_grad=True)"
        for name in names
    ]
    functional = any(
        OPERATIONS[node.operation].torch.startswith("F.")
        for node in expression.nodes
        if not node.is_leaf
    )
    shared, result = _expression_lines(expression, names)
    name = expression.result_name
    lines = ["import torch", *["import torch.nn.functional as F"] * functional, ""]
    lines += [*leaves, *[""] * bool(leaves), *shared, f"{name} = {result}"]
    if leaves:
        lines += [f"{name}.backward()", "", f'print("{name}", {name}.item())']
    else:
        lines += ["", f"print({name})"]
    lines += [f'print("d{name}/d{x}", {names[x]}.grad.item())' for x in names]
    return "\n".join(lines) + "\n"


def _free(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _expression_lines(expression: Expression, names: dict[str, str]) -> tuple[list[str], str]:
    """Lines for what is used more than once, and the result."""
    uses = Counter(i for node in expression.nodes for i in node.inputs)
    lines: list[str] = []
    parts: list[Part] = []
    for i, node in enumerate(expression.nodes):
        part = _part(expression, node, [parts[k] for k in node.inputs], names)
        if uses[i] > 1 and not node.is_leaf and node.constant is None:
            name = _free(f"s{len(lines) + 1}", names.values())
            lines.append(f"{name} = {part[0]}")
            part = (name, Level.ATOM)
        parts.append(part)
    return lines, parts[-1][0]


def _part(expression: Expression, node: Node, inputs: list[Part], names: dict[str, str]) -> Part:
    if node.operation == "variable":
        return names[node.name], Level.ATOM
    if node.operation == "number":
        text = {"pi": "torch.pi", "π": "torch.pi", "e": "torch.e"}.get(node.name, node.name)
        return text, Level.ATOM
    row = OPERATIONS[node.operation]
    if row.sign:
        return _signed(row, inputs), row.level
    constants = [expression.nodes[i].constant is not None for i in node.inputs]
    arguments = [
        _tensor(text) if c else text for (text, _), c in zip(inputs, constants, strict=True)
    ]
    call = f"{row.torch}({', '.join(arguments)})"
    return (f"{call}.item()" if node.constant is not None else call), Level.ATOM


def _signed(row: Operation, inputs: list[Part]) -> str:
    """ "a + b", with the parentheses that Python needs and no others."""
    if row.arity == 1:
        return f"{row.sign}{_wrap(inputs[0], row.level)}"
    right_to_left = row.name == "pow"
    left = _wrap(inputs[0], row.level + right_to_left)
    # A sign may follow ** directly; everything else to the right must bind tighter.
    right = _wrap(inputs[1], Level.SIGN if right_to_left else row.level + 1)
    return f"{left} {row.sign} {right}"


def _wrap(part: Part, least: int) -> str:
    text, level = part
    return text if level >= least else f"({text})"


def _tensor(text: str) -> str:
    number = text if re.search(r"[.e]|torch", text) else f"{text}.0"
    return f"torch.tensor({number}, dtype=torch.float64)"
