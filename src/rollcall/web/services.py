# SPDX-License-Identifier: Apache-2.0
"""How routes come by the services that they speak for: by name, as in document 3."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import HTTPConnection

from rollcall.kernel.services import ServiceRegistry


def service(name: str) -> Callable[[HTTPConnection], Awaitable[object]]:
    """A FastAPI dependency: the service of this name in the application's registry.

        Agents = Annotated[AgentService, Depends(service("agent_service"))]

    Args:
        name: As it was registered in `Kit.services`. If it was not, the request is a 500, and the
            log says which services there are.
    """

    async def found(connection: HTTPConnection) -> object:
        registry: ServiceRegistry = connection.app.state.service_registry
        return registry.get(name)

    return found
