# SPDX-License-Identifier: Apache-2.0
"""How HTTP asks for widgets (document 4)."""

from collections.abc import Callable
from typing import Annotated, Any, Literal
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, Query, Request, Response

from rollcall.kernel.ids import derived
from rollcall.web.answers import answer
from rollcall.web.audit import audit_subject
from rollcall.web.callers import Reader, Writer
from rollcall.web.lines import check_line
from rollcall.web.paging import following, place_of
from rollcall.web.preconditions import IfMatch, accepted
from rollcall.web.strict import StrictRoute
from rollcall.widgets import embed, wire
from rollcall.widgets.api_parts import IdempotencyKey, WidgetId, Widgets, by, key_of, widget_view
from rollcall.widgets.models import PREVIEW, Figures, Signal, Statistics, Visitor, Widget
from rollcall.widgets.script import Script
from rollcall.widgets.templates import TEMPLATES
from rollcall.widgets.tokens import PREVIEW_LIFETIME, VisitorTokens

PREFIX = "/api/widgets"
Base = Callable[[Request], str]
"""The service's address as pages reach it, without a closing slash."""
_PAGE: dict[int | str, dict[str, Any]] = {
    200: {"description": "A page.", "content": {"text/html": {"schema": {"type": "string"}}}}
}
_MADE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The same request was made before.", "model": wire.WidgetView}
}


def router(script: Script, tokens: VisitorTokens, base: Base) -> APIRouter:
    """The routes of widgets.

    Args:
        script: The browser widget.
        tokens: For the preview.
        base: What embed codes point to.
    """
    routes = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["widgets"])
    _add_making(routes)
    _add_reads(routes)
    _add_writes(routes)
    _add_pages(routes, script, tokens, base)
    _add_counting(routes)
    return routes


def templates_router() -> APIRouter:
    """The route of templates."""
    routes = APIRouter(prefix="/api/templates", tags=["widgets"])

    @routes.get("", response_model=list[wire.TemplateView])
    async def templates(caller: Reader) -> Response:
        """The looks that a widget may begin with."""
        return answer(list(TEMPLATES.values()))

    return routes


def _add_making(routes: APIRouter) -> None:
    @routes.post("", status_code=201, response_model=wire.WidgetView, responses=_MADE)
    async def create(
        caller: Writer,
        widgets: Widgets,
        body: wire.WidgetIn,
        request: Request,
        key: IdempotencyKey = None,
    ) -> Response:
        """Make a widget for an agent; what is not said has its default."""
        made, new = await widgets.create(_fields(body), by(caller), key_of(key))
        return _made(request, made, new=new)

    # Before the routes with an id in its place.
    @routes.post("/from-template", status_code=201, response_model=wire.WidgetView, responses=_MADE)
    async def from_template(
        caller: Writer,
        widgets: Widgets,
        body: wire.FromTemplate,
        request: Request,
        key: IdempotencyKey = None,
    ) -> Response:
        """Make a widget with the look of a template; what is said besides goes before it."""
        fields = _fields(body)
        name = fields.pop("template")
        made, new = await widgets.from_template(name, fields, by(caller), key_of(key))
        return _made(request, made, new=new)


def _add_reads(routes: APIRouter) -> None:
    @routes.get("", response_model=list[wire.WidgetView])
    async def find(
        caller: Reader,
        widgets: Widgets,
        asked: Annotated[wire.WidgetsQuery, Query()],
        request: Request,
    ) -> Response:
        """The widgets, the newest first; `Link` leads to more."""
        if asked.agent_id is not None:
            check_line("agent_id", asked.agent_id, wire.MAX_ID)
        page, after = await widgets.find(
            caller.namespace,
            agent_id=asked.agent_id,
            limit=asked.limit,
            after=place_of(asked.cursor),
        )
        headers = following(request.url, after)
        return answer([widget_view(one) for one in page], headers=headers)

    @routes.get("/{widget_id}", response_model=wire.WidgetView)
    async def get(caller: Reader, widgets: Widgets, widget_id: WidgetId) -> Response:
        """A widget; its entity tag is for `If-Match`."""
        found = await widgets.get(caller.namespace, widget_id)
        return answer(widget_view(found), revision=found.revision)


