"""What can be wrong with the Hub, or with a model that is on it: outages, and wrong models."""

from __future__ import annotations

from model.errors import UserError


class HubError(UserError):
    """The Hub, or the model that is meant to be on it, cannot be used."""


class HubUnavailable(HubError):
    """An outage: nothing is wrong with the model as far as is known."""

    en = "The Hub did not answer ({reason})."
    zh = "Hub 没有响应（{reason}）。"


class HubSlow(HubUnavailable):
    """An answer is awaited still."""

    en = "The Hub did not answer in time."
    zh = "Hub 未能及时响应。"


class CacheNotWritable(HubError):
    """An outage of the disk."""

    en = "What the Hub sent could not be stored ({reason})."
    zh = "无法保存从 Hub 下载的内容（{reason}）。"


class WrongModel(HubError):
    """The Hub answered, and what it said is that this model cannot be served."""


class NoSuchSource(WrongModel):
    en = "{source} is neither a folder nor a Hub model. Write USER/REPO or USER/REPO@REVISION."
    zh = "{source} 既不是文件夹，也不是 Hub 上的模型。请写成 USER/REPO 或 USER/REPO@REVISION。"


class RepoNotFound(WrongModel):
    en = (
        "There is no folder and no model {repo} on the Hub, or it is private. "
        "Check the spelling; for a private model set HF_TOKEN."
    )
    zh = (
        "本地没有文件夹 {repo}，Hub 上也没有这个模型，或者模型是私有的。"
        "请检查拼写；私有模型请设置 HF_TOKEN。"
    )


class RevisionUnknown(WrongModel):
    en = "The model {repo} has no revision {revision}. Name one of its branches, tags or commits."
    zh = "模型 {repo} 没有版本 {revision}。请给出它的某个分支、标签或提交。"


class RepoGated(WrongModel):
    en = "The model {repo} is gated. Ask for access on its page and set HF_TOKEN."
    zh = "模型 {repo} 需要申请访问。请在其页面上申请，并设置 HF_TOKEN。"


class AccessDenied(WrongModel):
    en = "The Hub refuses access to {repo} (HTTP {status}). Check HF_TOKEN and its permissions."
    zh = "Hub 拒绝访问 {repo}（HTTP {status}）。请检查 HF_TOKEN 及其权限。"


class MissingFile(WrongModel):
    en = "The model {repo} has no {name}. Publish it with train.py push."
    zh = "模型 {repo} 缺少 {name}。请用 train.py push 发布模型。"


class TooLarge(WrongModel):
    en = "The model {repo} holds {megabytes} MB; models of this app have {limit} MB at most."
    zh = "模型 {repo} 有 {megabytes} MB；本应用的模型最多 {limit} MB。"


class CorruptFile(WrongModel):
    en = (
        "{name} of {repo} is corrupt: it is not the file that the Hub announces. "
        "It was deleted and is not used."
    )
    zh = "{repo} 的 {name} 已损坏：内容与 Hub 公布的哈希值不符。文件已删除，不会使用。"
