# SPDX-License-Identifier: Apache-2.0
"""`GET /api/v1/events`: what happens to services, as it happens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from rollcall.protocols.access import namespace_for
from rollcall.protocols.bodies import strict_route
from rollcall.protocols.preconditions import reached
from rollcall.protocols.service_registry import translate, wire
from rollcall.protocols.service_registry.api import PREFIX
from rollcall.protocols.streams import RESPONSES, EventLines, LastEventId, subscribed, watched
from rollcall.registry.service import RegistryService
from rollcall.web.callers import Reader
from rollcall.web.drain import Drain
from rollcall.web.sse import EventStream, ServerEvent


def router(service: RegistryService, drain: Drain) -> APIRouter:
    """The route; its streams end when `drain` begins."""
    routes = APIRouter(prefix=PREFIX, route_class=strict_route(service), tags=["service registry"])
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
        kinds = () if asked.service_type is None else (asked.service_type.value,)
        return subscribed(service, lines, namespace, asked, last, kinds)
    wanted = wire.Question(**{name: getattr(asked, name) for name in wire.Question.model_fields})
    question = translate.query_from(wanted, unaddressed=asked.include_unaddressed)
    return watched(service, namespace, question, follow=asked.follow)
