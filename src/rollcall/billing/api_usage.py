# SPDX-License-Identifier: Apache-2.0
"""How HTTP tells of usage, and asks what it was charged."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from pydantic import ValidationError

from rollcall.billing import wire, wire_views
from rollcall.billing.api_parts import (
    AgentId,
    Billing,
    Id,
    IdempotencyKey,
    answer,
    key_of,
    place_of,
    problem_of,
)
from rollcall.billing.metering import Outcome, Recorded, Told
from rollcall.billing.models import UsageInput
from rollcall.kernel.errors import InvalidInput
from rollcall.web import correlation
from rollcall.web.audit import audit_subject
from rollcall.web.callers import Reader, Writer
from rollcall.web.lines import check_id
from rollcall.web.paging import following
from rollcall.web.strict import StrictRoute

PREFIX = "/api/usage"


def router() -> APIRouter:
    """The routes of usage."""
    routes = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["usage"])
    _add_writes(routes)
    _add_reads(routes)
    return routes


def _add_writes(routes: APIRouter) -> None:
    @routes.post(
        "",
        status_code=201,
        response_model=wire_views.UsageView,
        responses={200: {"model": wire_views.UsageView, "description": "It was known already."}},
    )
    async def record(
        caller: Writer,
        billing: Billing,
        body: wire.UsageIn,
        request: Request,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Record what an agent used, and charge it by its rate card."""
        told = _told(body, idempotency_key)
        (outcome,) = await billing.metering.record(caller.namespace, [told])
        if not isinstance(outcome, Recorded):
            raise outcome
        usage = outcome.usage
        audit_subject(request.scope, usage.id)
        headers = {"Location": f"{PREFIX}/{quote(usage.id, safe='')}"}
        status = 201 if outcome.new else 200
        return answer(wire_views.usage_view(usage), status, headers)

    @routes.post("/batch", response_model=wire_views.BatchView)
    async def record_several(
        caller: Writer,
        billing: Billing,
        body: wire.BatchIn,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Record usages, each looked at by itself: the neighbours of a bad one stand. A key in the
        header is for all that have none of their own, each by its place.
        """
        whole = key_of(idempotency_key, None)
        results: dict[int, wire_views.OutcomeView] = {}
        good: list[tuple[int, Told]] = []
        for index, item in enumerate(body.items):
            try:
                usage = wire.UsageIn.model_validate(item)
                own = whole is None or usage.idempotency_key is not None
                good.append((index, _told(usage, None if own else f"{whole}/{index}")))
            except (ValidationError, InvalidInput) as error:
                results[index] = _refused(index, error)
        outcomes = await billing.metering.record(caller.namespace, [told for _, told in good])
        for (index, _), outcome in zip(good, outcomes, strict=True):
            results[index] = _shown(index, outcome)
        ordered = [results[index] for index in range(len(body.items))]
        counts = {
            status: sum(one.status == status for one in ordered)
            for status in ("recorded", "known", "refused")
        }
        return answer(wire_views.BatchView(results=ordered, **counts))


def _add_reads(routes: APIRouter) -> None:
    @routes.get("/calculate", response_model=wire_views.QuoteView)
    async def calculate(
        caller: Reader, billing: Billing, asked: Annotated[wire.QuoteQuery, Query()]
    ) -> Response:
        """What a usage would be charged now. Nothing is kept of it."""
        if asked.agent_id is not None:
            check_id("agent_id", asked.agent_id)
        told = UsageInput(
            agent_id=asked.agent_id or "",
            tokens_used=asked.tokens_used,
            input_tokens=asked.input_tokens,
            output_tokens=asked.output_tokens,
            cached_tokens=asked.cached_tokens,
            model=asked.model,
            provider=asked.provider,
        )
        return answer(wire_views.quote_view(await billing.quote(caller.namespace, told)))

    @routes.get("/agent/{agent_id}", response_model=wire_views.AgentUsageView)
    async def of_agent(
        caller: Reader,
        billing: Billing,
        agent_id: AgentId,
        asked: Annotated[wire.UsageQuery, Query()],
        request: Request,
    ) -> Response:
        """What an agent has used, the newest first; `Link` leads to more."""
        found = await billing.agent_usage(
            caller.namespace,
            agent_id,
            asked.since,
            asked.until,
            limit=asked.limit,
            after=place_of(asked.cursor),
        )
        return answer(
            wire_views.agent_usage_view(agent_id, found),
            headers=following(request.url, found.after),
        )

    # Behind those with a name in its place.
    @routes.get("/{id}", response_model=wire_views.UsageView)
    async def one(caller: Reader, billing: Billing, id: Id) -> Response:
        """A usage as it was charged."""
        return answer(wire_views.usage_view(await billing.usage(caller.namespace, id)))


def _told(body: wire.UsageIn, header: str | None) -> Told:
    return Told(
        usage=body.told(),
        key=key_of(header, body.idempotency_key),
        reservation_id=body.reservation_id,
        correlation_id=correlation.request_id(),
    )


def _shown(index: int, outcome: Outcome) -> wire_views.OutcomeView:
    if not isinstance(outcome, Recorded):
        return _refused(index, outcome)
    return wire_views.OutcomeView(
        index=index,
        status="recorded" if outcome.new else "known",
        usage_id=outcome.usage.id,
    )


def _refused(index: int, error: Exception) -> wire_views.OutcomeView:
    problem: dict[str, Any] = problem_of(error)
    return wire_views.OutcomeView(index=index, status="refused", problem=problem)
