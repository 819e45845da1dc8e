# SPDX-License-Identifier: Apache-2.0
"""How HTTP asks for my agents (document 4)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from rollcall.agents import wire as agent_wire
from rollcall.agents.api_parts import AgentId, by, fields
from rollcall.agents.changes import change_of
from rollcall.agents.checks import MAX_ID, check_text
from rollcall.agents.documents import document_of, number_of
from rollcall.agents.mine import wire
from rollcall.agents.mine.documents import (
    agent_document,
    backup_document,
    bulk_document,
    dashboard_document,
    history_document,
    metrics_document,
    rows_document,
    version_wanted,
)
from rollcall.agents.mine.errors import ConfirmationNeeded
from rollcall.agents.mine.models import TARGETS, Operation
from rollcall.agents.mine.service import MOST_AT_ONCE, MyAgentsService
from rollcall.agents.models import Status, Wanted
from rollcall.kernel.cursors import Place
from rollcall.web.answers import answer
from rollcall.web.audit import audit_subject
from rollcall.web.callers import Reader, Writer
from rollcall.web.lines import check_line
from rollcall.web.paging import following, place_of
from rollcall.web.preconditions import IfMatch, accepted
from rollcall.web.services import service
from rollcall.web.strict import StrictRoute

PREFIX = "/api/my-agents"
UNAVAILABLE = "X-Unavailable"
"""The header that names services whose numbers are missing."""
_AUDITED = MOST_AT_ONCE * (MAX_ID + 2) + 20
"""Characters of as many ids as may be named at once."""

Mine = Annotated[MyAgentsService, Depends(service("my_agents_service"))]
Confirm = Annotated[bool, Query(description="To be `true` for what is deleted.")]


def router() -> APIRouter:
    """The routes of my agents."""
    routes = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["my agents"])
    # Before the paths with an id in them.
    _add_wholes(routes)
    _add_one(routes)
    _add_moves(routes)
    _add_history(routes)
    return routes


def _add_wholes(routes: APIRouter) -> None:
    @routes.get("", response_model=list[wire.MyAgentRow])
    async def find(
        caller: Reader,
        mine: Mine,
        asked: Annotated[wire.MyAgentsQuery, Query()],
        request: Request,
    ) -> Response:
        """The agents, the newest first, with what they did lately; `Link` leads to more, and
        `X-Total-Count` is how many there are. Where analytics does not answer, their `metrics` are
        null, and `X-Unavailable` names it.
        """
        shown = await mine.find(
            caller,
            _wanted(asked),
            limit=asked.limit,
            offset=asked.offset,
            after=place_of(asked.cursor),
        )
        headers = {"X-Total-Count": str(shown.page.total)}
        if shown.page.more:
            last = shown.page.rows[-1].definition
            url = request.url.remove_query_params("offset")
            headers |= following(url, Place(last.created_at.timestamp(), last.id))
        if shown.lack is not None:
            headers[UNAVAILABLE] = shown.lack.service
        return answer(rows_document(shown), headers=headers)

    @routes.get("/dashboard", response_model=wire.DashboardView)
    async def dashboard(caller: Reader, mine: Mine) -> Response:
        """All agents at a glance."""
        return answer(dashboard_document(await mine.dashboard(caller)))

    @routes.post("/bulk", response_model=wire.BulkView)
    async def bulk(
        caller: Writer, mine: Mine, body: wire.Bulk, request: Request, confirm: Confirm = False
    ) -> Response:
        """Do one thing with many agents; the neighbours of one that fails stand. To delete needs
        `?confirm=true`, unless it is a dry run. What is so already counts as done.
        """
        if body.operation is Operation.DELETE and not (confirm or body.dry_run):
            raise ConfirmationNeeded
        # All of them: who deleted an agent must be found by its id.
        what = f"{body.operation} (dry run)" if body.dry_run else body.operation
        audit_subject(request.scope, f"{what}: {', '.join(body.agent_ids)}"[:_AUDITED])
        outcomes = await mine.bulk(
            body.agent_ids, body.operation, by(caller, body.reason), dry_run=body.dry_run
        )
        return answer(bulk_document(body.operation, outcomes, dry_run=body.dry_run))


def _add_one(routes: APIRouter) -> None:
    @routes.get("/{agent_id}", response_model=wire.MyAgentView)
    async def get(caller: Reader, mine: Mine, agent_id: AgentId) -> Response:
        """An agent, with what it did lately; its entity tag is for `If-Match`."""
        row, performance, lack = await mine.get(caller, agent_id)
        headers = None if lack is None else {UNAVAILABLE: lack.service}
        return answer(
            agent_document(row, performance, lack),
            revision=row.definition.revision,
            headers=headers,
        )

    @routes.patch("/{agent_id}", response_model=agent_wire.AgentView)
    async def update(
        caller: Writer,
        mine: Mine,
        agent_id: AgentId,
        body: agent_wire.AgentFields,
        if_match: IfMatch = None,
    ) -> Response:
        """Have an agent say something else, or matter more or less, as its next version."""
        done = await mine.agents.update(
            agent_id,
            change_of(fields(body, "reason")),
            by(caller, body.reason),
            accepted(if_match),
        )
        return answer(document_of(done), revision=done.revision)

    @routes.delete("/{agent_id}")
    async def delete(
        caller: Writer,
        mine: Mine,
        agent_id: AgentId,
        confirm: Confirm = False,
        if_match: IfMatch = None,
    ) -> wire.Deleted:
        """Delete an agent. Its id and its versions are kept."""
        if not confirm:
            raise ConfirmationNeeded
        await mine.agents.delete(agent_id, by(caller), accepted(if_match))
        return wire.Deleted(agent_id=agent_id)

    @routes.get("/{agent_id}/metrics", response_model=wire.MetricsView)
    async def metrics(
        caller: Reader,
        mine: Mine,
        agent_id: AgentId,
        asked: Annotated[wire.MetricsQuery, Query()],
    ) -> Response:
        """What an agent did in some days, by analytics, and what it used, by billing."""
        found = await mine.metrics(caller, agent_id, asked.period_days)
        return answer(metrics_document(agent_id, asked.period_days, found))


def _add_moves(routes: APIRouter) -> None:
    @routes.post("/{agent_id}/status", response_model=agent_wire.AgentView)
    async def move(
        caller: Writer,
        mine: Mine,
        agent_id: AgentId,
        body: agent_wire.StatusChange,
        if_match: IfMatch = None,
    ) -> Response:
        """Give an agent another status; to have it already changes nothing."""
        done = await mine.agents.move(
            agent_id, body.status, by(caller, body.reason), accepted(if_match)
        )
        return answer(document_of(done), revision=done.revision)

    for operation, status in TARGETS.items():
        _add_move(routes, operation, status)


def _add_move(routes: APIRouter, operation: Operation, status: Status) -> None:
    @routes.post(
        f"/{{agent_id}}/{operation.value}",
        response_model=agent_wire.AgentView,
        name=operation.value,
        description=f"Make an agent {status.value}; if it is, nothing changes.",
    )
    async def move(
        caller: Writer,
        mine: Mine,
        agent_id: AgentId,
        body: wire.Why | None = None,
        if_match: IfMatch = None,
    ) -> Response:
        reason = "" if body is None else body.reason
        done = await mine.agents.move(agent_id, status, by(caller, reason), accepted(if_match))
        return answer(document_of(done), revision=done.revision)


def _add_history(routes: APIRouter) -> None:
    @routes.get("/{agent_id}/status-history", response_model=list[wire.HistoryView])
    async def history(
        caller: Reader,
        mine: Mine,
        agent_id: AgentId,
        asked: Annotated[wire.HistoryQuery, Query()],
        request: Request,
    ) -> Response:
        """The changes of status, the newest first; `Link` leads to more."""
        found = await mine.agents.moves(
            agent_id, namespace=caller.namespace, limit=asked.limit + 1, before=asked.before
        )
        page = found[: asked.limit]
        before = str(page[-1].revision) if len(found) > asked.limit else None
        headers = following(request.url, before, "before")
        return answer([history_document(one) for one in page], headers=headers)

    @routes.get("/{agent_id}/backups", response_model=list[wire.BackupView])
    async def backups(
        caller: Reader,
        mine: Mine,
        agent_id: AgentId,
        asked: Annotated[wire.HistoryQuery, Query()],
        request: Request,
    ) -> Response:
        """The versions, as something to go back to, the newest first; `Link` leads to more."""
        page, before = await mine.agents.versions(
            agent_id, namespace=caller.namespace, limit=asked.limit, before=asked.before
        )
        headers = following(request.url, str(before) if before else None, "before")
        return answer([backup_document(one) for one in page], headers=headers)

    @routes.post(
        "/{agent_id}/backups",
        response_model=wire.BackupView,
        status_code=201,
        responses={200: {"model": wire.BackupView, "description": "It was there already."}},
    )
    async def back_up(
        caller: Writer,
        mine: Mine,
        agent_id: AgentId,
        body: wire.NewBackup,
        if_match: IfMatch = None,
    ) -> Response:
        """Have what an agent says now stand as a version with a reason."""
        made, new = await mine.back_up(agent_id, by(caller, body.reason), accepted(if_match))
        response = answer(backup_document(made))
        response.status_code = 201 if new else 200
        return response

    @routes.post("/{agent_id}/restore", response_model=agent_wire.AgentView)
    async def restore(
        caller: Writer,
        mine: Mine,
        agent_id: AgentId,
        body: wire.Restore,
        if_match: IfMatch = None,
    ) -> Response:
        """Have an agent say again what it said once, as a new version; its status stays."""
        number = number_of(version_wanted(body.version, body.backup_id))
        done = await mine.agents.revert(
            agent_id, number, by(caller, body.reason), accepted(if_match)
        )
        return answer(document_of(done), revision=done.revision)


def _wanted(asked: wire.MyAgentsQuery) -> Wanted:
    return Wanted(
        status=asked.status,
        priority=asked.priority,
        industry=None
        if asked.industry is None
        else check_line("industry", asked.industry, agent_wire.MAX_WORD),
        q=None if asked.q is None else check_text("q", asked.q, agent_wire.MAX_WORD),
    )
