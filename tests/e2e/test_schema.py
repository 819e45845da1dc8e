# SPDX-License-Identifier: Apache-2.0
"""Generated requests against both OpenAPI descriptions: no 500, no answer outside of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from support.serving import Serving, serving

ENDLESS = {"/events", "/api/v1/events"}
"""Streams, which do not end by themselves."""
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("schema"), "up", ROLLCALL_STORE="memory") as one:
        yield one


@pytest.mark.timeout(600)
@pytest.mark.parametrize("protocol", ["agents", "services"])
def test_no_generated_request_finds_a_fault(
    protocol: str, server: Serving, subtests: pytest.Subtests
) -> None:
    url = getattr(server, protocol)
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    asked = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path in ENDLESS:
            continue

        @settings(
            max_examples=40,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case: schemathesis.Case) -> None:
            # A revision that nobody has reached yet is waited for, and then a 503 by intent.
            case.query.pop("min_revision", None)
            answer = case.call(base_url=url)
            assert answer.status_code < 500, answer.text
            case.validate_response(answer, checks=CHECKS, excluded_checks=[not_a_server_error])

        with subtests.test(operation=operation.label):
            ask()
        asked += 1
    assert asked >= 20
    assert server.process.poll() is None
    assert "Traceback" not in server.errors()
