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
from model.training.features import (
    Views,
    extract_features,
    picture_generator,
    prefetch,
    random_crop,
    random_view,
)
from tests.pictures import make_picture

PREPROCESSING = Preprocessing()


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
    found = features_of(network, data, Views(PREPROCESSING), exact=True)
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
    found = features_of(network, data, Views(PREPROCESSING), slice(1), exact=True)
    with torch.inference_mode():
        assert torch.allclose(found[:, 0], twin(PREPROCESSING(picture)[None]), atol=1e-4)


def test_half_precision_is_close(network, data):
    exact = features_of(network, data, Views(PREPROCESSING), exact=True)
    fast = features_of(network, data, Views(PREPROCESSING))
    assert fast.dtype == torch.float32
    assert torch.allclose(fast, exact, atol=0.05, rtol=0.05)
    if half_precision(torch.device("cpu")) != torch.float32:
        assert not torch.equal(fast, exact)


def test_any_number_of_pictures_and_workers_gives_the_same_rows(network, data):
    views = Views(PREPROCESSING, mirrored=True, augmented=1)
    whole = features_of(network, data, views, exact=True)
    assert whole.shape == (12, 3, 512)
    for count, workers in ((1, 0), (7, 2), (12, 2)):
        part = features_of(network, data, views, slice(count), workers=workers, exact=True)
        assert torch.allclose(part, whole[:count], atol=1e-5)
    assert features_of(network, data, views, slice(0)).shape == (0, 3, 512)


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
    features_of(network, data, Views(PREPROCESSING), reporter=reporter)
    assert reporter.told == [("features", 12), 8, 4]


def test_a_broken_picture_is_named_by_the_thread_that_met_it(network, tmp_path):
    good, bad = tmp_path / "train" / "good.png", tmp_path / "train" / "bad.png"
    good.parent.mkdir()
    make_picture(0, 2, 0).save(good)
    bad.write_bytes(good.read_bytes()[:2000])
    pictures, views = [Picture(good, 0), Picture(bad, 1)], Views(PREPROCESSING)
    options = {"root": tmp_path, "workers": 2, "reporter": Silence()}
    with pytest.raises(BrokenPicture, match=r"^train/bad\.png: "):
        extract_features(network, pictures, views, **options)


def test_views():
    picture = make_picture(1, 3, 0, size=(300, 200))
    views = Views(PREPROCESSING, mirrored=True, augmented=2, seed=5)
    plain, mirror, *random = views(picture, 3)
    assert len(views) == 4
    assert [tuple(view.shape) for view in random] == [(3, 224, 224)] * 2
    assert torch.equal(PREPROCESSING.normalise(plain), PREPROCESSING(picture))
    assert torch.equal(mirror, plain.flip(-1))
    assert not torch.equal(*random)
    assert all(torch.equal(a, b) for a, b in zip(views(picture, 3), views(picture, 3), strict=True))
    assert not torch.equal(views(picture, 4)[2], random[0])
    other = Views(PREPROCESSING, mirrored=True, augmented=2, seed=6)
    assert not torch.equal(other(picture, 3)[2], random[0])


def test_random_crops_are_distributed_as_torchvisions():
    width, height, draws = 240, 200, 4000
    generator = torch.Generator().manual_seed(0)
    ours = torch.tensor([random_crop(width, height, generator) for _ in range(draws)]).double()
    torch.manual_seed(0)
    canvas = torch.empty(3, height, width)
    crop = v2.RandomResizedCrop(224)
    theirs = torch.tensor(
        [
            [params[k] for k in ("top", "left", "height", "width")]
            for params in (crop.make_params([canvas]) for _ in range(draws))
        ]
    ).double()
    for found in (ours, theirs):
        top, left, h, w = found.T
        assert (top >= 0).all()
        assert (left >= 0).all()
        assert (top + h <= height).all()
        assert (left + w <= width).all()
        share = h * w / (width * height)
        assert 0.075 < share.min() < 0.1
        assert 0.9 < share.max() <= 1.0
        assert 0.70 < (w / h).min() < 0.80
        assert 1.25 < (w / h).max() < 1.40
    for q in (0.1, 0.25, 0.5, 0.75, 0.9):
        assert torch.allclose(ours.quantile(q, dim=0), theirs.quantile(q, dim=0), atol=8)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (5000, 4), (4, 5000)])
def test_random_views_of_odd_pictures(size):
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        top, left, height, width = random_crop(*size, generator)
        assert 0 <= top <= top + height <= size[1]
        assert 0 <= left <= left + width <= size[0]
        assert height > 0 < width
    assert random_view(Image.new("RGB", size), generator).shape == (3, 224, 224)


def test_half_of_the_random_views_are_mirrored():
    gradient = Image.linear_gradient("L").rotate(90).convert("RGB")
    generator = torch.Generator().manual_seed(0)
    views = [random_view(gradient, generator).double() for _ in range(400)]
    rising = sum(bool(view[0, :, -1].mean() > view[0, :, 0].mean()) for view in views)
    assert 160 < rising < 240


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
