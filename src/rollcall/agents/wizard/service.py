# SPDX-License-Identifier: Apache-2.0
"""The wizard: prompts, checks, previews and a talk, for agents out of a library of trades."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from rollcall.agents.capability_service import CapabilityService
from rollcall.agents.changes import Change, begun, shown
from rollcall.agents.checks import check_content
from rollcall.agents.documents import document_of, exported
from rollcall.agents.models import By, Content, Definition, Status
from rollcall.agents.service import AgentService
from rollcall.agents.wizard.checks import issues_of
from rollcall.agents.wizard.errors import (
    AgentIncomplete,
    AgentNotActive,
    IndustryNotFound,
    TalkRefused,
)
from rollcall.agents.wizard.models import (
    Industry,
    IndustryMetadata,
    Issue,
    Library,
    Preview,
    Readiness,
    TalkEvent,
)
from rollcall.agents.wizard.ports import SILENT, AgentServiceAway, ReachableModels, Talk
from rollcall.agents.wizard.prompting import business_of, check_custom, greeting_of
from rollcall.agents.wizard.shelf import Shelf
from rollcall.agents.wizard.vocabulary import (
    CUSTOM,
    LibraryVocabulary,
    made_prompt,
    metadata_of,
    missing_of,
)
from rollcall.agents.writing import Accepted
from rollcall.agents.yaml_text import written
from rollcall.kernel.caller import Caller
from rollcall.kernel.clock import Clock, utc
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import IdSource, derived
from rollcall.policies.list_prices import ModelPrices, model_prices, source

_INSTRUCTIONS: Final = "instructions"
"""Where in a definition's configuration is what its agent is told to be."""
_RESERVED: Final = "is the agent service's own, which answers in its place"
_RENAME: Final = "make another agent like it, with another id"
_REASON: Final = "prompt made by the wizard"


class Prompted(NamedTuple):
    """An agent's prompt, and the agent as it is now."""

    text: str
    metadata: IndustryMetadata
    definition: Definition


class Priced(NamedTuple):
    """What models cost.

    Args:
        prices: By `provider:model`; of one that is not in it nobody knows.
        source: Where the prices are from.
        at: Of which moment they are.
    """

    prices: Mapping[str, ModelPrices]
    source: str
    at: datetime


