# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from fastapi.testclient import TestClient

from rollcall.kernel.services import ServiceRegistry
from rollcall.web.module import Kit, Module, create_app
from rollcall.web.services import service


class Greeter:
    def __init__(self, word: str) -> None:
        self.word = word


Greeting = Annotated[Greeter, Depends(service("greeter"))]


def greeting() -> Module:
    routes = APIRouter()

    @routes.get("/hello")
    async def hello(greeter: Greeting) -> str:
        return greeter.word

    @routes.websocket("/hello")
    async def say(socket: WebSocket, greeter: Greeting) -> None:
        await socket.accept()
        await socket.send_text(greeter.word)
        await socket.close()

    return Module("greeting", routers=[routes])


def app_of(kit: Kit, word: str) -> FastAPI:
    services = ServiceRegistry()
    services.register("greeter", Greeter(word))
    return create_app([greeting()], replace(kit, services=services))


@pytest.fixture
def client(kit: Kit) -> TestClient:
    return TestClient(app_of(kit, "hello"), "http://localhost")


def test_a_route_speaks_for_the_service_of_its_applications_registry(
    client: TestClient, kit: Kit
) -> None:
    other = TestClient(app_of(kit, "good day"), "http://localhost")
    assert client.get("/hello").json() == "hello"
    assert other.get("/hello").json() == "good day"


def test_so_does_a_socket(client: TestClient) -> None:
    with client.websocket_connect("ws://localhost/hello") as socket:
        assert socket.receive_text() == "hello"


def test_what_routes_look_services_up_in_is_what_document_3_names(kit: Kit) -> None:
    app = create_app([greeting()], kit)
    assert app.state.service_registry is kit.services


def test_a_service_that_nobody_registered_is_a_fault_that_the_log_names(
    kit: Kit, caplog: pytest.LogCaptureFixture
) -> None:
    client = TestClient(create_app([greeting()], kit), "http://localhost")
    answer = client.get("/hello")
    assert answer.status_code == 500
    assert "greeter" not in answer.text
    assert "there is no service called 'greeter'; there is none" in caplog.text


def test_descriptions_say_nothing_of_services(client: TestClient) -> None:
    described = client.get("/openapi.json").json()["paths"]["/hello"]["get"]
    assert "parameters" not in described
    assert "requestBody" not in described
