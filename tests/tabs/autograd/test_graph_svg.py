"""The drawing of a graph: nothing overlaps, and everything that a step computed is in it."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from model.autograd.gradients import trace
from model.autograd.graph import Graph, draw
from model.autograd.parsing import parse
from tabs.autograd.graph_svg import NARROW, WIDE, Style, svg
from tests.model.autograd.test_graph import CASES, SQUARED_ERROR, graph_of

SIXTY = (" + ".join(f"sin({c}*x)*{c}" for c in "abcdefghij") + " - x*y*a*b", None)


def boxes(graph: Graph, style: Style) -> list[tuple[float, float]]:
    layout = graph.layout
    return [style.point(layout.layer[i], layout.place[i]) for i in graph.names]


@pytest.mark.parametrize("style", [WIDE, NARROW])
@pytest.mark.parametrize(("source", "values"), CASES)
def test_nodes_do_not_overlap_and_edges_lead_onwards(
    source: str, values: dict, style: Style
) -> None:
    graph = graph_of(source, values)
    centers = boxes(graph, style)
    for k, (ax, ay) in enumerate(centers):
        for bx, by in centers[k + 1 :]:
            assert abs(ax - bx) >= style.width or abs(ay - by) >= style.height
    for node in graph.formulas:
        for source_node, _ in graph.inputs(node):
            assert graph.layout.layer[source_node] < graph.layout.layer[node]


@pytest.mark.parametrize("style", [WIDE, NARROW])
@pytest.mark.parametrize(("source", "values"), CASES)
def test_every_step_is_well_formed_and_inside_the_picture(
    source: str, values: dict, style: Style
) -> None:
    graph = graph_of(source, values)
    for step in (0, len(graph.steps) // 2, len(graph.steps)):
        root = ET.fromstring(svg(graph, step, style))
        width, height = map(float, root.get("viewBox").split()[2:])
        rectangles = list(root.iter("rect"))
        assert len(rectangles) == len(graph.names)
        for rect in rectangles:
            x, y, w, h = (float(rect.get(k)) for k in ("x", "y", "width", "height"))
            assert x >= 0
            assert y >= 0
            assert x + w <= width + 1
            assert y + h <= height + 1


def texts(picture: str) -> list[str]:
    return [text.text for text in ET.fromstring(picture).iter("text")]


def test_values_and_gradients_appear_as_they_are_computed() -> None:
    graph = graph_of(*SQUARED_ERROR)
    start, forward, end = (texts(svg(graph, step)) for step in (0, 4, 9))
    assert "= ?" in start
    assert "= 9" not in start
    assert "= 9" in forward
    assert "∂L/∂w = ?" in forward
    assert "∂L/∂w = −18" in end
    assert "MulBackward0" not in end
    assert "MulBackward0" in texts(svg(graph, 9, functions=True))
    assert "= ?" not in end


def test_sixty_nodes_stay_apart() -> None:
    source, _ = SIXTY
    parsed = parse(source)
    graph = draw(parsed, trace(parsed, dict.fromkeys(parsed.variables, 0.5)))
    assert 50 <= len(graph.names) <= 60
    centers = boxes(graph, WIDE)
    for k, (ax, ay) in enumerate(centers):
        for bx, by in centers[k + 1 :]:
            assert abs(ax - bx) >= WIDE.width or abs(ay - by) >= WIDE.height
