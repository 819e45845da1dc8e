# SPDX-License-Identifier: Apache-2.0
"""How administration plugs into an application."""

from __future__ import annotations

from rollcall.events.errors import GroupNotFound, NotParked
from rollcall.kernel.clock import Clock
from rollcall.kernel.ids import IdSource
from rollcall.protocols.admin import archive
from rollcall.protocols.admin.api import EventDelivery, router
from rollcall.protocols.admin.errors import KeyNotFound, NoBackup
from rollcall.registry.service import RegistryService
from rollcall.web.audit import AuditLog
from rollcall.web.keys import KeyStore
from rollcall.web.module import Module
from rollcall.web.problems import Kind


def module(
    service: RegistryService,
    keys: KeyStore,
    audit: AuditLog,
    delivery: EventDelivery,
    clock: Clock,
    ids: IdSource,
    backup: archive.Backup,
) -> Module:
    """The administration of a process."""
    return Module(
        name="administration",
        routers=(
            router(service, keys, audit, delivery, clock, ids),
            archive.router(service, backup),
        ),
        unbounded=(archive.IMPORT,),
        problems={
            KeyNotFound: Kind(404, "key-not-found", "There is no such key", ("key_id",)),
            GroupNotFound: Kind(404, "group-not-found", "There is no such group of handlers"),
            NoBackup: Kind(409, "no-backup", "It is not copied from here", ("kind",)),
            NotParked: Kind(409, "not-parked", "No dead event is there"),
        },
    )
