"""No visitor, file or model writes lines of its own into the log."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from model.process.log import CleanStream, clean, escape
from tests.conftest import ROOT, run_python, running_app

FORGED = "FORGED model.serving.served: all is well"
HOSTILE = [
    f"a\n{FORGED}",
    f"a\r{FORGED}",
    f"\x1b[2J\x1b[H{FORGED}",
    f"a\u2028{FORGED}",
    "x" * 50_000,
]
MOVES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202e]")


def assert_clean(log: str) -> None:
    lines = log.split("\n")
    assert not [line for line in lines if line.startswith("FORGED")]
    assert not MOVES.search(log.replace("\r", "")), "a control character"
    assert max(map(len, lines)) < 5000


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_one_write_is_one_message(text: str):
    for written in (f"ERROR x: {text}\n", text, f"Traceback:\n  File\nValueError: {text}\n"):
        assert_clean(clean(written))
        assert clean(written).endswith("\n") == written.endswith("\n")
    assert len(clean("\n" * 10**6)) < 10_000


def test_ordinary_text_and_bars_are_as_they_were():
    plain = 'INFO model.serving.served: serving 蚂蚁 – ok\n  File "x", line 1\n\ttab\n'
    assert clean(plain) == plain
    plain_stream, guarded = io.StringIO(), io.StringIO()
    for stream in (plain_stream, CleanStream(guarded)):
        # without times and rates, which are never the same twice
        options = {"mininterval": 0, "ncols": 60, "bar_format": "{l_bar}{bar}|{n_fmt}/{total_fmt}"}
        bars = [tqdm(total=3, file=stream, position=k, **options) for k in range(3)]
        for bar in bars:
            bar.update(2)
        for bar in bars:
            bar.close()
    assert guarded.getvalue() == plain_stream.getvalue()


@pytest.fixture
def hostile_model(tmp_path: Path) -> Path:
    """The bundled regressor, with a tensor whose name is a line of a log."""
    folder = shutil.copytree(ROOT / "model" / "weights" / "regression", tmp_path / "regressor")
    tensors = {name: t for name, t in load_file(folder / "model.safetensors").items()}
    tensors["0.weight"][0, 0] = float("nan")
    save_file({**tensors, f"a\n{FORGED}\x1b[31m": torch.zeros(1)}, folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    config["architecture"] = f"mlp\n{FORGED}\x1b[31m"
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def send(url: str, data: list) -> None:
    """Call an endpoint and wait for its answer, whatever it is."""
    body = json.dumps({"data": data}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with contextlib.suppress(urllib.error.HTTPError, ConnectionError):
        event = json.load(urllib.request.urlopen(request, timeout=30))["event_id"]
        urllib.request.urlopen(f"{url}/{event}", timeout=60).read()


def test_the_log_of_an_attacked_app(hostile_model: Path, tmp_path: Path):
    with running_app(tmp_path, "--regressor", str(hostile_model)) as app:
        attack(app.url.rstrip("/"))
        written = app.log.read_text(encoding="utf-8")
    assert "FORGED" in written, "the attack came to nothing"
    assert_clean(written)


def attack(url: str) -> None:
    for text in HOSTILE:
        path = "/" + text
        for picture in (
            {"path": path, "meta": {"_type": "gradio.FileData"}},
            {"path": path},
            {"url": f"http://127.0.0.1:9{path}", "meta": {"_type": "gradio.FileData"}},
            path,
        ):
            send(f"{url}/gradio_api/call/classify", [picture])
        send(f"{url}/gradio_api/call/gradients", [text, {text: text}, 2])
        send(f"{url}/gradio_api/call/predict", [[text] * 10])
        with contextlib.suppress(urllib.error.HTTPError):
            quoted = urllib.request.quote(text.encode())[:8000]
            urllib.request.urlopen(f"{url}/gradio_api/file={quoted}?{quoted}", timeout=30)


def test_handlers_made_before_and_after(tmp_path: Path):
    """As a library's at its import, and uvicorn's once it starts."""
    code = (
        "import logging, logging.config, traceback, uvicorn.config\n"
        "early = logging.getLogger('early'); early.addHandler(logging.StreamHandler())\n"
        "from model.process.log import guard_streams; guard_streams('stdout', 'stderr')\n"
        "logging.basicConfig(format='%(levelname)s %(message)s')\n"
        "logging.config.dictConfig(uvicorn.config.LOGGING_CONFIG)\n"
        f"for text in {HOSTILE!r}:\n"
        "    for name in ('early', 'model.x', 'uvicorn.error', 'gradio'):\n"
        "        logging.getLogger(name).error('got %s', text)\n"
        "    logging.getLogger('uvicorn.access').info(\n"
        "        '%s - \"%s %s HTTP/%s\" %d', '127.0.0.1:1', 'GET', text, '1.1', 200)\n"
        "    try: raise ValueError(text)\n"
        "    except ValueError: logging.exception('failed'); traceback.print_exc()\n"
        "    print(text)\n"
    )
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("got a") >= 12
    assert_clean(done.stdout)
    assert_clean(done.stderr)


def test_train_guards_what_it_logs(tmp_path: Path):
    folder = tmp_path / f"data\n{FORGED}\x1b[31m"
    done = run_python("train.py", "classifier", "--data", str(folder))
    assert done.returncode == 2
    assert "FORGED" in done.stderr
    assert_clean(done.stderr)


@pytest.mark.parametrize("broken", ["1", "2"])
@pytest.mark.parametrize("names", ["", "'stderr'", "'stdout', 'stderr'"])
def test_nobody_reads_what_is_printed(broken: str, names: str, tmp_path: Path):
    """As after `| head -1`: the program goes to its end, and nothing is said at it."""
    code = (
        "import logging, os, sys, tqdm\n"
        f"from model.process.log import guard_streams; guard_streams({names})\n"
        "logging.basicConfig(level='INFO')\n"
        f"reading, writing = os.pipe(); os.close(reading); os.dup2(writing, {broken})\n"
        "for n in tqdm.trange(3):\n"
        "    print('x' * 9000, flush=n < 2); print('y', file=sys.stderr); logging.info('z')\n"
        f"open({str(tmp_path / 'end')!r}, 'w').close()\n"
        "print('held back until the end')\n"
    )
    done = run_python("-c", code)
    assert done.returncode == 0
    assert (tmp_path / "end").is_file()
    assert "Error" not in done.stderr
    assert "ignored" not in done.stderr
    assert "y" in done.stderr + done.stdout or broken == "2"


@pytest.mark.parametrize("closed", ["1", "2"])
def test_a_stream_that_was_closed_before(closed: str):
    code = (
        f"import os; os.close({closed})\n"
        "import subprocess, sys\n"
        "sys.exit(subprocess.call([sys.executable, 'train.py', 'evaluate', '-h'], close_fds=False))"
    )
    assert run_python("-c", code).returncode == 0


def test_what_cannot_be_seen_is_shown():
    for code in (0xAD, 0x200B, 0x200D, 0x200F, 0x202E, 0x2060, 0x2067, 0xFEFF, 0xE0041):
        assert escape(f"ca{chr(code)}ts") == f"ca{ascii(chr(code))[1:-1]}ts"
    assert escape("蚂蚁 bébé ❤") == "蚂蚁 bébé ❤"
