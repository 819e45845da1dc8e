# SPDX-License-Identifier: Apache-2.0
"""How analytics plugs into an application."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from rollcall.analytics.api import router
from rollcall.analytics.api_numbers import numbers_router
from rollcall.analytics.errors import AgentUnknown, ConversationExists, ConversationNotFound
from rollcall.analytics.feed import Feed
from rollcall.analytics.ports import FactStore
from rollcall.web.health import Ping
from rollcall.web.metrics import Collector
from rollcall.web.module import Module
from rollcall.web.problems import Kind

PROBLEMS: Final[Mapping[type[Exception], Kind]] = {
    ConversationNotFound: Kind(
        404, "conversation-not-found", "There is no such conversation", ("conversation_id",)
    ),
    ConversationExists: Kind(
        409,
        "conversation-exists",
        "The id or the idempotency key was used for something else",
        ("conversation_id", "key"),
    ),
    AgentUnknown: Kind(404, "agent-unknown", "Nobody has told of such an agent", ("agent_id",)),
}


def module(store: FactStore, feed: Feed[Any], collectors: Sequence[Collector] = ()) -> Module:
    """Analytics: its routes, over `analytics_service`, and what it hears of.

    Args:
        store: Opened before the first request, and closed after the last.
        feed: Turns events into facts.
        collectors: Figures of the store.
    """

    @asynccontextmanager
    async def opened() -> AsyncGenerator[None]:
        await store.open()
        try:
            yield
        finally:
            await store.close()

    return Module(
        name="analytics",
        routers=(numbers_router(), router()),
        subscriptions=feed.subscriptions,
        pings=(Ping("facts", store.ping),),
        problems=PROBLEMS,
        collectors=collectors,
        lifespans=(opened,),
    )
