# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from rollcall.gateway.instances_api import PATH, module
from rollcall.kernel.caller import ADMIN, READ
from rollcall.web.auth import BearerAccess
from rollcall.web.keys import InMemoryKeyStore, draw_key
from rollcall.web.module import create_app
from support.gateways import Registered, instance, kit

PLACE = instance("http://10.0.0.9:3004")


async def test_operators_are_told_where_services_are() -> None:
    app = create_app([module(Registered([PLACE]), ["other", "shop-service"])], kit())
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        said = (await client.get(PATH)).json()
    assert said == [{"service": "shop-service", "host": "10.0.0.9", "port": 3004}]


@pytest.mark.parametrize(
    ("scope", "namespace", "status"),
    [(ADMIN, "default", 200), (ADMIN, "acme", 403), (READ, "default", 403)],
)
async def test_nobody_else_is(scope: str, namespace: str, status: int) -> None:
    used = kit()
    keys = InMemoryKeyStore()
    key, text = draw_key(
        used.ids, used.clock, name="one", namespace=namespace, scopes=frozenset({scope})
    )
    await keys.add(key)
    locked = replace(used, access=BearerAccess(keys, used.clock))
    app = create_app([module(Registered([PLACE]), ["shop-service"])], locked)
    transport = httpx.ASGITransport(app)
    headers = {"Authorization": f"Bearer {text}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.get(PATH, headers=headers)).status_code == status
        assert (await client.get(PATH)).status_code == 401
