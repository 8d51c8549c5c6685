"""Value and derivatives of an expression by PyTorch's autograd, in float64.

`trace` keeps what `backward()` passes through: every operation's value, its gradient, its local
derivatives and the name of its `grad_fn`. `differentiate` gives only the ends.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from model.autograd.errors import BadOrder, BadValue, Names, ValueMissing, ValuesNotNamed
from model.autograd.expression import Expression, Node
from model.autograd.operations import OPERATIONS, Operation

LARGEST_VALUE = 1e100

LIBRARIES = {"torch": torch, "F": F, "operator": operator}  # by their names in the table


def _implementation(row: Operation) -> Callable[..., Tensor]:
    library, name = row.torch.split(".")
    function = getattr(LIBRARIES[library], name)
    # Python's signs take plain numbers beside tensors, torch's functions do not.
    return function if row.sign else lambda *inputs: function(*map(tensor, inputs))


APPLY: Mapping[str, Callable[..., Tensor]] = {
    name: _implementation(row) for name, row in OPERATIONS.items()
}


@dataclass(frozen=True)
class Derivatives:
    """At one point: nan and inf are kept as they come."""

    value: float
    gradients: dict[str, float]
    hessian: dict[str, dict[str, float]] | None = None  # only for order 2; symmetric


@dataclass(frozen=True)
class Trace:
    """What happened at each node, in the order of `Expression.nodes`.

    `gradients[i]` is ∂result/∂node i, None for constants. `local[i][k]` is ∂node i/∂its k-th
    input, None where that input is a constant. `grad_fn[i]` is the class name that torch prints.
    """

    values: list[float]
    gradients: list[float | None]
    local: list[tuple[float | None, ...]]
    grad_fn: list[str | None]


def tensor(number: Tensor | float) -> Tensor:
    """A number as a float64 scalar that needs no gradient; a tensor as it is."""
    if isinstance(number, Tensor):
        return number
    return torch.tensor(number, dtype=torch.float64)


def checked_values(expression: Expression, values: Mapping[str, object]) -> dict[str, float]:
    """The values of the expression's variables as floats; names it does not use are left out.

    Raises `ValuesNotNamed`, `ValueMissing` and `BadValue` (not a number, nan, infinite, beyond
    1e100).
    """
    if not isinstance(values, Mapping):
        raise ValuesNotNamed()
    if missing := [name for name in expression.variables if values.get(name) is None]:
        raise ValueMissing(names=Names(missing))
    checked = {}
    for name in expression.variables:
        given = values[name]
        try:
            number = math.nan if isinstance(given, bool) else float(given)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not abs(number) <= LARGEST_VALUE:
            raise BadValue(name=name, value=str(given)[:40])
        checked[name] = number
    return checked


def leaves(values: Mapping[str, float]) -> dict[str, Tensor]:
    """Each variable as a float64 scalar that asks for a gradient."""
    return {name: tensor(value).requires_grad_() for name, value in values.items()}


def forward(expression: Expression, variables: Mapping[str, Tensor]) -> list[Tensor | float]:
    """Every node's result: tensors, and plain numbers where no variable is involved."""

    def leaf(node: Node) -> Tensor | float:
        return variables[node.name] if node.constant is None else node.constant

    def apply(node: Node, inputs: list[Tensor | float]) -> Tensor | float:
        return APPLY[node.operation](*inputs) if node.constant is None else node.constant

    return expression.fold(leaf, apply)


def differentiate(
    expression: Expression, values: Mapping[str, object], order: int = 1
) -> Derivatives:
    """Value and ∂/∂ each variable; with `order=2` the Hessian too.

    Raises `BadOrder`, and what `checked_values` raises.
    """
    if order not in (1, 2):
        raise BadOrder(order=order)
    variables = leaves(checked_values(expression, values))
    result = tensor(forward(expression, variables)[-1])
    first = _grad(result, variables, create_graph=order == 2)
    gradients = {name: gradient.item() for name, gradient in first.items()}
    hessian = None
    if order == 2:
        hessian = {
            name: {k: g.item() for k, g in _grad(gradient, variables, retain_graph=True).items()}
            for name, gradient in first.items()
        }
    return Derivatives(result.item(), gradients, hessian)


def _grad(result: Tensor, variables: Mapping[str, Tensor], **graph: bool) -> dict[str, Tensor]:
    """∂result/∂ each variable; zero where the result does not depend on it."""
    if not variables or not result.requires_grad:
        return {name: tensor(0.0) for name in variables}
    found = torch.autograd.grad(
        result, list(variables.values()), allow_unused=True, materialize_grads=True, **graph
    )
    return dict(zip(variables, found, strict=True))


def trace(expression: Expression, values: Mapping[str, object]) -> Trace:
    """Run forward and backward once and keep everything on the way."""
    results = forward(expression, leaves(checked_values(expression, values)))
    tensors = [result for result in results if isinstance(result, Tensor)]
    for result in tensors:
        result.retain_grad()
    if tensors:
        tensors[-1].backward()
    return Trace(
        values=[r.item() if isinstance(r, Tensor) else r for r in results],
        gradients=[r.grad.item() if isinstance(r, Tensor) else None for r in results],
        local=[
            _local_derivatives(node, [results[i] for i in node.inputs]) for node in expression.nodes
        ],
        grad_fn=[_grad_fn(result) for result in results],
    )


def _local_derivatives(node: Node, inputs: list[Tensor | float]) -> tuple[float | None, ...]:
    """The operation's own derivatives, from a graph that holds it alone."""
    if node.constant is not None or node.is_leaf:
        return (None,) * len(inputs)
    alone = [x.detach().requires_grad_() if isinstance(x, Tensor) else x for x in inputs]
    wanted = [x for x in alone if isinstance(x, Tensor)]
    found = iter(torch.autograd.grad(APPLY[node.operation](*alone), wanted))
    return tuple(next(found).item() if isinstance(x, Tensor) else None for x in alone)


def _grad_fn(result: Tensor | float) -> str | None:
    if not isinstance(result, Tensor):
        return None
    return "AccumulateGrad" if result.is_leaf else result.grad_fn.name()
