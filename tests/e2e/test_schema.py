# SPDX-License-Identifier: Apache-2.0
"""Generated requests against all OpenAPI descriptions: no 500, no answer outside of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from support.generated import generated
from support.serving import Serving, serving

ENDLESS = {"/events", "/api/v1/events"}
"""Streams, which do not end by themselves."""
CHECKS = [status_code_conformance, content_type_conformance]
ADMINISTRATION = "/api/v1/admin/"
"""The same at every service; asked for at one."""
OPERATIONS = {"agents": 20, "services": 20, "talk": 16, "tools": 15}
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


def prepared(case: schemathesis.Case) -> None:
    """Without what is answered by intent with something other than a generated answer."""
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
    described = httpx.get(f"{url}/openapi.json").json()
    schema = schemathesis.openapi.from_dict(readable(described))
    asked = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path in ENDLESS:
            continue
        if side in {"talk", "tools"} and operation.path.startswith(ADMINISTRATION):
            continue

        @generated(operation)
        def ask(case: schemathesis.Case) -> None:
            prepared(case)
            answer = case.call(base_url=url)
            assert answer.status_code < 500, answer.text
            checks = list(CHECKS)
            # Streams are described as the text that they are, but would be checked as events.
            if "text/event-stream" not in str(answer.headers.get("content-type")):
                checks.append(response_schema_conformance)
            case.validate_response(answer, checks=checks, excluded_checks=[not_a_server_error])

        with subtests.test(operation=operation.label):
            ask()
        asked += 1
    assert asked >= OPERATIONS[side]
    assert server.process.poll() is None
    assert "Traceback" not in server.errors()
