"""A computational graph as SVG, at any of its steps: from left to right, or from top to bottom for
phones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from tabs.numbers import number
from tabs.svg import Point, arrow_head, tag

if TYPE_CHECKING:  # torch comes with it
    from model.autograd.graph import Graph, Step

NAME = 12  # characters of a name that stands for its node
LINE = 20  # characters of a node's line; more are cut and shown on hover


@dataclass(frozen=True)
class Style:
    """Sizes in pixels: of a node, and of the gaps along and across the direction of drawing."""

    width: float = 128
    height: float = 50
    along: float = 44  # room for arrows and their labels
    across: float = 12
    margin: float = 4
    down: bool = False  # from top to bottom

    def point(self, layer: float, place: float) -> Point:
        """The middle of a node."""
        if self.down:
            x, y = place * (self.width + self.across), layer * (self.height + self.along)
        else:
            x, y = layer * (self.width + self.along), place * (self.height + self.across)
        return x + self.width / 2 + self.margin, y + self.height / 2 + self.margin


WIDE = Style()
NARROW = Style(width=120, along=28, across=8, down=True)
LINE_HEIGHT = 15


def svg(
    graph: Graph, step: int, style: Style = WIDE, label: str = "", functions: bool = False
) -> str:
    """The graph after `step` of its steps (0: only the leaves have values). What the last step
    computed is marked. `label` says in words what is seen; with `functions` each node tells its
    `grad_fn`."""
    if functions:
        style = replace(style, height=style.height + LINE_HEIGHT)
    done = graph.steps[:step]
    now = done[-1] if done else None
    known = {s.node for s in done if s.forward}
    x, y = style.point(graph.layout.layers - 1, graph.layout.width - 1)
    width, height = x + style.width / 2 + style.margin, y + style.height / 2 + style.margin
    edges = [_edges(graph, node, node in known, now, style) for node in graph.formulas]
    return tag(
        "svg",
        *(shapes for shapes, _ in edges),
        *(_node(graph, node, node in known, now, style, functions) for node in graph.names),
        *(labels for _, labels in edges),
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        width=round(width),
        height=round(height),
        role="img",
        aria_label=label,
    )


def _node(
    graph: Graph, i: int, known: bool, now: Step | None, style: Style, functions: bool
) -> str:
    node, name, value = graph.expression.nodes[i], graph.names[i], graph.trace.values[i]
    title = graph.formulas.get(i, name)
    operation = graph.trace.grad_fn[i] or "constant"
    shown = number(value, 5) if node.is_leaf or known else "?"
    slope = number(now.gradients[i], 5) if now and i in now.gradients else "?"
    lines = {
        "title": _cut(title, LINE),
        "value": _cut(f"= {shown}", LINE),
        "gradient": _cut(f"∂{graph.names[graph.result]}/∂{name} = {slope}", LINE + 2),
    }
    if functions:
        lines["function"] = operation
    x, y = style.point(graph.layout.layer[i], graph.layout.place[i])
    left, top = x - style.width / 2, y - style.height / 2
    kind = "node leaf" if node.is_leaf else "node operation"
    return tag(
        "g",
        tag("rect", x=left, y=top, width=style.width, height=style.height, rx=8),
        *(
            tag("text", text=text, class_=line, x=x, y=top + LINE_HEIGHT * row)
            for row, (line, text) in enumerate(lines.items(), 1)
        ),
        tag("text", text=_cut(name, NAME), class_="name", x=x, y=y),
        class_=f"{kind} now" if now and i == now.node else kind,
        title=f"{title}\n= {number(value, 12)}\n{operation}",
    )


def _edges(graph: Graph, i: int, known: bool, now: Step | None, style: Style) -> tuple[str, str]:
    """Arrows into node `i`, and the local derivatives beside them. An input that is used twice
    (x*x) has one arrow, with both derivatives. While gradients flow back, so do the arrows."""
    kind = "edge now" if now and i == now.node else "edge"
    back = kind == "edge now" and not now.forward
    ahead = (0, 1) if style.down else (1, 0)
    slopes: dict[int, list[float]] = {}
    for source, local in graph.inputs(i):
        slopes.setdefault(source, []).append(local)
    shapes = labels = ""
    for source, locals_ in slopes.items():
        points = _points(graph, source, i, style)
        shapes += tag("path", class_=kind, d=_curve(points, style))
        tip, direction = (points[0], (-ahead[0], -ahead[1])) if back else (points[-1], ahead)
        shapes += arrow_head(tip, direction, 6, 8, kind)
        if known:
            (ax, ay), (bx, by) = points[-2:]
            x, y = (ax + 2 * bx) / 3, (ay + 2 * by) / 3
            text = ", ".join(number(slope, 3) for slope in locals_)
            title = f"∂{graph.names[i]}/∂{graph.names[source]} = {text}"
            labels += tag("text", class_="local", x=x, y=y + 4, text=text, title=title)
    return shapes, labels


def _points(graph: Graph, source: int, target: int, style: Style) -> list[Point]:
    """From the edge of one node to the edge of the other, past the bends between."""
    layout = graph.layout
    dx, dy = (0.0, style.height / 2) if style.down else (style.width / 2, 0.0)
    ends = [(layout.layer[node], layout.place[node]) for node in (source, target)]
    stops = [ends[0], *layout.bends.get((source, target), ()), ends[1]]
    sides = [(x + s * dx, y + s * dy) for x, y in (style.point(*p) for p in stops) for s in (-1, 1)]
    return sides[1:-1]


def _curve(points: list[Point], style: Style) -> str:
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (ax, ay), (bx, by) in pairwise(points):
        x, y = (ax + bx) / 2, (ay + by) / 2
        bend = (ax, y, bx, y) if style.down else (x, ay, x, by)
        path += "C" + " ".join(f"{part:.1f}" for part in (*bend, bx, by))
    return path


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
