"""What may have been meant by the name of a function that is not read here."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from model.autograd import errors
from model.autograd.operations import FUNCTIONS, OPERATIONS

# NumPy's name of a function, or a hint, and what is written instead.
OTHER_NAMES: Mapping[str, str] = {
    other: f"a{row.sign}b" if row.sign else f"{row.name}(…)"
    for row in OPERATIONS.values()
    for other in (*row.hints.split(), *([] if row.sign else [row.numpy]))
    if other not in FUNCTIONS
}
# Functions of mathematics and of PyTorch that must not be taken for a misspelling of one that is
# read (asinh for asin).
NOT_AVAILABLE = """
    cot sec csc acot asec acsc coth sech csch asinh acosh atanh arcsinh arccosh arctanh arsinh
    arcosh artanh atan2 sinc log1p expm1 exp2 cbrt sign sgn floor ceil round mod gamma lgamma erfc
    factorial sum mean prod softmax softmin logsoftmax log_softmax sigma logsigmoid softsign silu
    swish mish elu selu celu hardtanh clamp where norm
"""
LIKENESS = 0.8  # of a misspelt name to the function that was meant, from 0 to 1


def not_a_function(source: str, position: int, name: str) -> errors.NotAFunction:
    """The mistake that `name` at this place of the source is called like a function."""
    known = name.lower()
    if known in NOT_AVAILABLE.split():
        return errors.FunctionNotAvailable(source, position, name=name)
    near = difflib.get_close_matches(known, FUNCTIONS, n=1, cutoff=LIKENESS)
    meant = OTHER_NAMES.get(known, f"{near[0]}(…)" if near else "")
    if meant:
        return errors.OtherName(source, position, name=name, meant=meant)
    return errors.NotAFunction(source, position, name=name)
