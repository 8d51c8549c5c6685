"""The program that is shown prints the numbers that are shown."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from model.autograd.gradients import differentiate
from model.autograd.parsing import parse
from model.autograd.snippet import snippet

EXAMPLES = json.loads((Path(__file__).parents[3] / "examples" / "expressions.json").read_text())
HARD = [
    ("x**y**z + (x**y)**z", {"x": 1.3, "y": 0.7, "z": 2}),
    ("-x**2 + (-x)**2 - -x**-y", {"x": 1.3, "y": 2}),
    ("a - (b - c) - (a/b)/(c/(a*b)) - (a - b)*c", {"a": 2, "b": 3, "c": 5}),
    ("(x + 1)*(x + 1) + sin(x + 1)", {"x": 3}),
    ("max(x, 2, min(y, 3)) + abs(x) + leaky_relu(-y) + softplus(x) + gelu(y)", {"x": 1, "y": 2}),
    (
        "F*print + torch**2 + L/s1 + (s1 + F)*(s1 + F)",
        dict.fromkeys(["F", "print", "torch", "L", "s1"], 2),
    ),
    ("sin(2)*x + sqrt(pi/2 + e)*x**(1/3) + x**-2", {"x": 2}),
    ("α*β_1 + 1e3*α/2.50", {"α": 1e-7, "β_1": -3e20}),
    ("2/x + 1 - x + 2**x + -3*x", {"x": 2}),
    ("x - x", {"x": 1}),
    ("x", {"x": -0.5}),
    ("2*pi + max(1, 2) + sin(1)", {}),
]
CASES = [(e["expression"], e["values"]) for e in EXAMPLES] + HARD


def printed(output: str) -> list[float]:
    return [float(line.split()[-1]) for line in output.splitlines()]


def expected(source: str, values: dict) -> list[float]:
    found = differentiate(parse(source), values)
    return [found.value, *found.gradients.values()]


@pytest.mark.parametrize(("source", "values"), CASES)
def test_it_prints_the_same_numbers_to_the_last_digit(source: str, values: dict) -> None:
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(snippet(parse(source), values), "snippet", "exec"), {})
    assert printed(output.getvalue()) == expected(source, values)


def test_it_runs_as_a_program_of_its_own(tmp_path: Path) -> None:
    program = tmp_path / "gradients.py"
    source, values = CASES[1]
    program.write_text(snippet(parse(source), values), encoding="utf-8")
    ran = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True)
    assert printed(ran.stdout) == expected(source, values) == [9, 6, -18, -12, -6]


def test_its_graph_is_the_one_that_is_drawn() -> None:
    text = snippet(parse("exp(a)/(exp(a) + exp(b))"), {"a": 1, "b": 2})
    assert text.count("torch.exp(a)") == 1
    assert "s1 / (s1 + torch.exp(b))" in text
