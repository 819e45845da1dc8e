from __future__ import annotations

from fastapi import APIRouter, FastAPI
from starlette.types import Receive, Scope, Send

from rollcall.web.routes import ROUTE, route_template


async def test_a_route_is_known_as_it_was_declared_however_it_was_included(connect) -> None:
    inner, outer, app = APIRouter(prefix="/c"), APIRouter(prefix="/b"), FastAPI()
    inner.add_api_route("/{item}", lambda item: item)  # pyright: ignore[reportUnknownLambdaType]
    outer.include_router(inner)
    app.include_router(outer, prefix="/a/{tenant}")
    app.add_api_route("/own/{item}", lambda: "own")
    app.include_router(outer)
    found: list[str | None] = []

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)
        found.append(route_template(scope))

    async with connect(watched) as client:
        for path in ("/a/t/b/c/1?item=1", "/b/c/2?item=1", "/own/3", "/nowhere"):
            await client.get(path)

    assert found == ["/a/{tenant}/b/c/{item}", "/b/c/{item}", "/own/{item}", None]


def test_an_endpoint_beside_the_framework_names_its_route_itself() -> None:
    assert route_template({"type": "http", ROUTE: "/agents/{agent_id}/heartbeat"}) == (
        "/agents/{agent_id}/heartbeat"
    )
