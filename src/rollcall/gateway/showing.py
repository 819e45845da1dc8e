# SPDX-License-Identifier: Apache-2.0
"""The description that `/docs` of the gateway shows: its own and those of all services."""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

import msgspec
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rollcall.gateway.asking import Asking, described
from rollcall.gateway.describing import merged
from rollcall.gateway.models import RouteTable
from rollcall.gateway.targets import Targets
from rollcall.kernel.clock import Clock

_KEPT: Final = 15.0
"""Seconds for which a description is shown again: strangers may ask, and it costs all services."""


class Showing:
    """Answers `/openapi.json`.

    Args:
        table: Which paths are whose.
        targets: Where services are.
        asking: Asks them.
        clock: Time.
    """

    def __init__(self, table: RouteTable, targets: Targets, asking: Asking, clock: Clock) -> None:
        self._table = table
        self._targets = targets
        self._asking = asking
        self._clock = clock
        self._told: tuple[float, bytes] | None = None
        self._turn = asyncio.Lock()

    async def show(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with `app`'s own description and all others."""
        # Who asks meanwhile is shown the same one.
        async with self._turn:
            now = self._clock.monotonic()
            if self._told is None or now - self._told[0] >= _KEPT:
                own = await _own(app, scope, receive)
                self._told = now, msgspec.json.encode(await self._all(own))
            body = self._told[1]
        await Response(body, media_type="application/json")(scope, receive, send)

    async def _all(self, own: dict[str, Any]) -> dict[str, Any]:
        # What guests say of themselves would be shown as what Rollcall says.
        names = [
            name
            for name, one in self._table.services.items()
            if not (one.guest or self._targets.is_here(name))
        ]
        found = await asyncio.gather(*(described(self._asking, one) for one in names))
        others = {name: one for name, one in zip(names, found, strict=True) if one is not None}
        return merged(own, others, self._table)


async def _own(app: ASGIApp, scope: Scope, receive: Receive) -> dict[str, Any]:
    body = bytearray()

    async def keep(message: Message) -> None:
        body.extend(message.get("body", b""))

    await app(scope, receive, keep)
    return cast("dict[str, Any]", msgspec.json.decode(body))
