"""A network's tensors out of what training programs save around them.

A checkpoint is seldom the bare state dict: it lies under a name beside the optimizer's, and
DataParallel, torch.compile or a module that holds the network put a prefix before each of its keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torchvision.models import resnet18

# Under what names programs keep the state dict, those first that say it plainest: Lightning;
# PyTorch's own tutorial; torchvision's references; timm, MoCo and others. Averages over a training
# (EMA) are taken where the weights themselves are not there.
WRAPPINGS = (
    *("state_dict", "model_state_dict", "model_state", "model", "network", "net", "weights"),
    *("params", "state_dict_ema", "model_ema", "params_ema", "ema_state_dict", "ema_model", "ema"),
)
DEPTH = 3  # of wrappings in each other


@dataclass(frozen=True)
class Unwrapped:
    """What was found: the network's tensors by torchvision's keys, if `weights` is what they are
    in, and what was taken off: the names that led to them, the prefix of the keys, and how many
    other entries were left."""

    weights: Any
    names: tuple[str, ...] = ()
    prefix: str = ""
    left: int = 0

    def __str__(self) -> str:
        """One line; empty where nothing was taken off."""
        taken = [f"out of {' / '.join(self.names)}"] if self.names else []
        taken += [f"without the prefix {self.prefix}"] if self.prefix else []
        taken += [f"leaving {self.left} other entries"] if self.left else []
        return ", ".join(taken)


def unwrap(saved: Any) -> Unwrapped:
    """The state dict in what was saved, which may be anything; as it is, where none is found."""
    names: list[str] = []
    while not is_state_dict(saved) and isinstance(saved, Mapping) and len(names) < DEPTH:
        inside = [name for name in WRAPPINGS if isinstance(saved.get(name), Mapping)]
        if not inside:
            break
        names.append(inside[0])
        saved = saved[inside[0]]
    if not is_state_dict(saved):
        return Unwrapped(saved)
    prefix = find_prefix(saved)
    weights = {k.removeprefix(prefix): v for k, v in saved.items() if k.startswith(prefix)}
    return Unwrapped(weights, tuple(names), prefix, len(saved) - len(weights))


def is_state_dict(saved: Any) -> bool:
    """Whether these are tensors by name, and nothing else."""
    return isinstance(saved, Mapping) and all(
        isinstance(k, str) and isinstance(v, Tensor) for k, v in saved.items()
    )


def find_prefix(weights: Mapping[str, Tensor]) -> str:
    """What stands before every key of a whole resnet18; "" where that is nothing, or not one. Of
    two, an average over the training (EMA) gives way to what it is one of."""
    last = "fc.weight"
    with torch.device("meta"):  # for its names alone
        needed = resnet18().state_dict().keys()
    found = [
        prefix
        for prefix in (key.removesuffix(last) for key in weights if key.endswith(last))
        if all(prefix + name in weights for name in needed)
    ]
    own = [prefix for prefix in found if "ema" not in prefix] or found
    return own[0] if len(own) == 1 else ""
