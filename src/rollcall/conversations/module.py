# SPDX-License-Identifier: Apache-2.0
"""How the agent service plugs into an application, and what of its events can be redacted."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from rollcall.conversations.api import router
from rollcall.conversations.api_execute import execute_router
from rollcall.conversations.openai_api import DIALECTS, openai_router
from rollcall.conversations.ports import Loop, Toolbox
from rollcall.conversations.problems import PROBLEMS
from rollcall.conversations.service import ConversationService
from rollcall.kernel.clock import Clock
from rollcall.kernel.ids import IdSource
from rollcall.web.background import BackgroundTask
from rollcall.web.drain import Drain
from rollcall.web.metrics import Collector
from rollcall.web.module import Lifespan, Module

BLANKS: Final[Mapping[str, Mapping[str, Any]]] = {
    "conversation.completed": {"user_id": "", "user_message": "", "agent_response": ""},
    "conversation.failed": {"user_id": "", "user_message": "", "agent_response": "", "error": ""},
    "usage.recorded": {"user_id": ""},
}
"""What events about a session tell of who said what, and what stands there once it is deleted."""


def module(
    service: ConversationService,
    loop: Loop,
    toolbox: Toolbox,
    *,
    clock: Clock,
    ids: IdSource,
    drain: Drain,
    collectors: Sequence[Collector] = (),
    tasks: Sequence[BackgroundTask] = (),
    lifespans: Sequence[Lifespan] = (),
) -> Module:
    """The agent service.

    Args:
        service: What holds conversations; started and stopped here.
        loop: What answers.
        toolbox: The tools that there are.
        clock: Time.
        ids: Randomness.
        drain: Says when streams must end.
        collectors: Figures.
        tasks: What else runs beside the requests.
        lifespans: What the service stands on, opened before it and closed after.
    """

    @asynccontextmanager
    async def lifespan() -> AsyncGenerator[None]:
        await service.start()
        try:
            yield
        finally:
            await service.stop()

    async def last_call() -> None:
        await drain.last_call()
        await service.last_call()

    return Module(
        name="conversations",
        routers=(
            router(service, toolbox, loop.models, clock, drain),
            openai_router(service, loop.models, clock, ids, drain),
            execute_router(service, loop.models, clock),
        ),
        tasks=(
            BackgroundTask("turns", service.look_after),
            BackgroundTask("last call", last_call),
            *tasks,
        ),
        problems=PROBLEMS,
        dialects=DIALECTS,
        collectors=collectors,
        lifespans=(*lifespans, lifespan),
    )
