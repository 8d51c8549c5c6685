"""The regression tab's address, read and written."""

from __future__ import annotations

import random

import pytest

from tabs.regression.place import BATCH_SIZES, LEARNING_RATES, Place, query_of, read_place


def told(place: Place, language: str = "en") -> str:
    return " ".join(problem.message(language) for problem in place.problems)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_written_is_read(seed: int) -> None:
    draw = random.Random(seed)
    x = tuple(draw.choice([-3.0, 0.0, 0.123, round(draw.uniform(-3, 3), 2)]) for _ in range(10))
    rate, batch = draw.choice(LEARNING_RATES), draw.choice(BATCH_SIZES)
    written = query_of(x, rate, batch)
    assert "%" not in written
    assert read_place(f"tab=regression&{written}") == Place(x, rate, batch)


@pytest.mark.parametrize("query", ["", "x=1,2", "tab=autograd&x=1", "tab=", "tab=Regression"])
def test_another_tabs_address_asks_for_nothing(query: str) -> None:
    assert read_place(query) is None


@pytest.mark.parametrize("query", ["", "&lang=zh", "&rate=0.001", "&f=x*2"])
def test_what_is_left_out_is_as_on_a_new_page(query: str) -> None:
    assert read_place("tab=regression" + query) == Place()


@pytest.mark.parametrize(
    ("x", "kept", "english", "chinese"),
    [
        ("1,2,3,1,2,3,1,2,3", [1, 2, 3, 1, 2, 3, 1, 2, 3, 0], "it was given 9", "给出了 9 个"),
        ("1", [1] + [0] * 9, "it was given 1.", "给出了 1 个"),
        ("1 " * 11, [1] * 10, "it was given 11", "给出了 11 个"),
        ("two" + ",1" * 9, [0] + [1] * 9, "x1 is not a finite number", "x1 不是有限的数"),
        ("1," * 9 + "nan", [1] * 9 + [0], "x10 is not a finite number", "x10 不是有限的数"),
        ("1," * 9 + "1e999", [1] * 9 + [0], "x10 is not a finite number", "x10 不是有限的数"),
        ("2,," + "1," * 7 + "1", [2, 0] + [1] * 8, "x2 is not a finite number", "x2 不是"),
        ("1e9" + ",1" * 9, [3] + [1] * 9, "x1 is 1e+09; the range is −3 to 3", "−3 到 3"),
        ("1," * 9 + "-3.01", [1] * 9 + [-3], "x10 is -3.01", "x10 为 -3.01"),
    ],
)
def test_a_bad_row_is_told_and_the_rest_kept(
    x: str, kept: list[float], english: str, chinese: str
) -> None:
    place = read_place(f"tab=regression&rate=0.1&x={x}")
    assert place.x == tuple(kept)
    assert place.rate == 0.1
    assert english in told(place)
    assert chinese in told(place, "zh")


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("rate=0.5", "rate is “0.5”; it can be 0.0001 / 0.001 / 0.01 / 0.1."),
        ("rate=fast", "rate is “fast”"),
        ("rate=nan", "rate is “nan”"),
        ("batch=-16", "batch is “-16”; it can be 16 / 32 / 128 / 800."),
        ("batch=" + "9" * 5000, "batch is “99999999999999999999”"),
    ],
)
def test_a_bad_setting_is_told_and_left_as_it_was(setting: str, sentence: str) -> None:
    place = read_place(f"tab=regression&x=1,1,1,1,1,1,1,1,1,1&{setting}")
    assert (place.x, place.rate, place.batch) == ((1.0,) * 10, 0.001, 32)
    assert sentence in told(place)


def test_a_zero_has_no_sign() -> None:
    written = query_of(read_place("tab=regression&x=" + "-0.0," * 9 + "-0").x, 0.1, 16)
    assert written == "x=0,0,0,0,0,0,0,0,0,0&rate=0.1&batch=16"
