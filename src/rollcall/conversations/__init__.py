# SPDX-License-Identifier: Apache-2.0
"""The agent service: conversations in which a model uses the tools that the registry knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rollcall.conversations.model_agent import AgentAnswer, ModelAgent

__all__ = ["AgentAnswer", "ModelAgent"]


def __getattr__(name: str) -> object:
    # Those who want a part of the service should not pay for the rest of it.
    if name in __all__:
        from rollcall.conversations import model_agent  # noqa: PLC0415

        return getattr(model_agent, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
