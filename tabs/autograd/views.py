"""What the autograd tab shows, as HTML and Markdown, from what `model` has computed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import zip_longest
from typing import TYPE_CHECKING

from model.autograd.errors import ExpressionError, Names, ValueMissing
from model.autograd.latex import latex, latex_name
from model.autograd.unfinished import is_unfinished
from model.errors import UserError
from tabs.autograd import graph_svg
from tabs.autograd.text import counted, word
from tabs.numbers import number

if TYPE_CHECKING:  # they import torch, which the page must not wait for
    from model.autograd.comparison import Comparison
    from model.autograd.descent import Path, Stability
    from model.autograd.expression import Expression
    from model.autograd.graph import Graph

LONGEST_FORMULA = 2500  # characters of LaTeX; a longer derivative is not shown


def exact(value: float) -> str:
    return number(value, 12, missing="—")


def paragraph(key: str, language: str) -> str:
    return f'<div class="ag"><p>{word(key, language)}</p></div>'


def table(name: str, head: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    """An HTML table with a name above each column and, first in its row, before each row. It
    scrolls, by keyboard too, under its `name`."""
    lines = ["".join(f'<th scope="col">{each}</th>' for each in head)]
    for first, *cells in rows:
        cells_html = "".join(f"<td>{cell}</td>" for cell in cells)
        lines.append(f'<th scope="row">{first}</th>{cells_html}')
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    region = f'class="ag-scroll" tabindex="0" role="region" aria-label="{escape(name)}"'
    return f"<div {region}><table>{body}</table></div>"


def hint(language: str) -> str:
    """What can be typed, where a mistake would be told."""
    return f'<p class="ag ag-hint">{word("expression_info", language)}</p>'


def problem(error: UserError, language: str, hinders: bool = True) -> str:
    """A mistake; one in the expression with its character marked. What is merely unfinished is
    none, and is told more quietly. `hinders`: there is no answer because of it."""
    pointer = ""
    if isinstance(error, ExpressionError) and error.source.strip():
        source = "".join(c if c.isprintable() else " " for c in error.source)
        at = error.position
        marked = f"{escape(source[:at])}<mark>{escape(source[at : at + 1] or ' ')}</mark>"
        pointer = f"<pre>{marked}{escape(source[at + 1 :])}</pre>"
    open_end = isinstance(error, ExpressionError) and is_unfinished(error)
    unfinished = open_end or isinstance(error, ValueMissing)
    message = escape(error.message(language))
    if open_end:
        message = f"{word('unfinished', language)} {message}"
    kind = "ag-unfinished" if unfinished else "ag-error"
    hindering = " ag-hinders" if hinders else ""
    return f'<div class="ag {kind}{hindering}">{pointer}<p>{message}</p></div>'


def value(compared: Comparison) -> str:
    """What the expression comes to."""
    name = compared.expression.result_name
    return f'<p class="ag">{name} = <span class="ag-big">{exact(compared.value)}</span></p>'


def answer(compared: Comparison, second: str, language: str) -> str:
    """Each partial derivative three ways, with what is remarkable."""
    keys = ("derivative", "autograd", "symbolic", "difference", "agreement")
    agree, differ = (
        f'<span class="yes">✓ {word("agree", language)}</span>',
        f'<span class="no">≠ {word("differ", language)}</span>',
    )
    result = compared.expression.result_name
    rows = []
    for row in compared.rows:
        name, slope = f"∂{result}/∂{escape(row.name)}", f"<b>{exact(row.autograd)}</b>"
        difference = exact(row.difference)
        if not math.isnan(row.error):
            difference += f" <small>± {number(row.error, 1)}</small>"
        rows.append([name, slope, exact(row.symbolic), difference, agree if row.agrees else differ])
    heads = [word(key, language) for key in keys]
    shown = table(heads[0], heads, rows) if rows else f"<p>{word('constant', language)}</p>"
    notes = "".join(
        f'<p class="ag-note">{escape(remark.message(language))}</p>' for remark in compared.remarks
    )
    return f'<div class="ag">{shown}{notes}{second}</div>'


def hessian(
    expression: Expression,
    rows: Mapping[str, Mapping[str, float]],
    agrees: bool | None,
    language: str,
) -> str:
    """Second derivatives, and whether SymPy's are the same (None: not compared)."""
    key = {True: "hessian_agrees", False: "hessian_differs", None: "hessian_unchecked"}[agrees]
    names = map(escape, rows)
    body = ([escape(name), *map(exact, row.values())] for name, row in rows.items())
    title = word("hessian", language, result=expression.result_name)
    shown = table(title, ["∂²", *names], body)
    return f"<p>{title}</p>{shown}<p><small>{word(key, language)}</small></p>"


def graph(drawn: Graph, step: int, functions: bool, language: str) -> str:
    """The graph at one of its steps, from left to right and from top to bottom: the page shows
    that which fits better (see `scripts/graph.js`)."""
    name = graph_in_words(drawn, step, language)
    styles = (graph_svg.WIDE, graph_svg.NARROW)
    svgs = "".join(graph_svg.svg(drawn, step, style, name, functions) for style in styles)
    source = escape(drawn.expression.source)
    window = escape(word("window", language))
    return f'<div class="ag ag-graph" data-graph="{source}" data-name="{window}">{svgs}</div>'


