# SPDX-License-Identifier: Apache-2.0
"""How the agent service plugs into an application."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from rollcall.conversations.api import router
from rollcall.conversations.metrics import ConversationMetrics
from rollcall.conversations.openai_api import router as openai_router
from rollcall.conversations.ports import Loop, Toolbox
from rollcall.conversations.problems import PROBLEMS
from rollcall.conversations.service import ConversationService
from rollcall.kernel.clock import Clock
from rollcall.kernel.ids import IdSource
from rollcall.web.background import BackgroundTask
from rollcall.web.drain import Drain
from rollcall.web.metrics import Collector
from rollcall.web.module import Module


def module(
    service: ConversationService,
    loop: Loop,
    toolbox: Toolbox,
    metrics: ConversationMetrics,
    *,
    clock: Clock,
    ids: IdSource,
    drain: Drain,
    collectors: Sequence[Collector] = (),
    warm: Callable[[], Awaitable[None]] | None = None,
    closed: Sequence[Callable[[], Awaitable[None]]] = (),
) -> Module:
    """The agent service.

    Args:
        service: What holds conversations; started and stopped here.
        loop: What answers.
        toolbox: The tools that there are.
        metrics: The service's own figures.
        clock: Time.
        ids: Randomness.
        drain: Says when streams must end.
        collectors: More figures.
        warm: Loads, behind the first requests, what the first answer needs.
        closed: What else is closed at the end, in this order.
    """

    @asynccontextmanager
    async def lifespan() -> AsyncGenerator[None]:
        await service.start()
        try:
            yield
        finally:
            await service.stop()
            for close in closed:
                await close()

    async def warming() -> None:
        if warm is not None:
            await warm()

    return Module(
        name="conversations",
        routers=(
            router(service, toolbox, loop.models, clock, drain),
            openai_router(service, loop.models, clock, ids, drain),
        ),
        tasks=(
            BackgroundTask("turns", service.look_after),
            BackgroundTask("warm model", warming),
        ),
        problems=PROBLEMS,
        collectors=(metrics, *collectors),
        lifespans=(lifespan,),
    )
