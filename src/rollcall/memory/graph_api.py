# SPDX-License-Identifier: Apache-2.0
"""How HTTP asks for the knowledge graph, and what it adds to the module of memories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import TypeAdapter
from starlette.responses import StreamingResponse

from rollcall.events.subscriptions import Sink
from rollcall.memory import graph_wire as wire
from rollcall.memory.entities import slug
from rollcall.memory.extract_feed import EntityExtractor
from rollcall.memory.graph import KnowledgeGraph
from rollcall.memory.graph_export import ENDINGS, MEDIA_TYPES, exported
from rollcall.memory.graph_models import EntityNotFound, NoPath, NotMergeable, SourceNotFound
from rollcall.web.callers import Reader, Writer
from rollcall.web.lines import check_id, check_line
from rollcall.web.paging import link
from rollcall.web.problems import Kind
from rollcall.web.services import service
from rollcall.web.strict import StrictRoute

PREFIX: Final = "/api/graph"

PROBLEMS: Final[Mapping[type[Exception], Kind]] = {
    EntityNotFound: Kind(404, "entity-not-found", "There is no such entity", ("entity_id",)),
    NoPath: Kind(
        404, "no-path", "No path leads from one to the other", ("source", "target", "depth")
    ),
    SourceNotFound: Kind(404, "source-not-found", "There is no such memory", ("memory_id",)),
    NotMergeable: Kind(409, "not-mergeable", "The entities cannot be made one", ("entity_id",)),
}
"""For a module: the errors of `KnowledgeGraph`."""

FILE: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The graph as a file.",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "application/xml": {"schema": {"type": "string"}},
            "text/vnd.mermaid": {"schema": {"type": "string"}},
        },
    }
}

Graph = Annotated[KnowledgeGraph, Depends(service("knowledge_graph"))]
ViewT = TypeVar("ViewT")


@dataclass(frozen=True, slots=True)
class GraphParts:
    """What a module that includes the graph takes up.

    Args:
        routers: Its routes.
        subscriptions: What keeps it current.
        problems: Its errors.
    """

    routers: Sequence[APIRouter]
    subscriptions: Sequence[Sink]
    problems: Mapping[type[Exception], Kind]


def graph_parts(extractor: EntityExtractor) -> GraphParts:
    """The knowledge graph, as a part of the module of memories."""
    return GraphParts((router(),), (extractor.sink,), PROBLEMS)


async def _entity_id(entity_id: str) -> str:
    return check_id("entity_id", entity_id, wire.MAX_ID)


EntityId = Annotated[str, Depends(_entity_id)]


def router() -> APIRouter:
    """The routes: to look for the scope `read`, to change for `register`."""
    routes = APIRouter(prefix=PREFIX, tags=["knowledge graph"], route_class=StrictRoute)
    # Fixed names before those that hold an id.
    _add_whole(routes)
    _add_entities(routes)
    _add_merges(routes)
    return routes


def _add_whole(routes: APIRouter) -> None:
    @routes.get("/path")
    async def path(
        caller: Reader, graph: Graph, asked: Annotated[wire.PathAsked, Query()]
    ) -> wire.PathView:
        """A shortest path between two entities, whatever the direction of its relationships."""
        ends = (check_id("from", asked.source), check_id("to", asked.target))
        found = await graph.path(asked.view(caller.namespace), *ends, depth=asked.depth)
        return _seen(wire.PathView, found)

    @routes.get("/export", response_class=Response, responses=FILE)
    async def export(
        caller: Reader, graph: Graph, asked: Annotated[wire.ExportAsked, Query()]
    ) -> Response:
        """The whole graph, as far as the filters let it be seen, as a file."""
        name = f"knowledge-graph.{ENDINGS[asked.format]}"
        return StreamingResponse(
            exported(graph.everything(asked.view(caller.namespace)), asked.format),
            media_type=MEDIA_TYPES[asked.format],
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


def _add_entities(routes: APIRouter) -> None:
    @routes.get("/entities")
    async def entities(
        caller: Reader,
        graph: Graph,
        asked: Annotated[wire.EntitiesAsked, Query()],
        request: Request,
        response: Response,
    ) -> list[wire.EntityView]:
        """Entities in the order of their names; `Link` leads to more.

        `name` is words that begin words of the entity's names, in any order.
        """
        name = None if asked.name is None else check_line("name", asked.name, wire.MAX_WORDS)
        type_ = None if asked.type is None else slug(check_line("type", asked.type))
        page = await graph.entities(
            asked.view(caller.namespace),
            name=name,
            type=type_,
            limit=asked.limit,
            after=wire.place_of(asked.cursor),
        )
        if page.following is not None:
            response.headers["Link"] = link(request.url, wire.cursor(page.following))
        return [_seen(wire.EntityView, one) for one in page.entities]

    @routes.get("/entities/{entity_id}")
    async def entity(
        caller: Reader, graph: Graph, entity_id: EntityId, asked: Annotated[wire.Asked, Query()]
    ) -> wire.DetailView:
        """An entity with the facts that it rests on, the oldest first."""
        found = await graph.entity(asked.view(caller.namespace), entity_id)
        return _seen(wire.DetailView, found)

    @routes.get("/entities/{entity_id}/neighbours")
    async def neighbours(
        caller: Reader,
        graph: Graph,
        entity_id: EntityId,
        asked: Annotated[wire.NeighboursAsked, Query()],
    ) -> wire.NeighbourhoodView:
        """What is around an entity, the nearest first, and how it all hangs together."""
        found = await graph.neighbours(
            asked.view(caller.namespace), entity_id, depth=asked.depth, limit=asked.limit
        )
        return _seen(wire.NeighbourhoodView, found)


def _add_merges(routes: APIRouter) -> None:
    @routes.post("/entities/{entity_id}/merge")
    async def merge(
        caller: Writer, graph: Graph, entity_id: EntityId, asked: wire.MergeAsked
    ) -> wire.DetailView:
        """Make another entity of the same owner one with this one."""
        other = check_id("entity_id", asked.entity_id)
        return _seen(wire.DetailView, await graph.merge(caller.namespace, entity_id, other))

    @routes.post("/entities/{entity_id}/split")
    async def split(caller: Writer, graph: Graph, entity_id: EntityId) -> wire.DetailView:
        """Undo that this entity was merged into another. Its facts are its own again."""
        return _seen(wire.DetailView, await graph.split(caller.namespace, entity_id))


def _seen(type_: type[ViewT], found: object) -> ViewT:
    return TypeAdapter(type_).validate_python(found, from_attributes=True)
