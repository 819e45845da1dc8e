# SPDX-License-Identifier: Apache-2.0
"""What Prometheus is told of the health checks."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from rollcall.protocols.probe_metrics import ProbeMetrics
from rollcall.registry.models import Address, HealthCheck
from rollcall.registry.probing import HealthChecks, ProbeFailed
from rollcall.registry.service import RegistryService
from rollcall.testing.clock import FrozenClock
from rollcall.testing.store_contract.case import record

CHECK = HealthCheck(interval_seconds=10, timeout_seconds=2)
HOSTS = ("well", "sick", "silent", "odd")


class ByHost:
    async def probe(self, address: Address, check: HealthCheck) -> None:
        if address.host == "sick":
            raise ProbeFailed("feverish")
        if address.host == "silent":
            await asyncio.Event().wait()
        if address.host == "odd":
            raise ZeroDivisionError


async def test_health_checks_are_counted_by_how_they_end(
    registry: RegistryService, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    for host in HOSTS:
        address = Address(host, 80)
        await registry.register(replace(record(host), address=address, health_check=CHECK))
    checks = HealthChecks(registry, ByHost(), clock, Random(1))
    exposed = CollectorRegistry()
    ProbeMetrics(checks).register(exposed)

    def figure(name: str, **labels: str) -> float | None:
        return exposed.get_sample_value(f"rollcall_health_{name}", labels)

    running = asyncio.create_task(checks.run())
    await clock.advance(3)
    assert figure("checked_records") == len(HOSTS)
    for outcome in ("passed", "failed", "broken"):
        assert figure("checks_total", outcome=outcome) == 1
    assert figure("checks_in_flight") == 1 - (figure("checks_total", outcome="timeout") or 0)

    await clock.advance(2)
    assert figure("checks_total", outcome="timeout") == 1
    assert figure("checks_in_flight") == 0
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
