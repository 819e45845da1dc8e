from __future__ import annotations

import msgspec
import pytest

from rollcall.registry.models import Capability
from rollcall.registry.query import Query
from rollcall.registry.scan import scan
from rollcall.registry.service import RegistryService
from rollcall.registry.status import Status
from rollcall.testing.store_contract.case import record

WRITERS = [
    ("exact", "code generation", Status.ACTIVE),
    ("phrase", "fast code generation", Status.BUSY),
    ("words", "generation of code", Status.ACTIVE),
    ("part", "transcode generations", Status.ACTIVE),
    ("none", "chess", Status.ACTIVE),
    ("gone", "code generation", Status.OFFLINE),
]


@pytest.mark.parametrize(
    "query",
    [
        Query(),
        Query(text="code generation"),
        Query(text="code"),
        Query(text="code generation", statuses=frozenset({Status.ACTIVE})),
        Query(name="AGENT", capabilities=("chess",)),
        Query(text="nothing of the kind"),
    ],
)
async def test_looking_at_every_record_finds_what_the_index_finds(
    query: Query, registry: RegistryService
) -> None:
    for key, capability, reported in WRITERS:
        doc = msgspec.structs.replace(
            record(key), capabilities=(Capability(capability),), reported=reported
        )
        await registry.register(doc)
    await registry.register(record("no capabilities"))
    assert scan(registry.state, "default", query) == await registry.search("default", query)


async def test_a_namespace_that_is_not_there_has_nothing(registry: RegistryService) -> None:
    assert scan(registry.state, "nowhere", Query()) == []
