"""Proxy variables as people have them: httpx takes what is left of each."""

from __future__ import annotations

import os
import subprocess
import sys

import httpx
import pytest

from model.process.proxies import tidy_proxies
from tests.conftest import ROOT, clean_environment

GIVEN = {
    "socks://127.0.0.1:7890/": "socks5://127.0.0.1:7890/",
    "socks5://127.0.0.1:7890": "socks5://127.0.0.1:7890",
    "socks5h://user:word@127.0.0.1:7890": "socks5h://user:word@127.0.0.1:7890",
    "127.0.0.1:7890": "http://127.0.0.1:7890",
    "http://127.0.0.1:7890": "http://127.0.0.1:7890",
    "socks4://127.0.0.1:7890": None,
    "quic://127.0.0.1:7890": None,
    "": "",
}


@pytest.mark.parametrize("value", GIVEN)
@pytest.mark.parametrize("name", ["ALL_PROXY", "all_proxy", "https_proxy", "HTTP_PROXY"])
def test_httpx_starts_with_what_is_left(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in list(os.environ):
        if each.lower().endswith("_proxy"):
            monkeypatch.delenv(each)
    monkeypatch.setenv(name, value)
    tidy_proxies()
    assert os.environ.get(name) == GIVEN[value]
    httpx.Client().close()


@pytest.mark.parametrize("program", ["app.py", "train.py"])
def test_the_programs_start(program: str) -> None:
    proxies = {"ALL_PROXY": "socks://127.0.0.1:9", "https_proxy": "127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, program, "--help"],
        cwd=ROOT,
        env=clean_environment(**proxies),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
