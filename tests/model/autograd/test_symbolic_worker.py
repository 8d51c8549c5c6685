"""SymPy's processes: apart from torch, quick for the short ones, and told apart from a difference
where they have no answer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest

from model.autograd import remarks, symbolic_worker
from model.autograd.comparison import compare, hessian_agrees
from model.autograd.gradients import differentiate
from model.autograd.parsing import parse
from model.autograd.symbolic_worker import (
    QUICK,
    QUICK_NODES,
    SLOW,
    NoAnswer,
    derivatives,
    simplified,
)
from model.process.worker import ROOT, Worker
from tabs.autograd import views
from tests.conftest import clean_environment

T = TypeVar("T")
LONG = "max(" + ",".join(f"{'abcdfghxyzuv'[i % 12]}+{i}" for i in range(1, 50)) + ")"
NETWORK = "(y - (v1*tanh(w1*x + b1) + v2*tanh(w2*x + b2) + v3*tanh(w3*x + b3) + c))**2"


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    yield
    symbolic_worker._ask.cache_clear()


def values_of(source: str) -> dict[str, float]:
    return {name: 0.3 + 0.05 * k for k, name in enumerate(parse(source).variables)}


def imported(program: str) -> set[str]:
    finished = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys; print(*sys.modules)"],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return set(finished.stdout.split())


def test_the_server_never_imports_sympy_and_its_worker_never_torch() -> None:
    request = {"source": "x*y", "values": {"x": 1, "y": 2}}
    asked = "".join(
        f"answer({ {**request, 'wanted': wanted} })\n"
        for wanted in ("derivatives", "hessian", "simplified")
    )
    worker = imported(
        f"from model.autograd.symbolic import Differentiator as D\nanswer = D()\n{asked}"
    )
    assert "sympy" in worker
    assert not worker & {"torch", "gradio"}
    server = imported(
        "from tabs.autograd.tab import gradients\n"
        "from tabs.autograd.controls import Controls\n"
        "from tabs.autograd.details import code, formula\n"
        "from tabs.autograd.events import answer\n"
        "from model.autograd.parsing import parse\n"
        "assert gradients('x*y', {'x': 1, 'y': 2}, 2)['agreement']['x']['symbolic'] == 2\n"
        "asked = Controls('x*y', {}, second=True)\n"
        "for show in (answer, formula, code):\n"
        "    assert show(parse('x*y'), asked, 'en')\n"
    )
    assert "torch" in server
    assert not server & {"sympy", "mpmath"}


def hold(worker: Worker) -> subprocess.Popen:
    """The process, halted: it will begin nothing."""
    worker.ask({"wanted": "simplified", "source": "x", "values": None}, 60)
    os.kill(worker._process.pid, signal.SIGSTOP)
    return worker._process


def killed_amid(worker: Worker, call: Callable[[], T]) -> T:
    """What `call` gives where the process is killed while it waits for it."""
    process = hold(worker)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(call)
        time.sleep(0.2)
        process.kill()
        return asked.result(timeout=20)


@pytest.mark.parametrize("end", ["killed", "out of time"])
def test_a_death_is_told_as_no_answer_and_not_as_a_difference(
    end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed, values = parse("(w*x - 1)**2"), {"w": 2, "x": 3}
    if end == "killed":
        compared = killed_amid(QUICK, lambda: compare(parsed, values))
    else:
        monkeypatch.setattr(symbolic_worker, "SECONDS", 0.2)
        hold(QUICK)
        compared = compare(parsed, values)
        monkeypatch.undo()
    assert compared.symbolic is None
    assert [type(remark) for remark in compared.remarks] == [remarks.NoSymbolic]
    assert all(row.agrees and row.agrees_symbolic is None for row in compared.rows)
    page = views.answer(compared, "", "en")
    assert "≠" not in page
    assert "in the time allowed" in page
    # and the next is answered, by a new process: the failure is not remembered
    assert compare(parsed, values).symbolic.slopes == {"w": 30, "x": 20}


def test_a_death_leaves_second_derivatives_unchecked() -> None:
    parsed, values = parse("(w*x - 1)**2"), {"w": 2, "x": 3}
    compared = compare(parsed, values)
    hessian = differentiate(parsed, values, order=2).hessian
    assert killed_amid(QUICK, lambda: hessian_agrees(hessian, compared)) is None
    page = views.hessian(parsed, hessian, None, "en")
    assert "has not checked" in page
    assert hessian_agrees(hessian, compared) is True


def test_short_expressions_do_not_wait_for_long_ones_and_who_is_too_many_is_told() -> None:
    """Four wait for a process that is stuck; the fifth is refused, the short one answered."""
    assert len(parse(NETWORK).nodes) > QUICK_NODES > len(parse("x**2").nodes)
    derivatives(parse("x"), {"x": 1})
    process = hold(SLOW)
    outcomes: list[type] = []

    def ask(shift: float) -> None:
        try:
            derivatives(parse(NETWORK), {n: v + shift for n, v in values_of(NETWORK).items()})
        except NoAnswer as error:
            outcomes.append(type(error.remark))

    threads = [threading.Thread(target=ask, args=(k / 10,)) for k in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    started = time.monotonic()
    ask(9)
    assert outcomes == [remarks.SymbolicBusy]
    assert derivatives(parse("x**2"), {"x": 3}).slopes == {"x": 6}
    assert time.monotonic() - started < 0.5
    process.kill()
    for thread in threads:
        thread.join(timeout=30)


@pytest.mark.parametrize("source", [LONG, "gelu(x+" * 19 + "y" + ")" * 19])
def test_what_is_too_long_to_write_is_differentiated_and_said(source: str) -> None:
    SLOW.ask({"wanted": "simplified", "source": "x", "values": None}, 60)
    compared = compare(parse(source), values_of(source))
    assert compared.symbolic.latex is None
    assert [type(r) for r in compared.remarks] == [remarks.TooLongToWrite]
    assert all(row.agrees_symbolic for row in compared.rows)
    shown = views.formulas(compared.expression, None, (), "en")
    assert shown.count("too long to show") == len(compared.rows)
    assert len(shown) < 10_000


def test_the_same_is_worked_out_once() -> None:
    parsed, values = parse(NETWORK), values_of(NETWORK)
    first = compare(parsed, values).symbolic
    short = simplified(parsed)
    hold(SLOW)
    assert compare(parse(NETWORK), dict(values)).symbolic == first
    assert simplified(parse(NETWORK)) == short
    SLOW.close()
