"""The plan of the rooms (pyproject.toml): who may import whom."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.conftest import ROOT, run_python


def test_every_import_goes_down_the_floors() -> None:
    done = run_python(str(Path(sys.executable).with_name("lint-imports")), "--no-cache")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_corridor_is_short_and_nobody_below_imports_the_programs() -> None:
    assert len(list((ROOT / "model").glob("*.py"))) <= 4
    for path in [*(ROOT / "model").rglob("*.py"), *(ROOT / "tabs").rglob("*.py")]:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert not [
            line for line in lines if line.strip().startswith(("import app", "import train"))
        ]
        assert len(lines) <= 320, path
