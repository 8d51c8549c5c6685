"""The graph: its names, its steps in words and numbers."""

from __future__ import annotations

import math

import pytest

from model.autograd.gradients import trace
from model.autograd.graph import Graph, draw, number
from model.autograd.parsing import parse

SQUARED_ERROR = ("(target - (w*x + b))**2", {"w": 2, "b": 1, "x": 3, "target": 10})
NETWORK_NAMES = ("y", "v1", "w1", "x", "b1", "v2", "w2", "b2", "v3", "w3", "b3", "c")
NETWORK = (
    "(y - (v1*tanh(w1*x + b1) + v2*tanh(w2*x + b2) + v3*tanh(w3*x + b3) + c))**2"
    " + 0.5*(w1**2 + w2**2 + w3**2 + v1**2 + v2**2 + v3**2)/100",
    {name: 0.1 * k for k, name in enumerate(NETWORK_NAMES)},
)
CASES = [
    SQUARED_ERROR,
    NETWORK,
    ("x*x + x", {"x": 3}),
    ("exp(a)/(exp(a) + exp(b)) + exp(a)", {"a": 1, "b": 2}),
    ("x", {"x": 1}),
    ("2 + 3", {}),
    ("relu(x)", {"x": -1}),
    ("1 + x", {"x": math.pi}),
]


def graph_of(source: str, values: dict) -> Graph:
    parsed = parse(source)
    return draw(parsed, trace(parsed, values))


def lines(graph: Graph, forward: bool) -> list[str]:
    return [line for step in graph.steps if step.forward == forward for line in step.lines]


def test_forward_steps_say_what_they_compute() -> None:
    assert lines(graph_of(*SQUARED_ERROR), forward=True) == [
        "v1 = w · x = 2 · 3 = 6",
        "v2 = v1 + b = 6 + 1 = 7",
        "v3 = target − v2 = 10 − 7 = 3",
        "L = v3 ** 2 = 3 ** 2 = 9",
    ]


def test_backward_steps_apply_the_chain_rule_with_its_numbers() -> None:
    backward = lines(graph_of(*SQUARED_ERROR), forward=False)
    assert backward[0] == "∂L/∂L = 1"
    assert "∂v1/∂w = x = 3" in backward
    assert "∂L/∂w = ∂L/∂v1 · ∂v1/∂w = −6 · 3 = −18" in backward
    assert "∂L/∂v2 = ∂L/∂v3 · ∂v3/∂v2 = 6 · (−1) = −6" in backward


def test_a_variable_used_more_than_once_adds_up_its_gradients() -> None:
    steps = graph_of("x*x + x", {"x": 3}).steps
    assert [step.gradients.get(0) for step in steps if not step.forward] == [None, 1, 7]
    assert steps[-1].added == ("x",)
    assert steps[-1].lines[-1] == "∂L/∂x += ∂L/∂v1 · ∂v1/∂x = 1 · 3 = 3   → 7"


@pytest.mark.parametrize(("source", "values"), CASES)
def test_the_last_step_has_torchs_gradients(source: str, values: dict) -> None:
    graph = graph_of(source, values)
    last = graph.steps[-1].gradients
    for i, gradient in enumerate(graph.trace.gradients):
        if gradient is not None:
            assert last[i] == pytest.approx(gradient, rel=1e-12)


def test_names_make_way_for_the_variables() -> None:
    graph = graph_of("L*v1 + f*v2 + 1", {"L": 1, "v1": 2, "f": 3, "v2": 4})
    assert set(graph.names.values()) == {"L", "v1", "f", "v2", "u1", "u2", "u3", "out"}


@pytest.mark.parametrize(
    "names",
    [
        [*"Lf", "out", "result_", *"GHJKMNPQ"],
        [f"{letter}1" for letter in "vuthsqpzyxwk"],
        [*"Lf", "out", "result_", "v1", "u1", "t1", "h1", "s1", "q1", "p1", "z1"],
    ],
)
def test_names_are_found_whatever_twelve_variables_are_called(names: list[str]) -> None:
    graph = graph_of("*".join(names) + " + 1", dict.fromkeys(names, 1))
    assert len(set(graph.names.values())) == len(graph.names) == 24


def test_numbers_are_short() -> None:
    assert [number(v) for v in (3.0, -0.5, 1e20, 1 / 3, math.nan)] == [
        *("3", "−0.5", "1e+20", "0.333333", "nan")
    ]
