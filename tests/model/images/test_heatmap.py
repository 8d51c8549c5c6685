from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from model.images.heatmap import overlay


def test_hot_glows_and_cold_fades_to_grey():
    seen = Image.new("RGB", (64, 64), (20, 160, 60))
    heat = torch.zeros(8, 8)
    heat[:, 4:] = 1
    pixels = np.asarray(overlay(seen, heat), dtype=int)
    assert pixels.shape == (64, 64, 3)
    cold, hot = pixels[32, 2], pixels[32, 61]
    assert np.ptp(cold) <= 1
    assert abs(cold[0] - np.asarray(seen.convert("L"))[0, 0]) <= 1
    assert hot[0] > cold[0] + 50


def test_without_strength_only_the_grey_picture_is_left():
    seen = Image.radial_gradient("L").resize((40, 30)).convert("RGB")
    pixels = np.asarray(overlay(seen, torch.rand(7, 7), strength=0.0), dtype=int)
    assert np.abs(pixels - np.asarray(seen, dtype=int)).max() <= 1


def test_strength_is_the_opacity_of_the_hottest_part():
    white = Image.new("RGB", (16, 16), "white")
    full = np.asarray(overlay(white, torch.ones(2, 2), strength=1.0), dtype=int)
    half = np.asarray(overlay(white, torch.ones(2, 2), strength=0.5), dtype=int)
    assert np.abs(half - (full + 255) / 2).max() <= 1
