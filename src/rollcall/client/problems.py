# SPDX-License-Identifier: Apache-2.0
"""An answer that is no success, as the error that the registry raised (RFC 9457, RFC 9110)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime

import msgspec

from rollcall.client.errors import RegistryUnavailable, UnexpectedAnswer
from rollcall.kernel.caller import NotAuthenticated, NotPermitted, RateLimited
from rollcall.kernel.errors import Compacted, InvalidInput, RollcallError
from rollcall.kernel.record_errors import (
    Contention,
    LeaseNotFound,
    NamespaceFull,
    RecordExists,
    RecordNotFound,
    RevisionMismatch,
)

TYPE_PREFIX = "urn:rollcall:problem:"
"""What the type of every problem begins with that is one of Rollcall's errors."""

_UNSAID = 1.0
"""Seconds to stay away where a registry asks for it without saying how long."""

_NAMESPACE = "default"
_SHOWN = 200


class _FieldProblem(msgspec.Struct):
    field: str
    problem: str


class _Problem(msgspec.Struct):
    """Members of RFC 9457, and what Rollcall adds to them; what is missing stays empty."""

    type: str = ""
    title: str = ""
    detail: str = ""
    errors: list[_FieldProblem] = []
    namespace: str = _NAMESPACE
    record_id: str = ""
    lease_id: str = ""
    expected: int = 0
    current: int = 0
    tries: int = 0
    asked: int = 0
    oldest: int = 0
    limit: int = 0
    scope: str | None = None

    @property
    def said(self) -> str:
        return self.detail or self.title


_WORDS: dict[str, Callable[[_Problem], RollcallError]] = {
    "compacted": lambda said: Compacted(said.asked, said.oldest),
    "contention": lambda said: Contention(said.namespace, said.record_id, said.tries),
    "lease-not-found": lambda said: LeaseNotFound(said.namespace, said.lease_id),
    "namespace-full": lambda said: NamespaceFull(said.namespace, said.limit),
    "record-exists": lambda said: RecordExists(said.namespace, said.record_id),
    "record-not-found": lambda said: RecordNotFound(said.namespace, said.record_id),
    "revision-mismatch": lambda said: RevisionMismatch(
        said.namespace, said.record_id, said.expected, said.current
    ),
}


def error_of(
    url: str,
    status: int,
    headers: Mapping[str, str],
    content: bytes,
    *,
    record_id: str | None,
    authenticated: bool,
    now: float,
) -> RollcallError:
    """The error that an answer with a status of 300 or more stands for.

    Args:
        url: What was asked.
        status: The answer's status.
        headers: Its headers, looked up without regard to case.
        content: Its body: a problem, or anything.
        record_id: The record that the request was about, where it was about one: 404 is then about
            it, whoever says so.
        authenticated: Whether the request carried an API key.
        now: Seconds since the Unix epoch, for a Retry-After that is a date.
    """
    said = _problem(content)
    problem = said.said or content.decode("utf-8", "replace").strip()[:_SHOWN] or "no reason given"
    said.record_id = said.record_id or record_id or ""
    known = _WORDS.get(said.type.removeprefix(TYPE_PREFIX))
    if known is not None or said.errors:
        return known(said) if known else _invalid(said.errors)
    match status:
        case 404 if record_id is not None:
            return RecordNotFound(said.namespace, said.record_id)
        # Nobody who could answer did: a proxy's words, or the registry's own.
        case 502 | 503 | 504:
            return RegistryUnavailable(url, problem, retry_after(headers, now))
        case 400 | 413 | 422:
            return InvalidInput("request", problem)
        case 401:
            return NotAuthenticated(problem, presented=authenticated)
        case 403:
            return NotPermitted(problem, scope=said.scope)
        case 429:
            wait = retry_after(headers, now)
            return RateLimited(_UNSAID if wait is None else wait)
        case _:
            return UnexpectedAnswer(url, status, problem, ours=said.type.startswith(TYPE_PREFIX))


def _invalid(problems: Sequence[_FieldProblem]) -> InvalidInput:
    error = InvalidInput(problems[0].field, problems[0].problem)
    for more in problems[1:]:
        error.add_note(f"{more.field}: {more.problem}")
    return error


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that a Retry-After asks for, given as seconds or as a date (RFC 9110, 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - now)


class _Foreign(msgspec.Struct):
    """What somebody else's server says, who may have another idea of `errors`."""

    detail: str = ""


def _problem(content: bytes) -> _Problem:
    try:
        return msgspec.json.decode(content, type=_Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    try:
        return _Problem(detail=msgspec.json.decode(content, type=_Foreign).detail)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _Problem()
