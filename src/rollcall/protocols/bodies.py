# SPDX-License-Identifier: Apache-2.0
"""Routes over the core: JSON is read strictly, and every answer says which revision it is at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import Request, Response
from fastapi.routing import APIRoute

from rollcall.registry.service import RegistryService
from rollcall.web.strict import Handler, StrictRoute

REVISION_HEADER: Final = "Rollcall-Revision"
"""The revision that an answer is at: of a read, at least that; of a write, at least its own."""


def strict_route(service: RegistryService) -> type[APIRoute]:
    """Routes that read JSON strictly, and whose answers carry the revision they are at."""

    class RevisedRoute(StrictRoute):
        def get_route_handler(self) -> Handler:
            handle = super().get_route_handler()

            async def revised(request: Request) -> Response:
                return await _at_revision(service, request, handle)

            return revised

    return RevisedRoute


async def _at_revision(
    service: RegistryService, request: Request, handle: Callable[[Request], Awaitable[Response]]
) -> Response:
    before = service.state.revision
    response = await handle(request)
    revision = before if request.method == "GET" else service.state.revision
    response.headers[REVISION_HEADER] = str(revision)
    down_since = service.commits.down_since
    if down_since is not None:
        # RFC 9111, section 5.1: what is told from memory while the store is away may be so old.
        response.headers["Age"] = str(int(service.clock.monotonic() - down_since))
    return response
