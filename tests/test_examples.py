"""The example pictures: enough to click on, free to use, and those that the README lists."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).parent.parent / "examples"
README = (EXAMPLES / "README.md").read_text(encoding="utf-8")
FILES = sorted(EXAMPLES.glob("*.jpg"))


def test_there_is_enough_to_click_on():
    first_words = [f.stem.split("_")[0] for f in FILES]
    assert set(first_words) == {"ant", "bee", "neither"}
    assert min(first_words.count("ant"), first_words.count("bee")) >= 3
    assert first_words.count("neither") >= 2


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_a_picture_is_readable_small_and_the_listed_one(file):
    assert file.stat().st_size < 80_000
    with Image.open(file) as picture:
        picture.load()
        assert picture.mode == "RGB"
        assert 480 <= max(picture.size) <= 640
        assert np.asarray(picture).std() > 20  # there is something to see
        assert not picture.getexif()
    assert f"`{file.name}`" in README
    assert f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}" in README


def test_the_readme_gives_the_pictures_away():
    assert "https://creativecommons.org/publicdomain/zero/1.0/" in README
