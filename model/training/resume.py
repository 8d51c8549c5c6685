"""What a training that is killed leaves beside its output, so that --resume can go on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

from torch import Tensor

from model.run.checkpoint import Checkpoint
from model.training.job import Job


class Saved:
    """The state after the last whole epoch, and the features, which are computed once. Nothing is
    written before the first epoch is done."""

    def __init__(self, job: Job, resume: bool) -> None:
        """Load what there is if this training goes on with another's; raises what Checkpoint and
        its `load` raise."""
        facts, main = fingerprint(job), job.team.leads
        self.epochs = Checkpoint(job.output, facts, is_main_process=main)
        self.extracted = Checkpoint(job.output, facts, name="features", is_main_process=main)
        self.state: dict[str, Any] = self.epochs.load() if resume else {}
        self.features: Tensor | None = None
        if self.state:
            self.features = self.extracted.load().get("features")
        self._unsaved: Tensor | None = None

    def keep_features(self, features: Tensor) -> None:
        """Save `features` too, with the first epoch."""
        self._unsaved = features

    def save(self, **stage: Any) -> None:
        """Save a stage's state beside those of the stages before. Raises OutputNotWritable."""
        self.state = {**self.state, **stage}
        if self._unsaved is not None:
            self.extracted.save({"features": self._unsaved})
            self._unsaved = None
        self.epochs.save(self.state)

    def remove(self) -> None:
        self.epochs.remove()
        self.extracted.remove()


def fingerprint(job: Job) -> dict[str, Any]:
    """Equal for runs that must end with the same weights."""
    pictures = [
        (picture.path.relative_to(job.folder.root).as_posix(), picture.path.stat().st_size)
        for picture in (*job.folder.train, *job.folder.val)
    ]
    return {
        "kind": "classifier",
        **asdict(job.settings),
        "workers": None,
        "device": job.device.type,
        "pictures": hashlib.sha256(json.dumps([pictures, job.folder.classes]).encode()).hexdigest(),
        "initial weights": job.initial.sha256,
        "processes": job.team.size,
    }
