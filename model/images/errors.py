"""What can be wrong with a picture, and with a folder of pictures to learn from."""

from __future__ import annotations

from collections.abc import Sequence

from model.errors import UserError
from model.images.formats import READABLE as FORMATS

READABLE, READABLE_ZH = ", ".join(FORMATS), "、".join(FORMATS)


class PictureError(UserError):
    """The picture cannot be used."""


class PictureNotFound(PictureError):
    en = "There is no such picture file. Choose the picture again."
    zh = "找不到这个图片文件。请重新选择图片。"


class EmptyPicture(PictureError):
    en = "The picture file is empty (0 bytes). Download or export the picture again."
    zh = "图片文件是空的（0 字节）。请重新下载或导出图片。"


class PictureTooHeavy(PictureError):
    en = "The picture file has more than {limit} megabytes. Save it smaller, for example as JPEG."
    zh = "图片文件超过 {limit} MB。请缩小后再试，例如另存为 JPEG。"


class PictureTooLarge(PictureError):
    en = "The picture has more than {limit} megapixels. Make it smaller and try again."
    zh = "图片超过 {limit} 百万像素。请缩小后再试。"


class PictureTooThin(PictureError):
    en = (
        "The picture is more than {limit} times as long as it is wide, and only its middle would "
        "be looked at. Cut out the part that matters."
    )
    zh = "图片的长边超过短边的 {limit} 倍，而模型只看中间部分。请裁剪出需要的部分。"


class OverloadedPicture(PictureError):
    en = (
        "The picture file holds far more tags, comments or scans than a picture needs, so it is "
        "not read. Export the picture again."
    )
    zh = "图片文件中的标签、注释或扫描段远多于正常图片，因此不予读取。请重新导出图片。"


class NoMemoryForPicture(PictureError):
    en = "There is not enough free memory for this picture. Make it smaller, or try again later."
    zh = "内存不足，无法读取该图片。请缩小图片，或稍后再试。"


class NotAPicture(PictureError):
    en = "This file is not a picture, or is damaged. Use one of " + READABLE + "."
    zh = "该文件不是图片，或已损坏。请使用以下格式之一：" + READABLE_ZH + "。"


class UnsupportedPicture(PictureError):
    en = "{format} files cannot be read here. Save the picture as one of " + READABLE + "."
    zh = "这里无法读取 {format} 文件。请把图片另存为以下格式之一：" + READABLE_ZH + "。"


class PointerPicture(PictureError):
    en = (
        "The file is a Git LFS pointer, which only says where the picture is. Run git lfs pull "
        "in its repository."
    )
    zh = "该文件只是 Git LFS 指针，并不是图片本身。请在其仓库中运行 git lfs pull。"


class DamagedPicture(PictureError):
    en = "The picture is damaged or cut short. Download or export it again."
    zh = "图片已损坏或不完整。请重新下载或导出图片。"


class DataError(UserError):
    """The data folder cannot be trained on."""


class FolderNotFound(DataError):
    en = "There is no data folder {folder}. Check the spelling, or leave it out to download one."
    zh = "找不到数据文件夹 {folder}。请检查拼写，或者不指定文件夹以下载示例数据。"


class FolderNotRead(DataError):
    en = "The folder {folder} cannot be read ({reason}). Permit it, or move it elsewhere."
    zh = "无法读取文件夹 {folder}（{reason}）。请检查权限，或把它移到别处。"


class LoopedFolder(DataError):
    en = "The link {folder} leads back to a folder that it lies in. Remove the link."
    zh = "链接 {folder} 指回了它所在的文件夹。请删除该链接。"


class NoTrainFolder(DataError):
    en = "{folder} has {found} but no train folder. Put the pictures to learn from in train."
    zh = "{folder} 中有 {found}，但没有 train 文件夹。请把用于训练的图片放进 train。"


class SplitsUnnamed(DataError):
    en = (
        "The folders {names} of {folder} hold the same sub-folders, as the splits of a data set "
        "do. Call them train and val (and test). If they are the classes themselves, put their "
        "pictures right into them."
    )
    zh = (
        "{folder} 中的文件夹 {names} 含有相同的子文件夹，像是数据集的划分。"
        "请把它们命名为 train 和 val（以及 test）。如果它们本身就是类别，请把图片直接放进去。"
    )


class SplitTwice(DataError):
    en = "{folder} has several folders for one purpose: {names}. Keep one, or put them together."
    zh = "{folder} 中有多个用途相同的文件夹：{names}。请只保留一个，或将它们合并。"


class TooFewClasses(DataError):
    en = (
        "{folder} needs one sub-folder of pictures a class, two at least; it has {count}{names}. "
        "If the classes lie deeper, give the folder that they lie in."
    )
    zh = (
        "{folder} 中每个类别需要一个图片子文件夹，至少两个；现在有 {count} 个{names}。"
        "如果类别文件夹在更深处，请指定直接包含它们的文件夹。"
    )


class EmptyClass(DataError):
    en = (
        "The class folder {folder} holds no picture that can be read{found}; it needs {needed} at "
        "least. Add pictures to it or remove it."
    )
    zh = (
        "类别文件夹 {folder} 中没有可读取的图片{found}，至少需要 {needed} 张。"
        "请添加图片或删除该文件夹。"
    )


class TooFewPictures(DataError):
    en = (
        "The class folder {folder} holds {count} of the {needed} pictures that it needs, to learn "
        "from and, where there is no val folder, one to be judged by. Add pictures."
    )
    zh = (
        "类别文件夹 {folder} 中有 {count} 张图片，至少需要 {needed} 张：用于训练，"
        "没有 val 文件夹时另需一张用于评估。请添加图片。"
    )


class BadClassName(DataError):
    en = (
        "The class folder {folder} cannot name a class: at most {limit} characters, and none that "
        "controls a terminal or is no text. Rename it."
    )
    zh = "类别文件夹 {folder} 不能作类别名：最多 {limit} 个字符，不能有控制字符。请重命名。"


class TooManyClasses(DataError):
    en = "{folder} has {count} classes; {limit} is the most."
    zh = "{folder} 有 {count} 个类别，上限为 {limit}。"


class ClassesDiffer(DataError):
    en = "train and val must have the same class folders; these are in one only: {names}."
    zh = "train 和 val 的类别文件夹必须相同；以下只出现在其中一个里：{names}。"


class BrokenPicture(DataError):
    """A picture of the data folder cannot be read; says which and why."""

    def __init__(self, file: str, cause: PictureError) -> None:
        self.file, self.cause = file, cause
        super().__init__(file=file)

    def message(self, language: str) -> str:
        separator = "：" if language == "zh" else ": "
        return f"{self.file}{separator}{self.cause.message(language)}"


class ManyProblems(DataError):
    """All that is wrong with a data folder, a line each."""

    en = "{count} things are wrong with {folder}:"
    zh = "{folder} 有 {count} 处问题："

    def __init__(self, folder: object, problems: Sequence[DataError]) -> None:
        self.problems = tuple(problems)
        super().__init__(folder=folder, count=len(self.problems))

    def message(self, language: str) -> str:
        lines = (problem.message(language) for problem in self.problems)
        return "\n- ".join((super().message(language), *lines))


def check(folder: object, problems: Sequence[DataError]) -> None:
    """Raise what is wrong with a data folder, if anything is: one problem as it is, several as
    ManyProblems."""
    if len(problems) > 1:
        raise ManyProblems(folder, problems)
    for problem in problems:
        raise problem
