"""Pictures that are no photos: nobody trained on them, so that "neither" is the answer.

Of each kind every seed gives another size, some thin and some tiny, other colours and content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFont

Size = tuple[int, int]  # width, height
WORDS = (
    "the",
    "of",
    "value",
    "page",
    "and",
    "12",
    "March",
    "total",
    "3.50",
    "more",
    "file",
    "edit",
)


def make_all(seeds: range) -> Iterator[tuple[str, Image.Image]]:
    """Every kind with every seed: its name and an RGB picture."""
    for number, (kind, make) in enumerate(KINDS.items()):
        for seed in seeds:
            random = np.random.default_rng((number, seed))
            yield kind, make(random, some_size(random, seed))


def some_size(random: Generator, seed: int) -> Size:
    """A size: of six seeds one tiny, one thin, four those of usual pictures."""
    if seed % 6 == 4:
        return tuple(random.integers(1, 48, 2).tolist())
    long = int(random.integers(240, 1400))
    ratio = random.uniform(8, 19) if seed % 6 == 5 else random.uniform(1, 2)
    short = int(long / ratio)
    return (long, short) if random.random() < 0.6 else (short, long)


def a_colour(random: Generator, low: int = 0, high: int = 256) -> tuple[int, ...]:
    return tuple(random.integers(low, high, 3).tolist())


def plain(random: Generator, size: Size) -> Image.Image:
    """White, black, grey, or any colour."""
    grey = int(random.integers(0, 256))
    choices = [(255,) * 3, (0,) * 3, (grey,) * 3, a_colour(random), a_colour(random)]
    return Image.new("RGB", size, choices[random.integers(len(choices))])


def gradient(random: Generator, size: Size) -> Image.Image:
    """From one colour to another, in any direction or outwards from a point."""
    y, x = np.mgrid[0 : 1 : size[1] * 1j, 0 : 1 : size[0] * 1j]
    if random.random() < 0.5:
        angle = random.uniform(0, 2 * np.pi)
        t = x * np.cos(angle) + y * np.sin(angle)
    else:
        t = np.hypot(x - random.uniform(0, 1), y - random.uniform(0, 1))
    t = ((t - t.min()) / max(np.ptp(t), 1e-9))[..., None]
    pixels = (1 - t) * a_colour(random) + t * np.array(a_colour(random))
    return Image.fromarray(pixels.astype(np.uint8))


def fine_noise(random: Generator, size: Size) -> Image.Image:
    """Every pixel by itself: uniform, normal, grey or few and far between."""
    shape = (size[1], size[0], 1 if random.random() < 0.3 else 3)
    kind = random.integers(3)
    if kind == 0:
        pixels = random.integers(0, 256, shape)
    elif kind == 1:
        pixels = random.normal(random.uniform(60, 200), random.uniform(15, 70), shape)
    else:
        pixels = 255 * (random.random(shape) < random.uniform(0.02, 0.5))
    pixels = np.broadcast_to(pixels.clip(0, 255), (size[1], size[0], 3))
    return Image.fromarray(pixels.astype(np.uint8))


def coarse_noise(random: Generator, size: Size) -> Image.Image:
    """A few random cells a side, enlarged with hard or with soft edges."""
    cells = random.integers(3, 40, 2)
    small = Image.fromarray(random.integers(0, 256, (*cells, 3), dtype=np.uint8))
    method = Image.Resampling.NEAREST if random.random() < 0.5 else Image.Resampling.BICUBIC
    return small.resize(size, method)


def some_text(random: Generator, words: int) -> str:
    return " ".join(random.choice(WORDS, words))


def text_page(random: Generator, size: Size) -> Image.Image:
    """Lines of words, dark on light or the other way round."""
    paper, ink = a_colour(random, 225, 256), a_colour(random, 0, 80)
    if random.random() < 0.25:
        paper, ink = ink, paper
    page = Image.new("RGB", size, paper)
    draw, letter = ImageDraw.Draw(page), int(random.integers(10, 30))
    font = ImageFont.load_default(letter)
    margin = int(random.integers(0, 1 + min(size) // 8))
    for y in range(margin, max(size[1] - margin, margin + 1), int(letter * 1.5)):
        words = 1 + int(random.uniform(0.5, 1) * (size[0] - 2 * margin) / letter / 3)
        draw.text((margin, y), some_text(random, words), ink, font)
    return page


def chart(random: Generator, size: Size) -> Image.Image:
    """Lines, bars, points or a pie, with axes and a title."""
    dpi = int(random.integers(60, 140))
    figure = Figure(figsize=(max(size[0], 120) / dpi, max(size[1], 120) / dpi), dpi=dpi)
    axes, count = figure.subplots(), int(random.integers(3, 30))
    colours = [np.array(a_colour(random)) / 255 for _ in range(count)]
    kind = random.integers(4)
    for series in range(random.integers(1, 4)):
        values = random.random(count) + 0.1
        if kind == 0:
            axes.plot(values.cumsum(), color=colours[series], label=f"series {series}")
        elif kind == 1:
            axes.bar(np.arange(count) + series / 4, values, 0.25, color=colours[series])
        elif kind == 2:
            axes.scatter(random.random(count), values, color=colours[series])
    if kind == 3:
        axes.pie(random.random(count) + 0.1, colors=colours)
    axes.set_title(some_text(random, 3))
    axes.grid(bool(random.random() < 0.5))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy()).resize(size)


def screenshot(random: Generator, size: Size) -> Image.Image:
    """A window: a bar at the top, a list at the side, boxes, buttons and text."""
    width, height = size
    back, front = a_colour(random, 200, 256), a_colour(random, 0, 90)
    if random.random() < 0.35:
        back, front = front, back
    page = Image.new("RGB", size, back)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(int(random.integers(9, 20)))
    draw.rectangle((0, 0, width, height // 14), a_colour(random))
    draw.rectangle((0, height // 14, width // 5, height), a_colour(random, 120, 256))
    for y in range(height // 10, height, max(12, height // 22)):
        draw.text((width // 50, y), some_text(random, 2), front, font)
    for _ in range(random.integers(2, 9)):
        x, y = random.uniform(0.22, 0.8) * width, random.uniform(0.1, 0.9) * height
        w, h = random.uniform(0.08, 0.4) * width, random.uniform(0.04, 0.3) * height
        fill = a_colour(random, 150, 256) if random.random() < 0.6 else None
        draw.rounded_rectangle((x, y, x + w, y + h), min(w, h) / 5, fill, front)
        draw.text((x + 4, y + 4), some_text(random, 3), front, font)
    return page


def checkerboard(random: Generator, size: Size) -> Image.Image:
    """Two colours in turn, the squares from a pixel to half the picture."""
    side = int(np.exp(random.uniform(0, np.log(max(2, min(size) / 2)))))
    y, x = np.mgrid[: size[1], : size[0]] // max(1, side)
    colours = np.array([a_colour(random), a_colour(random)] if random.random() < 0.6 else BOTH)
    return Image.fromarray(colours[(x + y) % 2].astype(np.uint8))


def line_drawing(random: Generator, size: Size) -> Image.Image:
    """Strokes, ellipses, boxes and curves of one pen on paper."""
    paper, ink = a_colour(random, 235, 256), a_colour(random, 0, 60)
    page = Image.new("RGB", size, paper)
    draw, pen = ImageDraw.Draw(page), 1 + int(random.integers(1, 5) * max(size) / 500)
    for _ in range(random.integers(3, 14)):
        kind = random.integers(4)
        points = random.random((8, 2)) * size
        (left, top), (right, bottom) = points[:2].min(axis=0), points[:2].max(axis=0)
        if kind == 0:
            draw.line([tuple(p) for p in points[:2]], ink, pen)
        elif kind == 1:
            draw.ellipse((left, top, right, bottom), outline=ink, width=pen)
        elif kind == 2:
            draw.rectangle((left, top, right, bottom), outline=ink, width=pen)
        else:  # smooth: the Bézier curve of four points
            t = np.linspace(0, 1, 40)[:, None]
            a, b, c, d = points[:4]
            curve = (1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d
            draw.line([tuple(p) for p in curve], ink, pen, joint="curve")
    return page


BOTH = ((0, 0, 0), (255, 255, 255))
KINDS: dict[str, Callable[[Generator, Size], Image.Image]] = {
    "plain colour": plain,
    "gradient": gradient,
    "fine noise": fine_noise,
    "coarse noise": coarse_noise,
    "text page": text_page,
    "chart": chart,
    "screenshot": screenshot,
    "checkerboard": checkerboard,
    "line drawing": line_drawing,
}
