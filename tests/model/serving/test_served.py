"""What is kept of an error keeps nothing of those who met it."""

from __future__ import annotations

import gc
import traceback
import weakref

import pytest
from PIL import Image

from model.autograd.errors import ExpressionError
from model.errors import UserError
from model.hub.errors import HubUnavailable, WrongRepo
from model.images.folder import BrokenPicture
from model.images.loader import PictureError
from model.run.origin import Origin
from model.serving.fallback import Degraded
from model.serving.served import LoadingFailed, Served, StillLoading


def refuse() -> None:
    weights = Image.new("RGB", (8, 8))
    kept.append(weakref.ref(weights))
    raise WrongRepo()


def break_down() -> None:
    raise ZeroDivisionError


kept: list[weakref.ref] = []


@pytest.mark.parametrize(
    ("load", "error"), [(None, StillLoading), (refuse, WrongRepo), (break_down, LoadingFailed)]
)
def test_fifty_refused_requests_keep_no_picture(load, error: type[UserError]):
    served = Served.loading(load)
    if load:
        served.start()
        served._ready.wait(10)
    pictures, seen = [], set()

    def request() -> None:
        picture = Image.new("RGB", (8, 8))
        pictures.append(weakref.ref(picture))
        try:
            served.get(0)
        except UserError as refused:
            seen.add((type(refused), len(traceback.extract_tb(refused.__traceback__))))

    for _ in range(50):
        request()
    gc.collect()
    assert not [picture for picture in pictures if picture() is not None]
    assert [kind for kind, _ in seen] == [error], "once, or the traceback grew"
    assert not [weights for weights in kept if weights() is not None]


@pytest.mark.parametrize(
    "error",
    [
        StillLoading(),
        HubUnavailable(reason="HTTP 503"),
        Degraded(Origin("me/model", "a" * 40), HubUnavailable(reason="HTTP 503")),
        BrokenPicture("ants/1.jpg", PictureError()),
        ExpressionError("x +", 3),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_fresh_error_says_the_same(error: UserError):
    with pytest.raises(UserError) as caught:
        raise error.fresh() from ValueError("a cause")
    fresh = caught.value.fresh()
    assert type(fresh) is type(error)
    assert fresh.__traceback__ is fresh.__cause__ is fresh.__context__ is None
    for language in ("en", "zh"):
        assert fresh.message(language) == error.message(language)
    assert str(fresh) == str(error)
    assert fresh.__dict__ == error.__dict__
