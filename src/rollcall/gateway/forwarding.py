# SPDX-License-Identifier: Apache-2.0
"""Passing a request on to a service in another process, and its answer back, piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from starlette.types import Receive, Send

from rollcall.gateway.connections import Connections, Reply
from rollcall.gateway.errors import (
    AnswerLate,
    AnswerLost,
    GatewayError,
    GatewayFull,
    HostileRequest,
    NoInstanceWorks,
    Unreached,
)
from rollcall.gateway.headers import Fields, answered, relocated
from rollcall.gateway.line import ConnectionLost, NoConnection, NoRoom, NotSendable, Order
from rollcall.gateway.metrics import GatewayMetrics
from rollcall.gateway.passing import ClientGone, Passage, Upload
from rollcall.gateway.patience import CalledOff, Ended, Patience
from rollcall.gateway.ports import Instance
from rollcall.gateway.settings import GatewaySettings
from rollcall.gateway.targets import Targets
from rollcall.gateway.upstreams import Attempt, Outcome, Upstreams
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import Closed, Unavailable
from rollcall.web.refusals import PayloadTooLarge

_BUSY: Final = 503
_STREAM: Final = b"text/event-stream"
_SMALL: Final = 1 << 16
"""Bytes of an answer that is waited for before any of it is passed back, where that helps."""
_WORDS: Final[Mapping[type[GatewayError], str]] = {
    GatewayFull: "full",
    Unreached: "unreached",
    AnswerLost: "lost",
    AnswerLate: "late",
    NoInstanceWorks: "broken",
}
"""What figures call these errors."""


class Forwarder:
    """Sends requests to instances, and the answers back.

    A request is tried at another instance where it was not sent, and where to do it twice does no
    harm: never once a part of the answer is on its way, nor of a body. Small answers to what may be
    done twice are on their way once they are whole.

    Args:
        targets: Where instances are.
        upstreams: What is known of them.
        settings: Patience and limits.
        metrics: Takes note.
        clock: Time.
        connections: How requests travel.
    """

    def __init__(
        self,
        targets: Targets,
        upstreams: Upstreams,
        settings: GatewaySettings,
        metrics: GatewayMetrics,
        clock: Clock,
        connections: Connections,
    ) -> None:
        self._targets = targets
        self._upstreams = upstreams
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._connections = connections
        self._streams: set[Patience] = set()

    def drain(self) -> None:
        """End what would never end by itself."""
        for one in list(self._streams):
            one.end(Ended.DRAINED)

    async def forward(self, one: Passage, receive: Receive, send: Send) -> None:
        """Answer a request with what an instance of its service says.

        Raises:
            ServiceNotHere, NoInstanceWorks, GatewayFull, Unreached, AnswerLost, AnswerLate: It does
                not say anything, or not to the end.
            PayloadTooLarge: The body is longer than it may be.
            HostileRequest: The request cannot be sent as it is.
        """
        if one.length is not None and one.length > self._settings.body_bytes:
            raise PayloadTooLarge(self._settings.body_bytes)
        service = one.route.service
        reply = _Back(send)
        outcome = "broken"
        self._metrics.begun(service)
        try:
            await self._exchange(one, receive, reply)
            outcome = "answered"
        except ClientGone:
            outcome = "left"
        except CalledOff as off:
            outcome = off.why.name.lower()
            await _called_off(service, off.why, reply)
        except GatewayError as error:
            outcome = _WORDS.get(type(error), "absent")
            raise
        finally:
            self._metrics.ended(service, outcome)

    async def _exchange(self, one: Passage, receive: Receive, reply: _Back) -> None:
        patience = Patience(self._clock, self._settings.answer_seconds)
        upload = Upload(receive, self._settings.body_bytes, patience.renew)

        async def watch() -> None:
            if one.length != 0:
                await upload.done.wait()
            while (await receive())["type"] != "http.disconnect":
                pass
            patience.end(Ended.GONE)

        async with patience:
            watching = asyncio.create_task(watch(), name="gateway caller")
            try:
                response, attempt = await self._answer(one, upload, patience)
                await self._pass_back(one, response, attempt, reply, patience)
            finally:
                watching.cancel()
                self._streams.discard(patience)

    async def _answer(
        self, one: Passage, upload: Upload, patience: Patience
    ) -> tuple[Reply, Attempt]:
        """The beginning of an answer, of the first instance that gives one."""
        service = one.route.service
        tried: set[str] = set()
        asked = 0
        outcome = Outcome.UNREACHED
        attempt = await self._next(service, tried, outcome)
        while attempt is not None:
            tried.add(attempt.instance.id)
            found = await self._attempt(one, attempt, upload, patience)
            asked += found is not Outcome.UNREACHED
            over = asked == self._settings.attempts or len(tried) == self._settings.doors
            if isinstance(found, Outcome):
                outcome = found
                if over or upload.begun or (outcome is Outcome.LOST and not one.repeatable):
                    break
                following = await self._next(service, tried, outcome)
            else:
                if over or found.status != _BUSY or not one.repeatable:
                    return found, attempt
                following = await self._instead(service, tried, found, attempt)
                if following is None:
                    return found, attempt
                outcome = Outcome.BUSY
                found.close()
                attempt.left(self._clock.monotonic(), outcome)
            if following is not None:
                self._metrics.retried(service, outcome)
            attempt = following
        if outcome is Outcome.UNREACHED:
            raise Unreached(service, "no instance takes a connection")
        raise AnswerLost(
            service,
            "the connection broke before there was an answer"
            + ("" if one.repeatable else ": whether it was done, nobody knows"),
        )

    async def _next(self, service: str, tried: set[str], outcome: Outcome) -> Attempt | None:
        instances = await self._targets.instances(service)
        attempt = self._upstreams.enter(service, instances, tried)
        if attempt is None and outcome is Outcome.LOST:
            # A kept connection that was just being closed says nothing about the instance.
            attempt = self._upstreams.enter(service, instances, ())
        return attempt

    async def _instead(
        self, service: str, tried: set[str], found: Reply, attempt: Attempt
    ) -> Attempt | None:
        """The right to ask another instance than one that is busy; None: there is none, and what
        that one said is the answer.
        """
        try:
            instances = await self._targets.instances(service)
        except (GatewayError, Unavailable):
            # One that is stopping may be out of the registry already, and was the last one there.
            return None
        except BaseException:
            found.close()
            attempt.left(self._clock.monotonic(), Outcome.LEFT)
            raise
        return self._upstreams.enter(service, instances, tried)

    async def _attempt(
        self, one: Passage, attempt: Attempt, upload: Upload, patience: Patience
    ) -> Reply | Outcome:
        order = _order(one, attempt.instance, upload)
        try:
            # What must not be sent twice does not go where it could be lost for good.
            reply = await self._connections.send(order, attempt.instance, fresh=not one.repeatable)
            # Whatever more comes of the body nobody wants, but for its sender's leaving.
            upload.done.set()
            if one.repeatable and reply.length is not None and reply.length <= _SMALL:
                # Or it breaks off when its beginning cannot be taken back any more.
                await reply.hold()
            return reply
        except BaseException as error:
            outcome = _came_to(error, patience, waiting=upload.waiting)
            attempt.left(self._clock.monotonic(), outcome)
            if outcome in (Outcome.UNREACHED, Outcome.LOST):
                return outcome
            if isinstance(error, NoRoom):
                raise GatewayFull(one.route.service, "too many requests are under way") from error
            if isinstance(error, NotSendable):
                raise HostileRequest("request", "cannot be passed on as it is") from error
            raise

    async def _pass_back(
        self,
        one: Passage,
        response: Reply,
        attempt: Attempt,
        reply: _Back,
        patience: Patience,
    ) -> None:
        outcome = Outcome.LEFT
        try:
            status = response.status
            fields = answered(response.fields, status, guest=one.route.guest)
            hosts = {attempt.instance.authority.lower(), one.host.decode("latin-1").lower()}
            patience.renew(self._settings.idle_seconds)
            if dict(fields).get(b"content-type", b"").startswith(_STREAM):
                self._streams.add(patience)
            await reply.start(status, relocated(fields, one.route.prefix, hosts))
            whole = response.whole
            if whole is None:
                async for piece in response.pieces():
                    patience.renew()
                    await reply.piece(piece, more=True)
                    patience.renew()
            await reply.piece(whole or b"", more=False)
            outcome = Outcome.ANSWERED
        except BaseException as error:
            outcome = _came_to(error, patience, waiting=reply.waiting)
            if outcome is Outcome.LOST:
                raise AnswerLost(one.route.service, "its answer broke off in the middle") from error
            raise
        finally:
            try:
                response.close()
            finally:
                attempt.left(self._clock.monotonic(), outcome)


class _Back:
    """The way back to the caller."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False
        self.waiting = False

    async def start(self, status: int, fields: Fields) -> None:
        self.begun = True
        await self._send({"type": "http.response.start", "status": status, "headers": fields})

    async def piece(self, body: bytes, *, more: bool) -> None:
        self.waiting = True
        await self._send({"type": "http.response.body", "body": body, "more_body": more})
        self.waiting = False


