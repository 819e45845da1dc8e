# SPDX-License-Identifier: Apache-2.0
"""Who changed what, and what came of it."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from itertools import count, islice
from typing import Final, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rollcall.kernel.clock import Clock, within
from rollcall.kernel.errors import Unavailable
from rollcall.web import correlation
from rollcall.web.auth import known_caller
from rollcall.web.metrics import Metrics
from rollcall.web.problems import Problems
from rollcall.web.routes import route_template

_log = logging.getLogger(__name__)
PATIENCE = 5.0
"""Seconds that an answer waits for its entry to be kept."""
_READING = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_SUBJECT = "rollcall.audit_subject"


class AuditUnavailable(Unavailable):
    """The audit log takes no entries; the change itself may have been made."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One request that meant to change something.

    Args:
        at: When its answer was ready, in seconds since the epoch.
        caller: Who sent it.
        namespace: The caller's namespace.
        action: Method and route, such as `DELETE /agents/{agent_id}`.
        subject: What it was about: what the handler said, else the path.
        status: The HTTP status of the answer.
        request_id: What the logs call the request.
        number: Its place in the log, growing; given by the log.
    """

    at: float
    caller: str
    namespace: str
    action: str
    subject: str
    status: int
    request_id: str
    number: int = field(default=0, compare=False)

    @property
    def outcome(self) -> str:
        """`done`, `refused` (a 4xx) or `failed` (a 5xx, where it may have been done)."""
        if self.status < 400:
            return "done"
        return "refused" if self.status < 500 else "failed"


@dataclass(frozen=True, slots=True)
class AuditQuestion:
    """Which entries are wanted. All that is given must hold.

    Args:
        caller: Who sent the request.
        action: Method and route.
        subject: Letters that what it was about must hold, in small or large ones (of ASCII).
        since: The entry is not older, in seconds since the epoch.
        until: It is older.
        before: Its number is smaller: what follows a page.
    """

    caller: str | None = None
    action: str | None = None
    subject: str | None = None
    since: float | None = None
    until: float | None = None
    before: int | None = None

    def fits(self, entry: AuditEntry) -> bool:
        """Whether an entry is one of them."""
        return (
            (self.caller is None or entry.caller == self.caller)
            and (self.action is None or entry.action == self.action)
            and (self.subject is None or self.subject.lower() in entry.subject.lower())
            and (self.since is None or entry.at >= self.since)
            and (self.until is None or entry.at < self.until)
            and (self.before is None or entry.number < self.before)
        )


EVERY: Final = AuditQuestion()
"""All entries."""


class AuditLog(Protocol):
    """Keeps entries, in the order they came, and never changes one."""

    async def append(self, entry: AuditEntry) -> None:
        """Keep `entry`; it is durable when this returns. Raises what it likes if it cannot."""
        ...

    async def entries(
        self, namespace: str, wanted: AuditQuestion = EVERY, *, limit: int = 100
    ) -> list[AuditEntry]:
        """The last `limit` entries of a namespace that are wanted, the newest first."""
        ...

    async def forget(self, before: float) -> int:
        """Drop the entries made before then, in seconds since the epoch; how many."""
        ...


class InMemoryAuditLog:
    """The last `keep` entries, for as long as the process lives."""

    def __init__(self, keep: int = 10_000) -> None:
        self._entries: deque[AuditEntry] = deque(maxlen=keep)
        self._numbers = count(1)

    async def append(self, entry: AuditEntry) -> None:
        self._entries.append(replace(entry, number=next(self._numbers)))

    async def entries(
        self, namespace: str, wanted: AuditQuestion = EVERY, *, limit: int = 100
    ) -> list[AuditEntry]:
        newest = reversed(self._entries)
        found = (one for one in newest if one.namespace == namespace and wanted.fits(one))
        return list(islice(found, limit))

    async def forget(self, before: float) -> int:
        kept = [one for one in self._entries if one.at >= before]
        gone = len(self._entries) - len(kept)
        self._entries = deque(kept, maxlen=self._entries.maxlen)
        return gone


def audit_subject(scope: Scope, subject: str) -> None:
    """Say what a request is about, where its path does not (`POST /register`)."""
    scope[_SUBJECT] = subject


class AuditMiddleware:
    """Writes an entry for each request of a known caller that means to change something.

    The entry is written before the answer goes out: what was acknowledged is in the log. If it
    cannot be, the answer is a 503. Strangers leave no entry, or anybody could fill the log.

    Args:
        audit: Where to.
        problems: Makes the 503.
        metrics: Counts those.
        clock: Dates the entries.
        unaudited: Routes that change nothing of account whatever their method: heartbeats,
            searches by POST.
    """

    def __init__(
        self,
        app: ASGIApp,
        audit: AuditLog,
        problems: Problems,
        metrics: Metrics,
        clock: Clock,
        unaudited: Collection[str] = (),
    ) -> None:
        self._app = app
        self._audit = audit
        self._problems = problems
        self._metrics = metrics
        self._clock = clock
        self._unaudited = frozenset(unaudited)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in _READING:
            await self._app(scope, receive, send)
            return
        lost = False

        async def write(message: Message) -> None:
            nonlocal lost
            if message["type"] == "http.response.start" and not await self._kept(
                scope, message["status"]
            ):
                lost = True
                error = AuditUnavailable("the audit log does not answer")
                await self._problems.response(error)(scope, receive, send)
            if not lost:
                await send(message)

        await self._app(scope, receive, write)

    async def _kept(self, scope: Scope, status: int) -> bool:
        caller = known_caller(scope)
        template = route_template(scope)
        if caller is None or template is None or template in self._unaudited:
            return True
        named = correlation.current()
        entry = AuditEntry(
            at=self._clock.now(),
            caller=caller.subject,
            namespace=caller.namespace,
            action=f"{scope['method']} {template}",
            subject=scope.get(_SUBJECT, scope["path"]),
            status=status,
            request_id=named.request_id if named else "",
        )
        try:
            await within(self._clock, PATIENCE, self._audit.append(entry))
        except Exception as error:
            _log.error("cannot write the audit entry %s: %s", entry, error)
            self._metrics.audit_failures.inc()
            return False
        return True
