from __future__ import annotations

import html
import re

import pytest
from huggingface_hub import ModelCard, ModelCardData
from markdown_it import MarkdownIt

from model.process.log import escape
from model.run.card import Markdown, identifier, plain, write_card

TEMPLATE = """\
---
{{ card_data }}
---
# {{ name }}

| class | pictures |
|---|---|
{% for each in classes -%}
| {{ each }} | 3 |
{% endfor %}
End.
"""


@pytest.mark.parametrize(
    "name",
    [
        "蚂蚁",
        "a|b",
        "back\\slash|",
        "key: value",
        "\"quoted\" 'twice'",
        "- item",
        "# comment",
        "---",
        "two\n---\nlines",
        "null",
        "{{ 7 * 7 }}",
        "{% for %}",
        "{name}",
        "<b>&",
        "<!-- hidden",
        "*star* _under_ snake_case",
        "[link](https://example.org)",
        "$x$ ~~y~~ C#",
        "&lt;b&gt;",
        "tab\tand\x1b[1m",
        "caf\udce9.jpg",
    ],
)
def test_users_words_stay_words(tmp_path, name):
    template = tmp_path / "card.md"
    template.write_text(TEMPLATE, encoding="utf-8")
    tag = name.encode("ascii", "replace").decode()
    data = ModelCardData(license="other", tags=[tag])
    text = write_card(template, data, name=name, classes=[name, "b"])
    card = ModelCard(text)
    assert card.data.tags == [tag]
    assert card.data.license == "other"
    page = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(card.text)
    seen = " ".join(escape(name).replace("\\n", " ").split())
    assert f"<h1>{html.escape(seen, quote=False)}</h1>" in page.replace("&quot;", '"')
    assert f"<td>{html.escape(seen, quote=False)}</td>" in page.replace("&quot;", '"')
    assert page.count("<td>") == 4
    assert text.endswith("| b | 3 |\n\nEnd.\n")


def test_texts_of_the_programs_own_stay_markdown(tmp_path):
    (tmp_path / "card.md").write_text("{{ origin }}, {{ deep.name }}, {{ deep.count + 1 }}")
    facts = {"origin": Markdown("[a](b) of `c`"), "deep": {"name": "*d*", "count": 2}}
    text = write_card(tmp_path / "card.md", ModelCardData(), **facts)
    assert text.split("---\n")[-1] == "[a](b) of `c`, \\*d\\*, 3\n"


@pytest.mark.parametrize(
    "name",
    [
        *("My photos (2)", "蚂蚁和蜜蜂", "cats&dogs", "a|b", "<b>", "..", "-dash-", "naïve café"),
        *("a--b", "yes", "caf\udce9", "with two/slash", "a/b/c", "", "x" * 300),
    ],
)
def test_whatever_a_folder_is_called_the_hub_gets_an_identifier(name):
    assert re.fullmatch(r"[A-Za-z0-9_]+(-[A-Za-z0-9_]+)*", identifier(name))
    assert len(identifier(name)) <= 96
    assert plain(name).isprintable()
    for dataset in ("me/photos", "my-lab/photos.v2_3"):
        assert identifier(dataset) == dataset
    assert identifier("hymenoptera_data") == plain("hymenoptera_data") == "hymenoptera_data"
