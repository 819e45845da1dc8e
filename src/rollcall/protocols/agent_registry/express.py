# SPDX-License-Identifier: Apache-2.0
"""The short ways of document 2: registrations, heartbeats, searches by words."""

from __future__ import annotations

from typing import Final

import msgspec
from pydantic import TypeAdapter

from rollcall.kernel.caller import READ, REGISTER, Caller
from rollcall.kernel.errors import RollcallError
from rollcall.protocols.agent_registry import questions, wire
from rollcall.protocols.agent_registry.operations import AgentOperations
from rollcall.protocols.express import Answers, Stamp, body_of, reading_of, revision_line, settled
from rollcall.web.express import Done, ExpressRoute, Work

_HITS: Final = TypeAdapter(list[wire.CapabilityHit])
_ALIVE: Final = wire.Heartbeat()


class _Beats(msgspec.Struct, forbid_unknown_fields=True):
    """A body of `POST /heartbeats` that names agents."""

    agent_ids: list[str]


_beats: Final = msgspec.json.Decoder(_Beats).decode
_stamp: Final = Stamp()
_encode: Final = msgspec.json.Encoder().encode


def routes(agents: AgentOperations) -> list[ExpressRoute]:
    """What document 2 answers the short way."""
    service = agents.service
    revision = revision_line(service)
    answers = Answers[tuple[str, bytes]](service.state)

    def heartbeat(caller: Caller, agent_id: str, query: bytes, body: bytes) -> bytes | None:
        beat = body_of(wire.Heartbeat, body) if body else _ALIVE
        if beat is None or query or not settled(service):
            return None
        if not agents.heartbeat_at_once(caller, caller.namespace, agent_id, beat):
            return None
        return b'{"status":"ok","agent_id":"%b","last_heartbeat":"%b"}' % (
            agent_id.encode(),
            _stamp(service.clock.now()),
        )

    def heartbeats(caller: Caller, _: str, query: bytes, body: bytes) -> bytes | None:
        if query or not settled(service):
            return None
        return heartbeats_at_once(agents, caller, caller.namespace, body)

    def search(caller: Caller, _: str, query: bytes, body: bytes) -> bytes | None:
        if body or not settled(service):
            return None
        begun = service.clock.monotonic()
        known = answers.get(caller.namespace, query)
        if known is not None:
            words, content = known
            agents.metrics.search(words)
            service.note_search(service.clock.monotonic() - begun)
            return content
        asked = reading_of(wire.SearchQuery, query, caller, service)
        if asked is None:
            return None
        try:
            hits = questions.search_by_words(service, agents.metrics, caller.namespace, asked)
        except RollcallError:
            return None
        if hits is None:
            return None
        content = _HITS.dump_json(hits)
        # An explanation tells of ages, and what finds nothing is noted as unmet demand each time.
        if hits and not asked.explain:
            answers.keep(caller.namespace, query, (asked.q, content))
        return content

    def register(caller: Caller, _: str, query: bytes, body: bytes) -> Work | None:
        agent = body_of(wire.AgentRegistration, body)
        if agent is None or query or not settled(service):
            return None

        async def work() -> Done:
            answer = await agents.register(caller, caller.namespace, agent)
            return Done(answer.model_dump_json().encode())

        return Work(work, agent.agent_id)

    return [
        ExpressRoute("POST", "/register", REGISTER, register, revision),
        ExpressRoute("POST", "/agents/{agent_id}/heartbeat", REGISTER, heartbeat, revision),
        ExpressRoute("POST", "/heartbeats", REGISTER, heartbeats, revision),
        ExpressRoute("GET", "/capabilities/search", READ, search, revision),
    ]


def heartbeats_at_once(
    agents: AgentOperations, caller: Caller, namespace: str, body: bytes
) -> bytes | None:
    """The answer to heartbeats in the plain form that change nothing but times; None: they do."""
    ids = _plain_ids(body)
    unknown = agents.heartbeats_at_once(caller, namespace, ids) if ids else None
    if not ids or unknown is None:
        return None
    return b'{"status":"ok","renewed":%d,"unknown":%b,"timestamp":"%b"}' % (
        len(ids) - len(unknown),
        _encode(unknown),
        _stamp(agents.service.clock.now()),
    )


def _plain_ids(body: bytes) -> list[str] | None:
    """The agents that a body names; None: it is not of the plain form.

    Plain is ASCII without escapes. That leaves nothing in which the ordinary reader, which looks at
    each character and each key, could find fault beyond what this one finds.
    """
    if not body.isascii() or b"\\" in body or body.count(b'"agent_ids"') != 1:
        return None
    try:
        ids = _beats(body).agent_ids
    except msgspec.DecodeError:
        return None
    return ids if len(ids) <= wire.MAX_BATCH_HEARTBEAT else None
