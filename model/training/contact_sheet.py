"""Many pictures on one, each with a line below it: what went wrong, at a glance."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont, ImageOps

COLUMNS = 5
SIDE, MARGIN, LINE = 192, 8, 18  # pixels: of a picture, around it, of the line below
BACKGROUND, TEXT = "white", "black"


def draw_contact_sheet(tiles: Sequence[tuple[Image.Image, str]]) -> bytes:
    """A PNG of RGB pictures, each shown whole with its caption, in rows of five, in order.

    What the font cannot draw, and it knows Latin letters only, becomes a question mark.
    """
    rows = -(-len(tiles) // COLUMNS)
    step_x, step_y = SIDE + MARGIN, SIDE + LINE + MARGIN
    sheet = Image.new("RGB", (COLUMNS * step_x + MARGIN, rows * step_y + MARGIN), BACKGROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for i, (picture, caption) in enumerate(tiles):
        x, y = MARGIN + i % COLUMNS * step_x, MARGIN + i // COLUMNS * step_y
        sheet.paste(ImageOps.pad(picture, (SIDE, SIDE), color=BACKGROUND), (x, y))
        line = caption.encode("latin-1", "replace").decode("latin-1")
        while draw.textlength(line, font) > SIDE:
            line = f"{line[:-4]}..."
        draw.text((x, y + SIDE + 1), line, fill=TEXT, font=font)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()
