# SPDX-License-Identifier: Apache-2.0
"""The short ways of document 1: registrations, heartbeats, and questions who is there."""

from __future__ import annotations

from rollcall.kernel.caller import READ, REGISTER, Caller
from rollcall.kernel.errors import RollcallError
from rollcall.protocols.express import body_of, reading_of, revision_line, settled
from rollcall.protocols.service_registry import translate, wire
from rollcall.protocols.service_registry.operations import ServiceOperations
from rollcall.protocols.wire import Reading
from rollcall.web.express import Done, ExpressRoute, Work


def routes(services: ServiceOperations, prefix: str) -> list[ExpressRoute]:
    """What document 1 answers the short way, under its prefix."""
    service = services.service
    revision = revision_line(service)

    def register(caller: Caller, _: str, query: bytes, body: bytes) -> Work | None:
        asked = body_of(wire.ServiceRegistration, body)
        if asked is None or query or not settled(service):
            return None

        async def work() -> Done:
            answer, new = await services.register(caller, caller.namespace, asked)
            content = answer.model_dump_json().encode()
            return Done(content, 201 if new else 200, answer.service_id)

        return Work(work)

    def heartbeat(caller: Caller, service_id: str, query: bytes, body: bytes) -> bytes | None:
        if query or body or not settled(service):
            return None
        answer = services.heartbeat_at_once(caller, caller.namespace, service_id)
        return None if answer is None else answer.model_dump_json().encode()

    def discover(caller: Caller, _: str, query: bytes, body: bytes) -> bytes | None:
        asked = body_of(wire.DiscoverRequest, body)
        if asked is None or reading_of(Reading, query, caller, service) is None:
            return None
        return answered(caller, asked)

    def list_services(caller: Caller, _: str, query: bytes, body: bytes) -> bytes | None:
        asked = reading_of(wire.DiscoverQuery, query, caller, service)
        return None if asked is None or body else answered(caller, translate.request_of(asked))

    def answered(caller: Caller, asked: wire.DiscoverRequest) -> bytes | None:
        if not settled(service):
            return None
        try:
            answer, more = services.discover(caller.namespace, asked)
        except RollcallError:
            return None
        # The way to the next page is a header, which the ordinary way makes.
        return None if more is not None else answer.model_dump_json().encode()

    return [
        ExpressRoute("POST", f"{prefix}/register", REGISTER, register, revision),
        ExpressRoute("POST", f"{prefix}/heartbeat/{{service_id}}", REGISTER, heartbeat, revision),
        ExpressRoute("POST", f"{prefix}/discover", READ, discover, revision),
        ExpressRoute("GET", f"{prefix}/discover", READ, list_services, revision),
    ]
