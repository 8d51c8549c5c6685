"""What can be wrong with the Hub: outages, wrong repos, and why a run cannot be published."""

from __future__ import annotations

from typing import ClassVar

from model.errors import UserError


class HubError(UserError):
    """The Hub, or the model that is meant to be on it, cannot be used."""


class HubUnavailable(HubError):
    """An outage: nothing is wrong with the model as far as is known."""

    en = "The Hub did not answer ({reason})."
    zh = "Hub 没有响应（{reason}）。"
    exit_status = 1


class HubSlow(HubUnavailable):
    """An answer is awaited still."""

    en = "The Hub did not answer in time."
    zh = "Hub 未能及时响应。"


class CacheNotWritable(HubError):
    """An outage of the disk."""

    en = (
        "What the Hub sent could not be stored ({reason}). Free some space, permit it, or have "
        "HF_HOME name another folder."
    )
    zh = (
        "无法保存从 Hub 下载的内容（{reason}）。请释放空间、检查权限，或用 HF_HOME 指定别的文件夹。"
    )


class AfterOutage(HubUnavailable):
    """An outage, and more to say of it."""

    def __init__(self, outage: HubError, **facts: object) -> None:
        self.outage = outage
        super().__init__(**facts)

    def message(self, language: str) -> str:
        space = "" if language == "zh" else " "
        return f"{self.outage.message(language)}{space}{super().message(language)}"


class SourceNotFetched(AfterOutage):
    en = (
        "{source!r} is no folder here, so it was asked for there. Check the connection and try "
        "again, or give a folder."
    )
    zh = "本地没有文件夹 {source!r}，因此向 Hub 请求。请检查网络后重试，或给出本地文件夹。"


class UnverifiedCopy(AfterOutage):
    """An outage, and a copy in the cache that might have helped."""

    en = (
        "A copy of {repo} is in the cache, but nothing there says what its files ought to be, or "
        "they are something else. Copy the cache whole, as cp -a does."
    )
    zh = "缓存中有 {repo} 的副本，但没有可核对的记录，或者内容与记录不符。请完整复制缓存（cp -a）。"


class WrongRepo(HubError):
    """The Hub answered, and what it said is that this repo, a model's or a dataset's, cannot be
    used."""

    kinds: ClassVar = {
        "model": {"en": "model", "zh": "模型"},
        "dataset": {"en": "dataset", "zh": "数据集"},
    }

    def __init__(self, repo_type: str = "model", **facts: object) -> None:
        self.kind = self.kinds[repo_type]
        super().__init__(**facts)

    def message(self, language: str) -> str:
        kind = self.kind["zh" if language == "zh" else "en"]
        self.facts["kind"] = kind
        return super().message(language)


class NoSuchSource(WrongRepo):
    en = "{source!r} is neither a folder nor a Hub {kind}. Write USER/REPO or USER/REPO@REVISION."
    zh = "{source!r} 既不是文件夹，也不是 Hub 上的{kind}。请写成 USER/REPO 或 USER/REPO@REVISION。"


class RepoNotFound(WrongRepo):
    en = (
        "There is no folder and no {kind} {repo} on the Hub, or it is private. "
        "Check the spelling; for a private {kind} set HF_TOKEN."
    )
    zh = (
        "本地没有文件夹 {repo}，Hub 上也没有这个{kind}，或者它是私有的。"
        "请检查拼写；私有{kind}请设置 HF_TOKEN。"
    )


class RevisionUnknown(WrongRepo):
    en = "The {kind} {repo} has no revision {revision}. Name one of its branches, tags or commits."
    zh = "{kind} {repo} 没有版本 {revision}。请给出它的某个分支、标签或提交。"


class RepoGated(WrongRepo):
    en = "The {kind} {repo} is gated. Ask for access on its page and set HF_TOKEN."
    zh = "{kind} {repo} 需要申请访问。请在其页面上申请，并设置 HF_TOKEN。"


class AccessDenied(WrongRepo):
    en = "The Hub refuses access to {repo} (HTTP {status}). Check HF_TOKEN and its permissions."
    zh = "Hub 拒绝访问 {repo}（HTTP {status}）。请检查 HF_TOKEN 及其权限。"


class MissingFile(WrongRepo):
    en = "The model {repo} has no {name}. Publish it with train.py push."
    zh = "模型 {repo} 缺少 {name}。请用 train.py push 发布模型。"


