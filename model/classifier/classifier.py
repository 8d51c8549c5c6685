"""A fine-tuned ResNet-18 as the app uses it: a picture in, a believable answer out."""

from __future__ import annotations

import copy
import math
import random
import textwrap
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torchvision.models import ResNet, resnet18
from torchvision.transforms import v2

from model.classifier.ood import KnownScore
from model.device import choose_device
from model.errors import UserError
from model.images.labels import MAX_LABELS, is_label
from model.run.folder import Run, read_run
from model.run.origin import Origin

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
KNOWN = "known.safetensors"


class ClassifierError(UserError):
    """A run folder that is not a classifier of this project's kind."""


class WrongArchitecture(ClassifierError):
    en = "The model is a {found}; this app serves resnet18. Choose another model."
    zh = "该模型是 {found}；本应用只支持 resnet18。请换一个模型。"


class BadConfig(ClassifierError):
    en = "config.json: {field} is missing or wrong. Use a folder that train.py wrote."
    zh = "config.json：{field} 缺失或有误。请使用 train.py 写出的文件夹。"


class WrongWeights(ClassifierError):
    en = "model.safetensors does not fit a resnet18 with {num_classes} classes: {reason}."
    zh = "model.safetensors 与 {num_classes} 类的 resnet18 不符：{reason}。"


class NotFinite(ClassifierError):
    en = (
        "The model's answer is not made of finite numbers: its weights or preprocessing are of no "
        "use. Choose another model."
    )
    zh = "模型的输出不是有限的数：其权重或预处理设置无法使用。请换一个模型。"


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes the network's input: its short side resized to `resize` pixels, the
    middle `crop` × `crop` cut out, each channel standardised."""

    resize: int = 288
    crop: int = 256
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    def shrink(self, picture: Image.Image) -> Image.Image:
        """The part of the picture that the network sees, `crop` × `crop` pixels."""
        resized = v2.functional.resize(picture, [self.resize])
        return v2.functional.center_crop(resized, [self.crop])

    def normalise(self, pixels: Tensor) -> Tensor:
        """Float images [..., 3, h, w], standardised by channel, of uint8 ones."""
        images = v2.functional.to_dtype(pixels, torch.float32, scale=True)
        return v2.functional.normalize(images, list(self.mean), list(self.std))

    def __call__(self, picture: Image.Image) -> Tensor:
        """The network's input [3, crop, crop] for an RGB picture of any size."""
        return self.normalise(v2.functional.pil_to_tensor(self.shrink(picture)))


@dataclass(frozen=True)
class Answer:
    """What the classifier says of one picture.

    `probabilities` maps every class to a number in 0..1, summing to 1. `known` is False when the
    picture is like nothing in the training data: `known_score` (0..1) is then under
    `known_threshold` (both are None of a model that cannot tell). `heat_map` [h, w], 0..1, tells
    which parts of `seen` spoke for the likeliest class. `origin` and `device` say who answered.
    """

    probabilities: dict[str, float]
    known: bool
    known_score: float | None
    heat_map: Tensor
    known_threshold: float | None
    seen: Image.Image
    origin: Origin
    device: str
    milliseconds: float

    @property
    def label(self) -> str:
        """The likeliest class."""
        return max(self.probabilities, key=self.probabilities.__getitem__)

    @property
    def confidence(self) -> float:
        """The probability of the likeliest class, 0..1."""
        return self.probabilities[self.label]


class Classifier:
    """A run folder's network, class names, preprocessing, temperature and known score."""

    def __init__(self, run: Run, origin: Origin, device: torch.device) -> None:
        self.origin = origin
        self.device = device
        self.classes, self.preprocessing, self.temperature = read_config(run.config)
        self.network = build_network(len(self.classes), run.weights).to(device)
        self.known = read_known(run)
        if self.known is not None:
            self.known = self.known.to(device)
        for picture in trial_pictures(self.preprocessing.resize):
            self(picture)

    @classmethod
    def load(cls, folder: Path, origin: Origin, device: str = "auto") -> Classifier:
        """The classifier in a run folder.

        Raises RunError for unreadable files, ClassifierError for ones that do not fit together or
        do not answer black, white and noise in finite numbers, DeviceError for a device that is
        not there.
        """
        return cls(read_run(folder), origin, choose_device(device))

    def to(self, device: torch.device) -> Classifier:
        """This classifier on `device`; itself if it is there already."""
        if device.type == self.device.type:
            return self
        moved = copy.copy(self)
        moved.device = device
        moved.network = copy.deepcopy(self.network).to(device)
        moved.known = self.known.to(device) if self.known else None
        return moved

    @torch.inference_mode()
    def __call__(self, picture: Image.Image) -> Answer:
        """Classify an RGB picture of any size. Raises NotFinite where a number of the answer is
        NaN or infinite, which weights that are finite may well come to."""
        start = time.perf_counter()
        seen = self.preprocessing.shrink(picture)
        image = self.preprocessing.normalise(v2.functional.pil_to_tensor(seen)).to(self.device)
        activations = feature_maps(self.network, image[None])
        features = activations.mean(dim=(2, 3))
        logits = self.network.fc(features)
        probabilities = (logits / self.temperature).softmax(dim=1)[0]
        known_score = self.known(features).item() if self.known else None
        heat_map = class_activation_map(activations, self.network.fc.weight, logits.argmax().item())
        finite = probabilities.isfinite().all() and heat_map.isfinite().all()
        if not finite or not math.isfinite(known_score or 0.0):
            raise NotFinite()
        return Answer(
            probabilities=dict(zip(self.classes, probabilities.tolist(), strict=True)),
            known=self.known is None or known_score >= self.known.threshold,
            known_score=known_score,
            heat_map=heat_map.cpu(),
            known_threshold=self.known.threshold if self.known else None,
            seen=seen,
            origin=self.origin,
            device=str(self.device),
            milliseconds=1000 * (time.perf_counter() - start),
        )


