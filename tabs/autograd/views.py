"""What the autograd tab shows, as HTML and Markdown, from what `model` has computed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from model.autograd.errors import ExpressionError
from model.autograd.latex import latex, latex_name
from model.errors import UserError
from tabs.autograd.text import TEXT
from tabs.language import say

if TYPE_CHECKING:  # they import torch, which the page must not wait for
    from model.autograd.comparison import Comparison, Row
    from model.autograd.descent import Path, Stability
    from model.autograd.expression import Expression
    from model.autograd.graph import Graph

LONGEST_FORMULA = 2500  # characters of LaTeX; a longer derivative is not shown


def word(key: str, language: str, **facts: object) -> str:
    return say(TEXT, f"autograd.{key}", language, **facts)


def exact(value: float) -> str:
    """Twelve digits; a dash where there is no value."""
    return "—" if math.isnan(value) else f"{value:.12g}".replace("-", "−")


def problem(error: UserError, language: str) -> str:
    """A mistake under the expression, with a caret at the character."""
    pointer = ""
    if isinstance(error, ExpressionError) and error.source.strip():
        source = "".join(c if c.isprintable() else " " for c in error.source)
        at = error.position
        marked = f"{escape(source[:at])}<b>{escape(source[at : at + 1])}</b>"
        pointer = f"<pre>{marked}{escape(source[at + 1 :])}\n{' ' * at}<b>^</b></pre>"
    message = escape(error.message(language))
    kept = word("kept", language)
    return f'<div class="ag ag-error">{pointer}<p>{message} <small>{kept}</small></p></div>'


def answer(compared: Comparison, second: str, language: str) -> str:
    """The value and each partial derivative three ways, with what is remarkable."""
    heads = ["", *(word(key, language) for key in ("autograd", "symbolic", "difference")), ""]
    head = "".join(f"<th>{h}</th>" for h in heads)
    rows = "".join(_row(row, language) for row in compared.rows)
    table = f"<table><tr>{head}</tr>{rows}</table>" if compared.rows else ""
    if not compared.rows:
        table = f"<p>{word('constant', language)}</p>"
    notes = "".join(
        f'<p class="ag-note">{escape(remark.message(language))}</p>' for remark in compared.remarks
    )
    return (
        f'<div class="ag ag-answer"><p>{word("value", language)} '
        f'<span class="ag-big">{exact(compared.value)}</span></p>'
        f'<div class="ag-scroll">{table}</div>{notes}{second}</div>'
    )


def _row(row: Row, language: str) -> str:
    if row.agrees:
        mark = f'<span class="yes">✓ {word("agree", language)}</span>'
    else:
        mark = '<span class="no">≠</span>'
    error = "" if math.isnan(row.error) else f" <small>± {row.error:.0e}</small>"
    return (
        f"<tr><th>∂/∂{escape(row.name)}</th><td><b>{exact(row.autograd)}</b></td>"
        f"<td>{exact(row.symbolic)}</td><td>{exact(row.difference)}{error}</td><td>{mark}</td></tr>"
    )


def hessian(rows: Mapping[str, Mapping[str, float]], agrees: bool | None, language: str) -> str:
    """Second derivatives, and whether SymPy's are the same (None: not compared)."""
    head = "".join(f"<th>{escape(name)}</th>" for name in rows)
    body = "".join(
        f"<tr><th>{escape(name)}</th>" + "".join(f"<td>{exact(v)}</td>" for v in row.values())
        for name, row in rows.items()
    )
    key = {True: "hessian_agrees", False: "hessian_differs", None: "hessian_unchecked"}[agrees]
    verdict = word(key, language)
    return (
        f'<p>{word("hessian", language)}</p><div class="ag-scroll"><table>'
        f"<tr><th></th>{head}</tr>{body}</table></div><p><small>{verdict}</small></p>"
    )


def graph(drawn: Graph, step: int) -> str:
    """The graph at one of its steps: wide, and narrow for phones."""
    from tabs.autograd.graph_svg import NARROW, WIDE, svg

    return (
        f'<div class="ag ag-graph"><div class="ag-wide">{svg(drawn, step, WIDE)}</div>'
        f'<div class="ag-narrow">{svg(drawn, step, NARROW)}</div></div>'
    )


def step_text(drawn: Graph, step: int, language: str) -> str:
    """What the step did, with its numbers."""
    forward = sum(s.forward for s in drawn.steps)
    if step <= 0 or not drawn.steps:
        return f'<div class="ag ag-step"><p>{word("leaves", language)}</p></div>'
    current = drawn.steps[step - 1]
    if current.forward:
        title = word("forward", language, done=step, all=forward)
    else:
        title = word("backward", language, done=step - forward, all=len(drawn.steps) - forward)
    lines = escape("\n".join(current.lines))
    added = ""
    if current.added:
        names = escape(", ".join(current.added))
        added = f"<p>{word('added', language, names=names)}</p>"
    return f'<div class="ag ag-step"><p><b>{title}</b></p><pre>{lines}</pre>{added}</div>'


