# SPDX-License-Identifier: Apache-2.0
"""Logs: one JSON object a line in production, for people in development; never a secret."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO, cast

import structlog

from rollcall.web import correlation

REDACTED = "[redacted]"

_WORDS = "token secret password passwd passphrase authorization cookie credential credentials"
_SECRET_NAME = re.compile(
    rf"(?:^|[^a-z])(?:{_WORDS.replace(' ', '|')}|(?:api|private|secret|access)[^a-z]?key)$"
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SECRET_TEXT = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[^\s\"',;]+"), rf"\1 {REDACTED}"),
    (re.compile(r"\brck_([0-9a-f]{16})_[0-9a-f]+"), rf"rck_\1_{REDACTED}"),
    (re.compile(r"\brcp_[\w.=-]+"), f"rcp_{REDACTED}"),
    (re.compile(r"(://[^\s/:@]*):[^\s/@]+@"), rf"\1:{REDACTED}@"),
    # As providers of models have them.
    (re.compile(r"\b(sk-|AIza)[\w-]{16,}"), rf"\1{REDACTED}"),
)
_DEEPEST = 6
_BEGIN, _END = 6000, 2000
"""Characters that are left of a text that is longer than both together."""
_STEERS = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""What begins another line, or steers a terminal."""
_LINES = frozenset({"exception", "stack"})
_TOLD = "_rollcall_told"


def is_secret(name: str) -> bool:
    """Whether what goes by this name must not be logged (`api_key`, `accessToken`)."""
    return _SECRET_NAME.search(_CAMEL.sub("_", name).lower()) is not None


def redacted(value: object, depth: int = 0) -> object:
    """`value` without secrets: those with a telling name, and those that text gives away. Of a long
    text it is the beginning and the end.
    """
    if isinstance(value, str):
        for pattern, instead in _SECRET_TEXT:
            value = pattern.sub(instead, value)
        if len(value) > _BEGIN + _END:
            cut = len(value) - _BEGIN - _END
            return f"{value[:_BEGIN]} [... {cut:,} characters ...] {value[-_END:]}"
        return value
    if depth >= _DEEPEST:
        return value if isinstance(value, int | float | bool | None) else "..."
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {
            key: REDACTED if is_secret(str(key)) else redacted(one, depth + 1) for key, one in items
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(one, depth + 1) for one in cast("list[object]", value)]
    return value


def handler(stream: TextIO, *, development: bool) -> logging.Handler:
    """A handler that writes to `stream`, for the root logger of a process.

    It takes what our code, structlog and every library log through the standard `logging`, and
    adds the ids of the request that is being answered.
    """
    shared: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _correlated,
    ]
    render: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        if development
        else structlog.processors.JSONRenderer(default=str)
    )
    # The traceback becomes text before the redaction, which reads that too. It is Python's own:
    # one with the values of variables takes seconds, and shows what nobody may see.
    last = [structlog.processors.format_exc_info, _redacted]
    if development:
        # JSON escapes all of that by itself.
        last.append(_harmless)
    made = logging.StreamHandler(stream)
    made.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last, render],
        )
    )
    return made


def told(error: BaseException) -> None:
    """Note that the log has an error already, so that uvicorn, which is to cut the connection for
    it, does not log it with a traceback of every middleware once more.
    """
    setattr(error, _TOLD, True)


def is_news(record: logging.LogRecord) -> bool:
    """Whether a record tells of something that the log has not."""
    return record.exc_info is None or not getattr(record.exc_info[1], _TOLD, False)


def install(made: logging.Handler, level: str = "INFO") -> None:
    """Have the whole process log through `made`, and uvicorn through nothing else."""
    root = logging.getLogger()
    root.handlers[:] = [made]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    logging.getLogger("uvicorn.error").addFilter(is_news)


def _correlated(
    logger: object, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    named = correlation.current()
    if named is not None:
        event.setdefault("request_id", named.request_id)
        event.setdefault("trace_id", named.trace_id)
    return event


def _redacted(
    logger: object, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for name, value in event.items():
        event[name] = REDACTED if is_secret(name) else redacted(value)
    return event


def _harmless(
    logger: object, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Have nothing that somebody said look like a line of the log, or steer a terminal."""
    for name, value in event.items():
        if not isinstance(value, str):
            # It is shown as Python has it, which escapes the same.
            continue
        if name in _LINES:
            event[name] = "\n".join(f"    {_shown(line)}" for line in value.split("\n"))
        else:
            event[name] = _shown(value)
    return event


def _shown(text: str) -> str:
    return _STEERS.sub(lambda found: ascii(found[0])[1:-1], text)
