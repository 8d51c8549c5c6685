"""What the autograd tab shows below the answer: curves and descent, formulas, code."""

from __future__ import annotations

import math

from model.autograd import symbolic_worker
from model.autograd.descent import BadDescent, NothingToTrain, descend, stability
from model.autograd.errors import Names, ValueMissing
from model.autograd.expression import Expression
from model.autograd.gradients import differentiate
from model.autograd.snippet import snippet
from tabs.autograd import charts, views
from tabs.autograd.controls import Controls, Values
from tabs.autograd.text import word
from tabs.listeners import Updates
from tabs.numbers import number


def descent(parsed: Expression, asked: Controls, language: str) -> Updates:
    """Curve, contours and descent, with the reason why it converges or not."""
    along, across, up, trained = (asked.chosen[k] for k in ("along", "across", "up", "trained"))
    values, rate = asked.values(parsed), asked.rate
    if not parsed.variables:
        return {"verdict": views.paragraph("constant", language), "plots": "", "losses": ""}
    try:
        if rate is None:
            raise ValueMissing(names=Names([word("rate", language)]))
        paths = descend(parsed, values, trained, rate, int(asked.steps))
        found = stability(parsed, values, trained)
    except (BadDescent, NothingToTrain, ValueMissing) as error:
        return {"verdict": views.problem(error, language)}
    slopes = differentiate(parsed, values).gradients
    result = parsed.result_name
    pictures = {}
    if along in values:
        facts = {"name": along, "result": result, "slope": number(slopes[along], 4)}
        title = word("curve_title", language, **facts)
        pictures[title] = charts.curve(parsed, values, along, slopes[along], title)
    if across in values and up in values and across != up:
        title = word("contour_title", language, result=result)
        name = f"{title} ({across}, {up})"
        pictures[title] = charts.contours(parsed, values, (across, up), slopes, name, paths)
    title = word("loss_title", language, result=result)
    name = views.losses_in_words(title, paths, language)
    pictures[title] = charts.losses(paths, (word("step_name", language), result), name)
    closed = is_line_fit(parsed, values, trained) and found.limit is not None
    return {
        "verdict": views.verdict(found, paths, rate, closed, language),
        "plots": views.plots(pictures, paths, language),
        "losses": views.loss_table(paths, language),
    }


def is_line_fit(parsed: Expression, values: Values, trained: list[str]) -> bool:
    """Whether this is the squared error of w·x + b over w and b, whose limit is 1/(x² + 1)."""
    if set(trained) != {"w", "b"} or "x" not in values:
        return False
    return all(
        math.isclose(stability(parsed, {**values, "x": x}, trained).limit or 0.0, 1 / (x * x + 1))
        for x in (values["x"], 0.5, 2.0)
    )


def formula(parsed: Expression, asked: Controls, language: str) -> Updates:
    """The expression and its derivatives in LaTeX, by SymPy."""
    try:
        derivatives, end = symbolic_worker.derivatives(parsed, asked.values(parsed)).latex, ""
    except symbolic_worker.NoAnswer as error:
        derivatives, end = {}, f"\n\n{error.remark.message(language)}"
    try:
        simplified = () if end else symbolic_worker.simplified(parsed)
    except symbolic_worker.NoAnswer:
        simplified = ()  # what is as it was given is right too
    return {"formula": views.formulas(parsed, derivatives, simplified, language) + end}


def code(parsed: Expression, asked: Controls, language: str) -> Updates:
    return {"code": snippet(parsed, asked.values(parsed))}
