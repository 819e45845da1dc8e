# SPDX-License-Identifier: Apache-2.0
"""How widgets plug into an application."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final

from starlette.middleware import Middleware

from rollcall.events.envelope import Event
from rollcall.events.subscriptions import Handler
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import Unavailable
from rollcall.sql import Work
from rollcall.web.background import BackgroundTask
from rollcall.web.drain import Drain
from rollcall.web.module import Module
from rollcall.widgets import api
from rollcall.widgets.arriving import PublicParts
from rollcall.widgets.doors import ShortBodies, WidgetCors
from rollcall.widgets.embed import PUBLIC
from rollcall.widgets.limits import body_bytes
from rollcall.widgets.problems import PROBLEMS
from rollcall.widgets.public_api import public_router
from rollcall.widgets.repository import SqlWidgetStore
from rollcall.widgets.visiting import VisitorService

GROUP: Final = "widget-failures"
KEPT_SECONDS: Final = 7 * 86_400
"""For how long it is known that a visitor was there; a token is good for a day."""
_EVERY: Final = 3_600.0
_log = logging.getLogger(__name__)


def module(
    store: SqlWidgetStore,
    visitors: VisitorService,
    parts: PublicParts,
    base: api.Base,
    clock: Clock,
    drain: Drain,
) -> Module:
    """Widgets: their routes, over `widget_service` and `visitor_service`, and those for everybody.

    Args:
        store: Where they are.
        visitors: What visitors may do.
        parts: What the public routes stand on.
        base: What embed codes point to.
        clock: Time.
        drain: Says when streams must end.
    """

    async def failed(event: Event, work: Work) -> None:
        """Count that a message has no answer, also where its visitor has left."""
        await store.within(work).failed(event.namespace, str(event.data["conversation_id"]))

    async def forget() -> None:
        """Forget visitors who have gone for good, until cancelled."""
        while True:
            try:
                await store.forget(clock.now() - KEPT_SECONDS)
            except Unavailable as error:
                _log.info("visitors are forgotten later: %s", error)
            await clock.sleep(_EVERY)

    @asynccontextmanager
    async def kept() -> AsyncGenerator[None]:
        """Pages that name the script of this version find it whichever version runs later."""
        script = parts.script
        await store.keep_script(script.hash, script.body, clock.now())
        yield

    @asynccontextmanager
    async def attended() -> AsyncGenerator[None]:
        try:
            yield
        finally:
            await parts.attendance.close()

    subscription: Handler[Any] = Handler(GROUP, frozenset({"conversation.failed"}), failed)
    return Module(
        name="widgets",
        routers=(api.router(parts.script, parts.tokens, base), api.templates_router()),
        public_routers=(public_router(parts, clock, drain),),
        subscriptions=(subscription,),
        tasks=(BackgroundTask("widget visitors", forget),),
        problems=PROBLEMS,
        lifespans=(kept, attended),
        outer=(Middleware(WidgetCors, visitors, parts.gates),),
        doors=(Middleware(ShortBodies, body_bytes(parts.message_chars)),),
        # What visitors say is in their conversations.
        unaudited=tuple(
            f"{PUBLIC}/{{public_key}}/{name}" for name in ("visitors", "messages", "track")
        ),
    )
