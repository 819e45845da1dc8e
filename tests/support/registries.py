"""Registries, the store of those that share one, and what they publish."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.orchestration import AgentRegistry
from rollcall.registry.events import Event
from rollcall.registry.models import LeasePolicy
from rollcall.registry.service import RegistryService
from rollcall.registry.store import Traits
from rollcall.testing.store_contract.case import record

OpenRegistry = Callable[..., Awaitable[RegistryService]]
OpenAgentRegistry = Callable[..., Awaitable[AgentRegistry]]


class RemoteStore(InMemoryStore):
    """In memory, but to its users one that outlives them, that others share, and that waits."""

    traits = Traits(durable=True, shared=True)


def heard(registry: RegistryService) -> list[Event]:
    """A list that each event of the registry is put on from now on."""
    events: list[Event] = []
    registry.feed.taps.append(events.append)
    return events


async def register_sharers(
    registry: RegistryService, lease: str, policy: LeasePolicy, count: int
) -> None:
    """Grants a lease, and registers records that share it, whose ids are numbers from 0 on."""
    await registry.grant("default", lease, policy)
    for number in range(count):
        await registry.register(record(str(number), lease))
