# SPDX-License-Identifier: Apache-2.0
"""A library of two trades, and a wizard over it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from fastapi import FastAPI

from rollcall.agents import AgentService, CapabilityService
from rollcall.agents.module import module as definitions
from rollcall.agents.repository import SqlAgentStore
from rollcall.agents.wizard.models import Reach, TalkEvent
from rollcall.agents.wizard.module import module
from rollcall.agents.wizard.service import WizardService
from rollcall.agents.wizard.shelf import Shelf
from rollcall.agents.wizard.vocabulary import LibraryVocabulary
from rollcall.backends.sql.database import Database
from rollcall.kernel.caller import Caller
from rollcall.kernel.clock import Clock
from rollcall.kernel.ids import RandomIds
from rollcall.kernel.services import ServiceRegistry
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import Access, OpenAccess
from rollcall.web.drain import Drain
from rollcall.web.module import Kit, create_app

SHELF = Path(__file__).parent.parent / "agents" / "wizard" / "shelf"
BAKERY: dict[str, Any] = {
    "business_name": "Crumb & Crust",
    "business_description": "Sourdough from a wood-fired oven",
    "business_domain": "https://crumb.example",
    "industry": "bakery",
    "llm_model": "openai:gpt-6-luna",
    "interface_type": "webchat",
}


class Reached:
    """`ReachableModels` of OpenAI alone, or of nobody."""

    def __init__(self, *providers: str) -> None:
        self.providers = providers

    def reach(self, model: str | None) -> Reach:
        if model is None:
            return Reach(True) if self.providers else Reach(False, "any key")
        provider = model.partition(":")[0]
        return (
            Reach(True) if provider in self.providers else Reach(False, f"{provider.upper()}_KEY")
        )


class Talking:
    """`Talk` that says what it is told to say, and notes what it was asked."""

    def __init__(self, *events: TalkEvent, error: Exception | None = None) -> None:
        self.answers: Sequence[TalkEvent] = events
        self.error = error
        self.asked: list[tuple[Caller, dict[str, Any], str | None]] = []
        self.closed = 0

    async def events(
        self, caller: Caller, message: Mapping[str, Any], key: str | None
    ) -> AsyncGenerator[TalkEvent]:
        self.asked.append((caller, dict(message), key))
        try:
            for one in self.answers:
                yield one
            if self.error is not None:
                raise self.error
        finally:
            self.closed += 1


def event(name: str, **data: Any) -> TalkEvent:
    """An event of a talk."""
    return TalkEvent(name, msgspec.json.encode(data))


class House:
    """A wizard over a database, and HTTP over it."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        shelf: Shelf | None = None,
        talk: Talking | None = None,
        reached: Reached | None = None,
    ) -> None:
        store, ids = SqlAgentStore(database), RandomIds()
        self.clock = clock
        self.shelf = shelf or Shelf(clock, shipped=SHELF)
        self.talk = talk or Talking(event("accepted"), event("done", response="Yes."))
        self.agents = AgentService(store, clock, ids, LibraryVocabulary(self.shelf))
        self.capabilities = CapabilityService(store, clock, ids)
        self.wizard = WizardService(
            self.agents,
            self.capabilities,
            self.shelf,
            reached or Reached("openai"),
            self.talk,
            clock,
            ids,
        )

    def app(self, access: Access | None = None) -> FastAPI:
        """HTTP over it, for everybody on this machine or for whom `access` lets in."""
        services = ServiceRegistry()
        services.register("agent_service", self.agents)
        services.register("capability_service", self.capabilities)
        services.register("wizard_service", self.wizard)
        kit = Kit(
            "wizard",
            "1",
            self.clock,
            RandomIds(),
            access or OpenAccess(),
            InMemoryAuditLog(),
            Drain(),
            services=services,
        )
        return create_app([definitions(), module(self.clock, Drain())], kit)