def formulas(
    expression: Expression,
    derivatives: Mapping[str, str] | None,
    simplified: Sequence[str | None],
    language: str,
) -> str:
    """The expression and its derivatives (None: too long, and empty: unknown) in LaTeX, as given
    and, where there is such a form, simplified: Markdown."""
    function = latex(expression)
    parts = [_formula(["f", function, *filter(None, simplified[:1])], language)]
    shorter = dict(zip(expression.variables, simplified[1:], strict=False))
    for name in expression.variables if derivatives is None else derivatives:
        partial = rf"\frac{{\partial f}}{{\partial {latex_name(name)}}}"
        given = derivatives and derivatives[name]
        if not given or len(given) > LONGEST_FORMULA:
            parts.append(f"$${partial} = \\ldots$$ {word('too_long', language)}")
            continue
        sides = filter(None, [partial, given, shorter.get(name)])
        parts.append(_formula(list(sides), language))
    return "\n\n".join(parts)


def _formula(sides: list[str], language: str) -> str:
    """A = B, and = C below it where there is a third side: the simplified form."""
    left, given, *rest = sides
    lines = [rf"{left} &= {given}"]
    lines += [rf"&= {side} \quad \text{{({word('simplified', language)})}}" for side in rest]
    return "$$\\begin{aligned}" + r" \\[4pt] ".join(lines) + "\\end{aligned}$$"


def _key(method: str, language: str) -> str:
    return f'<span class="ag-key {method}"></span> {word(method, language)}'


def plots(pictures: Sequence[tuple[str, str]], paths: Sequence[Path], language: str) -> str:
    """Titles and SVGs side by side, with the colours of the descent methods."""
    keys = " &emsp; ".join(_key(path.method, language) for path in paths)
    figures = "".join(
        f"<figure><figcaption>{escape(title)}</figcaption>{svg}</figure>" for title, svg in pictures
    )
    return f'<div class="ag"><p>{keys}</p><div class="ag-plots">{figures}</div></div>'


def verdict(
    found: Stability, paths: Sequence[Path], rate: float, closed: bool, language: str
) -> str:
    """Whether plain descent converges at this rate, and why; of a function that is not quadratic
    only what the curvature at the start says."""
    limit = math.inf if found.limit is None else found.limit
    near = math.isclose(rate, limit, rel_tol=1e-6)
    side = "at" if near else "past" if rate > limit else "below"
    facts = {
        "curvature": f"{found.curvature + 0.0:.4g}",  # 0, not -0
        "lowest": f"{found.lowest + 0.0:.4g}",
        "limit": f"{limit:.4g}",
        "closed": word("closed", language) if closed else "",
        "rate": f"{rate:g}",
        "factor": f"{found.factor(rate):.4g}",
        "side": word(side, language),
    }
    keys = _verdict_keys(found, side)
    parts = [word(key, language, **facts) for key in keys]
    if paths[0].diverged and len(paths[0].losses) == 1:  # all of them, where they start
        parts += [word("too_far", language)] if math.isfinite(paths[0].losses[0]) else []
    else:
        for path in (path for path in paths if path.diverged):
            inside = all(map(math.isfinite, path.points[-1].values()))
            key = "lost" if inside and math.isnan(path.losses[-1]) else "ended"
            method = word(path.method, language)
            parts.append(word(key, language, methods=method, steps=len(path.losses) - 1))
    warns = side == "past" or {"falls", "ridge", "slides"} & set(keys)
    kind = "ag ag-note" if warns else "ag"
    return f'<div class="{kind}"><p>{" ".join(parts).replace("-", "−")}</p></div>'


def _verdict_keys(found: Stability, side: str) -> list[str]:
    """The texts that hold of plain descent, the rate being `side` the limit: below, at or past."""
    fate = found.fate.name.lower()
    if fate in ("undefined", "level"):
        return [fate]
    if fate in ("falls", "ridge", "slides"):
        return [fate if found.quadratic else "no_limit"]
    if not found.quadratic:
        return ["local"]
    if fate == "balanced" and side != "below":
        return ["balanced"]
    return ["limit", {"below": "stays", "at": "at_limit", "past": "diverges"}[side]]


def loss_table(paths: Sequence[Path], language: str) -> str:
    """The loss after every step, one column a method."""
    heads = "".join(f"<th>{_key(path.method, language)}</th>" for path in paths)
    rows = "".join(
        f"<tr><th>{k}</th>"
        + "".join(
            f"<td>{f'{p.losses[k]:.6g}'.replace('-', '−') if k < len(p.losses) else ''}</td>"
            for p in paths
        )
        for k in range(max(len(p.losses) for p in paths))
    )
    step = word("step_name", language)
    return f'<div class="ag ag-losses"><table><tr><th>{step}</th>{heads}</tr>{rows}</table></div>'
