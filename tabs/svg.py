"""SVG: elements, and a plot's frame with its axes.

Colours come from style sheets, by class, so that one drawing serves light and dark pages.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape

from tabs.numbers import number

Point = tuple[float, float]


def tag(name: str, *inside: str, title: str = "", text: str = "", **attributes: object) -> str:
    """An element with the elements `inside`, its `text`, and a `title` that is shown on hovering.

    What is not an element yet is escaped here. An attribute's underscore becomes a hyphen, and one
    at its end goes (`class_`); a float is a place in pixels, written to a tenth.
    """
    pairs = ""
    for key, value in attributes.items():
        written = f"{value:.1f}" if isinstance(value, float) else escape(str(value))
        pairs += f' {key.rstrip("_").replace("_", "-")}="{written}"'
    hover = tag("title", text=title) if title else ""
    return f"<{name}{pairs}>{hover}{''.join(inside)}{escape(text)}</{name}>"


def arrow_head(tip: Point, direction: Point, length: float, width: float, kind: str) -> str:
    """A triangle at `tip` that points in `direction`, a vector of any size above 0."""
    size = math.hypot(*direction)
    dx, dy = direction[0] / size, direction[1] / size
    x, y = tip[0] - length * dx, tip[1] - length * dy
    across, up = dy * width / 2, dx * width / 2
    corners = [tip, (x - across, y + up), (x + across, y - up)]
    return tag("polygon", class_=kind, points=" ".join(f"{a:.1f},{b:.1f}" for a, b in corners))


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers between `low` and `high`: 1, 2 or 5 times a power of ten apart."""
    rough = (high - low) / most
    if not (math.isfinite(rough) and rough > 0):
        return []
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= rough)
    return [k * step for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


@dataclass(frozen=True)
class Frame:
    """A plot's area: the numbers at the ends of its sides, and its size in pixels."""

    x: tuple[float, float]
    y: tuple[float, float]
    width: float = 440
    height: float = 320
    left: float = 58
    right: float = 12
    top: float = 12
    bottom: float = 44

    def point(self, x: float, y: float) -> Point:
        """Where (x, y) is in pixels."""
        across = (float(x) - self.x[0]) / (self.x[1] - self.x[0])
        up = (float(y) - self.y[0]) / (self.y[1] - self.y[0])
        px = self.left + across * (self.width - self.left - self.right)
        py = self.height - self.bottom - up * (self.height - self.top - self.bottom)
        # What is far outside is clipped anyway, and browsers dislike huge coordinates.
        return max(-9999.0, min(9999.0, px)), max(-9999.0, min(9999.0, py))

    def line(self, xs: Iterable[float], ys: Iterable[float], kind: str, **more: object) -> str:
        """A line through the points, broken where one is not finite. `more` goes to `tag`."""
        path, pen = "", "M"
        for x, y in zip(xs, ys, strict=True):
            if math.isfinite(x) and math.isfinite(y):
                px, py = self.point(x, y)
                path += f"{pen}{px:.1f} {py:.1f}"
                pen = "L"
            else:
                pen = "M"
        return tag("path", class_=kind, d=path, **more) if path else ""

    def dot(self, x: float, y: float, kind: str, radius: int = 4, **more: object) -> str:
        cx, cy = self.point(x, y)
        return tag("circle", class_=kind, cx=cx, cy=cy, r=radius, **more)

    def svg(
        self,
        inside: str,
        names: tuple[str, str],
        label: str,
        x_ticks: Mapping[float, str] | None = None,
        y_ticks: Mapping[float, str] | None = None,
    ) -> str:
        """The plot: `inside` within the frame, the `names` of both axes, and their ticks (where,
        and what is written there): round numbers, if none are given. `label` is for those who
        hear the page."""
        right, low = self.width - self.right, self.height - self.bottom
        if x_ticks is None:
            x_ticks = {tick: number(tick, 4) for tick in ticks(*self.x)}
        if y_ticks is None:
            y_ticks = {tick: number(tick, 4) for tick in ticks(*self.y)}
        axes = ""
        for tick, text in x_ticks.items():
            x, _ = self.point(tick, self.y[0])
            axes += tag("path", class_="grid", d=f"M{x:.1f} {self.top}V{low}")
            axes += tag("text", text=text, x=x, y=low + 16)
        for tick, text in y_ticks.items():
            _, y = self.point(self.x[0], tick)
            axes += tag("path", class_="grid", d=f"M{self.left} {y:.1f}H{right}")
            axes += tag("text", text=text, class_="end", x=self.left - 6, y=y + 4)
        area = {"width": right - self.left, "height": low - self.top}
        clip = f"clip-{abs(hash((self, inside))):x}"  # ids are the whole page's
        turned = f"translate(13 {(self.top + low) / 2}) rotate(-90)"
        return tag(
            "svg",
            tag("clipPath", tag("rect", x=self.left, y=self.top, **area), id=clip),
            axes,
            tag("g", inside, clip_path=f"url(#{clip})"),
            tag("text", text=names[0], class_="name", x=self.left + area["width"] / 2, y=low + 36),
            tag("text", text=names[1], class_="name", transform=turned),
            viewBox=f"0 0 {self.width} {self.height}",
            role="img",
            aria_label=label,
        )
