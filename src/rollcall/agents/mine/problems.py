# SPDX-License-Identifier: Apache-2.0
"""How the errors of my agents look over HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from rollcall.agents.mine.errors import ConfirmationNeeded, NoMetrics
from rollcall.agents.problems import PROBLEMS as AGENT_PROBLEMS
from rollcall.web.problems import Kind, Problems, ProblemTable

PROBLEMS: Final[Mapping[type[Exception], Kind]] = {
    **AGENT_PROBLEMS,
    ConfirmationNeeded: Kind(
        400,
        "confirmation-needed",
        "What cannot be undone must be confirmed",
        ("parameter", "value"),
    ),
    NoMetrics: Kind(
        503,
        "no-metrics",
        "What an agent did is not known now",
        ("unavailable",),
        retry_after=1,
    ),
}
"""For a module."""

_SAID: Final = Problems(ProblemTable(PROBLEMS), development=False)


def problem_of(error: Exception) -> dict[str, Any]:
    """An error as the problem that it would be alone, for an answer that has several."""
    found: dict[str, Any] = json.loads(bytes(_SAID.response(error).body))
    return found
