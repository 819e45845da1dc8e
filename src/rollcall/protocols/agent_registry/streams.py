# SPDX-License-Identifier: Apache-2.0
"""`GET /events`: what happens to agents, as it happens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from rollcall.protocols import filters
from rollcall.protocols.access import namespace_for
from rollcall.protocols.agent_registry import translate, wire
from rollcall.protocols.bodies import strict_route
from rollcall.protocols.checks import fields_named
from rollcall.protocols.preconditions import reached
from rollcall.protocols.streams import RESPONSES, EventLines, LastEventId, subscribed, watched
from rollcall.registry.models import Kind
from rollcall.registry.service import RegistryService
from rollcall.web.callers import Reader
from rollcall.web.drain import Drain
from rollcall.web.sse import EventStream, ServerEvent


def router(service: RegistryService, drain: Drain) -> APIRouter:
    """The route; its streams end when `drain` begins."""
    routes = APIRouter(route_class=strict_route(service), tags=["agent registry"])
    lines = EventLines()

    @routes.get("/events", response_class=Response, responses=RESPONSES)
    async def events(
        caller: Reader,
        asked: Annotated[wire.EventsQuery, Query()],
        last_event_id: LastEventId = None,
    ) -> Response:
        """Follow what happens, or who enters and leaves the answer to a question."""
        namespace = namespace_for(caller, asked.namespace)
        await reached(service, asked.min_revision)
        source = _source(service, lines, namespace, asked, last_event_id)
        return EventStream(source, service.clock, drain)

    return routes


def _source(
    service: RegistryService,
    lines: EventLines,
    namespace: str,
    asked: wire.EventsQuery,
    last: str | None,
) -> AsyncIterator[ServerEvent]:
    if not asked.watch:
        kinds = filters.kinds(asked.kind) if asked.kind else None
        return subscribed(service, lines, namespace, asked, last, kinds or ())
    shown = asked.model_copy(update={"kind": asked.kind or [Kind.AGENT.value]})
    with fields_named(translate.field_name):
        question = translate.query_from(shown, asked.q and translate.words_from(asked.q))
    return watched(service, namespace, question, follow=asked.follow)
