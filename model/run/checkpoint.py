"""The state of a training in one file beside its output, so that --resume can go on with it.

    saved = Checkpoint(Path("runs/mine"), {"kind": "regressor", "seed": 0})
    state = saved.load()  # {} at the first time
    …
    saved.save({"network": network.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 7})

The file, `runs/mine.checkpoint.pt`, is a line that says whose it is, the SHA-256 of what follows
(`torch.load` does not notice a flipped bit), and what `torch.save` writes. It is read with
`weights_only=True`: nothing in it can run code.
"""

from __future__ import annotations

import glob
import hashlib
import io
import os
import pickle
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from model.errors import UserError
from model.run.folder import writing

MAGIC = b"ants-or-bees checkpoint 2\n"
DIGEST = hashlib.sha256().digest_size


class BrokenCheckpoint(UserError):
    en = "The checkpoint {name} is damaged. Move it away and train again without --resume."
    zh = "检查点 {name} 已损坏。请移走它，并去掉 --resume 重新训练。"


class OldCheckpoint(UserError):
    en = (
        "--resume: {name} was written by an earlier version of this program, which this one cannot "
        "go on with; move it away and train again without --resume."
    )
    zh = "--resume：{name} 由本程序的早期版本写出，无法继续；请移走它，并去掉 --resume 重新训练。"


class CheckpointInTheWay(UserError):
    en = (
        "{name} is not a checkpoint of this program, or is damaged; it is left alone. Move it "
        "away, or choose another --output."
    )
    zh = "{name} 不是本程序的检查点，或已损坏，未作改动。请移走它，或换一个 --output。"


class OtherRun(UserError):
    en = (
        "--resume: the interrupted run had {name} {before}, not {now}. Give the same settings, "
        "pictures and initial weights, or train again without --resume."
    )
    zh = (
        "--resume：被中断的训练中 {name} 为 {before}，而不是 {now}。"
        "请使用相同的设置、图片和初始权重，或去掉 --resume 重新训练。"
    )


class Checkpoint:
    """The file in which the training that is to become the folder `output` keeps its state.

    `fingerprint` holds, by name, all that decides its weights: settings, digests of pictures. A
    training may keep several files, each under a `name` of its own. Only the main process writes.
    """

    def __init__(
        self,
        output: Path,
        fingerprint: Mapping[str, Any],
        *,
        name: str = "checkpoint",
        is_main_process: bool = True,
    ) -> None:
        """Raises CheckpointInTheWay, before hours of training, if another's file has the name."""
        self.output, self.fingerprint = output, dict(fingerprint)
        self.is_main_process = is_main_process
        self.path = output.with_name(f"{output.name}.{name}.pt")
        self._check()

    def load(self) -> dict[str, Any]:
        """What was last saved, on the CPU, bit for bit; {} where there is nothing.

        Raises OtherRun where the fingerprint differs, BrokenCheckpoint where a byte does, and
        OldCheckpoint where there is only one of the older format.
        """
        if not self.path.exists():
            old = self.path.with_suffix(".safetensors")
            if old.exists():
                raise OldCheckpoint(name=old.name)
            return {}
        content = memoryview(self.path.read_bytes())[len(MAGIC) :]
        digest, payload = content[:DIGEST], content[DIGEST:]
        if hashlib.sha256(payload).digest() != digest:
            raise BrokenCheckpoint(name=self.path.name)
        try:
            saved = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:  # it holds what could run code
            raise BrokenCheckpoint(name=self.path.name) from error
        before, now = saved["fingerprint"], self.fingerprint
        for name in (*before, *now):
            if before.get(name) != now.get(name):
                facts = {"before": str(before.get(name))[:12], "now": str(now.get(name))[:12]}
                raise OtherRun(name=name.replace("_", "-"), **facts)
        return saved["state"]

    def save(self, state: Mapping[str, Any]) -> None:
        """Write `state`, any nesting of dicts, lists, tensors, numbers and text, replacing what was
        saved before only once the new file is complete: whoever is killed leaves that one whole.

        Raises OutputNotWritable, or CheckpointInTheWay.
        """
        if not self.is_main_process:
            return
        self._check()
        payload = io.BytesIO()
        torch.save({"fingerprint": self.fingerprint, "state": dict(state)}, payload)
        partial = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}.partial")
        with writing(self.output):
            partial.parent.mkdir(parents=True, exist_ok=True)
            try:
                with partial.open("xb") as file:
                    digest = hashlib.sha256(payload.getbuffer()).digest()
                    file.writelines([MAGIC, digest, payload.getbuffer()])
                    file.flush()
                    os.fsync(file.fileno())  # or a power cut leaves the new name without its bytes
                os.replace(partial, self.path)
            finally:
                partial.unlink(missing_ok=True)

    def remove(self) -> None:
        """Delete the checkpoint, and what kills during `save` left; no other program's file."""
        if not self.is_main_process:
            return
        if self._is_ours():
            self.path.unlink()
        partial = f".{glob.escape(self.path.name)}.{'[0-9a-f]' * 8}.partial"
        for left in self.path.parent.glob(partial):
            left.unlink()

    def _check(self) -> None:
        if os.path.lexists(self.path) and not self._is_ours():
            raise CheckpointInTheWay(name=self.path.name)

    def _is_ours(self) -> bool:
        if self.path.is_symlink() or not self.path.is_file():
            return False
        with self.path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
