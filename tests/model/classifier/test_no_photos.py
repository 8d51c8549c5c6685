"""An empty page is no ant: what is no photo is "neither", whatever the classes are."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from model.classifier.classifier import Classifier
from model.run.origin import Origin
from model.training.recipe import train_classifier
from model.training.settings import ClassifierSettings
from tests.conftest import ROOT
from tests.no_photos import KINDS, make_all

BUNDLED = ROOT / "model" / "weights" / "ants_bees"
SHARED = ROOT.parent / "shared"
# Kinds that look like a class of the folder: menorahs and Windsor chairs on white are thin lines.
EXEMPT = {"household": {"line drawing"}}
TASKS = ("eight_each", "gadgets", "household", "mammals", "sea_and_stone", "vehicles")


def assert_neither(run: Path, seeds: range, exempt: set[str] = frozenset()) -> None:
    """At most 1 in 50 is known, and 47 in 50 at least are neither."""
    classifier = Classifier.load(run, Origin("x"), "cpu")
    answers = [(kind, classifier(picture).verdict) for kind, picture in make_all(seeds)]
    verdicts = Counter(verdict for kind, verdict in answers if kind not in exempt)
    told = Counter(answer for answer in answers if answer[1] != "neither")
    assert verdicts["known"] <= verdicts.total() / 50, told
    assert verdicts["neither"] >= verdicts.total() * 47 / 50, told


def test_hardly_one_is_taken_for_an_ant_or_a_bee():
    assert_neither(BUNDLED, range(2004, 2006))  # a tiny and a thin one of each kind


@pytest.mark.slow
def test_nor_is_one_of_twelve_of_each_kind():
    assert_neither(BUNDLED, range(3000, 3012))


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_nor_is_one_taken_for_other_classes(task, tmp_path):
    data = SHARED / "caltech101_tasks" / task
    weights = SHARED / "resnet18_imagenet" / "resnet18_imagenet.pth"
    if not (data.is_dir() and weights.is_file()):
        pytest.skip("the pictures are not here")
    settings = ClassifierSettings(device="cpu")
    train_classifier(settings, data, tmp_path / "run", init_weights=weights)
    assert_neither(tmp_path / "run", range(3000, 3012), EXEMPT.get(task, set()))


def test_every_seed_gives_another_picture_and_the_same_seed_the_same():
    once, again = (list(make_all(range(5, 11))) for _ in range(2))
    assert Counter(kind for kind, _ in once) == dict.fromkeys(KINDS, 6)
    assert all(a.tobytes() == b.tobytes() for (_, a), (_, b) in zip(once, again, strict=True))
    assert len({(p.size, p.tobytes()) for _, p in once}) > 0.95 * len(once)
    ratios = [max(p.size) / min(p.size) for _, p in once]
    assert max(ratios) > 7
    assert min(min(p.size) for _, p in once) < 48