def _add_writes(routes: APIRouter) -> None:
    @routes.patch("/{widget_id}", response_model=wire.WidgetView)
    async def update(
        caller: Writer,
        widgets: Widgets,
        widget_id: WidgetId,
        body: wire.WidgetFields,
        if_match: IfMatch = None,
    ) -> Response:
        """Have a widget be otherwise: a merge patch (RFC 7396)."""
        done = await widgets.update(widget_id, _fields(body), by(caller), accepted(if_match))
        return answer(widget_view(done), revision=done.revision)

    @routes.delete("/{widget_id}", status_code=204)
    async def delete(
        caller: Writer, widgets: Widgets, widget_id: WidgetId, if_match: IfMatch = None
    ) -> None:
        """Delete a widget with all that was counted of it. Pages that embed it show it no more."""
        await widgets.delete(widget_id, by(caller), accepted(if_match))

    @routes.post("/{widget_id}/pause", response_model=wire.WidgetView)
    async def pause(
        caller: Writer, widgets: Widgets, widget_id: WidgetId, if_match: IfMatch = None
    ) -> Response:
        """Stop a widget: from the next request on it answers nobody."""
        done = await widgets.pause(widget_id, by(caller), accepted(if_match))
        return answer(widget_view(done), revision=done.revision)

    @routes.post("/{widget_id}/resume", response_model=wire.WidgetView)
    async def resume(
        caller: Writer, widgets: Widgets, widget_id: WidgetId, if_match: IfMatch = None
    ) -> Response:
        """Have a widget that was stopped answer again."""
        done = await widgets.pause(widget_id, by(caller), accepted(if_match), paused=False)
        return answer(widget_view(done), revision=done.revision)

    @routes.post("/{widget_id}/rotate-key", response_model=wire.WidgetView)
    async def rotate(
        caller: Writer, widgets: Widgets, widget_id: WidgetId, if_match: IfMatch = None
    ) -> Response:
        """Give a widget another public key; pages with the old one need a new embed code."""
        done = await widgets.rotate_key(widget_id, by(caller), accepted(if_match))
        return answer(widget_view(done), revision=done.revision)


def _add_pages(routes: APIRouter, script: Script, tokens: VisitorTokens, base: Base) -> None:
    @routes.get("/{widget_id}/embed", response_model=wire.EmbedView)
    async def code(
        caller: Reader,
        widgets: Widgets,
        widget_id: WidgetId,
        request: Request,
        kind: Literal["script", "iframe"] = "script",
    ) -> Response:
        """What to put into a page, and what the page's Content Security Policy must allow."""
        widget = await widgets.get(caller.namespace, widget_id)
        return answer(embed.code(widget, kind, base(request), script))

    # It lets whoever has it talk to the agent, which costs.
    @routes.get("/{widget_id}/preview", response_class=Response, responses=_PAGE)
    async def preview(caller: Writer, widgets: Widgets, widget_id: WidgetId) -> Response:
        """A page with the widget on it, good for an hour."""
        widget = await widgets.get(caller.namespace, widget_id)
        # The same one each time: whoever looks again sees what was said before.
        id_ = derived("preview", widget.id, caller.subject, digits=24)
        visitor = Visitor(id=f"preview_{id_}", origin=PREVIEW)
        token = tokens.issue(widget, visitor, PREVIEW_LIFETIME)
        page, headers = embed.preview(widget, script, token)
        return Response(page, headers=headers, media_type="text/html")


def _add_counting(routes: APIRouter) -> None:
    @routes.get("/{widget_id}/stats", response_model=wire.StatsView)
    async def stats(
        caller: Reader,
        widgets: Widgets,
        widget_id: WidgetId,
        period_days: Annotated[int, Query(ge=1, le=366)] = 30,
    ) -> Response:
        """What was counted in the last days (UTC). Days before the widget was there are null."""
        found = await widgets.statistics(caller.namespace, widget_id, period_days)
        return answer(_stats(widget_id, found))

    @routes.post("/{widget_id}/track", response_model=wire.Tracked)
    async def track(
        caller: Writer, widgets: Widgets, widget_id: WidgetId, event_type: Signal
    ) -> Response:
        """Count something that was seen elsewhere."""
        await widgets.track(caller.namespace, widget_id, event_type)
        return answer({"widget_id": widget_id, "event_type": event_type})


def _made(request: Request, widget: Widget, *, new: bool) -> Response:
    audit_subject(request.scope, widget.id)
    headers = {"Location": f"{PREFIX}/{quote(widget.id, safe='')}"}
    return answer(
        widget_view(widget), 201 if new else 200, revision=widget.revision, headers=headers
    )


def _fields(body: wire.WidgetFields) -> dict[str, Any]:
    """The fields that were given."""
    return body.model_dump(mode="json", exclude_unset=True)


def _stats(widget_id: str, found: Statistics) -> dict[str, Any]:
    total = found.total
    nothing: dict[str, Any] = dict.fromkeys(Figures.__struct_fields__)
    return {
        "widget_id": widget_id,
        "period_days": len(found.days),
        **msgspec.structs.asdict(total),
        "interaction_rate": _share(total.interactions, total.views),
        "failure_rate": _share(total.failed, total.messages),
        "by_day": [
            {
                "day": one.day,
                **(nothing if one.figures is None else msgspec.structs.asdict(one.figures)),
            }
            for one in found.days
        ],
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
