"""Spaces' ZeroGPU: a GPU is there only while a function marked with `on_gpu` runs.

On such a Space the package `spaces` is installed, and must be imported before torch, which it
changes. Anywhere else `on_gpu` leaves a function as it is.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["on_gpu"]

try:
    from spaces import GPU as on_gpu
except ImportError:

    def on_gpu(function: Callable) -> Callable:
        return function
