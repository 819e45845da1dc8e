# SPDX-License-Identifier: Apache-2.0
"""The composition root: which parts a process is made of, opened and closed in order."""

from __future__ import annotations

import asyncio
import importlib.util
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from fastapi import FastAPI

from rollcall import __version__
from rollcall.app.backup import backup_of
from rollcall.app.checks import health_checks
from rollcall.app.entry import entrance
from rollcall.app.events import delivery_figures, event_log
from rollcall.app.gateway import instances_of, origins, own_instances, proxies
from rollcall.app.hangup import reloading
from rollcall.app.own import (
    Announced,
    LocalRegistrations,
    Own,
    RemoteRegistrations,
    advertised,
)
from rollcall.app.places import MEMORY, Places, places, setters
from rollcall.app.relay import registry_relay
from rollcall.app.services import GATEWAY_NAME, SERVICES, Service, service
from rollcall.app.settings import Settings, named
from rollcall.app.shared import Shared, shared
from rollcall.app.tracing import traced
from rollcall.app.understood import misunderstood
from rollcall.app.upkeep import upkeep
from rollcall.backends.sql.audit import SqlAuditLog
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.backends.sql.keys import SqlKeyStore
from rollcall.backends.sql.passes import service_secret
from rollcall.backends.sql.unit_of_work import SqlUnitOfWork
from rollcall.events.dispatcher import Dispatcher
from rollcall.gateway.targets import fixed
from rollcall.kernel.clock import Clock, SystemClock
from rollcall.kernel.errors import Closed
from rollcall.kernel.ids import IdSource, RandomIds
from rollcall.kernel.services import ServiceRegistry
from rollcall.protocols.admin.module import module as admin
from rollcall.registry.catalogue import open_encoder, open_store
from rollcall.registry.service import RegistryOptions, RegistryService
from rollcall.registry.store import RecordStore
from rollcall.web.auth import Access
from rollcall.web.drain import Drain
from rollcall.web.keys import CachedKeys
from rollcall.web.limits import Limits, RateLimiter
from rollcall.web.module import Kit, create_app
from rollcall.web.passes import PassAccess, Passes


