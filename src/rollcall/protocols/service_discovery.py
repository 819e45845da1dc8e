# SPDX-License-Identifier: Apache-2.0
"""`GET /sd/prometheus`: targets for Prometheus' HTTP service discovery."""

from __future__ import annotations

import re
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Query
from pydantic import Field

from rollcall.protocols import filters
from rollcall.protocols.access import namespace_for
from rollcall.protocols.bodies import strict_route
from rollcall.protocols.filters import MAX_FILTERS, AnyKind
from rollcall.protocols.preconditions import reached
from rollcall.protocols.wire import Reading, Wire
from rollcall.registry.models import Record
from rollcall.registry.query import Query as Question
from rollcall.registry.reader import View
from rollcall.registry.service import RegistryService
from rollcall.registry.status import Status
from rollcall.web.callers import Reader

PREFIX: Final = "__meta_rollcall_"
_NO_LABEL: Final = re.compile(r"[^a-zA-Z0-9_]")


class TargetsQuery(Reading):
    """Which records are targets. All that is given must hold."""

    status: list[Status] = Field(default=[], description="One of these; by default any.")
    kind: list[AnyKind] = Field(default=["any"], description="One of these.")
    tags: list[str] = Field(default=[], max_length=MAX_FILTERS, description="All of these.")
    capabilities: list[str] = Field(default=[], max_length=MAX_FILTERS, description="All of these.")


class TargetGroup(Wire):
    """One target, with what is known of it as labels for relabelling."""

    targets: list[str]
    labels: dict[str, str]


def router(service: RegistryService) -> APIRouter:
    """The route."""
    routes = APIRouter(route_class=strict_route(service), tags=["service"])

    @routes.get("/sd/prometheus")
    async def targets(caller: Reader, asked: Annotated[TargetsQuery, Query()]) -> list[TargetGroup]:
        """Everything with an address, for `http_sd_configs` of Prometheus.

        Metadata whose key begins with `prometheus_` becomes a label too, so that a service says
        itself where its metrics are (`prometheus_path`), and relabelling takes it from there.
        """
        namespace = namespace_for(caller, asked.namespace)
        await reached(service, asked.min_revision)
        return targets_of(service, namespace, asked)

    return routes


def targets_of(service: RegistryService, namespace: str, asked: TargetsQuery) -> list[TargetGroup]:
    """Every record that has an address and is what is asked for, by name."""
    question = Question(
        statuses=frozenset(asked.status) or None,
        kinds=filters.kinds(asked.kind),
        tags=tuple(asked.tags),
        capabilities=tuple(asked.capabilities),
        addressed=True,
    )
    found = service.state.index.search(namespace, question)
    views = [service.view(one.slot) for one in found]
    return [group for view in sorted(views, key=_name) if (group := group_of(view))]


def group_of(view: View) -> TargetGroup | None:
    """The target that a record is; None: it has no address."""
    record = view.record
    address = record.address
    if address is None:
        return None
    host = f"[{address.host}]" if ":" in address.host else address.host
    labels = {
        "id": record.id,
        "name": record.name,
        "namespace": record.namespace,
        "kind": record.kind.value,
        "status": view.status.value,
        "version": record.version,
        "runtime": record.runtime,
        "scheme": urlsplit(address.base_url).scheme or "http",
        # With separators at both ends, as Prometheus' own discoveries write lists.
        "tags": _listed(record.tags),
        "capabilities": _listed(tuple(one.name for one in record.capabilities)),
        **_said(record),
    }
    return TargetGroup(
        targets=[f"{host}:{address.port}"],
        labels={PREFIX + name: text for name, text in labels.items()},
    )


def _said(record: Record) -> dict[str, str]:
    return {
        f"metadata_{_NO_LABEL.sub('_', key)}": str(value)
        for key, value in (record.metadata or {}).items()
        if key.startswith("prometheus_") and isinstance(value, str | int | float)
    }


def _listed(words: tuple[str, ...]) -> str:
    return f",{','.join(words)}," if words else ""


def _name(view: View) -> tuple[str, str]:
    return view.record.name, view.record.id
