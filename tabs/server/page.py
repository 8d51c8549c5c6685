"""The page: a `gr.Blocks` that takes no call at its word and answers mistakes in a sentence.

What the server must know of Gradio that Gradio does not publish is asked here and nowhere else.
"""

from __future__ import annotations

import html
import logging
from collections.abc import Iterator
from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.components.api_component import Api
from gradio_client.utils import is_file_obj_with_meta

from model.errors import UserError, is_full_disk
from tabs.language import VISITOR, read_visitor
from tabs.server.uploads import DiskFull

log = logging.getLogger(__name__)


class BadCall(UserError):
    en = "The call brings {given} of {wanted} values. The page “Use via API” lists them."
    zh = "调用只给出了 {wanted} 个参数中的 {given} 个。“通过 API 使用”页面列出了所有参数。"


class Unexpected(UserError):
    en = "Something went wrong on the server, and its log says what. Try again."
    zh = "服务器出错了，原因见其日志。请重试。"


class Page(gr.Blocks):
    """Every listener and endpoint passes through `process_api`; so does whoever attacks one."""

    async def process_api(
        self,
        block_fn: BlockFunction | int,
        inputs: list[Any],
        *args: Any,
        request: gr.Request | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        function = self.fns[block_fn] if isinstance(block_fn, int) else block_fn
        try:
            inputs = complete(function, inputs)
            for file in files_in(inputs):
                # Nothing is Gradio's to fetch or copy: who takes a file asks `path_of` for it, and
                # says in its own place what is wrong.
                del file["meta"]
            return await super().process_api(function, inputs, *args, request=request, **options)
        except gr.Error as error:  # one of Gradio's own, which may quote what was sent
            error.message = in_html(str(error.message))
            raise
        except Exception as error:
            values = {part.elem_id: v for part, v in zip(function.inputs, inputs, strict=False)}
            language = read_visitor(values.get(VISITOR), request)["language"]
            sentence = in_html(understood(error, function.name).message(language))
            raise gr.Error(sentence, print_exception=False) from None

    def queue(self, *args: Any, **options: Any) -> Page:
        super().queue(*args, **options)
        send = self._queue.send_message

        def send_if_awaited(event: Any, message: Any) -> None:
            """Nothing to a session that has ended: Gradio would log a traceback for each."""
            if event.session_hash in self._queue.pending_messages_per_session:
                send(event, message)

        self._queue.send_message = send_if_awaited
        return self

    @property
    def is_busy(self) -> bool:
        """Whether a call waits or is being answered."""
        return bool(len(self._queue) or self._queue.get_active_worker_count())

    @property
    def known_sessions(self) -> list[str]:
        """The sessions that Gradio keeps, that which was used last at the end."""
        return list(self.state_holder.session_data)

    @property
    def needed_files(self) -> set[str]:
        """The files in Gradio's folder that the page itself shows, whoever comes."""
        return {path for block in self.blocks.values() for path in block.keep_in_cache}

    def forget(self, session: str) -> None:
        """Drop what Gradio keeps for a session, which starts anew if it comes back."""
        for kept in (
            self.state_holder.session_data,
            self.state_holder.time_last_used,
            self._queue.pending_event_ids_session,
            self._queue.pending_messages_per_session,
        ):
            kept.pop(session, None)

    def end(self) -> None:
        """Close, without waiting for connections that last as long as a page is open."""
        self.server.config.timeout_graceful_shutdown = 1
        self.close(verbose=False)


def understood(error: Exception, function: str) -> UserError:
    """What to tell the visitor of an `error` in `function`; what is not the visitor's is logged."""
    if isinstance(error, UserError):
        return error
    if is_full_disk(error):
        log.warning("%s: there is no space left on the disk", function)
        return DiskFull()
    log.error("%s failed", function, exc_info=error)
    return Unexpected()


def complete(function: BlockFunction, inputs: list[Any]) -> list[Any]:
    """`inputs` with the defaults of an endpoint's parameters that were left out (None for one
    without a default: the function says what it misses). Raises BadCall."""
    missing = function.inputs[len(inputs) :]
    if not all(isinstance(component, Api) for component in missing):
        raise BadCall(given=len(inputs), wanted=len(function.inputs))
    return [*inputs, *(component.value for component in missing)]


def files_in(value: Any) -> Iterator[dict]:
    """The files that a call names and that Gradio would fetch or copy, wherever in `value`."""
    if is_file_obj_with_meta(value):
        yield value
    elif isinstance(value, dict | list | tuple):
        for each in value.values() if isinstance(value, dict) else value:
            yield from files_in(each)


def in_html(text: str) -> str:
    """`text` for an error, which the page shows as HTML; what is half of a character has no place
    in an answer's JSON."""
    return html.escape(text, quote=False).encode(errors="replace").decode()
