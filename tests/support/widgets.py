"""Widgets with all that they need: agents, an agent service that says what it was told, HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp

from rollcall.agents import AgentService
from rollcall.agents.changes import change_of
from rollcall.agents.models import By, Status
from rollcall.agents.repository import SqlAgentStore
from rollcall.app.runnable import StoredDefinitions
from rollcall.app.service_calls import ServiceCalls
from rollcall.app.widgets import ServiceTalk, StoredAgents
from rollcall.backends.sql.database import Database
from rollcall.conversations.models import LoopEvent
from rollcall.conversations.options import ConversationOptions
from rollcall.conversations.ports import Meter, Task
from rollcall.conversations.repository import SqlTurnStore
from rollcall.conversations.service import ConversationService
from rollcall.gateway.ports import NoInstances
from rollcall.kernel.clock import Clock
from rollcall.kernel.ids import RandomIds
from rollcall.kernel.services import ServiceRegistry
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import Access, OpenAccess
from rollcall.web.drain import Drain
from rollcall.web.module import Kit, create_app
from rollcall.web.passes import PassAccess, Passes
from rollcall.web.proxies import Networks
from rollcall.widgets.addresses import Addresses
from rollcall.widgets.arriving import PublicParts
from rollcall.widgets.limits import Gates, WidgetLimits
from rollcall.widgets.module import module
from rollcall.widgets.repository import SqlWidgetStore
from rollcall.widgets.script import Script
from rollcall.widgets.service import WidgetService
from rollcall.widgets.tokens import VisitorTokens
from rollcall.widgets.visiting import VisitorService
from support.conversations import InMemoryToolbox
from support.conversing import Parrot
from support.fronts import front_of
from support.sse import Told, parsed

PAGE = "https://shop.example"
"""The origin of a page that may embed the widgets of a house."""
SCRIPT = Script(b"// A widget.\n")
BOTH = pytest.mark.parametrize(
    "database_url",
    ["sqlite", pytest.param("postgresql", marks=pytest.mark.server)],
    indirect=True,
)
"""For modules whose tests are of both databases."""
WIDGET: dict[str, Any] = {"agent_id": "clerk", "name": "Ada", "allowed_origins": [PAGE]}


class Clerk(Parrot):
    """A parrot that may be told to fail at a message."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: dict[str, Exception] = {}

    async def run(self, task: Task, meter: Meter) -> AsyncGenerator[LoopEvent]:
        async for event in super().run(task, meter):
            yield event
            if task.user_input in self.errors:
                raise self.errors[task.user_input]


class House:
    """A widget service, an agent service, and a parrot that answers."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        limits: WidgetLimits | None = None,
        base: str | None = None,
        trusted: Networks = (),
        access: Access | None = None,
        script: Script = SCRIPT,
    ) -> None:
        self.database, self.clock = database, clock
        self.limits = limits or WidgetLimits()
        self.clerk, self.audit = Clerk(), InMemoryAuditLog()
        self.passes, self.drain = Passes(bytes(32), clock), Drain()
        definitions = SqlAgentStore(database)
        self.agents = AgentService(definitions, clock, RandomIds())
        self.conversations = ConversationService(
            SqlTurnStore(database),
            self.clerk,
            clock,
            RandomIds(),
            ConversationOptions(),
            definitions=StoredDefinitions(definitions, lambda _: True),
        )
        self.agent_app: ASGIApp = front_of(
            self.conversations,
            InMemoryToolbox(),
            self.clerk,
            clock,
            PassAccess(OpenAccess(), self.passes),
        )
        self.local: dict[str, ASGIApp] = {"agent": self.agent_app}
        self.calls = ServiceCalls(NoInstances(), self.local, {}, self.passes, clock)
        self.store = SqlWidgetStore(database)
        self.tokens = VisitorTokens(self.passes.secret_for("widget visitors"), clock)
        answering = StoredAgents(definitions)
        self.widgets = WidgetService(self.store, answering, clock, RandomIds())
        self.visitors = VisitorService(
            self.store,
            answering,
            ServiceTalk(self.calls),
            clock,
            RandomIds(),
            daily_messages=self.limits.daily_messages,
            leaving=lambda: self.drain.begun,
        )
        addresses = Addresses(base, trusted)
        self.parts = PublicParts(
            script,
            self.tokens,
            Gates(self.limits, clock),
            addresses.own,
            self.limits.message_chars,
        )
        self.module = module(
            self.store, self.visitors, self.parts, addresses.base, clock, self.drain
        )
        self.app = self._app(access, trusted)

    def _app(self, access: Access | None, trusted: Networks) -> FastAPI:
        services = ServiceRegistry()
        services.register("widget_service", self.widgets)
        services.register("visitor_service", self.visitors)
        services.register("public_widgets", self.parts)
        kit = Kit(
            "widgets",
            "1",
            self.clock,
            RandomIds(),
            access or OpenAccess(),
            self.audit,
            Drain(),
            services=services,
            proxies=trusted,
        )
        return create_app([self.module], kit)

    async def hire(self, agent_id: str = "clerk", *, active: bool = True) -> None:
        """Have an agent that widgets may name."""
        status = Status.ACTIVE if active else Status.DRAFT
        content = change_of({"name": agent_id.title(), "description": "Sells"})
        await self.agents.create(
            content, By(namespace="default", author="local"), agent_id=agent_id, status=status
        )

    async def close(self) -> None:
        """Let go of what is under way."""
        await self.parts.attendance.close()
        await self.conversations.stop()

    @asynccontextmanager
    async def client(
        self, address: str = "192.0.2.7", **headers: str
    ) -> AsyncGenerator[httpx.AsyncClient]:
        """Somebody who asks from an address."""
        transport = httpx.ASGITransport(self.app, client=(address, 4711))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost", headers=headers
        ) as one:
            yield one


class Page:
    """A page of some origin with a widget on it, as its browser asks."""

    def __init__(self, client: httpx.AsyncClient, key: str, origin: str | None = PAGE) -> None:
        self.client, self.key = client, key
        self.headers: dict[str, str] = {} if origin is None else {"Origin": origin}
        self.visitor_id = ""

    async def meet(self) -> httpx.Response:
        """Become a visitor."""
        answer = await self.post("visitors", {})
        if answer.status_code == 201:
            self.headers["Authorization"] = f"Bearer {answer.json()['token']}"
            self.visitor_id = answer.json()["visitor_id"]
        return answer

    async def get(self, path: str, **params: Any) -> httpx.Response:
        return await self.client.get(self._at(path), params=params, headers=self.headers)

    async def post(self, path: str, body: Any) -> httpx.Response:
        return await self.client.post(self._at(path), json=body, headers=self.headers)

    async def say(self, message: str, client_id: str = "c1") -> httpx.Response:
        return await self.post("messages", {"message": message, "client_id": client_id})

    def _at(self, path: str) -> str:
        return f"/widget/v1/{self.key}/{path}"


def told(answer: httpx.Response) -> list[tuple[str, Any]]:
    """The events of a stream that has ended: name and data."""
    assert answer.status_code == 200, answer.text
    found: list[Told] = list(parsed(answer.text.splitlines()))
    return [(one.name, one.data) for one in found]


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and kind of a refusal."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, json.loads(answer.text)["type"].rpartition(":")[2]
