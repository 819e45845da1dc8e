# SPDX-License-Identifier: Apache-2.0
"""What operators ask for: keys, the audit log, dead events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from rollcall.app.backup import backup_of
from rollcall.app.places import Places
from rollcall.backends.eventlog.inmemory import InMemoryEventLog
from rollcall.events.dispatcher import Dispatcher
from rollcall.events.subscriptions import DeliverySettings, Handler
from rollcall.kernel.clock import utc
from rollcall.kernel.ids import RandomIds
from rollcall.policies.retry import RetryPolicy
from rollcall.protocols.admin.module import module
from rollcall.registry.service import RegistryService
from rollcall.testing.clock import FrozenClock
from rollcall.testing.event_log_contract.case import created
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import BearerAccess
from rollcall.web.drain import Drain
from rollcall.web.keys import InMemoryKeyStore, draw_key
from rollcall.web.module import Kit, create_app

Clients = Callable[[FastAPI], httpx.AsyncClient]
KEYS = "/api/v1/admin/keys"
EVENTS = "/api/v1/admin/events"


class Printer:
    """Fails until it is mended."""

    def __init__(self) -> None:
        self.broken = True

    async def __call__(self, event: object, work: object) -> None:
        if self.broken:
            raise RuntimeError("out of paper")


@pytest.fixture
def printer() -> Printer:
    return Printer()


@pytest_asyncio.fixture
async def admin(
    registry: RegistryService, clock: FrozenClock, clients: Clients, printer: Printer
) -> AsyncIterator[httpx.AsyncClient]:
    """An administrator's client; one event could not be handled."""
    keys, audit, ids = InMemoryKeyStore(), InMemoryAuditLog(), RandomIds()
    key, text = draw_key(ids, clock, name="root", namespace="default", scopes=frozenset({"admin"}))
    await keys.add(key)
    log = InMemoryEventLog()
    event = created()
    subscription = Handler("printing", frozenset({event.type}), printer)
    settings = DeliverySettings(retry=RetryPolicy(max_retries=0))
    dispatcher = Dispatcher(log, clock, [subscription], settings)
    async with log.begin() as work:
        work.publish(event)
    await dispatcher.start()
    await dispatcher.drained()
    kit = Kit("both", "1", clock, ids, BearerAccess(keys, clock), audit, Drain())
    app = create_app(
        [
            module(
                registry, keys, audit, dispatcher, clock, ids, backup_of(Places("memory", "memory"))
            )
        ],
        kit,
    )
    client = clients(app)
    client.headers["Authorization"] = f"Bearer {text}"
    yield client
    await dispatcher.stop()


async def test_a_key_is_shown_once_and_lets_in_what_it_grants(admin: httpx.AsyncClient) -> None:
    made = await admin.post(KEYS, json={"name": "ci", "scopes": ["read"]})
    assert made.status_code == 201
    text = made.json()["key"]
    assert made.json()["namespace"] == "default"

    listed = (await admin.get(KEYS)).json()
    assert {one["name"] for one in listed} == {"root", "ci"}
    assert all("key" not in one and "digest" not in one for one in listed)

    reader = {"Authorization": f"Bearer {text}"}
    assert (await admin.get("/metrics", headers=reader)).status_code == 200
    assert (await admin.get(KEYS, headers=reader)).status_code == 403


async def test_a_revoked_key_lets_nobody_in(admin: httpx.AsyncClient) -> None:
    made = (await admin.post(KEYS, json={"name": "ci", "scopes": ["read"]})).json()
    assert (await admin.delete(f"{KEYS}/{made['id']}")).status_code == 204
    reader = {"Authorization": f"Bearer {made['key']}"}
    assert (await admin.get("/metrics", headers=reader)).status_code == 401
    assert (await admin.delete(f"{KEYS}/{'0' * 16}")).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x", "scopes": ["all"]}, "scopes.0"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "", "scopes": ["read"]}, "name"),
        ({"name": "x", "scopes": ["read"], "expires_in_days": 0}, "expires_in_days"),
        ({"name": "x", "scopes": ["read"], "color": "red"}, "color"),
    ],
)
async def test_a_key_of_no_sense_is_refused_by_its_field(
    body: object, field: str, admin: httpx.AsyncClient
) -> None:
    answer = await admin.post(KEYS, json=body)
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == [field]


