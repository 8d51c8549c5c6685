"""Sentences in the user's language: mistakes that the user can mend, and remarks.

Every module of this project raises its own subclasses of `UserError`. The command line prints
`str(error)`, which is English; the page and the API show `error.message(language)`.
"""

from __future__ import annotations

import errno
from typing import ClassVar


class Sentence:
    """Something to tell, in each language as a `str.format` template, beside each other so that
    neither is forgotten. Subclasses give the templates, instances the facts that fill them."""

    en: ClassVar[str]
    zh: ClassVar[str]

    def __init__(self, **facts: object) -> None:
        self.facts = facts

    def message(self, language: str) -> str:
        """The sentence in `language` ("en" or "zh"; anything else is answered in English)."""
        template = self.zh if language == "zh" else self.en
        return template.format(**self.facts)


class UserError(Sentence, Exception):
    """Something the user can put right: says what was wrong and what to do.

    class PictureTooLarge(UserError):
        en = "The picture has {megapixels} megapixels; {limit} is the most. Make it smaller."
        zh = "图片有 {megapixels} 百万像素，上限为 {limit}。请先缩小图片。"

    raise PictureTooLarge(megapixels=48, limit=40)
    """

    en: ClassVar[str] = "Something is wrong with what was given."
    zh: ClassVar[str] = "输入有误。"
    exit_status: ClassVar[int] = 2  # of the command line; 1 is for what a second try may mend

    def __init__(self, **facts: object) -> None:
        super().__init__(**facts)
        self.args = (self.message("en"),)

    def fresh(self) -> UserError:
        """The same error, not raised yet: for one that is kept and raised again and again. Each
        raise hangs the frames that it passes on the exception, with all that they hold (a
        visitor's picture), for as long as the exception is kept."""
        new = type(self).__new__(type(self), *self.args)
        new.__dict__.update(self.__dict__)
        return new


def is_full_disk(error: BaseException | None) -> bool:
    """Whether that is the cause of the error, which a library may have wrapped in another."""
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return error is not None and (full or is_full_disk(error.__cause__))
