# SPDX-License-Identifier: Apache-2.0
"""The routes of operators, all for the scope `admin`."""

from __future__ import annotations

from typing import Annotated, Protocol

from fastapi import APIRouter, Path, Query, Request, Response

from rollcall.events.delivery import GroupStatus
from rollcall.events.log import Held
from rollcall.kernel.clock import Clock
from rollcall.kernel.ids import IdSource
from rollcall.protocols.access import namespace_for
from rollcall.protocols.admin import wire
from rollcall.protocols.admin.errors import KeyNotFound
from rollcall.protocols.bodies import strict_route
from rollcall.registry.service import RegistryService
from rollcall.web.audit import AuditLog, audit_subject
from rollcall.web.callers import Administrator, Operator
from rollcall.web.keys import KeyStore, draw_key
from rollcall.web.paging import link

PREFIX = "/api/v1/admin"

Namespace = Annotated[str | None, Query(max_length=256, description="By default one's own.")]
Group = Annotated[str, Path(max_length=200)]


class EventDelivery(Protocol):
    """What is asked of the dispatcher."""

    async def status(self) -> list[GroupStatus]: ...
    async def parked(self, group: str) -> list[Held]: ...
    async def replay(self, group: str, position: int) -> None: ...
    async def skip(self, group: str, position: int) -> None: ...
    def pause(self, group: str) -> None: ...
    def resume(self, group: str) -> None: ...


def router(
    service: RegistryService,
    keys: KeyStore,
    audit: AuditLog,
    delivery: EventDelivery,
    clock: Clock,
    ids: IdSource,
) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix=PREFIX, route_class=strict_route(service), tags=["administration"])
    _add_keys(routes, keys, clock, ids)
    _add_audit(routes, audit)
    _add_events(routes, delivery)
    return routes


def _add_keys(routes: APIRouter, keys: KeyStore, clock: Clock, ids: IdSource) -> None:
    @routes.post("/keys", status_code=201)
    async def create_key(
        caller: Administrator, asked: wire.NewKey, request: Request
    ) -> wire.MadeKey:
        """Make an API key. The answer is the only place where it can be read."""
        days = asked.expires_in_days
        key, text = draw_key(
            ids,
            clock,
            name=asked.name,
            namespace=namespace_for(caller, asked.namespace),
            scopes=frozenset(asked.scopes),
            expires_at=None if days is None else clock.now() + days * 86_400,
        )
        audit_subject(request.scope, f"key:{key.id}")
        await keys.add(key)
        return wire.made_to(key, text)

    @routes.get("/keys")
    async def list_keys(caller: Administrator, namespace: Namespace = None) -> list[wire.KeyInfo]:
        """The keys of a namespace, the oldest first, with those that are no good any more."""
        return [wire.key_to(key) for key in await keys.list(namespace_for(caller, namespace))]

    @routes.delete("/keys/{key_id}", status_code=204, response_class=Response)
    async def revoke_key(
        caller: Administrator,
        key_id: Annotated[str, Path(max_length=64)],
        namespace: Namespace = None,
    ) -> None:
        """Have a key be no good any more. Other processes notice within seconds."""
        if not await keys.revoke(namespace_for(caller, namespace), key_id, clock.now()):
            raise KeyNotFound(key_id)


def _add_audit(routes: APIRouter, audit: AuditLog) -> None:
    @routes.get("/audit")
    async def read_audit(
        caller: Administrator,
        asked: Annotated[wire.AuditQuery, Query()],
        request: Request,
        response: Response,
    ) -> list[wire.AuditInfo]:
        """Who changed what, the newest first; the next page is in the `Link` header."""
        namespace = namespace_for(caller, asked.namespace)
        found = await audit.entries(namespace, asked.question(), limit=asked.limit + 1)
        page = found[: asked.limit]
        if len(found) > len(page):
            response.headers["Link"] = link(request.url, str(page[-1].number))
        return [wire.entry_to(entry) for entry in page]


def _add_events(routes: APIRouter, delivery: EventDelivery) -> None:
    @routes.get("/events/groups")
    async def groups(caller: Operator) -> list[wire.GroupInfo]:
        """How the event handlers of this process are doing."""
        return [wire.group_to(one) for one in await delivery.status()]

    @routes.get("/events/dead")
    async def dead(
        caller: Operator, group: Annotated[str | None, Query(max_length=200)] = None
    ) -> list[wire.DeadInfo]:
        """Events that failed too often, and wait to be replayed or skipped."""
        names = [one.group for one in await delivery.status()] if group is None else [group]
        return [wire.dead_to(held) for name in names for held in await delivery.parked(name)]

    @routes.post("/events/replay")
    async def replay(caller: Operator, asked: wire.Place) -> wire.Done:
        """Try a dead event again."""
        await delivery.replay(asked.group, asked.position)
        return wire.Done(message=f"event {asked.position} is tried again by {asked.group}")

    @routes.post("/events/skip")
    async def skip(caller: Operator, asked: wire.Place) -> wire.Done:
        """Give a dead event up: what waits behind it goes on."""
        await delivery.skip(asked.group, asked.position)
        return wire.Done(message=f"event {asked.position} was given up by {asked.group}")

    @routes.post("/events/groups/{group}/pause")
    async def pause(caller: Operator, group: Group) -> wire.Done:
        """Deliver nothing more to a group, in this process."""
        delivery.pause(group)
        return wire.Done(message=f"{group} is paused")

    @routes.post("/events/groups/{group}/resume")
    async def resume(caller: Operator, group: Group) -> wire.Done:
        """Deliver to a group again."""
        delivery.resume(group)
        return wire.Done(message=f"{group} goes on")
