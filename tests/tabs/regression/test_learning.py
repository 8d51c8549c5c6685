"""A network that learns while one watches, in a browser and in line."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from playwright.sync_api import Page, expect

from model.regression.live import Line, make_trainer
from tabs.regression import learning

PATIENCE = 90_000  # milliseconds: of a busy machine


def threads_of_a_new_thread() -> int:
    """How many threads torch would use in a thread that the server starts now."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(torch.get_num_threads).result()


@pytest.mark.usefixtures("two_threads")
def test_a_network_learns_while_one_watches(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_role("button", name="Train").click()
    status = page.locator(".regression-status")
    # the first training waits for its process to import torch
    expect(status).to_contain_text("of 200", timeout=PATIENCE)
    first = status.inner_text()
    expect(status).to_contain_text("Epoch 200 of 200", timeout=PATIENCE)
    assert "Epoch 200" not in first, "nothing was to be seen before the end"
    assert float(re.search(r"R² ([\d.]+)", status.inner_text())[1]) >= 0.98
    learned = page.locator("#regression-learning .row b").all_inner_texts()
    true = [0.5, -0.2, 1.5, -2.0, 0.8, -1.1, 0.3, -0.7, 1.2, -0.9]
    assert [float(each.replace("−", "-")) for each in learned] == pytest.approx(true, abs=0.1)
    assert threads_of_a_new_thread() == 2


def test_train_restarts_stop_stops_and_the_language_follows(page: Page, url: str) -> None:
    page.goto(url)
    train = page.get_by_role("button", name="Train")
    train.click()
    status = page.locator(".regression-status")
    told = status.get_by_role("status")
    expect(status).to_contain_text(re.compile(r"Epoch 1\d\d of"), timeout=PATIENCE)
    expect(page.locator(".regression-errors")).to_be_in_viewport(ratio=0.9)
    train.click()
    expect(status).to_contain_text(re.compile(r"Epoch \d\d? of"), timeout=PATIENCE)
    page.get_by_role("button", name="中文").click()
    expect(status).to_contain_text(re.compile(r"训练中.*共 200 轮"))
    chart = page.locator(".regression-errors").get_by_role("img")
    expect(chart).to_have_attribute("aria-label", re.compile("留出"))
    page.get_by_role("button", name="停止").click()
    expect(told).to_have_text("已停止。")
    stopped = status.inner_text()
    page.get_by_role("button", name="EN").click()
    expect(told).to_have_text("Stopped.")
    page.wait_for_timeout(700)
    assert re.findall(r"\d+", status.inner_text()) == re.findall(r"\d+", stopped)
    page.get_by_label("800", exact=True).check()
    train.click()
    expect(told).to_contain_text("Done: the error on held-out rows is", timeout=PATIENCE)


def test_a_visitor_who_reloads_in_mid_work_holds_up_nobody(page: Page, url: str) -> None:
    status = page.locator(".regression-status")
    for _ in range(3):  # one more than train at a time
        page.goto(url)
        page.get_by_label("16", exact=True).check()
        page.get_by_role("button", name="Train").click()
        expect(status).to_contain_text("Epoch", timeout=5000)


def test_who_waits_to_train_is_told_their_place_in_their_language() -> None:
    trainer, line, watched = make_trainer(), Line(together=1), learning.Watched()
    line.ahead("somebody")
    line.ahead("somebody else")
    training = learning.learn(trainer, line, watched, "en", 0.01, 800)
    try:
        assert "starting" in next(training)["charts"]
        assert "You are number 2 in the queue" in next(training)["charts"]
        line.leave("somebody else")
        learning.show_again(watched, "zh")
        assert "您排在第 1 位" in next(training)["charts"]
        line.leave("somebody")
        assert "训练中" in next(training)["charts"]
        assert line.ahead("the next") == 1
        learning.stop_learning(watched)
        assert list(training) == []
        assert line.ahead("the next") == 0
    finally:
        trainer.close()


def test_too_many_who_wait_are_told_so() -> None:
    line, watched = Line(together=1, most_waiting=0), learning.Watched()
    line.ahead("somebody")
    shown = list(learning.learn(make_trainer(), line, watched, "en", 0.01, 800))
    assert "Press Train again in a minute" in shown[-1]["charts"]
