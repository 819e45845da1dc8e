# SPDX-License-Identifier: Apache-2.0
"""Errors as problem details (RFC 9457): one table from domain words to HTTP.

Every 4xx and 5xx answer has the media type `application/problem+json` and these members:

    type        "urn:rollcall:problem:<name>", or "about:blank" where the status says it all
    title       what that type of problem is, always the same
    status      the HTTP status
    detail      what happened this time; for a 5xx only in development
    request_id  what to look for in the logs
    errors      for bad input: [{"field": "capabilities.0.name", "problem": "must not be empty"}]

and the error's own data under its own names (`record_id`, `expected` ...), so that a client can
raise the same class again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from rollcall.kernel.caller import NotAuthenticated, NotPermitted, RateLimited
from rollcall.kernel.errors import (
    Closed,
    Compacted,
    InvalidInput,
    MissingExtra,
    OutcomeUnknown,
    StoreUnavailable,
    Unavailable,
)
from rollcall.kernel.record_errors import (
    Contention,
    LeaseNotFound,
    NamespaceFull,
    RecordExists,
    RecordNotFound,
    RevisionMismatch,
)
from rollcall.web import correlation
from rollcall.web.quotas import quota_fields
from rollcall.web.refusals import BodyTooSlow, HeadersTooLarge, PayloadTooLarge, UrlTooLong

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:rollcall:problem:"
LONGEST_DETAIL = 1000
MOST_FIELD_ERRORS = 100
TAKEN = frozenset({"type", "title", "status", "detail", "instance", "request_id", "errors"})
"""Members that every problem has; an error's own data must not stand in their place."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How a class of errors looks over HTTP.

    Args:
        status: From 400 to 599.
        name: The end of the problem's type, in kebab-case; published, so never changed.
        title: The type in a few words, the same at every occurrence.
        members: Attributes of the error that the client may see; none may be called like one that
            every problem has (RFC 9457, section 3.2).
        retry_after: Seconds for `Retry-After`; an error's own `retry_after` comes first.
        close: Whether the connection must be closed, since the request was not read to its end.

    Raises:
        ValueError: A member has a name that is taken.
    """

    status: int
    name: str
    title: str
    members: tuple[str, ...] = ()
    retry_after: int | None = None
    close: bool = False

    def __post_init__(self) -> None:
        if taken := sorted(TAKEN.intersection(self.members)):
            raise ValueError(f"every problem has {taken} of its own: call the member otherwise")


_RECORD = ("namespace", "record_id")
_INTERNAL = Kind(500, "internal", "Something went wrong here")

STANDARD: Mapping[type[Exception], Kind] = {
    InvalidInput: Kind(422, "invalid-input", "Something in the request cannot be used"),
    PayloadTooLarge: Kind(413, "payload-too-large", "The request's body is too large", close=True),
    BodyTooSlow: Kind(408, "body-too-slow", "The request's body does not come", close=True),
    UrlTooLong: Kind(414, "url-too-long", "The URL is too long"),
    HeadersTooLarge: Kind(431, "headers-too-large", "The request's headers are too large"),
    NotAuthenticated: Kind(401, "not-authenticated", "Nobody knows who is asking"),
    NotPermitted: Kind(403, "not-permitted", "The caller may not do this", ("scope",)),
    RateLimited: Kind(429, "rate-limited", "The caller asks too often", ("retry_after",)),
    RecordNotFound: Kind(404, "record-not-found", "There is no such record", _RECORD),
    LeaseNotFound: Kind(
        404, "lease-not-found", "There is no such shared lease", ("namespace", "lease_id")
    ),
    RecordExists: Kind(409, "record-exists", "The record is there already", _RECORD),
    NamespaceFull: Kind(429, "namespace-full", "The namespace is full", ("namespace", "limit")),
    Contention: Kind(
        409, "contention", "The record changes too quickly", (*_RECORD, "tries"), retry_after=1
    ),
    RevisionMismatch: Kind(
        412,
        "revision-mismatch",
        "The record has changed meanwhile",
        (*_RECORD, "expected", "current"),
    ),
    Compacted: Kind(410, "compacted", "The changes are no longer kept", ("asked", "oldest")),
    MissingExtra: Kind(501, "missing-extra", "An optional part is not installed", ("extra",)),
    Unavailable: Kind(503, "unavailable", "Something needed does not answer now", retry_after=1),
    StoreUnavailable: Kind(
        503, "store-unavailable", "The store does not answer; nothing was written", retry_after=1
    ),
    OutcomeUnknown: Kind(
        503, "outcome-unknown", "The write may have been done or not", retry_after=1
    ),
    Closed: Kind(503, "closed", "The service is shutting down", retry_after=1),
    TimeoutError: Kind(504, "timeout", "It took too long"),
}


class ProblemTable:
    """From error classes to kinds of problems; a subclass without a line has its parent's."""

    def __init__(self, *more: Mapping[type[Exception], Kind]) -> None:
        self._kinds = dict(STANDARD)
        for kinds in more:
            for error, kind in kinds.items():
                self.register(error, kind)

    def register(self, error: type[Exception], kind: Kind) -> None:
        """Give a service's own error its line.

        Raises:
            ValueError: The class has another line already.
        """
        if self._kinds.setdefault(error, kind) != kind:
            raise ValueError(f"{error.__name__} is {self._kinds[error].name!r} already")

    def kind(self, error: Exception) -> Kind | None:
        """The line of the nearest class; None: nobody expected this error."""
        classes = type(error).__mro__
        return next((self._kinds[one] for one in classes if one in self._kinds), None)