async def _called_off(service: str, why: Ended, reply: _Back) -> None:
    if why is Ended.LATE and reply.begun:
        raise AnswerLost(service, "its answer stopped in the middle")
    if why is Ended.LATE:
        raise AnswerLate(service, "its answer did not come in time")
    if why is Ended.DRAINED:
        if not reply.begun:
            raise Closed("the gateway is shutting down")
        await reply.piece(b"", more=False)


def _came_to(error: BaseException, patience: Patience, *, waiting: bool) -> Outcome:
    """What an attempt came to that ended in `error`.

    Args:
        error: That.
        patience: What may have ended it.
        waiting: Whether it was the caller who was waited for.
    """
    if isinstance(error, NoRoom):
        # That is the gateway's own fault.
        return Outcome.LEFT
    if isinstance(error, NoConnection):
        return Outcome.UNREACHED
    if isinstance(error, ConnectionLost):
        return Outcome.LOST
    if isinstance(error, asyncio.CancelledError) and patience.why is Ended.LATE and not waiting:
        return Outcome.LATE
    return Outcome.LEFT


def _order(one: Passage, instance: Instance, upload: Upload) -> Order:
    host = instance.authority.encode() if instance.own_name or not one.host else one.host
    fields = [(b"host", host), *(field for field in one.fields if field[0] != b"host")]
    if one.length is None:
        fields.append((b"transfer-encoding", b"chunked"))
    target = instance.base.encode() + one.target
    return Order(one.method, target, fields, None if one.length == 0 else upload)
