# SPDX-License-Identifier: Apache-2.0
"""The one place where errors become answers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TypeAlias

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rollcall.web import correlation, logs
from rollcall.web.problems import Problems

_log = logging.getLogger(__name__)

_POLICY_VIOLATION, _INTERNAL_ERROR = 1008, 1011

Dialects: TypeAlias = Mapping[str, Callable[[Response], Response]]
"""By the beginning of a path: what makes of a problem how the protocol spoken there says it."""


def spoken(response: Response, path: str, dialects: Dialects) -> Response:
    """A problem as the protocol of `path` says it."""
    for beginning, translate in dialects.items():
        if path.startswith(beginning):
            return translate(response)
    return response


class ProblemMiddleware:
    """Answers what the application raises with a problem.

    An error after the answer has begun goes on to the server, which cuts the connection: a whole
    answer and a broken one must not look alike.
    """

    def __init__(self, app: ASGIApp, problems: Problems, dialects: Dialects | None = None) -> None:
        self._app = app
        self._problems = problems
        self._dialects = dialects or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        begun = False

        async def watch(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] != "websocket.close"
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception as error:
            response = spoken(self._problems.response(error), scope["path"], self._dialects)
            self._report(scope, error, response.status_code, begun=begun)
            if scope["type"] == "websocket":
                await _refuse_socket(response, scope, receive, send, begun=begun)
            elif begun:
                logs.told(error)
                raise
            else:
                await response(scope, receive, send)

    def _report(self, scope: Scope, error: Exception, status: int, *, begun: bool) -> None:
        """Log what is our fault; a caller's own mistakes are told to the caller, where that can
        still be done.
        """
        told = scope["type"] == "websocket" or not begun
        if status < 500 and told:
            return
        named = correlation.current()
        extra = {
            "path": scope["path"],
            "status": status,
            "request_id": named.request_id if named else None,
        }
        if self._problems.expected(error):
            _log.warning("request not answered: %s", error, extra=extra)
        else:
            _log.error("request failed", exc_info=error, extra=extra)


async def _refuse_socket(
    response: Response, scope: Scope, receive: Receive, send: Send, *, begun: bool
) -> None:
    if begun or "websocket.http.response" not in scope.get("extensions", {}):
        code = _POLICY_VIOLATION if response.status_code < 500 else _INTERNAL_ERROR
        await send({"type": "websocket.close", "code": code})
    else:
        await response(scope, receive, send)


def install(app: FastAPI, problems: Problems, dialects: Dialects) -> None:
    """Have FastAPI's own errors look like all others."""

    async def answer(request: Request, error: Exception) -> Response:
        return spoken(problems.response(error), request.url.path, dialects)

    app.add_exception_handler(HTTPException, answer)
    app.add_exception_handler(RequestValidationError, answer)