class OtherRepo(MissingFile):
    en = (
        "The model {repo} has no {name}, so it is none of this app's: it holds {held}. Choose one "
        "that train.py push published."
    )
    zh = (
        "模型 {repo} 没有 {name}，不是本应用的模型：其中有 {held}。"
        "请选择用 train.py push 发布的模型。"
    )


class TooLarge(WrongRepo):
    en = "The model {repo} holds {megabytes} MB; models of this app have {limit} MB at most."
    zh = "模型 {repo} 有 {megabytes} MB；本应用的模型最多 {limit} MB。"


class MissingPicture(WrongRepo):
    en = "The dataset {repo} lists {name}, and the Hub has no such file. Name another commit."
    zh = "数据集 {repo} 列出了 {name}，但 Hub 上没有这个文件。请换一个提交。"


class NoPictureFiles(WrongRepo):
    en = (
        "The dataset {repo} holds no picture files, but {held}. Choose one that has a folder of "
        "pictures a class; what is in Parquet files or archives has to be unpacked to such first."
    )
    zh = (
        "数据集 {repo} 中没有图片文件，只有 {held}。请选择每个类别一个图片文件夹的数据集；"
        "Parquet 文件或压缩包需先解开成这样的文件夹。"
    )


class TooManyPictures(WrongRepo):
    en = (
        "The dataset {repo} holds {count} files, its pictures {megabytes} MB; {files} files and "
        "{limit} MB are the most. Download a part of it, and give that folder."
    )
    zh = (
        "数据集 {repo} 有 {count} 个文件，图片共 {megabytes} MB；最多 {files} 个文件、{limit} MB。"
        "请只下载其中一部分，并指定该文件夹。"
    )


class CorruptFile(WrongRepo):
    en = (
        "{name} of {repo} is corrupt: it is not the file that the Hub announces. "
        "It was deleted and is not used."
    )
    zh = "{repo} 的 {name} 已损坏：内容与 Hub 公布的哈希值不符。文件已删除，不会使用。"


class PublishError(UserError):
    """The run is not on the Hub."""


class BadDestination(PublishError):
    en = "{destination!r} is no place to publish to: write USER/REPO, and --revision BRANCH."
    zh = "无法发布到 {destination!r}：请写成 USER/REPO，分支用 --revision BRANCH。"


class BranchOrPullRequest(PublishError):
    en = "A pull request is made against main: give --create-pr or --revision, not both."
    zh = "拉取请求只针对 main：--create-pr 与 --revision 请二选一。"


class NoToken(PublishError):
    en = "Publishing needs a Hub token with the write role: run `hf auth login` or set HF_TOKEN."
    zh = "发布需要具有写权限的 Hub 令牌：请运行 `hf auth login` 或设置 HF_TOKEN。"


class TokenRefused(PublishError):
    en = "The Hub does not accept the token. Run `hf auth login` again or correct HF_TOKEN."
    zh = "Hub 不接受该令牌。请重新运行 `hf auth login` 或更正 HF_TOKEN。"


class TokenCannotWrite(PublishError):
    en = "The token of {user} may not write to {repo}. Use one with the write role for it."
    zh = "{user} 的令牌没有 {repo} 的写权限。请使用有写权限的令牌。"


class NotYours(PublishError):
    en = "{user} can publish as {names}, not to {repo}. Or propose it with --create-pr."
    zh = "{user} 只能以 {names} 的名义发布，不能发布到 {repo}。也可以用 --create-pr 提议。"


class NothingPublished(PublishError):
    en = "Nothing was published: {reason}. The run folder is untouched; try train.py push later."
    zh = "没有发布任何内容：{reason}。运行文件夹未改动；可用 train.py push 重试。"
    exit_status = 1


class CardRefused(NothingPublished):
    en = (
        "Nothing was published: the Hub refuses the card ({reason}). Correct the lines between --- "
        "at the top of README.md in the run folder."
    )
    zh = (
        "没有发布任何内容：Hub 拒绝该模型卡（{reason}）。"
        "请更正运行文件夹中 README.md 顶部 --- 之间的内容。"
    )
    exit_status = 2


class PublishUnclear(PublishError):
    en = (
        "The Hub fell silent during the commit ({reason}), so whether it was published is not "
        "known. Run train.py push again: it finds out, and never publishes twice."
    )
    zh = (
        "提交过程中 Hub 失去响应（{reason}），无法确定是否已发布。"
        "请再次运行 train.py push：它会查明情况，且不会重复发布。"
    )
    exit_status = 1