class WizardService:
    """Makes agents for businesses.

    Args:
        agents: Definitions.
        capabilities: What they can be given.
        shelf: The library.
        models: Which models can be asked.
        talk: The agent service.
        clock: Time.
        ids: Draws the ids of conversations.
        reserved: Ids that the agent service goes by itself: a definition of one is not run.
    """

    def __init__(
        self,
        agents: AgentService,
        capabilities: CapabilityService,
        shelf: Shelf,
        models: ReachableModels,
        talk: Talk,
        clock: Clock,
        ids: IdSource,
        reserved: Collection[str] = (),
    ) -> None:
        self.shelf = shelf
        self.models = models
        self._vocabulary = LibraryVocabulary(shelf)
        self._agents = agents
        self._capabilities = capabilities
        self._talk = talk
        self._clock = clock
        self._ids = ids
        self._reserved = reserved

    @property
    def library(self) -> Library:
        """What may be chosen now."""
        return self.shelf.library

    def industry(self, key: str) -> Industry:
        """An industry of the library.

        Raises:
            IndustryNotFound: There is none.
        """
        found = self.library.industries.get(key)
        if found is None:
            raise IndustryNotFound(key, list(self.library.industries))
        return found

    async def priced(self) -> Priced:
        """What the models of the library cost."""
        at = utc(self._clock.now())
        named = [(name, *name.partition(":")[::2]) for name in self.library.models]

        def looked_up() -> Priced:
            found = {name: model_prices(model, provider, at) for name, provider, model in named}
            known = {name: one for name, one in found.items() if one is not None}
            return Priced(known, source(), at)

        # The list takes a fifth of a second to load.
        return await asyncio.to_thread(looked_up)

    async def prompt(
        self,
        agent_id: str,
        by: By,
        *,
        custom: str | None = None,
        save: bool = True,
        accepted: Accepted = None,
    ) -> Prompted:
        """Make an agent's prompt.

        Args:
            agent_id: Whose.
            by: Who wants it.
            custom: What the business adds; empty: nothing any more; None: what it has added
                before.
            save: Whether the agent is told so from now on: its definition's next version.
            accepted: The revisions that it may be at; None: any.

        Raises:
            AgentNotFound: There is none.
            AgentIncomplete: It does not say enough.
            InvalidInput: What is added is too long.
            RevisionMismatch: It is at none of the revisions that are accepted.
        """
        if custom is not None:
            check_custom(CUSTOM, custom)
        library = self.library

        def told(content: Content) -> Content:
            text = made_prompt(content, library, custom)
            if text is None:
                raise AgentIncomplete(agent_id, missing_of(content, library))
            return msgspec.structs.replace(content, configuration=_told(content, text, custom))

        if save:
            by = by if by.reason else msgspec.structs.replace(by, reason=_REASON)
            done = await self._agents.revise(agent_id, told, by, accepted)
            content = done.content
        else:
            done = await self._agents.get(agent_id, namespace=by.namespace)
            content = told(done.content)
        text: str = content.configuration[_INSTRUCTIONS]
        return Prompted(text, metadata_of(content, library), done)

    async def readiness(self, agent_id: str, *, namespace: str) -> Readiness:
        """Whether an agent can begin its work, and what keeps it.

        Raises:
            AgentNotFound: There is none.
        """
        found = await self._agents.get(agent_id, namespace=namespace)
        issues = await self._issues(found.content, found.status, namespace)
        if agent_id in self._reserved:
            issues = (Issue("id", _RESERVED, _RENAME), *issues)
        return Readiness(not issues, issues, metadata_of(found.content, self.library))

    async def preview(self, change: Change, custom: str | None, *, namespace: str) -> Preview:
        """An agent that is not kept yet.

        Raises:
            InvalidInput: Something in it could not be kept, or it does not say enough.
        """
        content = begun(change)
        await asyncio.to_thread(check_content, content)
        self._vocabulary.check(content, None)
        library = self.library
        if custom is not None:
            check_custom(CUSTOM, custom)
        text = made_prompt(content, library, custom)
        if text is None:
            raise InvalidInput(missing_of(content, library)[0], "is missing: a prompt needs it")
        told = msgspec.structs.replace(content, configuration=_told(content, text, custom))
        return Preview(
            text,
            greeting_of(library.industries[content.industry or ""], business_of(content)),
            metadata_of(told, library),
            await asyncio.to_thread(written, [{"kind": "agent", **shown(told)}], ascii_only=False),
            await self._issues(told, Status.DRAFT, namespace),
        )

    async def yaml(self, agent_id: str, *, namespace: str) -> str:
        """A definition as the YAML that `rollcall agents apply` takes.

        Raises:
            AgentNotFound: There is none.
        """
        found = await self._agents.get(agent_id, namespace=namespace)
        document = exported("agent", document_of(found))
        return await asyncio.to_thread(written, [document], ascii_only=False)

    async def talk(
        self,
        agent_id: str,
        caller: Caller,
        message: str,
        *,
        session_id: str | None = None,
        user_id: str | None = None,
        key: str | None = None,
    ) -> AsyncGenerator[TalkEvent]:
        """An answer of an agent as it comes; to be closed. Ends with `done` or `failed`.

        Args:
            agent_id: Who is to answer.
            caller: Who asks.
            message: What they say.
            session_id: In which conversation; None: in a new one.
            user_id: On whose behalf; None: nobody's.
            key: As for `Talk.events`.

        Raises:
            AgentNotFound: There is none.
            AgentNotActive: It may not be talked to.
            InvalidInput: Another agent would answer.
        """
        found = await self._agents.get(agent_id, namespace=caller.namespace)
        if found.status is not Status.ACTIVE:
            raise AgentNotActive(agent_id, found.status)
        if agent_id in self._reserved:
            raise InvalidInput("agent_id", f"{_RESERVED}: {_RENAME}")
        if session_id is None:
            # The same message sent again must come to the same conversation.
            name = derived("wizard", caller.subject, agent_id, key, digits=24) if key else None
            session_id = f"wizard-{name or self._ids.hex(24)}"
        told = {"session_id": session_id, "user_input": message, "agent_id": agent_id}
        if user_id is not None:
            told["user_id"] = user_id
        return self._talk.events(caller, {**told, "stream": True}, key)

    async def _issues(self, content: Content, status: Status, namespace: str) -> tuple[Issue, ...]:
        has = sorted(content.capabilities)
        there: Collection[str] = await self._capabilities.known(has, namespace=namespace)
        return issues_of(content, status, self.library, self.models.reach, there)


async def ended(events: AsyncGenerator[TalkEvent]) -> bytes:
    """The answer that a talk ends with, as JSON.

    Raises:
        TalkRefused: It ends with a problem.
        AgentServiceAway: It does not end.
    """
    async with aclosing(events):
        async for one in events:
            if one.event == "done":
                return one.data
            if one.event == "failed":
                problem: dict[str, Any] = msgspec.json.decode(one.data)
                raise TalkRefused(int(problem.get("status", 502)), problem)
    raise AgentServiceAway(SILENT)


def _told(content: Content, text: str, custom: str | None) -> dict[str, Any]:
    """The configuration of an agent that is told to be `text`."""
    told = {**content.configuration, _INSTRUCTIONS: text}
    if custom is not None:
        told[CUSTOM] = custom
        if not custom.strip():
            del told[CUSTOM]
    return told
