"""An application with all fronts of the agent service."""

from __future__ import annotations

from fastapi import FastAPI

from rollcall.conversations.api import router
from rollcall.conversations.api_execute import execute_router
from rollcall.conversations.openai_api import DIALECTS, openai_router
from rollcall.conversations.ports import Conversations, Loop, Toolbox
from rollcall.conversations.problems import PROBLEMS
from rollcall.kernel.clock import Clock
from rollcall.kernel.ids import RandomIds
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import Access, OpenAccess
from rollcall.web.drain import Drain
from rollcall.web.module import Kit, Module, create_app


def front_of(
    conversations: Conversations,
    toolbox: Toolbox,
    loop: Loop,
    clock: Clock,
    access: Access | None = None,
) -> FastAPI:
    """HTTP as document 1 has it, and OpenAI's, over the same conversations."""
    drain, ids = Drain(), RandomIds()
    module = Module(
        "agent",
        routers=(
            router(conversations, toolbox, loop.models, clock, drain),
            openai_router(conversations, loop.models, clock, ids, drain),
            execute_router(conversations, loop.models, clock),
        ),
        problems=PROBLEMS,
        dialects=DIALECTS,
    )
    kit = Kit("agent", "1", clock, ids, access or OpenAccess(), InMemoryAuditLog(), drain)
    return create_app([module], kit)
