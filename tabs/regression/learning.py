"""The part of the regression tab where a fresh network learns while one watches."""

from __future__ import annotations

import math
import random
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import gradio as gr
from gradio.components import Component

from model.errors import UserError
from model.process.worker import Worker
from model.regression.ground_truth import NOISE
from model.regression.live import Line, Snapshot, make_trainer, watch_training
from tabs.language import i18n_key, say
from tabs.listeners import Updates, again, listen
from tabs.regression.place import BATCH_SIZES, LEARNING_RATES, Place
from tabs.regression.text import TEXT
from tabs.regression.views import decimal, show_learning

LOOK = 0.3  # seconds between two looks at one's place in the queue
CHARTS = "regression-learning"


@dataclass(eq=False)
class Watched:
    """A visitor's training. The listeners that run at the same time share it, so that a newer run
    ends an older one, and the language may change on the way."""

    language: str = "en"
    run: str = ""  # its name, from the press of Train until it ends
    ahead: int = 0  # of it in the queue
    snapshot: Snapshot | None = None
    error: UserError | None = None

    @property
    def status(self) -> str:
        """How it is doing, in a sentence."""
        tell, snapshot = partial(say, TEXT, language=self.language), self.snapshot
        if self.error is not None:
            return self.error.message(self.language)
        if self.ahead:
            return tell("regression.queue", ahead=self.ahead)
        if snapshot is None:
            return tell("regression.starting" if self.run else "regression.untrained")
        if not snapshot.finished:
            return tell("regression.training" if self.run else "regression.stopped")
        if not math.isfinite(snapshot.held_out_rmse[-1]):
            return tell("regression.diverged")
        rmse = decimal(snapshot.held_out_rmse[-1], self.language)
        return tell("regression.done", rmse=rmse, noise=NOISE)

    def show(self) -> Updates:
        return {"charts": show_learning(self.status, self.snapshot, self.language)}


def build() -> dict[str, Component]:
    """The settings, the buttons and the charts. Returns the settings, "rate" and "batch"."""
    new = Place()
    with gr.Row(elem_classes="regression-learn"):
        with gr.Column(min_width=280):
            gr.Markdown(i18n_key("regression.learn"))
            rate = gr.Radio(LEARNING_RATES, value=new.rate, label=i18n_key("regression.rate"))
            batch = gr.Radio(BATCH_SIZES, value=new.batch, label=i18n_key("regression.batch"))
            with gr.Row():
                train, stop = (
                    gr.Button(
                        i18n_key(f"regression.{name}"),
                        variant="primary" if name == "train" else "secondary",
                        min_width=120,
                        elem_id=f"regression-{name}",
                    )
                    for name in ("train", "stop")
                )
        with gr.Column(scale=2, min_width=300):
            untrained = show_learning(str(i18n_key("regression.untrained")), None, "en")
            charts = gr.HTML(untrained, elem_id=CHARTS)
    settings = {"rate": rate, "batch": batch}
    watched, outputs = {"watched": gr.State(Watched())}, {"charts": charts}
    listen(
        [train.click],
        learn,
        {**watched, **settings},
        outputs,
        {"trainer": make_trainer(), "line": Line()},
        failed=show_failure,
        trigger_mode="multiple",  # pressed during a training, Train begins another
        concurrency_limit=None,  # who waits is in our line, and told so
    )
    # On a phone they are below the button, out of sight.
    scroll = f"() => document.getElementById('{CHARTS}').scrollIntoView({{block: 'nearest'}})"
    train.click(None, js=scroll, api_visibility="private")
    listen([stop.click], stop_learning, watched, outputs)
    listen([again()], show_again, watched, outputs)
    return settings


def learn(
    trainer: Worker, line: Line, watched: Watched, language: str, rate: float, batch: int
) -> Iterator[Updates]:
    """Train a fresh network when it is one's turn; its charts, several times a second."""
    run = secrets.token_hex(8)
    watched.run, watched.language = run, language
    watched.ahead, watched.snapshot, watched.error = 0, None, None
    settings = {"learning_rate": rate, "batch_size": batch, "seed": random.randrange(2**31)}
    try:
        yield watched.show()
        while ahead := line.ahead(run):
            watched.ahead = ahead
            yield watched.show()
            time.sleep(LOOK)
            if watched.run != run:
                return
        watched.ahead = 0
        for snapshot in watch_training(trainer, settings):
            line.ahead(run)  # still there
            if watched.run != run:  # stopped, or begun anew
                return
            watched.snapshot = snapshot
            yield watched.show()
    except UserError as error:
        watched.error = error.fresh()
        yield watched.show()
    finally:  # by Gradio too, when the visitor has gone
        line.leave(run)
        if watched.run == run:
            watched.run, watched.ahead = "", 0


def stop_learning(watched: Watched) -> Updates:
    watched.run, watched.ahead = "", 0
    return watched.show()


def show_again(watched: Watched, language: str) -> Updates:
    watched.language = language
    return watched.show()


def show_failure(error: UserError, language: str) -> Updates:
    return {"charts": show_learning(error.message(language), None, language)}
