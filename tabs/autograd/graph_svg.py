"""A computational graph as SVG, at any of its steps.

Colours come from style sheets (classes `node`, `value`, `gradient`, `edge`, `now`, …), so that one
drawing serves light and dark pages. Drawn from left to right, or from top to bottom for phones.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from itertools import pairwise

from model.autograd.graph import Graph, number

MEANT_FOR_LINE = 20  # characters of a node's first line; more are cut and shown on hover


@dataclass(frozen=True)
class Style:
    """Sizes in pixels: of a node, and of the gaps along and across the direction of drawing."""

    width: float = 136
    height: float = 66
    along: float = 56  # room for arrows and their labels
    across: float = 14
    margin: float = 8
    down: bool = False  # from top to bottom

    def point(self, layer: float, place: float) -> tuple[float, float]:
        """The middle of a node."""
        if self.down:
            x, y = place * (self.width + self.across), layer * (self.height + self.along)
        else:
            x, y = layer * (self.width + self.along), place * (self.height + self.across)
        return x + self.width / 2 + self.margin, y + self.height / 2 + self.margin


WIDE = Style()
NARROW = Style(width=126, along=40, across=10, down=True)


def svg(graph: Graph, step: int, style: Style = WIDE) -> str:
    """The graph after `step` of its steps (0: only the leaves have values). What the last step
    computed is marked."""
    step = max(0, min(step, len(graph.steps)))
    layout = graph.layout
    width, height = style.point(layout.layers - 1, layout.width - 1)
    if style.down:
        width, height = (
            style.point(0, layout.width - 1)[0],
            style.point(layout.layers - 1, 0)[1],
        )
    width += style.width / 2 + style.margin
    height += style.height / 2 + style.margin
    edges, labels = [], []
    for node in graph.formulas:
        shape, text = _edges(graph, node, step, style)
        edges += shape
        labels += text
    nodes = [_node(graph, node, step, style) for node in graph.names]
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
        f'style="width:{width:.0f}px;min-width:{0.72 * width:.0f}px" '
        f'aria-label="{escape(graph.expression.source)}">'
        f"{''.join(edges)}{''.join(nodes)}{''.join(labels)}</svg>"
    )


def _state(graph: Graph, step: int) -> tuple[set[int], dict[int, float], int | None]:
    """Which operations have values, which gradients have been collected, and the current node."""
    done = graph.steps[:step]
    computed = {s.node for s in done if s.forward}
    gradients = dict(done[-1].gradients) if done else {}
    return computed, gradients, done[-1].node if done else None


def _node(graph: Graph, i: int, step: int, style: Style) -> str:
    computed, gradients, now = _state(graph, step)
    node = graph.expression.nodes[i]
    x, y = style.point(graph.layout.layer[i], graph.layout.place[i])
    left, top = x - style.width / 2, y - style.height / 2
    title = graph.formulas.get(i, graph.names[i])
    value = number(graph.trace.values[i], 5) if node.is_leaf or i in computed else "?"
    gradient = number(gradients[i], 5) if i in gradients else "?"
    operation = graph.trace.grad_fn[i] or "constant"
    hover = f"{title}\nvalue {graph.trace.values[i]!r}\n{operation}"
    classes = " ".join(
        ["node", "leaf" if node.is_leaf else "operation", *(["now"] if i == now else [])]
    )
    end = graph.names[graph.result]
    lines = [
        ("title", _cut(title, MEANT_FOR_LINE)),
        ("value", _cut(f"= {value}", MEANT_FOR_LINE)),
        ("gradient", _cut(f"∂{end}/∂{graph.names[i]} = {gradient}", MEANT_FOR_LINE + 2)),
        ("function", operation),
    ]
    texts = "".join(
        f'<text class="{kind}" x="{x:.1f}" y="{top + 15 + 15 * k:.1f}">{escape(text)}</text>'
        for k, (kind, text) in enumerate(lines)
    )
    return (
        f'<g class="{classes}"><title>{escape(hover)}</title>'
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{style.width}" height="{style.height}" '
        f'rx="8"/>{texts}</g>'
    )


def _edges(graph: Graph, i: int, step: int, style: Style) -> tuple[list[str], list[str]]:
    """Arrows into node `i`, and the local derivatives beside them. An input that is used twice
    (x*x) has one arrow, with both derivatives."""
    computed, _, now = _state(graph, step)
    backward = bool(step) and not graph.steps[step - 1].forward and i == now
    locals_: dict[int, list[float]] = {}
    for source, local in graph.inputs(i):
        locals_.setdefault(source, []).append(local)
    shapes, labels = [], []
    for source, slopes in locals_.items():
        points = _points(graph, source, i, style)
        kind = "edge now" if i == now else "edge"
        shapes.append(f'<path class="{kind}" d="{_curve(points, style)}"/>')
        shapes.append(_arrow(points[0] if backward else points[-1], kind, style, backward))
        if i in computed:
            (ax, ay), (bx, by) = points[-2], points[-1]
            x, y = (ax + 2 * bx) / 3, (ay + 2 * by) / 3
            text = ", ".join(number(slope, 3) for slope in slopes)
            hover = f"∂{graph.names[i]}/∂{graph.names[source]} = {text}"
            labels.append(
                f'<text class="local" x="{x:.1f}" y="{y + 4:.1f}">{escape(text)}'
                f"<title>{escape(hover)}</title></text>"
            )
    return shapes, labels


def _points(graph: Graph, source: int, target: int, style: Style) -> list[tuple[float, float]]:
    """From the edge of one node to the edge of the other, past the bends between."""
    layout = graph.layout
    half = (style.height if style.down else style.width) / 2
    dx, dy = (0.0, half) if style.down else (half, 0.0)
    x, y = style.point(layout.layer[source], layout.place[source])
    points = [(x + dx, y + dy)]
    for bend in layout.bends.get((source, target), ()):
        bx, by = style.point(*bend)
        points += [(bx - dx, by - dy), (bx + dx, by + dy)]
    x, y = style.point(layout.layer[target], layout.place[target])
    return [*points, (x - dx, y - dy)]


def _curve(points: list[tuple[float, float]], style: Style) -> str:
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for k, ((ax, ay), (bx, by)) in enumerate(pairwise(points)):
        if k % 2:  # straight past a layer
            path += f"L{bx:.1f} {by:.1f}"
        elif style.down:
            path += f"C{ax:.1f} {(ay + by) / 2:.1f} {bx:.1f} {(ay + by) / 2:.1f} {bx:.1f} {by:.1f}"
        else:
            path += f"C{(ax + bx) / 2:.1f} {ay:.1f} {(ax + bx) / 2:.1f} {by:.1f} {bx:.1f} {by:.1f}"
    return path


def _arrow(tip: tuple[float, float], kind: str, style: Style, back: bool) -> str:
    """A small triangle: into the operation, or out of it when gradients flow back."""
    x, y = tip
    size = -6 if back else 6
    if style.down:
        corners = [(x, y), (x - 4, y - size), (x + 4, y - size)]
    else:
        corners = [(x, y), (x - size, y - 4), (x - size, y + 4)]
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in corners)
    return f'<polygon class="{kind}" points="{points}"/>'


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
