"""The settings of the regressor's training. Nothing here needs torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from model.errors import UserError
from model.regression.ground_truth import TRAIN_ROWS


class BadSetting(UserError):
    en = "{name} cannot be {value}: it must be {rule}."
    zh = "{name} 不能为 {value}：必须满足 {rule}。"


@dataclass(frozen=True)
class RegressorSettings:
    """`weight_decay` is Adam's, on standardised targets; it falls in a straight line to nothing
    at `decay_until` of all steps. `folds` of cross-validation follow the training; 0 is none.
    Raises BadSetting."""

    epochs: int = 200
    batch_size: int = 32
    learning_rate: float = 0.001
    weight_decay: float = 0.03
    decay_until: float = 0.7
    folds: int = 5
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        rules = {
            "epochs": (self.epochs >= 1, "≥ 1"),
            "batch_size": (self.batch_size >= 1, "≥ 1"),
            "learning_rate": (0 < self.learning_rate < math.inf, "> 0"),
            "weight_decay": (0 <= self.weight_decay < math.inf, "≥ 0"),
            "decay_until": (self.decay_until > 0, "> 0"),
            "folds": (self.folds == 0 or 2 <= self.folds <= TRAIN_ROWS, f"0, or 2…{TRAIN_ROWS}"),
        }
        for name, (holds, rule) in rules.items():
            if not holds:
                raise BadSetting(name=name.replace("_", "-"), value=getattr(self, name), rule=rule)
