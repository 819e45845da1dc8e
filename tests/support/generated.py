# SPDX-License-Identifier: Apache-2.0
"""Requests that are made up from an OpenAPI description, the same ones each time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS: Final[Sequence[Any]] = (
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
"""That an answer is described."""


def valid(
    case: schemathesis.Case,
    url: str,
    *,
    checks: Sequence[Any] = CHECKS,
    headers: Mapping[str, str] | None = None,
) -> Any:
    """Send a request; the answer, which is as it is described, and no fault of the service.

    Raises:
        AssertionError: It is not.
    """
    answer = case.call(base_url=url, headers=dict(headers or {}))
    assert answer.status_code < 500, answer.text
    # Streams are described as the text that they are, but would be checked as events.
    streamed = "text/event-stream" in str(answer.headers.get("content-type"))
    wanted = [one for one in checks if not (streamed and one is response_schema_conformance)]
    case.validate_response(answer, checks=wanted, excluded_checks=[not_a_server_error])
    return answer


def asked_of_all(
    url: str,
    subtests: pytest.Subtests,
    ask: Callable[[schemathesis.Case, str], object] = valid,
    *,
    ours: tuple[str, ...] = ("/",),
    examples: int = 15,
) -> list[str]:
    """Ask every operation that a service describes, each in a subtest; what was asked.

    Args:
        url: Where it is.
        subtests: Pytest's.
        ask: Sends a request and looks at the answer.
        ours: How the paths begin that are asked.
        examples: How many requests an operation gets.
    """
    asked: list[str] = []
    for result in schemathesis.openapi.from_url(f"{url}/openapi.json").get_all_operations():
        operation = result.ok()
        if not operation.path.startswith(ours):
            continue

        @generated(operation, examples)
        def one(case: schemathesis.Case) -> None:
            ask(case, url)

        with subtests.test(operation=operation.label):
            one()
        asked.append(operation.label)
    return asked


def generated(
    operation: Any, examples: int = 15
) -> Callable[[Callable[[schemathesis.Case], None]], Callable[[], None]]:
    """Have a function called with that many requests to an operation, or more in a deep profile."""

    def decorate(ask: Callable[[schemathesis.Case], None]) -> Callable[[], None]:
        repeated = settings(
            max_examples=max(1, examples * settings().max_examples // 100),
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        return repeated(given(case=operation.as_strategy())(ask))

    return decorate
