from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from support.gateways import gateway, served


async def echo(request: Request) -> Response:
    body = await request.body()
    return JSONResponse(
        {
            "method": request.method,
            "path": request.scope["raw_path"].decode(),
            "query": request.scope["query_string"].decode(),
            "headers": [[name, value] for name, value in request.headers.items()],
            "body": body.decode(),
        },
        headers={"x-shop": "open", "connection": "x-private", "x-private": "secret"},
    )


async def away(request: Request) -> Response:
    return RedirectResponse("/basket?id=1")


async def cookie(request: Request) -> Response:
    answer = Response("crumbs")
    answer.set_cookie("basket", "1", path="/basket")
    answer.set_cookie("all", "2")
    return answer


async def unwell(request: Request) -> Response:
    return Response("sold out", 500)


ANY = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
SHOP = Starlette(
    routes=[
        Route("/away", away),
        Route("/cookie", cookie),
        Route("/unwell", unwell),
        Route("/{path:path}", echo, methods=ANY),
    ]
)


@pytest.fixture(scope="module")
def shop():
    with served(SHOP) as instance, gateway(instance) as url, httpx.Client(base_url=url) as client:
        yield client


def test_a_request_arrives_as_it_was_sent(shop: httpx.Client) -> None:
    said = shop.put("/api/shop/a%20b;v=1?x=%2F&y=1", content=b"one pear")
    got = said.json()
    assert said.status_code == 200
    assert got["method"] == "PUT"
    assert got["path"] == "/api/shop/a%20b;v=1"
    assert got["query"] == "x=%2F&y=1"
    assert got["body"] == "one pear"
    assert said.headers["x-shop"] == "open"


def test_a_prefix_is_cut_off(shop: httpx.Client) -> None:
    assert shop.get("/services/shop/fruit/1").json()["path"] == "/fruit/1"
    assert shop.get("/services/shop").json()["path"] == "/"


def test_a_body_without_a_length_arrives(shop: httpx.Client) -> None:
    said = shop.post("/api/shop/basket", content=iter([b"one ", b"pear"]))
    assert said.json()["body"] == "one pear"


def test_fields_of_the_connection_go_no_further(shop: httpx.Client) -> None:
    said = shop.get(
        "/api/shop/",
        headers={"Connection": "x-hop, authorization", "X-Hop": "1", "Authorization": "Bearer a"},
    )
    got = dict(said.json()["headers"])
    assert "x-hop" not in got
    assert got["authorization"] == "Bearer a"
    assert "x-private" not in said.headers


def test_the_service_hears_who_asked_and_what_for(shop: httpx.Client) -> None:
    said = shop.get(
        "/services/shop/",
        headers={
            "X-Forwarded-For": "203.0.113.9",
            "Forwarded": "for=203.0.113.9",
            "X-Request-ID": "my-request",
        },
    )
    got = dict(said.json()["headers"])
    assert got["x-forwarded-for"] == "127.0.0.1"
    assert got["x-forwarded-proto"] == "http"
    assert got["x-forwarded-prefix"] == "/services/shop"
    assert got["x-forwarded-host"] == got["host"] == shop.base_url.netloc.decode()
    assert got["forwarded"].startswith("for=127.0.0.1;proto=http;host=")
    assert got["x-request-id"] == "my-request"
    assert said.headers.get_list("x-request-id") == ["my-request"]


def test_places_in_answers_are_those_that_callers_know(shop: httpx.Client) -> None:
    assert shop.get("/services/shop/away").headers["location"] == "/services/shop/basket?id=1"
    assert [
        one.partition("Path=")[2].partition(";")[0]
        for one in shop.get("/services/shop/cookie").headers.get_list("set-cookie")
    ] == ["/services/shop/basket", "/services/shop"]


def test_an_answer_to_head_has_no_body(shop: httpx.Client) -> None:
    said = shop.head("/api/shop/x")
    assert said.status_code == 200
    assert said.content == b""
    assert int(said.headers["content-length"]) > 0


def test_what_a_service_says_of_its_own_faults_comes_through(shop: httpx.Client) -> None:
    said = shop.get("/services/shop/unwell")
    assert (said.status_code, said.text) == (500, "sold out")


def test_a_path_of_nobody_is_a_problem(shop: httpx.Client) -> None:
    said = shop.get("/api/nothing")
    assert said.status_code == 404
    assert said.headers["content-type"] == "application/problem+json"


def test_the_gateways_own_pages_are_not_swallowed(shop: httpx.Client) -> None:
    assert shop.get("/health").json()["service"] == "gateway"
    assert "rollcall_gateway_requests_total" in shop.get("/metrics").text
    assert shop.get("/docs").status_code == 200
