# SPDX-License-Identifier: Apache-2.0
"""How services of this installation ask each other for whoever asked them: found as the gateway
finds them, and shown a pass.
"""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Mapping,
)
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import msgspec
from starlette.types import ASGIApp

from rollcall.dashboard.models import Question, Said
from rollcall.dashboard.ports import NotAnswered, NotHere
from rollcall.gateway import catalogue
from rollcall.gateway.connections import Connections, Reply
from rollcall.gateway.errors import ServiceNotHere
from rollcall.gateway.line import ConnectionLost, NoConnection, NotSendable, Order
from rollcall.gateway.models import GatewayService
from rollcall.gateway.ports import Instance, Instances
from rollcall.gateway.targets import Deployment, Targets
from rollcall.kernel.caller import ADMIN, READ, REGISTER, Caller
from rollcall.kernel.clock import Clock, within
from rollcall.kernel.errors import Unavailable
from rollcall.web import correlation
from rollcall.web.inside import Asked, Fields, Inside, Streaming, answered_inside, stream_inside
from rollcall.web.passes import Passes
from rollcall.web.sse import ServerEvent
from rollcall.web.sse_reading import read_events

GATEWAY: Final = "gateway"
HOUSED: Final = frozenset({"agents", "memory"})
"""Services whose routes are in the gateway's own application."""
_SERVICES: Final = {
    **{one.name: one for one in catalogue.SERVICES},
    GATEWAY: GatewayService(GATEWAY, "gateway", prefix="/", registered="api-gateway"),
}
NAMES: Final = tuple(_SERVICES)
"""Every service that there may be."""
_CONNECTIONS: Final = 100
_CONNECT_SECONDS: Final = 1.0
_LONGEST: Final = 8 << 20
"""Bytes of an answer."""
PATIENCE: Final = 60.0
"""Seconds until an answer that is not timed by whoever asks must be there, or a stream begin."""
SILENCE: Final = 45.0
"""Seconds in which a stream must say something, if it is only a heartbeat."""
_JSON: Final = (b"accept", b"application/json")
_EVENTS: Final = (b"accept", b"text/event-stream")
T = TypeVar("T")


class Refused(Exception):
    """A service does not begin the stream that it was asked for.

    Args:
        said: What it answers instead: as a rule a problem (RFC 9457).
        retry_after: Seconds after which it may be asked again; None: it does not say.
    """

    def __init__(self, said: Said, retry_after: int | None) -> None:
        super().__init__(f"refused with {said.status}")
        self.said = said
        self.retry_after = retry_after


