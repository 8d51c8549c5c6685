from __future__ import annotations

import pytest
from huggingface_hub import ModelCard, ModelCardData

from model.run.card import cell, write_card

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
    ],
)
def test_users_words_stay_words(tmp_path, name):
    template = tmp_path / "card.md"
    template.write_text(TEMPLATE, encoding="utf-8")
    data = ModelCardData(license="other", tags=[name])
    text = write_card(template, data, name=name, classes=[cell(name), "b"])
    card = ModelCard(text)
    assert card.data.tags == [name]
    assert card.data.license == "other"
    assert card.text.startswith(f"# {name}\n\n| class")
    (row,) = [line for line in text.splitlines() if line.endswith(" | 3 |") and "| b |" not in line]
    assert row.replace("\\\\", "").replace("\\|", "").count("|") == 3
    assert text.endswith("| b | 3 |\n\nEnd.\n")