def graph_in_words(drawn: Graph, step: int, language: str) -> str:
    """What the graph shows, for those who hear the page."""
    now = drawn.steps[step - 1].lines[-1] if step else ""
    return word(
        "graph_name",
        language,
        result=drawn.expression.result_name,
        source=drawn.expression.source,
        operations=counted(len(drawn.formulas), "operation", language),
        variables=counted(len(drawn.expression.variables), "variable", language),
        step=step,
        steps=len(drawn.steps),
        now=now and {"zh": "："}.get(language, ": ") + now,
    )


def step_text(drawn: Graph, step: int, language: str) -> str:
    """What the step did, with its numbers."""
    if step == 0:
        return f'<div class="ag ag-step"><p>{word("leaves", language)}</p></div>'
    current = drawn.steps[step - 1]
    ways = [s.forward for s in drawn.steps]
    counts = {"done": ways[:step].count(current.forward), "all": ways.count(current.forward)}
    title = word("forward" if current.forward else "backward", language, **counts)
    lines = escape("\n".join(current.lines))
    added = ""
    if current.added:
        key = "added" if len(current.added) == 1 else "added_each"
        added = f"<p>{escape(word(key, language, names=Names(current.added)))}</p>"
    return f'<div class="ag ag-step"><p><b>{title}</b></p><pre>{lines}</pre>{added}</div>'


def formulas(
    expression: Expression,
    derivatives: Mapping[str, str] | None,
    simplified: Sequence[str | None],
    language: str,
) -> str:
    """The expression and its derivatives (None: too long, and empty: unknown) in LaTeX, as given
    and, where there is such a form, simplified: Markdown."""
    result = latex_name(expression.result_name)
    forms = [(result, latex(expression), *simplified[:1])]
    shorter = dict(zip(expression.variables, simplified[1:], strict=False))
    for name in expression.variables if derivatives is None else derivatives:
        partial = rf"\frac{{\partial {result}}}{{\partial {latex_name(name)}}}"
        forms.append((partial, derivatives and derivatives[name], shorter.get(name)))
    parts = []
    for left, given, *rest in forms:
        if not given or len(given) > LONGEST_FORMULA:
            parts.append(f"$${left} = \\ldots$$ {word('too_long', language)}")
            continue
        lines = [rf"{left} &= {given}"]
        for side in filter(None, rest):
            lines.append(rf"&= {side} \quad \text{{({word('simplified', language)})}}")
        parts.append("$$\\begin{aligned}" + r" \\[4pt] ".join(lines) + "\\end{aligned}$$")
    return "\n\n".join(parts)


def _key(method: str, language: str) -> str:
    return f'<span class="ag-key {method}"></span> {word(method, language)}'


def plots(pictures: Mapping[str, str], paths: Sequence[Path], language: str) -> str:
    """SVGs by their titles, side by side, with the colours of the descent methods."""
    keys = " &emsp; ".join(_key(path.method, language) for path in paths)
    figures = "".join(
        f"<figure><figcaption>{escape(title)}</figcaption>{svg}</figure>"
        for title, svg in pictures.items()
    )
    row = f'class="ag-plots" tabindex="0" role="group" aria-label="{word("descent", language)}"'
    return f'<div class="ag"><p>{keys}</p><div {row}>{figures}</div></div>'


def verdict(
    found: Stability, paths: Sequence[Path], rate: float, closed: bool, language: str
) -> str:
    """Whether plain descent converges at this rate, and why; of a function that is not quadratic
    only what the curvature at the start says."""
    limit = math.inf if found.limit is None else found.limit
    near = math.isclose(rate, limit, rel_tol=1e-6)
    side = "at" if near else "past" if rate > limit else "below"
    facts = {
        "curvature": number(found.curvature + 0.0, 4),  # 0, not -0
        "lowest": number(found.lowest + 0.0, 4),
        "limit": number(limit, 4),
        "closed": word("closed", language) if closed else "",
        "rate": number(rate),
        "factor": number(found.factor(rate), 4),
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
    gap = "" if language == "zh" else " "
    return f'<div class="{kind}"><p>{gap.join(parts)}</p></div>'


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


def losses_in_words(title: str, paths: Sequence[Path], language: str) -> str:
    """Where each method began and came to."""
    ways = [
        word(
            "loss_way",
            language,
            method=word(path.method, language),
            first=number(path.losses[0], 4),
            last=number(path.losses[-1], 4),
        )
        for path in paths
    ]
    return f"{title}: {', '.join(ways)}" if language == "en" else f"{title}：{'，'.join(ways)}"


def loss_table(paths: Sequence[Path], language: str) -> str:
    """The loss after every step, one column a method."""
    heads = [word("step_name", language), *(_key(path.method, language) for path in paths)]
    columns = [map(number, path.losses) for path in paths]
    rows = ([str(k), *row] for k, row in enumerate(zip_longest(*columns, fillvalue="")))
    return f'<div class="ag ag-losses">{table(heads[0], heads, rows)}</div>'