class Platform:
    """The parts of one process: open while it is entered. Made by `compose`."""

    access: Access
    passes: Passes
    registry: RegistryService
    database: Database
    dispatcher: Dispatcher[SqlUnitOfWork]
    shared: Shared
    parts: ServiceRegistry
    apps: Mapping[str, FastAPI]

    def __init__(
        self,
        settings: Settings,
        services: Sequence[Service],
        where: Places,
        clock: Clock,
        ids: IdSource,
        store: RecordStore,
    ) -> None:
        self.settings = settings
        self.services = tuple(services)
        self.places = where
        self.clock = clock
        self.ids = ids
        self.drain = Drain()
        self._store = store
        self._open: AsyncExitStack | None = None
        self.companions: list[Announced] = []
        """What is registered beside the services themselves; a service's builder adds it."""
        self.copies: dict[str, Callable[[Path], Awaitable[None]]] = {}
        """What copies files for a backup, by their names; whoever has one open adds it."""
        self._own: LocalRegistrations | RemoteRegistrations | None = None

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._enter(stack)
            self._open = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._open is None:
            raise Closed("the platform is not open")
        opened, self._open = self._open, None
        await opened.aclose()

    @property
    def registry_url(self) -> str | None:
        """The registry that the services of this process use; None: the one in this process."""
        runs_one = any(one.registration is None for one in self.services)
        return None if runs_one else self.settings.service_registry_url

    async def announce(self, ports: Mapping[str, int]) -> None:
        """Register the services that are no registries themselves: they accept connections now.

        Args:
            ports: Where each service listens, by its name.
        """
        host = advertised(self.settings.host, self.settings.advertise_host)
        services = [
            Own(one.registration, host, ports[one.name])
            for one in self.services
            if one.registration is not None
        ]
        if not services:
            return
        url = self.registry_url
        if url is None:
            self._own = LocalRegistrations(self.registry, self.clock, self.passes)
        else:
            self._own = RemoteRegistrations(url, self.clock, self.passes)
        await self._own.begin(services)
        for one in self.companions:
            await one.begin(services)

    async def withdraw(self) -> None:
        """Take them off the registry: they accept no more connections."""
        own, self._own = self._own, None
        if own is not None:
            for one in self.companions:
                await one.end()
            await own.end()

    async def _enter(self, stack: AsyncExitStack) -> None:
        """Open everything, from what others stand on to what stands on others."""
        settings = self.settings
        with named(setters(settings, self.places)):
            dialect = dialect_of(self._database_url(stack))
        self.database = Database(dialect)
        await self.database.open()
        stack.push_async_callback(self.database.close)
        keys = CachedKeys(SqlKeyStore(self.database), self.clock)
        audit = SqlAuditLog(self.database)
        secret = await service_secret(self.database, self.clock.now(), secrets.token_bytes)
        self.passes = Passes(secret, self.clock)
        door = await entrance(settings, keys, self.clock)
        self.access = access = PassAccess(door, self.passes)
        self.registry = RegistryService(
            self._store,
            clock=self.clock,
            ids=self.ids,
            encoder=open_encoder if importlib.util.find_spec("wordllama") else None,
            options=RegistryOptions(max_records=settings.max_records),
        )
        stack.push_async_callback(self.registry.stop)
        await self.registry.start()
        traces = traced(settings, self.registry)
        if traces is not None:
            stack.push_async_callback(asyncio.to_thread, traces.close)
        events = await stack.enter_async_context(event_log(settings, self.database, self.clock))
        self.shared = shared(settings, self.database, self.places.database, self.clock, self.ids)
        await stack.enter_async_context(reloading(self.shared.shelf))
        self.parts = self.shared.registry()
        # Filled below: the gateway, which is one of them, passes requests on to the others.
        self.apps = apps = dict[str, FastAPI]()
        modules = {one.name: one.build(self) for one in self.services}
        self.dispatcher = Dispatcher(
            events,
            self.clock,
            [
                subscription
                for some in modules.values()
                for module in some
                for subscription in module.subscriptions
            ],
        )
        administration = admin(
            self.registry,
            keys,
            audit,
            self.dispatcher,
            self.clock,
            self.ids,
            backup_of(self.places, self.copies),
        )
        instances = instances_of(self)
        stack.push_async_callback(instances.close)
        told = own_instances(instances)
        limits = Limits(body_bytes=settings.max_body_bytes)
        rate = None
        if settings.rate_per_second is not None:
            rate = RateLimiter(
                self.clock, per_second=settings.rate_per_second, burst=settings.rate_burst
            )
        checking, figures = health_checks(
            self.registry, self._store.traits, self.clock, self.ids, settings
        )
        watching, delivery = delivery_figures(events, self.dispatcher, self.clock)
        beside = (
            watching,
            upkeep(self._store, self.registry, events, audit, self.clock, settings),
            checking,
        )
        if settings.relay_registry_events:
            beside = (*beside, registry_relay(self.registry, self.database, self.clock))
        cors = origins(settings)
        for one in self.services:
            kit = Kit(
                one.name,
                __version__,
                self.clock,
                self.ids,
                access,
                audit,
                self.drain,
                development=settings.development,
                limits=limits,
                rate=rate,
                health_paths=one.health_paths,
                traces=traces,
                cors=cors if one.name == GATEWAY_NAME else None,
                services=self.parts,
                proxies=proxies(settings.trusted_proxies),
            )
            # What serves the whole process runs once, beside the first of its services.
            parts = [
                *modules[one.name],
                administration,
                told,
                figures,
                delivery,
                *(() if apps else beside),
            ]
            apps[one.name] = app = create_app(parts, kit)
            await stack.enter_async_context(app.router.lifespan_context(app))
        # Once everything that takes events is open, and until it is closed.
        stack.push_async_callback(self.dispatcher.stop)
        await self.dispatcher.start()

    def _database_url(self, stack: AsyncExitStack) -> str:
        if self.places.database != MEMORY:
            return self.places.database
        folder = stack.enter_context(TemporaryDirectory(prefix="rollcall-"))
        return f"sqlite:///{Path(folder) / 'services.db'}"


def compose(
    settings: Settings,
    names: Sequence[str] = tuple(SERVICES),
    *,
    clock: Clock | None = None,
    ids: IdSource | None = None,
    store: RecordStore | None = None,
) -> Platform:
    """The parts of one process, not opened yet.

    Args:
        settings: What the process is told.
        names: Which services it runs.
        clock: Its time.
        ids: Its randomness.
        store: A record store instead of the one that the settings name.

    Raises:
        InvalidInput: The settings contradict each other, or there is no such service.
    """
    chosen = [service(name) for name in names]
    clock = clock or SystemClock()
    ids = ids or RandomIds()
    for wrong in misunderstood(settings, clock):
        raise wrong
    where = places(settings)
    variables = setters(settings, where)
    if settings.service_registry_url and all(one.registration for one in chosen):
        # Its registry is elsewhere: the one of this process has nothing to keep.
        fixed("SERVICE_REGISTRY_URL", settings.service_registry_url)
        where = replace(where, records=MEMORY)
    if store is None:
        with named(variables):
            store = open_store(where.records, clock, ids)
    return Platform(settings, chosen, where, clock, ids, store)