class Problems:
    """Makes the answers.

    Args:
        table: What is known of errors.
        development: Whether the text of a 5xx error is shown.
    """

    def __init__(self, table: ProblemTable, *, development: bool) -> None:
        self._table = table
        self._development = development

    def expected(self, error: Exception) -> bool:
        """Whether the error has a line; one without is a fault of ours, to be logged as such."""
        return isinstance(error, HTTPException | RequestValidationError) or (
            self._table.kind(error) is not None
        )

    def response(self, error: Exception) -> Response:
        """The answer to a request that ended in `error`."""
        if isinstance(error, HTTPException):
            return _plain(error)
        if isinstance(error, RequestValidationError):
            fields = [field_error(one) for one in error.errors()[:MOST_FIELD_ERRORS]]
            detail = "; ".join(f"{one['field']}: {one['problem']}" for one in fields)
            return problem(STANDARD[InvalidInput], detail, {"errors": fields})
        kind = self._table.kind(error) or _INTERNAL
        members: dict[str, object] = {
            name: value
            for name in kind.members
            if (value := getattr(error, name, None)) is not None
        }
        if isinstance(error, InvalidInput):
            members["errors"] = [{"field": error.field, "problem": _short(error.problem)}]
        detail = str(error)
        if kind.status >= 500 and not self._development:
            detail = None
        elif kind is _INTERNAL:
            detail = f"{type(error).__name__}: {error}"
        return problem(kind, detail, members, _headers(kind, error))


def field_error(error: Mapping[str, Any]) -> dict[str, str]:
    """One of Pydantic's errors as `{field, problem}`, without the value that was sent."""
    where: Sequence[object] = error["loc"]
    # The first word says which part of the request it was; the field's own name comes behind.
    path = where[1:] if len(where) > 1 and error["type"] != "json_invalid" else where[:1]
    return {"field": _short(".".join(str(one) for one in path)), "problem": _short(error["msg"])}


def _plain(error: HTTPException) -> Response:
    """For what only HTTP has a word for: no such path, no such method."""
    members = {"title": HTTPStatus(error.status_code).phrase, "status": error.status_code}
    detail = str(error.detail)
    if detail == members["title"]:
        detail = _advice(error)
    if detail:
        members["detail"] = _short(detail)
    return _render({"type": "about:blank", **members}, error.status_code, error.headers)


def _advice(error: HTTPException) -> str:
    allowed = (error.headers or {}).get("Allow")
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and allowed:
        return f"this path takes {allowed}"
    if error.status_code == HTTPStatus.NOT_FOUND:
        return "nothing has this path: /docs shows all that have one"
    return ""


def problem(
    kind: Kind,
    detail: str | None,
    members: Mapping[str, object],
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem that nobody raised.

    Args:
        kind: What sort of problem.
        detail: What happened this time, as the caller may read it.
        members: More of it, as values of JSON.
        headers: Of the answer.
    """
    body: dict[str, object] = {
        "type": TYPE_PREFIX + kind.name,
        "title": kind.title,
        "status": kind.status,
    }
    if detail is not None:
        body["detail"] = _short(detail)
    return _render({**body, **members}, kind.status, headers)


def _render(body: Mapping[str, object], status: int, headers: Mapping[str, str] | None) -> Response:
    named = correlation.current()
    if named is not None:
        body = {**body, "request_id": named.request_id}
    # ASCII alone: what a hostile caller sent and an error quotes must not fail to encode.
    return Response(json.dumps(body, default=str), status, headers, MEDIA_TYPE)


def _headers(kind: Kind, error: Exception) -> dict[str, str]:
    headers: dict[str, str] = {}
    wait = getattr(error, "retry_after", kind.retry_after)
    if wait is not None:
        headers["Retry-After"] = str(max(1, math.ceil(wait)))
    if isinstance(error, RateLimited) and error.quota is not None:
        headers.update(quota_fields(error.quota))
    if kind.close:
        headers["Connection"] = "close"
    if isinstance(error, NotAuthenticated):
        headers["WWW-Authenticate"] = _challenge("invalid_token" if error.presented else None)
    if isinstance(error, NotPermitted) and error.scope is not None:
        headers["WWW-Authenticate"] = _challenge("insufficient_scope", error.scope)
    return headers


def _challenge(error: str | None, scope: str | None = None) -> str:
    """What RFC 6750 wants in `WWW-Authenticate`; the reason itself is in the body."""
    parts = ['Bearer realm="rollcall"']
    if error is not None:
        parts.append(f'error="{error}"')
    if scope is not None:
        parts.append(f'scope="{scope}"')
    return ", ".join(parts)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_DETAIL else text[: LONGEST_DETAIL - 3] + "..."
