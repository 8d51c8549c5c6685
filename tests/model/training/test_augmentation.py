from __future__ import annotations

import shutil

import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from model.classifier.preprocessing import Preprocessing
from model.images.errors import BrokenPicture
from model.images.folder import read_folder
from model.training.augmentation import ShrunkPictures, draw_chances, random_views

PREPROCESSING = Preprocessing()
BYTES = 3 * PREPROCESSING.crop**2  # of a picture that is kept


def ramps(width: int, height: int) -> torch.Tensor:
    """A picture [1, 2, h, w] whose pixels are their own places: x + 1/2, y + 1/2."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    return torch.stack([x, y])[None]


@pytest.mark.parametrize("smallest", [0.08, 0.6, 1.0])
def test_a_view_is_the_crop_that_its_numbers_say(smallest):
    """Of a picture of ramps a bilinear view tells where each of its pixels was taken."""
    width, height, size = 200, 100, 64
    chances = torch.rand(40, 5, generator=torch.Generator().manual_seed(0))
    views = random_views(ramps(width, height).expand(40, -1, -1, -1), chances, smallest, True, size)
    steps = (torch.arange(size) + 0.5) / size
    for view, (share, log_ratio, y, x, side) in zip(views, chances.tolist(), strict=True):
        area, ratio = smallest + (1 - smallest) * share, (3 / 4) * (16 / 9) ** log_ratio
        w, h = min(1, (area * ratio) ** 0.5), min(1, (area / ratio) ** 0.5)
        across = ((1 - w) * x + w * (steps.flip(0) if side < 0.5 else steps)) * width
        down = ((1 - h) * y + h * steps) * height
        # half a pixel at the picture's border has no neighbour to be mixed with
        across, down = across.clamp(0.5, width - 0.5), down.clamp(0.5, height - 0.5)
        assert torch.allclose(view[0], across.expand(size, -1), atol=1e-2)
        assert torch.allclose(view[1], down[:, None].expand(-1, size), atol=1e-2)


def test_a_whole_picture_is_torchs_own_resizing():
    picture = torch.rand(2, 3, 50, 80)
    views = random_views(picture, torch.full((2, 5), 0.5), 1.0, False, 96)
    expected = F.interpolate(picture, size=(96, 96), mode="bilinear", align_corners=False)
    assert torch.allclose(views, expected, atol=1e-5)


def test_only_what_may_be_mirrored_is():
    chances = draw_chances(range(400), seed=0, epoch=1)
    picture = ramps(60, 60).expand(400, -1, -1, -1)
    for mirrored, low, high in ((False, 0, 0), (True, 160, 240)):
        views = random_views(picture, chances, 0.5, mirrored, 8)
        assert low <= int((views[:, 0, :, 0] > views[:, 0, :, -1]).all(dim=1).sum()) <= high


def test_no_picture_has_no_view():
    views = random_views(torch.empty(0, 3, 9, 9), draw_chances([], 0, 0), 0.5, True)
    assert views.shape == (0, 3, 224, 224)


def test_a_picture_has_the_same_numbers_in_any_batch_and_others_in_any_epoch_and_seed():
    whole = draw_chances(range(9), seed=3, epoch=2)
    assert torch.equal(draw_chances([7, 2], seed=3, epoch=2), whole[[7, 2]])
    others = [draw_chances(range(9), 3, 1), draw_chances(range(9), 4, 2)]
    assert all(not (each == whole).any() for each in others)


@pytest.mark.parametrize("kept", [0, 2, 100])
def test_pictures_are_what_evaluation_sees_and_as_many_are_kept_as_there_is_room_for(
    data, tmp_path, kept
):
    root = shutil.copytree(data, tmp_path / "data")
    listed = read_folder(root, seed=0).train
    pictures = ShrunkPictures(listed, root, PREPROCESSING, room=kept * BYTES + 1)
    numbers = [0, 3, 8]
    pixels, labels = pictures.batch(numbers)
    for number, found in zip(numbers, pixels, strict=True):
        expected = PREPROCESSING(Image.open(listed[number].path).convert("RGB"))
        assert torch.equal(PREPROCESSING.normalise(found), expected)
    assert labels.tolist() == [listed[n].label for n in numbers]
    shutil.rmtree(root)  # what is read again fails
    held = numbers[:kept]
    assert torch.equal(pictures.batch(held)[0], pixels[: len(held)])
    for number in numbers[kept:]:
        with pytest.raises(BrokenPicture):
            pictures[number]


def test_no_numbers_are_an_empty_batch(data):
    pixels, labels = ShrunkPictures([], data, PREPROCESSING).batch([])
    assert (pixels.shape, labels.shape) == ((0, 3, 256, 256), (0,))
