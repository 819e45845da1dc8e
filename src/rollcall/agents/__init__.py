# SPDX-License-Identifier: Apache-2.0
"""Definitions of agents: versions, capabilities, prompts, and their life (documents 3 and 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rollcall.agents.capability_service import CapabilityService
    from rollcall.agents.documents import AgentRepository
    from rollcall.agents.service import AgentService

__all__ = ["AgentRepository", "AgentService", "CapabilityService"]

_HOMES: Final = {
    "AgentRepository": "rollcall.agents.documents",
    "AgentService": "rollcall.agents.service",
    "CapabilityService": "rollcall.agents.capability_service",
}


def __getattr__(name: str) -> object:
    # Those who want a part of it should not pay for the rest.
    if name in _HOMES:
        import importlib  # noqa: PLC0415

        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