class ServiceCalls:
    """`Services` of the dashboard: in this process, at a fixed address, or by the registry.

    Args:
        instances: The registry.
        local: Applications of this process by the service's name; filled later.
        urls: Fixed addresses by the setting's name.
        passes: What others are shown.
        clock: Time.

    Raises:
        InvalidInput: An address is none.
    """

    def __init__(
        self,
        instances: Instances,
        local: Mapping[str, ASGIApp],
        urls: Mapping[str, str],
        passes: Passes,
        clock: Clock,
    ) -> None:
        self._fixed = frozenset(
            name for name, one in _SERVICES.items() if one.variable and urls.get(one.variable)
        )
        self._targets = Targets(_SERVICES, Deployment(instances, local, urls=urls))
        self._connections = Connections(_CONNECTIONS, _CONNECT_SECONDS, clock)
        self._passes = passes
        self._clock = clock
        self._turn = 0

    async def get(self, caller: Caller, question: Question) -> Said:
        """See `Services`."""
        query = urlencode(question.params).encode()
        fields = [_JSON, *self._shown(caller, (READ,))]
        asked = Asked(question.path, query, fields)
        return _said(await self._answered(question.service, asked, repeatable=True))

    async def post(
        self, caller: Caller, service: str, path: str, body: object, *, key: str | None = None
    ) -> Said:
        """What a service answers to a `POST`, with whatever status.

        Args:
            caller: For whom; they may read there, and register if they may here, but not
                administer.
            service: Its name in the catalogue of services.
            path: Decoded, without a query.
            body: To be JSON.
            key: The `Idempotency-Key`. Without one a request is not repeated of which nobody knows
                whether it was read.

        Raises:
            NotHere: It runs nowhere.
            NotAnswered: It says nothing in `PATIENCE` seconds, or no JSON.
        """
        asked = self._posted(caller, path, body, key, _JSON)
        answering = self._answered(service, asked, repeatable=key is not None)
        try:
            return _said(await within(self._clock, PATIENCE, answering))
        except TimeoutError:
            raise NotAnswered("does not answer in time") from None

    async def events(
        self,
        caller: Caller,
        service: str,
        path: str,
        body: object | None = None,
        *,
        key: str | None = None,
    ) -> AsyncGenerator[ServerEvent]:
        """The server-sent events that a service answers with, as they come: the service goes on no
        faster than they are taken. Closing the generator early ends the request.

        Args:
            caller: As for `post`.
            service: As for `post`.
            path: As for `post`.
            body: To be JSON, in a `POST`; None: it is a `GET`.
            key: As for `post`.

        Raises:
            NotHere: It runs nowhere.
            Refused: It answers with something else.
            NotAnswered: It says nothing in `PATIENCE` seconds or, once it had begun, nothing more:
                the stream broke off, or was silent for `SILENCE` seconds.
        """
        if body is None:
            asked = Asked(path, fields=[_EVENTS, *self._shown(caller, caller.scopes)])
        else:
            asked = self._posted(caller, path, body, key, _EVENTS)
        repeatable = body is None or key is not None
        async with AsyncExitStack() as stack:
            opening = stack.enter_async_context(self._opened(service, asked, repeatable=repeatable))
            try:
                answer = await within(self._clock, PATIENCE, opening)
            except TimeoutError:
                raise NotAnswered("does not answer in time") from None
            if answer.status == HTTPStatus.NO_CONTENT:
                return
            pieces = await stack.enter_async_context(aclosing(_timed(answer, self._clock)))
            if answer.status != HTTPStatus.OK or not _is_stream(answer.fields):
                raise _refused(Inside(answer.status, answer.fields, await _whole(pieces)))
            told = await stack.enter_async_context(aclosing(read_events(pieces)))
            async for event in told:
                yield event

    def close(self) -> None:
        """Let go of the connections."""
        self._connections.close()

    def _shown(self, caller: Caller, scopes: Collection[str]) -> list[tuple[bytes, bytes]]:
        """Fields that say for whom a request is made, and because of which other one."""
        granted = {READ, REGISTER} if {REGISTER, ADMIN} & set(scopes) else {READ}
        pass_ = self._passes.issue(caller.subject, caller.namespace, granted)
        fields = [(b"authorization", f"Bearer {pass_}".encode())]
        named = correlation.current()
        if named is not None:
            fields.append((b"x-request-id", named.request_id.encode()))
            fields.append((b"traceparent", named.traceparent.encode()))
        return fields

    def _posted(
        self, caller: Caller, path: str, body: object, key: str | None, accept: tuple[bytes, bytes]
    ) -> Asked:
        fields = [accept, (b"content-type", b"application/json")]
        if key is not None:
            fields.append((b"idempotency-key", key.encode()))
        fields += self._shown(caller, caller.scopes)
        return Asked(path, fields=fields, method="POST", body=msgspec.json.encode(body))

    async def _answered(self, service: str, asked: Asked, *, repeatable: bool) -> Inside:
        """The whole answer of a service."""
        where = self._place(service)
        app = self._targets.local(where)
        if app is not None:
            return await answered_inside(app, asked)

        async def read(reply: Reply) -> Inside:
            try:
                return Inside(reply.status, reply.fields, await _whole(reply.pieces()))
            finally:
                reply.close()

        return await self._tried(where, asked, read, repeatable=repeatable)

    @asynccontextmanager
    async def _opened(
        self, service: str, asked: Asked, *, repeatable: bool
    ) -> AsyncGenerator[Streaming | Reply]:
        """The beginning of a service's answer, and the rest as it comes."""
        where = self._place(service)
        app = self._targets.local(where)
        if app is not None:
            async with stream_inside(app, asked) as answer:
                yield answer
            return

        async def read(reply: Reply) -> Reply:
            return reply

        reply = await self._tried(where, asked, read, repeatable=repeatable)
        try:
            yield reply
        finally:
            reply.close()

    def _place(self, service: str) -> str:
        return GATEWAY if service in HOUSED and service not in self._fixed else service

    async def _tried(
        self,
        where: str,
        asked: Asked,
        read: Callable[[Reply], Awaitable[T]],
        *,
        repeatable: bool,
    ) -> T:
        """What `read` makes of an instance's answer: each time another one's, and where it cannot
        be reached the next one's.

        Raises:
            NotHere, NotAnswered: As for `post`.
        """
        try:
            instances = await self._targets.instances(where)
        except ServiceNotHere:
            raise NotHere from None
        except Unavailable as error:
            raise NotAnswered("the registry does not say where it is") from error
        # Others have their turns while this one waits.
        self._turn += 1
        first = self._turn
        for place in range(len(instances)):
            instance = instances[(first + place) % len(instances)]
            order = _order(asked, instance)
            # A connection that was kept may just be closing; a new one is not.
            for fresh in (False, True) if repeatable else (True,):
                try:
                    reply = await self._connections.send(order(), instance, fresh=fresh)
                    return await read(reply)
                except (NoConnection, NotSendable):
                    break
                except ConnectionLost:
                    if not repeatable:
                        raise NotAnswered("broke off in the middle of it") from None
        raise NotAnswered("does not answer")


