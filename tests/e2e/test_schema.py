# SPDX-License-Identifier: Apache-2.0
"""Generated requests against all OpenAPI descriptions: no 500, no answer outside of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
import schemathesis

from rollcall.gateway.catalogue import SERVICES
from rollcall.gateway.models import RouteTable
from support.generated import generated, valid
from support.residents import ORIGIN, TOKEN, residents
from support.serving import Serving, serving

ENDLESS = {"/events", "/api/v1/events", "/api/dashboard/stream"}
"""Streams, which do not end by themselves."""
ADMINISTRATION = "/api/v1/admin/"
"""The same at every service; asked for at the registries and the gateway."""
TOLD_ALL = {"agents", "services", "gateway"}
RESIDENTS = {"analytics", "billing", "gateway", "mine", "widgets", "wizard"}
"""Where things are made that requests can name."""
PASSED_ON = "/services/"
"""How the gateway's paths begin that lead to services, which are asked themselves as well."""
ROUTES = RouteTable(SERVICES)
OPERATIONS = {
    "agents": 20,
    "services": 20,
    "talk": 16,
    "tools": 15,
    "wizard": 26,
    "analytics": 12,
    "billing": 40,
    "dashboard": 10,
    "widgets": 20,
    "mine": 15,
    "gateway": 190,
}
"""How many there are at least."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("schema"), "up", ROLLCALL_STORE="memory") as one:
        yield one


@schemathesis.serializer("application/x-ndjson")
def as_lines(context: schemathesis.SerializationContext, value: Any) -> bytes:
    """Whatever text was made up, as it is."""
    return str(value).encode("utf-8", "surrogatepass")


def readable(schema: Any) -> Any:
    """A description in words that schemathesis knows: pairs as lists, since it takes `prefixItems`
    for the dialect of OpenAPI 3.0.
    """
    if isinstance(schema, list):
        return [readable(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    read = {key: readable(one) for key, one in schema.items() if key != "prefixItems"}
    if "prefixItems" in schema:
        read["items"] = {"anyOf": readable(schema["prefixItems"])}
    return read


def examples(side: str, path: str) -> int:
    """How many requests are made up for a path."""
    if side != "gateway":
        return 15
    route = ROUTES.match(path[1:].split("/"))
    passed_on = route is not None and route.service not in {"agents", "memory"}
    return 1 if passed_on or path.startswith(PASSED_ON) else 5


def prepared(case: schemathesis.Case, known: Mapping[str, str]) -> None:
    """Without what is answered by intent with something other than a generated answer; often about
    something that is there.
    """
    for name, value in case.path_parameters.items():
        if name in known and len(str(value)) % 3:
            case.path_parameters[name] = known[name]
    if TOKEN in known and "public_key" in case.path_parameters:
        case.headers["Origin"] = ORIGIN
        if len(str(case.path_parameters["public_key"])) % 4:
            case.headers["Authorization"] = f"Bearer {known[TOKEN]}"
    # A revision that nobody has reached yet is waited for, and then a 503.
    case.query.pop("min_revision", None)
    # Models that nobody has: all would be refused, and nothing else looked at.
    if isinstance(case.body, dict) and "model" in case.body:
        case.body["model"] = "offline-planner"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("side", OPERATIONS)
def test_no_generated_request_finds_a_fault(
    side: str, server: Serving, subtests: pytest.Subtests
) -> None:
    url = getattr(server, side)
    described = httpx.get(f"{url}/openapi.json", timeout=60).json()
    schema = schemathesis.openapi.from_dict(readable(described))
    asked = 0
    known: dict[str, str] = {}
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path.endswith(tuple(ENDLESS)):
            continue
        if side not in TOLD_ALL and operation.path.startswith(ADMINISTRATION):
            continue

        if side in RESIDENTS and "{" in operation.path:
            known.clear()
            known.update(residents(server.gateway, operation.path))

        @generated(operation, examples(side, operation.path))
        def ask(case: schemathesis.Case) -> None:
            prepared(case, known)
            valid(case, url)

        with subtests.test(operation=operation.label):
            ask()
        asked += 1
    assert asked >= OPERATIONS[side]
    assert server.process.poll() is None
    assert "Traceback" not in server.errors()
