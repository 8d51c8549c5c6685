"""What a training that is killed leaves beside its output, so that --resume can go on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from model.errors import UserError
from model.run import checkpoint
from model.run.folder import writing
from model.training.job import Job


class OtherRun(UserError):
    en = (
        "--resume: the interrupted run had other settings, pictures or initial weights. Give the "
        "same ones, or train again without --resume."
    )
    zh = (
        "--resume：被中断的训练使用了不同的设置、图片或初始权重。"
        "请使用相同的，或去掉 --resume 重新训练。"
    )


class Saved:
    """The state after the last whole epoch, and the features, which are computed once.

    Only the process that leads writes, and nothing before the first epoch is done.
    """

    def __init__(self, job: Job, resume: bool) -> None:
        """Load what there is if this training goes on with another's.

        Raises BrokenCheckpoint, OtherRun if what was saved belongs to another training, or
        CheckpointInTheWay if a file that is no checkpoint has the name of one.
        """
        self.leads, self.fingerprint, self.output = job.team.leads, fingerprint(job), job.output
        self.path = checkpoint.beside(job.output)
        self.features_path = self.path.with_name(f"{job.output.name}.features.safetensors")
        self.state: dict[str, Any] = {}
        self.features: Tensor | None = None
        self._unsaved: Tensor | None = None
        if resume and self.path.exists():
            self.state = self._load(self.path)
            if self.features_path.exists():
                self.features = self._load(self.features_path)["features"]
        for path in (self.path, self.features_path):
            checkpoint.check(path)

    def keep_features(self, features: Tensor) -> None:
        """Save `features` too, with the first epoch."""
        self._unsaved = features

    def save(self, **stage: Any) -> None:
        """Save a stage's state beside those of the stages before. Raises OutputNotWritable."""
        self.state = {**self.state, **stage}
        if not self.leads:
            return
        with writing(self.output):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self._unsaved is not None:
                self._save(self.features_path, {"features": self._unsaved})
                self._unsaved = None
            self._save(self.path, self.state)

    def remove(self) -> None:
        if self.leads:
            checkpoint.remove(self.path)
            checkpoint.remove(self.features_path)

    def _save(self, path: Path, state: dict[str, Any]) -> None:
        checkpoint.save(path, {**state, "job": self.fingerprint})

    def _load(self, path: Path) -> dict[str, Any]:
        state = checkpoint.load(path)
        if state.pop("job", None) != self.fingerprint:
            raise OtherRun()
        return state


def fingerprint(job: Job) -> str:
    """Equal for runs that must end with the same weights."""
    settings = {**asdict(job.settings), "workers": None, "device": job.device.type}
    pictures = [
        (picture.path.relative_to(job.folder.root).as_posix(), picture.path.stat().st_size)
        for picture in (*job.folder.train, *job.folder.val)
    ]
    facts = [settings, pictures, job.folder.classes, job.initial.sha256, job.team.size]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
