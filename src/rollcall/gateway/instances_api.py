# SPDX-License-Identifier: Apache-2.0
"""Where services of this installation are, for whoever configures another proxy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter
from pydantic import BaseModel

from rollcall.gateway.ports import Instances
from rollcall.web.callers import Operator
from rollcall.web.module import Module

PATH: Final = "/api/v1/admin/instances"


class OwnInstance(BaseModel):
    """An instance of a service of this installation."""

    service: str
    """Its name in the registry."""
    host: str
    port: int


def module(instances: Instances, names: Sequence[str]) -> Module:
    """Tells operators.

    Args:
        instances: The registry.
        names: Whom it is asked for, by their names there.
    """
    routes = APIRouter(tags=["administration"])

    @routes.get(PATH)
    async def list_instances(
        caller: Operator,
    ) -> list[OwnInstance]:
        """The instances of Rollcall's own services that may be asked now: what somebody else
        registered under their names is not among them.
        """
        return [
            OwnInstance(service=name, host=one.host, port=one.port)
            for name in names
            for one in await instances.find(name)
        ]

    return Module(name="instances", routers=(routes,))
