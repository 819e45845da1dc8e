# SPDX-License-Identifier: Apache-2.0
"""Requests that are made up from an OpenAPI description, the same ones each time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings


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
