"""How long the server takes from an expression to its answer.

    python -m tests.benchmarks.autograd_latency

Each expression is new to the process (its variables are renamed at every round), as it is when
somebody types: no answer is a remembered one. Prints milliseconds, median and worst.
"""

from __future__ import annotations

import re
import statistics
import string
import time
from collections.abc import Callable

from model.autograd.comparison import compare
from model.autograd.graph import draw
from model.autograd.operations import FUNCTIONS
from model.autograd.parsing import CONSTANTS, parse
from model.autograd.snippet import snippet
from model.autograd.symbolic_worker import simplified
from tabs.autograd.graph_svg import NARROW, WIDE, svg

ROUNDS = 15
EXPRESSIONS = {
    "squared error": "(target - (w*x + b))**2",
    "50 nodes, network": "(y - (v1*tanh(w1*x + b1) + v2*tanh(w2*x + b2) + v3*tanh(w3*x + b3)"
    " + c))**2 + 0.5*(w1**2 + w2**2 + w3**2 + v1**2 + v2**2 + v3**2)/100 - sin(y)*cos(c)",
    "50 nodes, nested": "sin(x*exp(y*tanh(z*log(x + 2) + sigmoid(y*z))) + gelu(x*y))"
    "*softplus(z - x/(1 + y**2))**3/(1 + cos(x*y*z)**2) + sqrt(x**2 + y**2 + z**2 + 1)*erf(x - y)"
    " + relu(x*z)",
    "50 nodes, one variable": "*".join(f"({k}.5 + sin({k}*x)/(x + {k}))" for k in range(1, 7)),
}
WORDS = {*FUNCTIONS, *CONSTANTS}


def renamed(source: str, letter: str) -> str:
    return re.sub(r"[^\W\d]\w*", lambda m: m[0] if m[0] in WORDS else f"{m[0]}_{letter}", source)


def answer(source: str) -> dict[str, float]:
    """All that one change of the expression asks of the server, in milliseconds by part."""
    clock = time.perf_counter
    times = [clock()]
    parsed = parse(source)
    values = {name: 0.3 + 0.05 * k for k, name in enumerate(parsed.variables)}
    times.append(clock())
    compared = compare(parsed, values)
    times.append(clock())
    graph = draw(parsed, compared.trace)
    for style in (WIDE, NARROW):
        svg(graph, len(graph.steps), style)
    times.append(clock())
    simplified(parsed)
    times.append(clock())
    snippet(parsed, values)
    times.append(clock())
    parts = ("parse", "three ways", "graph", "formulas", "code")
    spent = {p: 1000 * (b - a) for p, a, b in zip(parts, times, times[1:], strict=False)}
    return {**spent, "in all": sum(spent.values())}


def refusal(source: str) -> float:
    start = time.perf_counter()
    try:
        parse(source)
    except Exception:
        return 1000 * (time.perf_counter() - start)
    raise SystemExit(f"not refused: {source!r}")


def report(name: str, work: Callable[[str], dict[str, float]], source: str) -> None:
    rounds = [work(renamed(source, letter)) for letter in string.ascii_letters[:ROUNDS]]
    nodes = len(parse(source).nodes)
    print(f"{name} ({nodes} nodes)")
    for part in rounds[0]:
        figures = [spent[part] for spent in rounds]
        print(f"  {part:11} median {statistics.median(figures):6.1f}  worst {max(figures):6.1f} ms")


def main() -> None:
    for source in ("x*y", EXPRESSIONS["50 nodes, network"]):  # starts both processes
        answer(source)
    for name, source in EXPRESSIONS.items():
        report(name, answer, source)
    attacks = ["(" * 150 + "x", "9**9**9**9", "-" * 299 + "x", "__import__('os')", "x" * 10**6]
    attacks += ["**".join(["9"] * 100), "lambda: 0", "[x for x in y]", "а", "max(" * 60]
    print(f"refusals: worst of {len(attacks)} {max(map(refusal, attacks)):.2f} ms")


if __name__ == "__main__":
    main()
