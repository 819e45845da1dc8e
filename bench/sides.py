# SPDX-License-Identifier: Apache-2.0
"""The two registries under one shape. Methods have the same names on both; only imports differ."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

SIDES: Final = {"kaizen": "kaizen.orchestration", "rollcall": "rollcall.orchestration"}


@dataclass(frozen=True, slots=True)
class Side:
    """One registry's classes.

    Args:
        name: A key of `SIDES`.
        module: Has `AgentRegistry`, `AgentRegistryConfig`, `AgentStatus`, `RegistryEventType`.
    """

    name: str
    module: Any

    @asynccontextmanager
    async def registry(
        self,
        *,
        events: bool,
        heartbeat_timeout: float = 3600.0,
        auto_deregister_timeout: float = 7200.0,
    ) -> AsyncGenerator[Any]:
        """A registry that is started, and shut down in the end.

        What is not named here stays as its makers set it. Timeouts are in seconds; by default
        nothing expires during a measurement.
        """
        config = self.module.AgentRegistryConfig(
            heartbeat_timeout=heartbeat_timeout,
            auto_deregister_timeout=auto_deregister_timeout,
            enable_event_broadcasting=events,
        )
        registry = self.module.AgentRegistry(config=config)
        await registry.start()
        try:
            yield registry
        finally:
            # kaizen's event task swallows a cancellation; only its shutdown ends it.
            await registry.shutdown()


def load(name: str) -> Side:
    """Import one side. Raises `KeyError` for a name that is not in `SIDES`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what kaizen says about its own optional parts
        return Side(name, importlib.import_module(SIDES[name]))
