# SPDX-License-Identifier: Apache-2.0
"""Widgets: what they are made of, and how they reach agents."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from rollcall.agents.models import Status
from rollcall.agents.ports import AgentStore
from rollcall.agents.repository import SqlAgentStore
from rollcall.app.gateway import instances_of, proxies, urls_of
from rollcall.app.own import Registration
from rollcall.app.service_calls import Refused, ServiceCalls
from rollcall.app.settings import Settings
from rollcall.app.widget_settings import WidgetVariables
from rollcall.conversations.models import DEFAULT_AGENT
from rollcall.dashboard.models import Question
from rollcall.dashboard.models import Said as Answered
from rollcall.dashboard.ports import NotAnswered
from rollcall.kernel.caller import READ, REGISTER, Caller
from rollcall.web.module import Module
from rollcall.widgets.addresses import Addresses
from rollcall.widgets.arriving import PublicParts
from rollcall.widgets.browser import script
from rollcall.widgets.errors import AnswerUnavailable, MessageRefused
from rollcall.widgets.limits import Gates, WidgetLimits
from rollcall.widgets.models import Said, Told, Widget
from rollcall.widgets.module import module as widgets
from rollcall.widgets.ports import Message
from rollcall.widgets.repository import SqlWidgetStore
from rollcall.widgets.script import Script
from rollcall.widgets.service import WidgetService
from rollcall.widgets.tokens import VisitorTokens
from rollcall.widgets.visiting import VisitorService

if TYPE_CHECKING:
    from rollcall.app.compose import Platform

WIDGETS: Final = Registration(
    "widget-service",
    "api",
    "Agents on other people's pages, and the door that visitors come through",
    capabilities=("chat widgets", "embed codes", "widget templates"),
    tags=("widgets",),
)
_AGENT: Final = "agent"


class StoredAgents:
    """`Agents` over the definitions in the database, without the one that is not run: by its id the
    agent service's own agent answers, who has every tool.

    Args:
        store: Where they are.
    """

    def __init__(self, store: AgentStore) -> None:
        self._store = store

    async def answers(self, namespace: str, agent_id: str) -> bool | None:
        if agent_id == DEFAULT_AGENT:
            return None
        found = await self._store.get(namespace, agent_id)
        return None if found is None else found.status is Status.ACTIVE


class ServiceTalk:
    """`Talk` with the agent service, wherever it is.

    Args:
        calls: How it is asked.
    """

    def __init__(self, calls: ServiceCalls) -> None:
        self._calls = calls

    async def say(self, message: Message) -> AsyncGenerator[Told]:
        body = {
            "session_id": message.session_id,
            "user_input": message.text,
            "user_id": message.user_id,
            "agent_id": message.widget.content.agent_id,
            "stream": True,
        }
        path = "/api/v1/process"
        async for one in self._told(message.widget, path, body, message.key):
            yield one

    async def follow(self, widget: Widget, session_id: str, turn_id: str) -> AsyncGenerator[Told]:
        path = f"/api/v1/sessions/{session_id}/turns/{turn_id}/events"
        async for one in self._told(widget, path, None, None):
            yield one

    async def said(self, widget: Widget, session_id: str, limit: int) -> Sequence[Said]:
        found = await self._session(widget, session_id, limit, 0)
        if found is None:
            return []
        count: int = found["session"]["turns"]
        if count > limit:
            found = await self._session(widget, session_id, limit, count - limit)
        turns: list[dict[str, Any]] = [] if found is None else found["turns"]
        return [_said(one) for one in turns]

    async def _session(
        self, widget: Widget, session_id: str, limit: int, after: int
    ) -> dict[str, Any] | None:
        """A page of a conversation; None: there is none."""
        question = Question(
            _AGENT,
            f"/api/v1/sessions/{session_id}",
            (("limit", str(limit)), ("after", str(after))),
        )
        try:
            answer = await self._calls.get(_caller(widget), question)
        except NotAnswered as error:
            raise AnswerUnavailable from error
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        if answer.status != HTTPStatus.OK:
            raise AnswerUnavailable
        return cast("dict[str, Any]", answer.body)

    async def _told(
        self, widget: Widget, path: str, body: object, key: str | None
    ) -> AsyncGenerator[Told]:
        events = self._calls.events(_caller(widget), _AGENT, path, body, key=key)
        try:
            async with aclosing(events) as some:
                async for event in some:
                    yield Told(event.event, msgspec.json.decode(event.data))
        except Refused as error:
            raise _refused(error.said, error.retry_after) from error
        except (NotAnswered, msgspec.DecodeError) as error:
            raise AnswerUnavailable from error


def widget_limits(settings: WidgetVariables) -> WidgetLimits:
    """What visitors may ask for."""
    return WidgetLimits(
        message_chars=settings.widget_message_chars,
        visitor_messages=settings.widget_visitor_messages,
        address_messages=settings.widget_address_messages,
        widget_messages=settings.widget_messages,
        widget_answers=settings.widget_answers,
        daily_messages=settings.widget_daily_messages,
    )


def widget_addresses(settings: Settings) -> Addresses:
    """What embed codes point to.

    Raises:
        InvalidInput: A setting is no URL, or no network.
    """
    return Addresses(settings.widget_base_url or None, proxies(settings.trusted_proxies))


def widgets_service(platform: Platform) -> Sequence[Module]:
    """Widgets (document 4).

    Raises:
        InvalidInput: A setting is no URL, or no network.
    """
    settings, clock, ids = platform.settings, platform.clock, platform.ids
    instances = instances_of(platform)
    calls = ServiceCalls(instances, platform.apps, urls_of(platform), platform.passes, clock)
    store = SqlWidgetStore(platform.database)
    agents = StoredAgents(SqlAgentStore(platform.database))
    limits = widget_limits(settings)
    addresses = widget_addresses(settings)
    visitors = VisitorService(
        store,
        agents,
        ServiceTalk(calls),
        clock,
        ids,
        daily_messages=limits.daily_messages,
        leaving=lambda: platform.drain.begun,
    )
    parts = PublicParts(
        Script(script()),
        VisitorTokens(platform.passes.secret_for("widget visitors"), clock),
        Gates(limits, clock),
        addresses.own,
        limits.message_chars,
    )
    platform.parts.register("widget_service", WidgetService(store, agents, clock, ids))
    platform.parts.register("visitor_service", visitors)
    platform.parts.register("public_widgets", parts)

    @asynccontextmanager
    async def asking() -> AsyncGenerator[None]:
        try:
            yield
        finally:
            calls.close()
            await instances.close()

    return (
        Module(name="asking", lifespans=(asking,)),
        widgets(store, visitors, parts, addresses.base, clock, platform.drain),
    )


def _caller(widget: Widget) -> Caller:
    """Who asks for the visitors of a widget."""
    return Caller(f"widget:{widget.id}", widget.namespace, frozenset({READ, REGISTER}))


def _refused(said: Answered, retry_after: int | None) -> MessageRefused | AnswerUnavailable:
    if said.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return AnswerUnavailable(retry_after or 5)
    body = cast("dict[str, Any]", said.body) if isinstance(said.body, dict) else {}
    kind = str(body.get("type", "")).rpartition(":")[2]
    return MessageRefused(said.status, kind, retry_after)


def _said(turn: dict[str, Any]) -> Said:
    return Said(
        turn_id=turn["turn_id"],
        message=turn["user_input"],
        response=turn["response"] if turn["status"] == "answered" else None,
        status=turn["status"],
        created_at=turn["created_at"],
    )