def _order(asked: Asked, instance: Instance) -> Callable[[], Order]:
    """A request as an instance gets it, any number of times."""
    path = quote(asked.path)
    target = f"{path}?{asked.query.decode()}" if asked.query else path
    head = [(b"host", instance.authority.encode()), *asked.fields]
    if asked.body:
        head.append((b"content-length", str(len(asked.body)).encode()))

    async def body() -> AsyncGenerator[bytes]:
        yield asked.body

    def made() -> Order:
        line = f"{instance.base}{target}".encode()
        return Order(asked.method, line, head, body() if asked.body else None)

    return made


async def _timed(answer: Streaming | Reply, clock: Clock) -> AsyncGenerator[bytes]:
    """The pieces of a stream, which has to say something from time to time.

    Raises:
        NotAnswered: It broke off, or is silent.
    """
    pieces = answer.pieces()

    async def following() -> bytes | None:
        return await anext(pieces, None)

    while True:
        try:
            piece = await within(clock, SILENCE, following())
        except TimeoutError:
            raise NotAnswered("says nothing any more") from None
        except Exception as error:
            raise NotAnswered("broke off") from error
        if piece is None:
            return
        yield piece


async def _whole(pieces: AsyncIterator[bytes]) -> bytes:
    """A body.

    Raises:
        NotAnswered: It is too long.
    """
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) > _LONGEST:
            raise NotAnswered("says too much")
    return bytes(body)


def _is_stream(fields: Fields) -> bool:
    kind = dict(fields).get(b"content-type", b"")
    return kind.partition(b";")[0].strip() == b"text/event-stream"


def _refused(answer: Inside) -> Refused:
    wait = dict(answer.fields).get(b"retry-after", b"")
    return Refused(_said(answer), int(wait) if wait.isdigit() else None)


def _said(answer: Inside) -> Said:
    """An answer as its JSON and the way to its next page.

    Raises:
        NotAnswered: It is none.
    """
    try:
        body: Any = msgspec.json.decode(answer.body) if answer.body else None
    except msgspec.DecodeError:
        if answer.status == HTTPStatus.OK:
            raise NotAnswered("answers, but not in JSON") from None
        body = None
    links = (value.decode("latin-1") for name, value in answer.fields if name == b"link")
    return Said(answer.status, body, _cursor(next(links, "")))


def _cursor(link: str) -> str | None:
    """Where a `Link` header of a list leads."""
    target, _, relation = link.partition(">")
    if 'rel="next"' not in relation:
        return None
    return parse_qs(urlsplit(target.lstrip("<")).query).get("cursor", [None])[0]
