"""A fine-tuned ResNet-18 as the app uses it: a picture in, a believable answer out."""

from __future__ import annotations

import copy
import math
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2

from model.classifier.errors import BadConfig, NoArchitecture, NotFinite, WrongArchitecture
from model.classifier.network import build_network, class_activation_map, feature_maps
from model.classifier.ood import KnownScore, Limits, Verdict, windows_of
from model.classifier.preprocessing import Preprocessing
from model.device import choose_device
from model.images.labels import MAX_LABELS, is_label
from model.run.architecture import architecture_of
from model.run.files import KNOWN
from model.run.folder import Run, mark, read_run
from model.run.origin import Origin

FORMAT_VERSION = 2  # of config.json: 1, which did not say it, knew two answers only


@dataclass(frozen=True)
class Answer:
    """What the classifier says of one picture.

    `probabilities` maps every class to a number in 0..1, summing to 1. `verdict` tells how like
    the training pictures the picture is: "known"; "unusual", perhaps of a class, but unlike the
    pictures that were learned from; or "neither", like nothing in the training data. It rests on
    `known_score` (0..1), which "known" needs `known_threshold` of (both are None of a model that
    cannot tell). `percentile` (0..100) is how many of 100 training pictures score lower when they
    are judged by a model that has not seen them, None of a run that does not say. `heat_map`
    [h, w], 0..1, tells which parts of `seen` spoke for the likeliest class. `origin` and `device`
    say who answered.
    """

    probabilities: dict[str, float]
    verdict: Verdict
    percentile: float | None
    known_score: float | None
    heat_map: Tensor
    known_threshold: float | None
    seen: Image.Image
    origin: Origin
    device: str
    milliseconds: float

    @property
    def known(self) -> bool:
        """Whether the picture is like those that were learned from."""
        return self.verdict == "known"

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
        known = read_known(run)
        self.known = known.to(device) if known else None
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
        moved.known = copy.deepcopy(self.known).to(device) if self.known else None
        return moved

    @torch.inference_mode()
    def __call__(self, picture: Image.Image) -> Answer:
        """Classify an RGB picture of any size. Raises NotFinite where a number of the answer is
        NaN or infinite, which weights that are finite may well come to."""
        start = time.perf_counter()
        seen = self.preprocessing.shrink(picture)
        image = self.preprocessing.normalise(v2.functional.pil_to_tensor(seen)).to(self.device)
        activations = feature_maps(self.network, image[None])
        windows = windows_of(activations)
        logits = self.network.fc(windows[:, 0])
        probabilities = (logits / self.temperature).softmax(dim=1)[0]
        known_score, verdict = None, "known"
        if self.known:
            scores, (verdict,) = self.known.judge(windows)
            known_score = scores.item()
        heat_map = class_activation_map(activations, self.network.fc.weight, logits.argmax().item())
        finite = probabilities.isfinite().all() and heat_map.isfinite().all()
        if not finite or not math.isfinite(known_score or 0.0):
            raise NotFinite()
        return Answer(
            probabilities=dict(zip(self.classes, probabilities.tolist(), strict=True)),
            verdict=verdict,
            percentile=self.known.percentile(known_score) if self.known else None,
            known_score=known_score,
            heat_map=heat_map.cpu(),
            known_threshold=self.known.limits.known_threshold if self.known else None,
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


def make_config(
    classes: Sequence[str], preprocessing: Preprocessing, limits: Limits
) -> dict[str, Any]:
    """config.json, as timm reads it, with what we add beside."""
    return {
        **mark("classifier"),
        "format_version": FORMAT_VERSION,
        "architecture": "resnet18",
        "num_classes": len(classes),
        "num_features": 512,
        "global_pool": "avg",
        "label_names": list(classes),
        "pretrained_cfg": preprocessing.to_timm(len(classes)),
        "temperature": 1.0,  # it is in the head; runs of before divide the logits by theirs
        **asdict(limits),
    }


def read_config(config: Mapping[str, Any]) -> tuple[tuple[str, ...], Preprocessing, float]:
    """Class names, preprocessing and temperature out of config.json.

    Raises WrongArchitecture, or BadConfig naming the field.
    """
    if config.get("architecture") != "resnet18":
        found = architecture_of(config)
        raise WrongArchitecture(found=found) if found else NoArchitecture()
    classes = config.get("label_names")
    if not _distinct_names(classes) or config.get("num_classes") != len(classes):
        raise BadConfig(field="label_names / num_classes")
    temperature = config.get("temperature", 1.0)
    if not isinstance(temperature, (int, float)) or not 1e-3 <= temperature <= 1e3:
        raise BadConfig(field="temperature")
    preprocessing = Preprocessing.from_timm(config.get("pretrained_cfg"))
    return tuple(classes), preprocessing, float(temperature)


def read_known(run: Run) -> KnownScore | None:
    """The known score of a run, None where the run has none. Raises BadConfig if it is damaged."""
    if run.config.get("known_threshold") is None and KNOWN not in run.tensors:
        return None
    limits = read_limits(run.config)
    directions, percentiles = torch.empty(run.config["num_classes"], 512), torch.empty(101)
    if limits.neither_threshold is None:
        directions = percentiles = None
    prototypes = torch.empty(run.config["num_classes"], 1000)
    imagenet = torch.empty(1000, 512), torch.empty(1000)
    known = KnownScore(*imagenet, prototypes, directions, percentiles, limits)
    try:
        known.load_state_dict(run.tensors.get(KNOWN, {}))
    except RuntimeError:  # other names or shapes
        raise BadConfig(field=KNOWN) from None
    if not all(tensor.isfinite().all() for tensor in known.buffers()):
        raise BadConfig(field=KNOWN)
    return known


def read_limits(config: Mapping[str, Any]) -> Limits:
    """The known score's limits out of config.json. Before format 2 there was one of them.

    Raises BadConfig naming the field.
    """
    version = config.get("format_version", 1)
    if version not in (1, FORMAT_VERSION):
        raise BadConfig(field="format_version")
    ranges = {"known_threshold": (0, 1)}
    if version != 1:
        ranges["neither_threshold"] = (0, config.get("known_threshold"))
        ranges |= {"cosine_floor": (-1, 1), "cosine_width": (1e-6, 1)}
    for name, (low, high) in ranges.items():
        if not isinstance(config.get(name), (int, float)) or not low <= config[name] <= high:
            raise BadConfig(field=f"{name} / {KNOWN}")
    return Limits(**{name: float(config[name]) for name in ranges})


def _distinct_names(names: object) -> bool:
    return (
        isinstance(names, list)
        and 2 <= len(names) <= MAX_LABELS
        and all(map(is_label, names))
        and len(set(names)) == len(names)
    )
