"""README, "Put it on Spaces": its commands, run as they stand, make a Space that serves."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from huggingface_hub import HfApi, ModelCard, RepoCard

from model.serving.models import WEIGHTS_FOLDER
from tests.conftest import ROOT, clean_environment, free_port, running_app

STAND_IN = ROOT.parent / "shared" / "hub_stand_in" / "hubserver.py"
BEE = ROOT / "examples" / "bee_on_daisy.jpg"
USER, TOKEN = "acceptance", "hf_test"
HEADING = "### Put it on Spaces"


@contextmanager
def stand_in(folder: Path) -> Iterator[dict[str, str]]:
    """A Hub on loopback; the environment in which `hf` and this project talk to it."""
    port = free_port()
    command = [sys.executable, str(STAND_IN), "--port", str(port), "--root", str(folder / "hub")]
    with (folder / "hub.log").open("w") as log:
        process = subprocess.Popen([*command, "--token", TOKEN], stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        while "endpoint" not in (folder / "hub.log").read_text():
            assert process.poll() is None, (folder / "hub.log").read_text()
            time.sleep(0.05)
        yield clean_environment(HF_ENDPOINT=url, HF_TOKEN=TOKEN, HF_HOME=str(folder / "home"))
    finally:
        process.kill()
        process.wait()


def commands_of_the_readme() -> list[str]:
    section = (ROOT / "README.md").read_text().split(HEADING)[1].split("\n## ")[0]
    return [line.strip() for line in section.splitlines() if re.match(r" {4}\S", line)]


def run(command: list[str], environment: dict[str, str]) -> str:
    scripts = str(Path(sys.executable).parent)
    environment = {**environment, "PATH": f"{scripts}{os.pathsep}{environment['PATH']}"}
    finished = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_the_front_matter_is_that_of_a_gradio_space() -> None:
    card = RepoCard.load(ROOT / "README.md")
    assert card.data.sdk == "gradio"
    assert (ROOT / card.data.app_file).is_file()
    assert re.fullmatch(r"3\.1[0-3]", card.data.python_version)
    assert len(card.data.short_description) <= 60
    requirement = re.search(r"gradio>=([\d.]+)", (ROOT / "requirements.txt").read_text())
    assert card.data.sdk_version.startswith(requirement[1])


def test_the_bundled_cards_are_model_cards() -> None:
    for folder, library in (("ants_bees", "timm"), ("regression", "pytorch")):
        card = ModelCard.load(WEIGHTS_FOLDER / folder / "README.md")
        assert card.data.library_name == library
        assert card.data.eval_results


@pytest.mark.slow
@pytest.mark.skipif(not STAND_IN.is_file(), reason="the Hub stand-in is not here")
def test_the_commands_make_a_space_that_serves(tmp_path: Path) -> None:
    with stand_in(tmp_path) as environment:
        push = [sys.executable, "train.py", "push"]
        commits = [
            re.search(r"^commit ([0-9a-f]{40})$", run([*push, folder, repo], environment), re.M)[1]
            for folder, repo in (
                ("model/weights/ants_bees", f"{USER}/ants-bees"),
                ("model/weights/regression", f"{USER}/ten-numbers"),
            )
        ]
        commands = commands_of_the_readme()
        assert len(commands) == 4
        for command in commands:
            words = command.replace("USER/", f"{USER}/")
            words = words.replace("ten-numbers@COMMIT", f"ten-numbers@{commits[1]}")
            words = words.replace("COMMIT", commits[0])
            run(shlex.split(words.replace("python", sys.executable, 1)), environment)

        space = f"{USER}/ants-or-bees"
        api = HfApi(endpoint=environment["HF_ENDPOINT"], token=TOKEN)
        uploaded = Path(
            api.snapshot_download(space, repo_type="space", local_dir=tmp_path / "space")
        )
        names = {path.name for path in uploaded.iterdir()} - {".cache", ".gitattributes"}
        assert names == {
            "app.py",
            "requirements.txt",
            "README.md",
            "LICENSE",
            "model",
            "tabs",
            "examples",
        }
        assert not list(uploaded.rglob("__pycache__"))
        card = RepoCard.load(uploaded / "README.md")
        assert commits[0] in card.data.preload_from_hub[0]
        variables = {
            name: variable.value for name, variable in api.get_space_variables(space).items()
        }
        assert_serves(uploaded, {**environment, **variables}, commits[0], tmp_path)


def assert_serves(folder: Path, environment: dict[str, str], commit: str, logs: Path) -> None:
    """`app.py` of `folder`, alone, answers with the model of that commit."""
    with running_app(logs, root=folder, **environment) as app:
        client = Client(app.url, verbose=False)
        for _ in range(30):  # until the Hub's model takes over from the bundled one
            answer = client.predict(handle_file(str(BEE)), api_name="/classify")
            if answer["model"]["revision"]:
                break
            time.sleep(1)
        assert answer["label"] == "bees"
        assert answer["model"]["source"] == f"{USER}/ants-bees"
        assert answer["model"]["revision"] == commit
