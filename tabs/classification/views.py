"""What Classify shows, as HTML: the verdict, the probabilities, the pictures."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import partial
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image

from model.errors import UserError
from tabs.classification.text import TEXT, known_heading, list_of, name_example, name_of, percent
from tabs.language import say
from tabs.status import answered_by

if TYPE_CHECKING:  # torch comes with it, and the page must be up before torch is
    from model.classifier.classifier import Answer

SHOWN = 1000  # classes in the list: a page with ten thousand lines is slow, and nobody reads it
NAMED = 6  # classes that a heading may name
IN_SIGHT = 5  # rows of the list that need no scrolling
SIDE = 800  # pixels, of a preview
BONE = '<div class="classify-bone"></div>'  # stands for what is being computed


def waiting(language: str) -> str:
    """What stands in the verdict's place before there is one."""
    return _card("waiting", "", say(TEXT, "classify.waiting", language))


def problem(error: UserError, language: str) -> str:
    """Why there is no verdict."""
    return _card("problem", "", error.message(language))


def verdict(answer: Answer, language: str) -> str:
    """The answer as a heading, what it means, and the numbers behind it."""
    tell = partial(say, TEXT, language=language)
    why = tell(f"classify.{answer.verdict}_why") if answer.known_score is not None else ""
    lines = [answered_by(answer.origin, answer.device, answer.milliseconds, language)]
    if answer.percentile is not None:
        lines.insert(0, tell("classify.percentile", percentile=answer.percentile))
    if answer.known_score is not None:
        facts = {"score": answer.known_score, "threshold": answer.known_threshold}
        lines.insert(0, tell("classify.likeness", **facts))
    details = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return (
        _card(answer.verdict, heading(answer, language), why)
        + f"<details><summary>{tell('classify.details')}</summary>{details}</details>"
    )


def heading(answer: Answer, language: str) -> str:
    """The verdict in a line."""
    tell = partial(say, TEXT, language=language)
    if answer.verdict == "known":
        return known_heading(answer.label, answer.confidence, language)
    if answer.verdict == "unusual":
        name = name_of(answer.label, language)
        a_name = name_of(answer.label, language, with_article=True)
        return tell("classify.unusual", label=name, a_label=a_name)
    names = [name_of(label, language) for label in answer.probabilities]
    if len(names) == 2:
        return tell("classify.neither", first=names[0], second=names[1])
    if len(names) > NAMED:
        return tell("classify.none_of_many", count=len(names))
    return tell("classify.none_of", classes=list_of(names, language))


def _card(tone: str, title: str, text: str) -> str:
    # The page keeps this element and changes what is in it, so that a screen reader says it.
    title, text = title and f"<h2>{escape(title)}</h2>", text and f"<p>{escape(text)}</p>"
    return f'<div role="status" class="classify-verdict {tone}">{title}{text}</div>'


def bars(answer: Answer, language: str) -> str:
    """The probabilities: the SHOWN likeliest, and the rest's sum."""
    rows = "".join(
        f'<li style="--part: {probability:.4f}"><span>{escape(name)}</span>'
        f"<span>{escape(percent(probability, language))}</span></li>"
        for name, probability in table(answer.probabilities, language).items()
    )
    title = say(TEXT, "classify.probabilities", language)
    scrolls = ' tabindex="0"' if len(answer.probabilities) > IN_SIGHT else ""
    return (
        f'<figure class="classify-bars {answer.verdict}"><figcaption>{title}</figcaption>'
        f'<ol role="list" aria-label="{title}"{scrolls}>{rows}</ol></figure>'
    )


def table(probabilities: dict[str, float], language: str) -> dict[str, float]:
    """The probabilities to show, by the names to show, the likeliest first."""
    ranked = sorted(probabilities.items(), key=lambda item: item[1], reverse=True)
    shown = {name_of(name, language): probability for name, probability in ranked[:SHOWN]}
    if rest := ranked[SHOWN:]:
        folded = say(TEXT, "classify.rest", language, count=len(rest))
        shown[folded] = sum(probability for _, probability in rest)
    return shown


def heat_map(answer: Answer, language: str) -> str:
    """Where the evidence for the likeliest class is; nothing where the picture is of none."""
    if answer.verdict == "neither":
        return ""
    # matplotlib and torch come with it: only once there is something to draw
    from model.images.heatmap import overlay

    label = name_of(answer.label, language)
    image = img(
        overlay(answer.seen, answer.heat_map),
        say(TEXT, "classify.heat_map_for", language, label=label),
    )
    title = say(TEXT, "classify.heat_map", language)
    return f"<figure><figcaption>{title}</figcaption>{image}</figure>"


def preview(picture: Image.Image, name: str, language: str) -> str:
    """The picture as it is read, small: many a format the browser cannot show."""
    small = picture.copy()
    small.thumbnail((SIDE, SIDE))
    return img(small, say(TEXT, "classify.preview", language, name=name))


def examples(urls: Mapping[str, str], language: str) -> str:
    """Buttons for the example pictures, from their files' stems and addresses."""
    return "".join(
        f'<button><img alt="" src="{escape(url)}">{escape(name_example(stem, language))}</button>'
        for stem, url in urls.items()
    )


def img(picture: Image.Image, alt: str) -> str:
    """An `<img>` that holds the picture itself."""
    file = BytesIO()
    picture.save(file, "WEBP", quality=85)
    data = base64.b64encode(file.getvalue()).decode()
    return f'<img alt="{escape(alt)}" src="data:image/webp;base64,{data}">'
