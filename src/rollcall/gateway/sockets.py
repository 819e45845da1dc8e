# SPDX-License-Identifier: Apache-2.0
"""Passing a WebSocket on to a service in another process (RFC 6455)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from starlette.types import Receive, Scope, Send

from rollcall.client.reaching import places
from rollcall.gateway.errors import HostileRequest, Unreached
from rollcall.gateway.headers import answered, relocated
from rollcall.gateway.metrics import GatewayMetrics
from rollcall.gateway.passing import Passage
from rollcall.gateway.ports import Instance
from rollcall.gateway.settings import GatewaySettings
from rollcall.gateway.targets import Targets
from rollcall.gateway.upstreams import Attempt, Outcome, Upstreams
from rollcall.kernel.clock import Clock

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection
    from websockets.http11 import Response

_OWN: Final = frozenset((b"host", b"origin", b"user-agent"))
"""Fields that are said once, by whoever opens the connection."""
_NORMAL: Final = 1000
_GOING_AWAY: Final = 1001
_NONE: Final = 1005
_POLICY: Final = 1008
_INTERNAL: Final = 1011
_NEVER_SENT: Final = frozenset((1006, 1015))


class Sockets:
    """Passes WebSockets on: connected first, then accepted, then both ways until one side closes.

    Args:
        targets: Where instances are.
        upstreams: What is known of them.
        settings: Patience and limits.
        metrics: Takes note.
        clock: Time.
    """

    def __init__(
        self,
        targets: Targets,
        upstreams: Upstreams,
        settings: GatewaySettings,
        metrics: GatewayMetrics,
        clock: Clock,
    ) -> None:
        self._targets = targets
        self._upstreams = upstreams
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._open: set[ClientConnection] = set()

    async def drain(self) -> None:
        """Tell everybody that it is over."""
        await asyncio.gather(*(one.close(_GOING_AWAY) for one in list(self._open)))

    async def relay(self, one: Passage, scope: Scope, receive: Receive, send: Send) -> None:
        """Hold a conversation for a caller.

        Raises:
            ServiceNotHere, NoInstanceWorks, Unreached: No instance takes it.
        """
        from websockets.exceptions import InvalidStatus  # noqa: PLC0415 - few ever need it

        await receive()
        service = one.route.service
        self._metrics.begun(service)
        outcome = Outcome.UNREACHED
        try:
            connection, attempt = await self._connect(one, scope)
            try:
                outcome = Outcome.LEFT
                await self._converse(connection, receive, send)
                outcome = Outcome.ANSWERED
            finally:
                self._open.discard(connection)
                await connection.close()
                attempt.left(self._clock.monotonic(), outcome)
        except InvalidStatus as refused:
            outcome = Outcome.ANSWERED
            await _refuse(refused.response, one, scope, send)
        finally:
            self._metrics.ended(service, outcome)

    async def _connect(self, one: Passage, scope: Scope) -> tuple[ClientConnection, Attempt]:
        from websockets.exceptions import InvalidHandshake, InvalidStatus  # noqa: PLC0415

        service = one.route.service
        tried: set[str] = set()
        for number in range(self._settings.doors):
            instances = await self._targets.instances(service)
            attempt = self._upstreams.enter(service, instances, tried)
            if attempt is None:
                break
            if number:
                self._metrics.retried(service, Outcome.UNREACHED)
            tried.add(attempt.instance.id)
            try:
                connection = await self._handshake(one, scope, attempt.instance)
            except InvalidStatus:
                attempt.left(self._clock.monotonic(), Outcome.ANSWERED)
                raise
            except (OSError, TimeoutError, InvalidHandshake):
                attempt.left(self._clock.monotonic(), Outcome.UNREACHED)
            except BaseException:
                attempt.left(self._clock.monotonic(), Outcome.LEFT)
                raise
            else:
                self._open.add(connection)
                return connection, attempt
        raise Unreached(service, "no instance takes a connection")

    async def _handshake(self, one: Passage, scope: Scope, instance: Instance) -> ClientConnection:
        from websockets.asyncio.client import connect  # noqa: PLC0415
        from websockets.exceptions import InvalidURI  # noqa: PLC0415
        from websockets.typing import Origin, Subprotocol  # noqa: PLC0415

        class Straight(connect):
            """Leaves it to callers to go where an instance sends them."""

            def process_redirect(self, exc: Exception) -> Exception | str:
                return exc

        place = (await places(instance.host, instance.port))[0]
        own = instance.own_name or not one.host
        host = instance.authority if own else one.host.decode("latin-1")
        fields = {name: value.decode("latin-1") for name, value in one.fields if name in _OWN}
        origin = fields.get(b"origin")
        try:
            connecting = Straight(
                f"{'wss' if instance.secure else 'ws'}://{host}{instance.base}{one.target.decode()}",
                host=place,
                port=instance.port,
                origin=None if origin is None else Origin(origin),
                user_agent_header=fields.get(b"user-agent"),
                subprotocols=[Subprotocol(name) for name in scope.get("subprotocols", ())] or None,
                additional_headers=[
                    (name.decode("latin-1"), value.decode("latin-1"))
                    for name, value in one.fields
                    if name not in _OWN and not name.startswith(b"sec-websocket-")
                ],
                compression=None,
                proxy=None,
                open_timeout=self._settings.connect_seconds,
                max_size=self._settings.message_bytes,
            )
        except (InvalidURI, ValueError) as error:
            raise HostileRequest("host", "must be one host, with or without a port") from error
        return await connecting

    async def _converse(self, connection: ClientConnection, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept", "subprotocol": connection.subprotocol})
        up = asyncio.create_task(_up(connection, receive), name="gateway socket up")
        down = asyncio.create_task(_down(connection, send), name="gateway socket down")
        try:
            await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
        finally:
            up.cancel()
            down.cancel()
            ended = await asyncio.gather(up, down, return_exceptions=True)
        for one in ended:
            if isinstance(one, Exception):
                raise one


async def _up(connection: ClientConnection, receive: Receive) -> None:
    """From the caller to the service."""
    from websockets.exceptions import ConnectionClosed  # noqa: PLC0415

    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            await connection.close(_sayable(message.get("code")), message.get("reason") or "")
            return
        text: str | None = message.get("text")
        try:
            await connection.send(message["bytes"] if text is None else text)
        except ConnectionClosed:
            # The other way round says how it ended.
            await asyncio.Event().wait()


async def _down(connection: ClientConnection, send: Send) -> None:
    """From the service to the caller."""
    from websockets.exceptions import ConnectionClosed  # noqa: PLC0415

    try:
        while True:
            said = await connection.recv()
            key = "text" if isinstance(said, str) else "bytes"
            await send({"type": "websocket.send", key: said})
    except ConnectionClosed:
        code = _sayable(connection.close_code)
        await send(
            {"type": "websocket.close", "code": code, "reason": connection.close_reason or ""}
        )


def _sayable(code: int | None) -> int:
    """A code that may be sent: some only say that there was none (RFC 6455, section 7.4.1)."""
    if code is None or code == _NONE:
        return _NORMAL
    return _INTERNAL if code in _NEVER_SENT else code


async def _refuse(response: Response, one: Passage, scope: Scope, send: Send) -> None:
    """Answer the caller's handshake as the service answered ours."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": _POLICY})
        return
    # Values are bytes that were read as ISO-8859-1, whatever they stand for.
    raw = [
        (name.lower().encode(), said.encode("latin-1"))
        for name, said in response.headers.raw_items()
    ]
    status = response.status_code
    fields = answered(raw, status, guest=one.route.guest)
    hosts = {one.host.decode("latin-1").lower()}
    await send(
        {
            "type": "websocket.http.response.start",
            "status": status,
            "headers": relocated(fields, one.route.prefix, hosts),
        }
    )
    await send({"type": "websocket.http.response.body", "body": bytes(response.body or b"")})
