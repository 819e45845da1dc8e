# SPDX-License-Identifier: Apache-2.0
"""The short way over HTTP/1.1: a protocol for uvicorn that asks it before it begins an ASGI task.

Measured on one core, an empty ASGI application behind uvicorn costs 24 us a request, of which the
parser and the socket are 9; the rest is a scope, a task, an event and two messages, none of which
an answer from memory needs. The bytes are read by uvicorn's own parser in either case.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, cast

from httptools import HttpRequestParser
from starlette.types import ASGIApp
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from rollcall.web.express import Express, Ticket
from rollcall.web.limits import COUNTED

PATIENCE: Final = 30.0
"""Seconds that the head of a request may take to come, and the body of one that goes the short way:
whoever sends a byte now and then must not hold a connection for ever.
"""
HEAD_BYTES: Final = 256 << 10
"""What is kept of a head that has no end; those that have one are held to `Limits`."""


def protocol(
    expresses: Mapping[int, Express], patience: float = PATIENCE
) -> type[asyncio.Protocol]:
    """A protocol class for `uvicorn.Config(http=...)`.

    Args:
        expresses: The short ways of the application behind each port.
        patience: Seconds for the head of a request to come.
    """

    class ExpressProtocol(HttpToolsProtocol):
        """Answers at once what can be; everything else is uvicorn's."""

        _express: Express | None = None
        _ticket: Ticket | None = None
        _body: bytes = b""
        _answered = 0.0
        _watch: asyncio.TimerHandle | None = None
        _begun: float | None = None
        _came = 0
        _late: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if self.server is not None and self.server[1] is not None:
                self._express = expresses.get(self.server[1])
            self._begun = self.loop.time()
            self._late = self.loop.call_later(patience, self._close_late)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._begun is not None and self._ticket is None:
                self._came += len(data)
                if self._came > HEAD_BYTES:
                    self.transport.abort()

        def on_message_begin(self) -> None:
            self._begun = self.loop.time()
            self._came = 0
            if self._express is None:
                super().on_message_begin()
                return
            self.url = b""
            self.headers = []
            self.expect_100_continue = False

        def on_headers_complete(self) -> None:
            express = self._express
            if express is None:
                self._begun = None
                super().on_headers_complete()
                return
            parser = self.parser
            if parser is not None and self._idle(parser):
                ticket = express.admit(parser.get_method(), self.url, self.headers)
                # HTTP/1.0 keeps a connection only if it is asked to, by that header.
                if ticket is not None and (
                    b"connection" not in ticket.headers or parser.get_http_version() == "1.1"
                ):
                    self._ticket = ticket
                    self._body = b""
                    return
            self._begun = None
            self._go_ordinary_way()

        def on_body(self, body: bytes) -> None:
            if self._ticket is None:
                super().on_body(body)
            else:
                # No longer than the limit: that was checked against the length announced.
                self._body += body

        def on_message_complete(self) -> None:
            ticket = self._ticket
            if ticket is None or self._express is None:
                super().on_message_complete()
                return
            self._ticket = None
            self._begun = None
            client = self.client[0] if self.client else None
            answer = self._express.answer(ticket, self._body, client)
            if not isinstance(answer, bytes):
                self._go_ordinary_way(answer)
                if ticket.counted:
                    self.scope[COUNTED] = True  # type: ignore[literal-required]
                if self._body:
                    super().on_body(self._body)
                super().on_message_complete()
            else:
                self.transport.write(answer)
                self.server_state.total_requests += 1
                self._answered = self.loop.time()
                if self._watch is None:
                    self._watch = self.loop.call_later(self.timeout_keep_alive, self._close_idle)
            self._body = b""

        def connection_lost(self, exc: Exception | None) -> None:
            for timer in (self._watch, self._late):
                if timer is not None:
                    timer.cancel()
            super().connection_lost(exc)

        def _close_late(self) -> None:
            """Close a connection over which a request began too long ago and has not come.

            One timer that looks again costs less than one for each request.
            """
            if self not in self.connections:
                # It carries a WebSocket by now.
                return
            now, idle = self.loop.time(), self.timeout_keep_alive_task or self._watch
            if self._begun is None and idle is None and self._done():
                # What came since the last answer is no beginning, but no silence either.
                self._begun = now
            left = patience if self._begun is None else self._begun + patience - now
            if left > 0:
                self._late = self.loop.call_later(left, self._close_late)
            else:
                self.transport.abort()

        def _close_idle(self) -> None:
            """Close a connection whose last answer, a short one, is too long ago.

            One timer that looks again costs less than one for each answer.
            """
            self._watch = None
            left = self._answered + self.timeout_keep_alive - self.loop.time()
            if left > 0:
                self._watch = self.loop.call_later(left, self._close_idle)
            elif self._ticket is None and self._done() and self.timeout_keep_alive_task is None:
                # Half a head that hangs is no request yet: it has had its time.
                self.transport.close()

        def _done(self) -> bool:
            """Whether nothing that came the ordinary way is still to be answered."""
            last = cast("RequestResponseCycle | None", self.cycle)
            return (last is None or last.response_complete) and not self.pipeline

        def _idle(self, parser: HttpRequestParser) -> bool:
            """Whether nothing that came before is still to be answered, nor this to be the last."""
            return (
                self._done()
                and not self.flow.write_paused
                and self.limit_concurrency is None
                and not self.server_state.default_headers
                and parser.should_keep_alive()
                and not parser.should_upgrade()
            )

        def _go_ordinary_way(self, app: ASGIApp | None = None) -> None:
            """Have uvicorn begin an ASGI task, of `app` if there is one."""
            url, headers, expect = self.url, self.headers, self.expect_100_continue
            super().on_message_begin()
            self.url, self.headers, self.expect_100_continue = url, headers, expect
            self.scope["headers"] = headers
            usual = self.app
            if app is not None:
                self.app = cast("ASGI3Application", app)
            try:
                super().on_headers_complete()
            finally:
                self.app = usual

    return ExpressProtocol
