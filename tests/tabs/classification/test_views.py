"""What is said of an answer, in words and in bars, in both languages, and never at odds."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest

from model.classifier.classifier import Answer
from model.errors import UserError
from tabs.classification import views
from tabs.classification.text import percent
from tests.tabs.classification.conftest import EXAMPLES

CHINESE = re.compile("[\u4e00-\u9fff]")


def text(markup: str) -> str:
    """What is read of `markup`."""
    return html.unescape(re.sub("<[^>]*>", " ", markup)).replace("\u00a0", " ")


def of(answer: Answer, bee: float, **fields: object) -> Answer:
    return replace(answer, probabilities={"ants": 1 - bee, "bees": bee}, **fields)


def shares(markup: str) -> list[str]:
    return re.findall(r"[<>]?\d+\.\d ?%", text(markup))


@pytest.mark.parametrize(
    ("bee", "heading", "in_chinese", "bars"),
    [
        (1.0, "Bee, over 99.9 % sure", "蜜蜂（置信度超过 99.9%）", [">99.9 %", "<0.1 %"]),
        (0.99951, "Bee, over 99.9 % sure", "蜜蜂（置信度超过 99.9%）", [">99.9 %", "<0.1 %"]),
        (0.999, "Bee, 99.9 % sure", "蜜蜂（置信度 99.9%）", ["99.9 %", "0.1 %"]),
        (0.9963, "Bee, 99.6 % sure", "蜜蜂（置信度 99.6%）", ["99.6 %", "0.4 %"]),
        (0.5004, "Bee, 50.0 % sure", "蜜蜂（置信度 50.0%）", ["50.0 %", "50.0 %"]),
        (0.0201, "Ant, 98.0 % sure", "蚂蚁（置信度 98.0%）", ["98.0 %", "2.0 %"]),
        (0.0, "Ant, over 99.9 % sure", "蚂蚁（置信度超过 99.9%）", [">99.9 %", "<0.1 %"]),
    ],
)
def test_verdict_and_bars_give_one_figure(
    answer: Answer, bee: float, heading: str, in_chinese: str, bars: list[str]
) -> None:
    sure = of(answer, bee, verdict="known")
    assert text(views.heading(sure, "en")) == heading
    assert views.heading(sure, "zh") == in_chinese
    assert shares(views.bars(sure, "en")) == bars
    assert shares(views.bars(sure, "zh")) == [share.replace(" ", "") for share in bars]


def test_two_shares_never_add_up_to_more_or_less() -> None:
    for step in range(2000):
        bee = step / 2000 + 0.00012
        parts = [percent(bee, "zh"), percent(1 - bee, "zh")]
        certain = [part for part in parts if part[0] in "<>"]
        assert len(certain) in (0, 2)
        if not certain:
            assert sum(float(part[:-1]) for part in parts) == pytest.approx(100, abs=0.11)


@pytest.mark.parametrize(
    ("verdict", "bee", "english", "chinese"),
    [
        ("known", 0.97, ["Bee, 97.0 % sure", "Looks like the training photos."],
         ["与训练图片相似。"]),
        ("unusual", 0.1, ["Perhaps an ant, but unlike the photos it learned from"],
         ["可能是蚂蚁，但与它学过的照片不太相似"]),
        ("unusual", 0.9, ["Perhaps a bee, but unlike the photos it learned from"],
         ["可能是蜜蜂，但与它学过的照片不太相似"]),
        ("neither", 0.9, ["Neither ant nor bee", "The bars below mean nothing for this photo."],
         ["蚂蚁和蜜蜂都不是", "因此下面的概率没有参考意义。"]),
    ],
)  # fmt: skip
def test_each_verdict_is_said(
    answer: Answer, verdict: str, bee: float, english: list[str], chinese: list[str]
) -> None:
    judged = of(answer, bee, verdict=verdict, percentile=42.4)
    for language, wanted in (("en", english), ("zh", chinese)):
        before, details = views.verdict(judged, language).split("<details>")
        for sentence in wanted:
            assert sentence in text(before)
        assert "0.0" not in before  # the numbers are for who opens the details
        assert f"{answer.known_threshold:.3f}" in details
        assert "42" in details
        assert f'class="classify-verdict {verdict}"' in before
        assert f'class="classify-bars {verdict}"' in views.bars(judged, language)
        heat_map = views.heat_map(judged, language)
        assert ("<img" in heat_map) is (verdict != "neither")
        if verdict != "neither":
            name = {"en": ("ant", "bee"), "zh": ("蚂蚁", "蜜蜂")}[language][bee > 0.5]
            assert re.search(f'alt="[^"]*{name}[^"]*"', heat_map)


def test_a_model_that_cannot_tell_claims_no_likeness(answer: Answer) -> None:
    nothing = {"known_score": None, "known_threshold": None, "percentile": None}
    unable = of(answer, 0.97, verdict="known", **nothing)
    for language in ("en", "zh"):
        words = text(views.verdict(unable, language))
        assert "ikeness" not in words
        assert "相似" not in words
        assert "training" not in words


@pytest.mark.parametrize(
    ("count", "english", "chinese"),
    [
        (3, "None of a0, a1, a2", "a0、a1、a2都不是"),
        (7, "None of the 7 classes", "7 个类别都不是"),
        (1500, "None of the 1,500 classes", "1,500 个类别都不是"),
    ],
)
def test_neither_of_many(answer: Answer, count: int, english: str, chinese: str) -> None:
    many = replace(
        answer, verdict="neither", probabilities={f"a{n}": 1 / count for n in range(count)}
    )
    assert views.heading(many, "en") == english
    assert views.heading(many, "zh") == chinese
    assert ("tabindex" in views.bars(many, "en")) is (count > views.IN_SIGHT)


def test_names_of_other_models_are_shown_as_they_are_and_harmless(answer: Answer) -> None:
    name = "<img src=x onerror=alert(1)>"
    for verdict in ("known", "unusual", "neither"):
        other = replace(answer, verdict=verdict, probabilities={name: 0.8, "eBay": 0.2})
        shown = views.verdict(other, "en") + views.bars(other, "en") + views.heat_map(other, "en")
        assert "<img src=x" not in shown
        assert name in html.unescape(shown)
        assert "eBay" in views.bars(other, "en")


def test_a_problem_and_a_name_are_harmless_too(answer: Answer) -> None:
    class Bad(UserError):
        en = "<b>{name}</b>"
        zh = "<b>{name}</b>"

    assert "<b>" not in views.problem(Bad(name="x"), "en")
    assert "onerror=" not in re.sub('"[^"]*"', "", views.preview(answer.seen, '" onerror="x', "en"))


def test_every_example_has_words_of_its_own() -> None:
    stems = [path.stem for path in EXAMPLES.glob("*.jpg")]
    for language in ("en", "zh"):
        names = re.findall(
            ">([^<]+)</button>", views.examples(dict.fromkeys(stems, "x.jpg"), language)
        )
        assert len(set(names)) == len(stems)
        assert all(bool(CHINESE.search(name)) is (language == "zh") for name in names)
        assert not [name for name in names if name.replace(" ", "_") in stems]
    assert ">new one</button>" in views.examples({"new_one": "x.jpg"}, "zh")
