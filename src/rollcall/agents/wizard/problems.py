# SPDX-License-Identifier: Apache-2.0
"""How the errors of the wizard look over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rollcall.agents.wizard.errors import AgentIncomplete, AgentNotActive, IndustryNotFound
from rollcall.agents.wizard.ports import AgentServiceAway
from rollcall.web.problems import Kind

PROBLEMS: Final[Mapping[type[Exception], Kind]] = {
    IndustryNotFound: Kind(
        404, "industry-not-found", "There is no such industry", ("industry", "known")
    ),
    AgentIncomplete: Kind(
        409, "agent-incomplete", "The agent does not say enough", ("agent_id", "missing")
    ),
    AgentNotActive: Kind(
        409, "agent-not-active", "The agent may not be talked to", ("agent_id", "agent_status")
    ),
    AgentServiceAway: Kind(
        503,
        "agent-service-away",
        "The agent service does not answer",
        ("problem",),
        retry_after=1,
    ),
}
"""For a module."""
