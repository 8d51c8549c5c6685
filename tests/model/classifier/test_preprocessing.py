"""The network's input against Pillow's and timm's."""

from __future__ import annotations

import json

import pytest
import timm
import torch
from PIL import Image

from model.classifier.errors import BadConfig
from model.classifier.preprocessing import Preprocessing
from model.training.features import LOOKS
from tests.pictures import make_picture

SIZES = [(450, 300), (301, 457), (256, 256), (1, 1), (13, 200), (999, 50), (257, 255)]
ALL = [*LOOKS.values(), Preprocessing(), Preprocessing(272, 224, mode="squash")]
each_look = pytest.mark.parametrize("look", ALL, ids=lambda p: f"{p.resize}-{p.crop}-{p.mode}")


def test_it_standardises():
    picture = Image.new("RGB", (500, 400), (124, 116, 104))  # ImageNet's mean colour
    for look in ALL:
        image = look(picture)
        assert image.shape == (3, look.crop, look.crop)
        assert image.abs().max() < 0.02


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(("resize", "crop"), [(256, 256), (288, 256), (232, 224)])
def test_squashed_is_all_of_the_picture_resized_by_pillow(size, resize, crop):
    picture = make_picture(1, 3, 5, size=size)
    seen = Preprocessing(resize, crop, mode="squash").shrink(picture)
    edge = (resize - crop) // 2
    expected = picture.resize((resize, resize), Image.Resampling.BILINEAR)
    expected = expected.crop((edge, edge, edge + crop, edge + crop))
    assert seen.size == (crop, crop)
    assert seen.tobytes() == expected.tobytes()


@each_look
def test_timms_words_are_read_as_they_were_written(look):
    written = json.loads(json.dumps(look.to_timm(7)))
    assert Preprocessing.from_timm(written) == look
    assert written["crop_mode"] == look.mode
    assert written["num_classes"] == 7


@each_look
def test_timm_makes_the_same_input_of_them(look):
    config = timm.data.resolve_data_config(pretrained_cfg=look.to_timm(2))
    transform = timm.data.create_transform(**config)
    for size in SIZES:
        picture = make_picture(0, 3, 1, size=size)
        assert torch.allclose(transform(picture), look(picture), atol=1e-5), size


def test_what_says_nothing_of_cropping_is_cut_out_of_the_middle():
    written = LOOKS["closer"].to_timm(2)
    del written["crop_mode"]
    assert Preprocessing.from_timm(written) == LOOKS["closer"]


@pytest.mark.parametrize("mode", ["border", "", "CENTER", None, 3, ["squash"]], ids=str)
def test_another_crop_mode_is_refused_by_name(mode):
    with pytest.raises(BadConfig, match=r"pretrained_cfg\.crop_mode"):
        Preprocessing.from_timm({**Preprocessing().to_timm(2), "crop_mode": mode})
