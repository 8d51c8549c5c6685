"""The function that the regressor learns, and the inputs that it may be asked about.

The function is linear and known, so that everything the network says can be checked against it.
Nothing here needs torch: the page can be built, and a mistake answered, before torch is there.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

from model.errors import UserError

TRUE_WEIGHTS = (0.5, -0.2, 1.5, -2.0, 0.8, -1.1, 0.3, -0.7, 1.2, -0.9)
TRUE_BIAS = 2.0
NOISE = 0.1  # standard deviation of what is added to the targets: no model's RMSE can be lower
INPUTS = len(TRUE_WEIGHTS)
ROWS, TRAIN_ROWS = 1000, 800  # the others are held out

# Larger inputs are refused: they are further from the data than any answer could be worth.
LIMIT = 100.0
# Of the training rows, drawn from a standard normal distribution in ten dimensions, 99 % are
# shorter than this (the root of the 0.99 quantile of chi-square with ten degrees of freedom).
FAR = math.sqrt(23.209)


class InputError(UserError):
    """Numbers that the network cannot be asked about."""


class NotAList(InputError):
    en = "Give x as a list of {inputs} numbers."
    zh = "请把 x 写成 {inputs} 个数的列表。"


class WrongCount(InputError):
    en = "The network takes {inputs} numbers, x1 to x{inputs}; it was given {count}."
    zh = "网络需要 {inputs} 个数，即 x1 到 x{inputs}，但给出了 {count} 个。"


class NotANumber(InputError):
    en = "x{position} is not a finite number. Give numbers from −{limit:g} to {limit:g}."
    zh = "x{position} 不是有限的数。请给出 −{limit:g} 到 {limit:g} 之间的数。"


class OutOfRange(InputError):
    en = "x{position} is {value:g}; the range is −{limit:g} to {limit:g}."
    zh = "x{position} 为 {value:g}，允许的范围是 −{limit:g} 到 {limit:g}。"


def true_function(x: Sequence[float]) -> float:
    """The function to be learned, of one row of ten numbers, in double precision."""
    return math.fsum([TRUE_BIAS, *(w * each for w, each in zip(TRUE_WEIGHTS, x, strict=True))])


def check_inputs(x: Sequence[float]) -> list[float]:
    """`x` as ten floats. Raises NotAList, WrongCount, NotANumber or OutOfRange."""
    if not isinstance(x, list | tuple):
        raise NotAList(inputs=INPUTS)
    if len(x) != INPUTS:
        raise WrongCount(count=len(x), inputs=INPUTS)
    for position, value in enumerate(x, start=1):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        # Compared, not asked with isfinite, which fails on integers that no float can hold.
        if not number or not abs(value) <= sys.float_info.max:
            raise NotANumber(position=position, limit=LIMIT)
        if abs(value) > LIMIT:
            raise OutOfRange(position=position, value=value, limit=LIMIT)
    return [float(value) for value in x]


def is_far(x: Sequence[float]) -> bool:
    """Whether `x` is further from zero than 99 % of the rows that the network was trained on."""
    return math.hypot(*x) > FAR
