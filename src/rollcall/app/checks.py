# SPDX-License-Identifier: Apache-2.0
"""The health checks of a process, shared out where several registries run on one store."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from random import Random

from rollcall.app.settings import Settings
from rollcall.backends.probes.network import NetworkProber
from rollcall.kernel.clock import Clock
from rollcall.kernel.ids import IdSource
from rollcall.protocols.probe_metrics import ProbeMetrics
from rollcall.registry.probing import HealthChecks
from rollcall.registry.replicas import Replicas
from rollcall.registry.service import RegistryService
from rollcall.registry.store import Traits
from rollcall.web.background import BackgroundTask
from rollcall.web.module import Module


def health_checks(
    registry: RegistryService, traits: Traits, clock: Clock, ids: IdSource, settings: Settings
) -> tuple[Module, Module]:
    """A module that asks registered records how they are, and one that tells how that goes.

    The first is for one service of the process, the second for all.

    Args:
        registry: Whose records.
        traits: Of its store: shared ones have replicas.
        clock: Time.
        ids: Draws this replica's name.
        settings: Whether at all, and how many at once.
    """
    if not settings.probes:
        return Module(name="health-checks"), Module(name="health-check-figures")
    prober, replicas = NetworkProber(), Replicas(registry, clock, ids.hex(16))
    if traits.shared:
        checks = HealthChecks(
            registry,
            prober,
            clock,
            Random(),
            at_once=settings.probes_at_once,
            me=replicas.me,
            replicas=replicas.alive,
        )
    else:
        checks = HealthChecks(registry, prober, clock, Random(), at_once=settings.probes_at_once)

    @asynccontextmanager
    async def opened() -> AsyncGenerator[None]:
        try:
            yield
        finally:
            await prober.close()

    tasks = [BackgroundTask("health-checks", checks.run)]
    if traits.shared:
        tasks.append(BackgroundTask("replicas", replicas.run))
    return (
        Module(name="health-checks", tasks=tasks, lifespans=(opened,)),
        Module(name="health-check-figures", collectors=(ProbeMetrics(checks),)),
    )