def trial_pictures(side: int) -> Iterator[Image.Image]:
    """The extremes that a picture may be: black, white and noise, `side` × `side`."""
    yield Image.new("RGB", (side, side), "black")
    yield Image.new("RGB", (side, side), "white")
    yield Image.frombytes("RGB", (side, side), random.Random(0).randbytes(3 * side * side))


def feature_maps(network: ResNet, images: Tensor) -> Tensor:
    """What layer4 of a ResNet sees: [N, 3, H, W] -> [N, 512, H/32, W/32]."""
    x = network.maxpool(network.relu(network.bn1(network.conv1(images))))
    return network.layer4(network.layer3(network.layer2(network.layer1(x))))


def class_activation_map(activations: Tensor, head: Tensor, index: int) -> Tensor:
    """Where the evidence for class `index` lies: [h, w] in 0..1.

    Class activation mapping (Zhou et al., "Learning Deep Features for Discriminative
    Localization", CVPR 2016, eq. 2): the head's weights applied at each place of the last feature
    map [1, D, h, w] instead of to their mean. The other classes' mean is subtracted, since softmax
    looks at differences only.
    """
    direction = head[index] - (head.sum(dim=0) - head[index]) / (len(head) - 1)
    evidence = torch.einsum("d,dhw->hw", direction, activations[0]).relu()
    return evidence / evidence.amax().clamp_min(1e-12)


def build_network(num_classes: int, weights: Mapping[str, Tensor]) -> ResNet:
    """A torchvision resnet18 in evaluation mode with `weights`.

    Raises WrongWeights if the keys or shapes differ, or a number is not finite.
    """
    network = resnet18(num_classes=num_classes)
    try:
        network.load_state_dict(dict(weights), strict=True)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip().rstrip(".")
        reason = textwrap.shorten(reason, 120, placeholder=" …")  # it may name every key
        raise WrongWeights(num_classes=num_classes, reason=reason) from None
    for name, tensor in weights.items():
        if not tensor.isfinite().all():
            raise WrongWeights(num_classes=num_classes, reason=f"{name} holds NaN or infinity")
    return network.eval().requires_grad_(False)


def read_config(config: Mapping[str, Any]) -> tuple[tuple[str, ...], Preprocessing, float]:
    """Class names, preprocessing and temperature out of config.json.

    Raises WrongArchitecture, or BadConfig naming the field.
    """
    if config.get("architecture") != "resnet18":
        raise WrongArchitecture(found=str(config.get("architecture"))[:40])
    classes = config.get("label_names")
    if not _distinct_names(classes) or config.get("num_classes") != len(classes):
        raise BadConfig(field="label_names / num_classes")
    try:
        cfg = config["pretrained_cfg"]
        crop = int(cfg["input_size"][-1])
        preprocessing = Preprocessing(
            resize=math.floor(crop / cfg["crop_pct"]),  # as timm reads it
            crop=crop,
            mean=_three_numbers(cfg["mean"]),
            std=_three_numbers(cfg["std"]),
        )
    except (KeyError, TypeError, ValueError, IndexError, ZeroDivisionError, OverflowError):
        raise BadConfig(field="pretrained_cfg") from None
    if min(preprocessing.std) < 1e-6:  # of pixels in 0..1; less may be 0 in single precision
        raise BadConfig(field="pretrained_cfg.std")
    if not (32 <= preprocessing.crop <= preprocessing.resize <= 1024):
        raise BadConfig(field="pretrained_cfg.input_size / crop_pct")
    temperature = config.get("temperature", 1.0)
    if not isinstance(temperature, (int, float)) or not 1e-3 <= temperature <= 1e3:
        raise BadConfig(field="temperature")
    return tuple(classes), preprocessing, float(temperature)


def read_known(run: Run) -> KnownScore | None:
    """The known score of a run, None where the run has none. Raises BadConfig if it is damaged."""
    threshold = run.config.get("known_threshold")
    if threshold is None and KNOWN not in run.tensors:
        return None
    num_classes = run.config["num_classes"]
    shapes = {"weight": (1000, 512), "bias": (1000,), "prototypes": (num_classes, 1000)}
    tensors = run.tensors.get(KNOWN, {})
    fits = {name: tuple(tensor.shape) for name, tensor in tensors.items()} == shapes
    finite = all(tensor.isfinite().all() for tensor in tensors.values())
    if not (fits and finite) or not isinstance(threshold, (int, float)) or not 0 <= threshold <= 1:
        raise BadConfig(field="known_threshold / known.safetensors")
    return KnownScore.from_tensors(tensors, float(threshold))


def _distinct_names(names: object) -> bool:
    return (
        isinstance(names, list)
        and 2 <= len(names) <= MAX_LABELS
        and all(map(is_label, names))
        and len(set(names)) == len(names)
    )


def _three_numbers(values: Any) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    if not all(map(math.isfinite, (red, green, blue))):
        raise ValueError
    return red, green, blue
