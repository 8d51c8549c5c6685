from __future__ import annotations

import itertools
import threading
import time

import pytest
import torch
from PIL import Image
from torchvision.models import resnet18
from torchvision.transforms import v2

from model.classifier.preprocessing import Preprocessing
from model.device import half_precision
from model.images.folder import BrokenPicture, Picture, read_folder
from model.run.progress import Silence
from model.training.features import LOOKS, Views, extract_features, picture_generator, prefetch
from tests.pictures import make_picture

PREPROCESSING = Preprocessing()
ONE = Views((PREPROCESSING,))
ALL = Views(tuple(LOOKS.values()), mirrored=True)


@pytest.fixture(scope="module")
def network(initial_weights):
    network = resnet18()
    network.load_state_dict(torch.load(initial_weights, weights_only=True))
    return network.eval().requires_grad_(False)


def features_of(network, data, views, pictures=slice(None), **options) -> torch.Tensor:
    options = {"root": data, "workers": 0, "reporter": Silence(), **options}
    return extract_features(network, read_folder(data, seed=0).train[pictures], views, **options)[0]


def test_features_are_what_goes_into_the_last_layer(network, data):
    """A forward hook on torchvision's own network sees the same."""
    found = features_of(network, data, ONE, exact=True)
    seen = []
    hook = network.fc.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    eval_transform = v2.Compose(
        [
            v2.Resize(288),
            v2.CenterCrop(256),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    for picture in read_folder(data, seed=0).train:
        network(eval_transform(Image.open(picture.path).convert("RGB"))[None])
    hook.remove()
    assert found.shape == (12, 1, 512)
    assert torch.allclose(found[:, 0], torch.cat(seen), atol=1e-4)


def test_timm_extracts_the_same_features(network, data):
    import timm

    twin = timm.create_model("resnet18", num_classes=0).eval()
    twin.load_state_dict({k: v for k, v in network.state_dict().items() if "fc." not in k})
    picture = make_picture(0, 2, 0)
    found = features_of(network, data, ONE, slice(1), exact=True)
    with torch.inference_mode():
        assert torch.allclose(found[:, 0], twin(PREPROCESSING(picture)[None]), atol=1e-4)


def test_half_precision_is_close(network, data):
    exact = features_of(network, data, ONE, exact=True)
    fast = features_of(network, data, ONE)
    assert fast.dtype == torch.float32
    assert torch.allclose(fast, exact, atol=0.05, rtol=0.05)
    if half_precision(torch.device("cpu")) != torch.float32:
        assert not torch.equal(fast, exact)


def test_any_number_of_pictures_and_workers_gives_the_same_rows(network, data):
    whole = features_of(network, data, ALL, exact=True)
    assert whole.shape == (12, 6, 512)
    for count, workers in ((1, 0), (7, 2), (12, 2)):
        part = features_of(network, data, ALL, slice(count), workers=workers, exact=True)
        assert torch.allclose(part, whole[:count], atol=1e-5)
    assert features_of(network, data, ALL, slice(0)).shape == (0, 6, 512)


class Counting(Silence):
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def bar(self, title: str, total: int) -> Silence:
        self.told.append((title, total))
        return self

    def advance(self, steps: int) -> None:
        self.told.append(steps)


def test_progress_counts_pictures(network, data):
    reporter = Counting()
    features_of(network, data, ONE, reporter=reporter)
    assert reporter.told == [("features", 12), 8, 4]


def test_a_broken_picture_is_named_by_the_thread_that_met_it(network, tmp_path):
    good, bad = tmp_path / "train" / "good.png", tmp_path / "train" / "bad.png"
    good.parent.mkdir()
    make_picture(0, 2, 0).save(good)
    bad.write_bytes(good.read_bytes()[:2000])
    pictures, views = [Picture(good, 0), Picture(bad, 1)], ONE
    options = {"root": tmp_path, "workers": 2, "reporter": Silence()}
    with pytest.raises(BrokenPicture, match=r"^train/bad\.png: "):
        extract_features(network, pictures, views, **options)


@pytest.mark.parametrize("size", [(300, 200), (200, 300), (1, 1), (3, 40), (256, 256)], ids=str)
def test_each_look_is_followed_by_its_mirror_image(size):
    picture = make_picture(1, 3, 0, size=size)
    views = ALL(picture)
    assert len(views) == len(ALL) == 2 * len(LOOKS)
    pairs = zip(LOOKS.values(), views[::2], views[1::2], strict=True)
    for look, plain, mirror in pairs:
        assert plain.dtype == torch.uint8
        assert torch.equal(ALL.normalise(plain[None])[0], look(picture))
        assert torch.equal(mirror, plain.flip(-1))
    plain = Views(tuple(LOOKS.values()))
    assert len(plain) == len(LOOKS)
    assert all(map(torch.equal, plain(picture), views[::2]))


def test_looks_see_less_or_more_of_a_picture():
    """What lies at the ends of a wide one, all of its height, and of that a little less."""
    picture = Image.new("RGB", (600, 200))
    picture.paste("red", (0, 0, 60, 200))
    picture.paste("lime", (250, 0, 350, 5))
    seen = {
        name: [bool((view[channel] > 100).any()) for channel in (0, 1)]
        for name, view in zip(LOOKS, Views(tuple(LOOKS.values()))(picture), strict=True)
    }
    assert seen == {
        "middle": [False, True],
        "closer": [False, False],
        "squashed": [True, True],
    }


def test_features_of_several_views_are_those_of_each(network, data):
    together = features_of(network, data, ALL, slice(3), exact=True)
    for number, look in enumerate(LOOKS.values()):
        alone = features_of(network, data, Views((look,)), slice(3), exact=True)
        assert torch.allclose(together[:, 2 * number], alone[:, 0], atol=1e-5)
    assert not torch.allclose(together[:, 0], together[:, 4], atol=1e-3)


def test_the_known_score_looks_at_the_first_view(network, data):
    """At the whole of it first: its features."""
    options = {"root": data, "workers": 0, "reporter": Silence(), "exact": True}
    train = read_folder(data, seed=0).train[:3]
    for look in LOOKS.values():
        views = Views((look, PREPROCESSING), mirrored=True)
        features, windows = extract_features(network, train, views, **options)
        assert windows.shape == (3, 26, 512)
        assert torch.allclose(windows[:, 0].float(), features[:, 0], atol=2e-3, rtol=2e-3)


def test_every_picture_epoch_and_seed_has_its_own_numbers():
    drawn = {
        torch.randint(2**62, (), generator=picture_generator(*place)).item()
        for place in itertools.product((0, 1, 2, 2**32 - 1), (0, 1, 2, 999), (0, 1, 2))
    }
    assert len(drawn) == 4 * 4 * 3


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_prefetch_keeps_the_order(workers):
    def work(item: int) -> int:
        time.sleep(0.002 * (item % 3))
        return item * item

    assert list(prefetch(work, range(20), workers)) == [n * n for n in range(20)]
    assert list(prefetch(work, [], workers)) == []


@pytest.mark.parametrize("workers", [0, 2])
def test_prefetch_reads_only_a_few_ahead(workers):
    taken = []

    def items():
        for n in itertools.count():
            taken.append(n)
            yield n

    results = prefetch(lambda n: n, items(), workers)
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    assert len(taken) <= 5 + workers + 1
    results.close()
    assert len(taken) <= 5 + workers + 1


def test_prefetch_works_beside_its_reader():
    met = threading.Barrier(3, timeout=30)  # passes only if three are at work at once
    results = prefetch(lambda n: met.wait() is not None, range(3), workers=3)
    assert list(results) == [True] * 3


@pytest.mark.parametrize("workers", [0, 2])
def test_prefetch_raises_what_work_raised_in_its_turn(workers):
    def work(item: int) -> int:
        if item == 2:
            raise ValueError("the third")
        return item

    results = prefetch(work, range(100), workers)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="the third"):
        next(results)
