"""With Spaces' own package and without it: the page is built alike, and torch comes later."""

from __future__ import annotations

import pytest

from tests.conftest import run_python

BUILD = """
import app
from model.serving.models import serve_classifier, serve_regressor
app.build(serve_classifier(None), serve_regressor(None))
from tabs.zerogpu import on_gpu
print(on_gpu.__module__, "torch" in sys.modules)
"""


def built(before: str) -> list[str]:
    """What `BUILD` prints in a process of its own, after the lines `before`."""
    finished = run_python("-c", f"import sys\n{before}\n{BUILD}")
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.split()


def test_with_the_package_its_decorator_is_used_and_torch_comes_later() -> None:
    pytest.importorskip("spaces")
    assert built("") == ["spaces.zero.decorator", "False"]


def test_without_the_package_nothing_changes() -> None:
    assert built("sys.modules['spaces'] = None  # as if it were not installed") == [
        "tabs.zerogpu",
        "False",
    ]
