# SPDX-License-Identifier: Apache-2.0
"""How HTTP asks for document 1."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from rollcall.protocols.access import namespace_for
from rollcall.protocols.bodies import strict_route
from rollcall.protocols.parameters import Read, Where
from rollcall.protocols.preconditions import reached
from rollcall.protocols.service_registry import translate, wire
from rollcall.protocols.service_registry.operations import ServiceOperations
from rollcall.web.audit import audit_subject
from rollcall.web.callers import Administrator, Reader, Writer
from rollcall.web.lines import check_id, check_line
from rollcall.web.paging import link
from rollcall.web.preconditions import IfMatch, etag

PREFIX = "/api/v1"


async def _service_id(service_id: str) -> str:
    return check_id("service_id", service_id)


async def _name(name: str) -> str:
    return check_line("name", name)


ServiceId = Annotated[str, Depends(_service_id)]
Name = Annotated[str, Depends(_name)]


def router(services: ServiceOperations) -> APIRouter:
    """The routes of document 1, but for its front page."""
    routes = APIRouter(
        prefix=PREFIX, route_class=strict_route(services.service), tags=["service registry"]
    )
    _add_writes(routes, services)
    _add_reads(routes, services)
    return routes


def _add_writes(routes: APIRouter, services: ServiceOperations) -> None:
    @routes.post("/register", status_code=201, responses={200: {"model": wire.Registered}})
    async def register(
        caller: Writer,
        place: Where,
        asked: wire.ServiceRegistration,
        request: Request,
        response: Response,
    ) -> wire.Registered:
        """Register a service (201), or the same one again (200)."""
        namespace = namespace_for(caller, place.namespace)
        answer, new = await services.register(caller, namespace, asked)
        audit_subject(request.scope, answer.service_id)
        response.status_code = 201 if new else 200
        return answer

    @routes.delete("/unregister/{service_id:path}")
    async def unregister(
        caller: Writer, place: Where, service_id: ServiceId, if_match: IfMatch = None
    ) -> wire.Message:
        """Remove a service."""
        namespace = namespace_for(caller, place.namespace)
        return await services.unregister(caller, namespace, service_id, if_match)

    @routes.put("/update/{service_id:path}")
    async def update(
        caller: Writer,
        place: Where,
        service_id: ServiceId,
        asked: wire.ServiceUpdate,
        response: Response,
        if_match: IfMatch = None,
    ) -> wire.Message:
        """Change what is given, or report a status. It is no sign of life."""
        namespace = namespace_for(caller, place.namespace)
        answer, view = await services.update(caller, namespace, service_id, asked, if_match)
        response.headers["ETag"] = etag(view.revision)
        return answer

    @routes.post("/heartbeat/{service_id:path}")
    async def heartbeat(caller: Writer, place: Where, service_id: ServiceId) -> wire.Message:
        """A sign of life. 404: register again."""
        namespace = namespace_for(caller, place.namespace)
        return await services.heartbeat(caller, namespace, service_id)

    @routes.post("/cleanup")
    async def cleanup(caller: Administrator, place: Where) -> wire.Cleaned:
        """Remove at once what is past its lease and would be removed by it in the end."""
        return await services.cleanup(namespace_for(caller, place.namespace))


def _add_reads(routes: APIRouter, services: ServiceOperations) -> None:
    service = services.service

    @routes.get("/services/name/{name:path}")
    async def by_name(
        caller: Reader, asked: Read, name: Name, response: Response
    ) -> wire.ServiceInfo:
        """The service of this very name; of several, a healthy one."""
        namespace = namespace_for(caller, asked.namespace)
        await reached(service, asked.min_revision)
        view = services.named(namespace, name)
        response.headers["ETag"] = etag(view.revision)
        return translate.info_to(view)

    @routes.get("/services/{service_id:path}")
    async def by_id(
        caller: Reader, asked: Read, service_id: ServiceId, response: Response
    ) -> wire.ServiceInfo:
        """One service, or agent."""
        namespace = namespace_for(caller, asked.namespace)
        await reached(service, asked.min_revision)
        view = service.get(namespace, service_id)
        response.headers["ETag"] = etag(view.revision)
        return translate.info_to(view)

    @routes.post("/discover")
    async def discover(
        caller: Reader, asked_of: Read, asked: wire.DiscoverRequest
    ) -> wire.Discovered:
        """Services that fit; those that are healthy, unless another status is asked for."""
        namespace = namespace_for(caller, asked_of.namespace)
        await reached(service, asked_of.min_revision)
        return services.discover(namespace, asked)[0]

    @routes.get("/discover")
    async def list_services(
        caller: Reader,
        asked: Annotated[wire.DiscoverQuery, Query()],
        request: Request,
        response: Response,
    ) -> wire.Discovered:
        """Services that fit, of every status unless one is asked for."""
        namespace = namespace_for(caller, asked.namespace)
        await reached(service, asked.min_revision)
        answer, more = services.discover(namespace, translate.request_of(asked))
        if more is not None:
            response.headers["Link"] = link(request.url, more)
        return answer

    @routes.get("/stats")
    async def stats(caller: Reader, asked: Read) -> wire.ServiceStats:
        """How many services there are of each type and status."""
        namespace = namespace_for(caller, asked.namespace)
        await reached(service, asked.min_revision)
        return services.stats(namespace)


def front_page(services: ServiceOperations) -> APIRouter:
    """The route at `/`, for everybody."""
    routes = APIRouter(tags=["service registry"])

    @routes.get("/")
    async def banner() -> wire.Banner:
        """Who answers here, since when, over which store."""
        return services.banner()

    return routes