async def test_keys_of_another_namespace_are_out_of_reach(admin: httpx.AsyncClient) -> None:
    body = {"name": "x", "scopes": ["read"], "namespace": "globex"}
    assert (await admin.post(KEYS, json=body)).status_code == 403
    assert (await admin.get(f"{KEYS}?namespace=globex")).status_code == 403


async def test_the_audit_log_tells_who_did_what(admin: httpx.AsyncClient) -> None:
    made = (await admin.post(KEYS, json={"name": "ci", "scopes": ["read"]})).json()
    await admin.delete(f"{KEYS}/{'0' * 16}")
    entries = (await admin.get("/api/v1/admin/audit")).json()
    assert [(one["action"], one["outcome"]) for one in entries] == [
        ("DELETE /api/v1/admin/keys/{key_id}", "refused"),
        ("POST /api/v1/admin/keys", "done"),
    ]
    assert entries[1]["subject"] == f"key:{made['id']}"
    assert made["key"] not in str(entries)


async def test_the_audit_log_is_read_by_the_page_and_by_what_is_asked(
    admin: httpx.AsyncClient, clock: FrozenClock
) -> None:
    begun = clock.now()
    for number in range(5):
        await admin.post(KEYS, json={"name": f"ci-{number}", "scopes": ["read"]})
        await clock.advance(10)
    await admin.delete(f"{KEYS}/{'0' * 16}")

    found: list[str] = []
    url = "/api/v1/admin/audit?limit=2&action=POST%20/api/v1/admin/keys"
    while url:
        answer = await admin.get(url)
        found += [one["subject"] for one in answer.json()]
        url = answer.links.get("next", {}).get("url", "")
    assert len(set(found)) == 5

    async def asked(**params: str) -> list[str]:
        answer = await admin.get("/api/v1/admin/audit", params=params)
        assert answer.status_code == 200, answer.text
        return [one["subject"] for one in answer.json()]

    assert await asked(record=found[0]) == [found[0]]
    assert await asked(record="0" * 16) == [f"{KEYS}/{'0' * 16}"]
    assert await asked(caller="key:nobody") == []
    times = [utc(begun + seconds).isoformat() for seconds in (10, 30)]
    assert await asked(since=times[0], until=times[1]) == found[2:4]
    for bad in ("limit=0", "cursor=x", "since=2026-01-01T00:00:00", "surprise=1"):
        assert (await admin.get(f"/api/v1/admin/audit?{bad}")).status_code == 422


async def test_a_dead_event_is_shown_and_replayed(
    admin: httpx.AsyncClient, printer: Printer, clock: FrozenClock
) -> None:
    (dead,) = (await admin.get(f"{EVENTS}/dead")).json()
    assert (dead["group"], dead["attempts"]) == ("printing", 1)
    assert "out of paper" in dead["error"]
    (group,) = (await admin.get(f"{EVENTS}/groups")).json()
    assert group["parked"] == 1

    printer.broken = False
    place = {"group": "printing", "position": dead["position"]}
    assert (await admin.post(f"{EVENTS}/replay", json=place)).status_code == 200
    await clock.settle()
    assert (await admin.get(f"{EVENTS}/dead?group=printing")).json() == []
    assert (await admin.post(f"{EVENTS}/replay", json=place)).status_code == 409


async def test_a_dead_event_can_be_given_up(admin: httpx.AsyncClient) -> None:
    (dead,) = (await admin.get(f"{EVENTS}/dead")).json()
    place = {"group": "printing", "position": dead["position"]}
    assert (await admin.post(f"{EVENTS}/skip", json=place)).status_code == 200
    assert (await admin.get(f"{EVENTS}/dead")).json() == []


async def test_a_group_is_paused_and_goes_on(admin: httpx.AsyncClient) -> None:
    for verb, paused in (("pause", True), ("resume", False)):
        answer = await admin.post(f"{EVENTS}/groups/printing/{verb}")
        assert answer.status_code == 200
        (group,) = (await admin.get(f"{EVENTS}/groups")).json()
        assert group["paused"] is paused
    assert (await admin.post(f"{EVENTS}/groups/nobody/pause")).status_code == 404
    assert (await admin.get(f"{EVENTS}/dead?group=nobody")).status_code == 404
