# SPDX-License-Identifier: Apache-2.0
"""What document 2 is asked: searches and their explanations, health, counts."""

from __future__ import annotations

from msgspec.structs import replace

from rollcall.protocols.agent_registry import translate, wire
from rollcall.protocols.agent_registry.metrics import AgentRegistryMetrics
from rollcall.protocols.checks import fields_named
from rollcall.protocols.wire import RuleView, evidence_to
from rollcall.registry.index import Found
from rollcall.registry.matching import PhraseKey, Rule, phrase_key, why_not
from rollcall.registry.models import Kind
from rollcall.registry.query import Match, Query, TextHit
from rollcall.registry.service import RegistryService
from rollcall.registry.status import AVAILABLE, CODE

_PARAMETERS = {"text": "q", "statuses": "status", "kinds": "kind"}


async def search(
    service: RegistryService,
    metrics: AgentRegistryMetrics,
    namespace: str,
    asked: wire.SearchQuery,
) -> list[wire.CapabilityHit]:
    """The capabilities that match, best first; among equals, those of agents that are well.

    Raises:
        InvalidInput: The words or a filter cannot be used.
        MissingExtra: It asks for meaning, and there is no encoder.
    """
    hits = search_by_words(service, metrics, namespace, asked)
    if hits is not None:
        return hits
    query = translate.query_from(asked, translate.words_from(asked.q), asked.match)
    metrics.search(asked.q)
    with fields_named(translate.field_name):
        found = await service.search(namespace, query, limit=asked.limit, per="capability")
    return _answer(service, namespace, query, asked, found)


def search_by_words(
    service: RegistryService,
    metrics: AgentRegistryMetrics,
    namespace: str,
    asked: wire.SearchQuery,
) -> list[wire.CapabilityHit] | None:
    """The same where nothing has to be waited for; None: it asks for meaning.

    Raises:
        InvalidInput: As for `search`; nothing was counted then.
    """
    if asked.match is not Match.LEXICAL:
        return None
    query = translate.query_from(asked, translate.words_from(asked.q), asked.match)
    with fields_named(translate.field_name):
        found = service.search_by_words(namespace, query, limit=asked.limit, per="capability")
    metrics.search(asked.q)
    return _answer(service, namespace, query, asked, found)


def _answer(
    service: RegistryService,
    namespace: str,
    query: Query,
    asked: wire.SearchQuery,
    found: list[Found],
) -> list[wire.CapabilityHit]:
    status = service.state.status
    full = len(found) == asked.limit and query.match is not Match.SEMANTIC
    if full and not all(status(one.slot) in AVAILABLE for one in found):
        # Which of equals made it into the limit is chance: those that are well come first.
        well = replace(query, statuses=AVAILABLE & (query.statuses or AVAILABLE))
        found += service.state.index.search(namespace, well, asked.limit, "capability")
    rows = {_key(one): one for one in found}.values()
    ranked = sorted(rows, key=lambda one: (-_hit(one).score, CODE[status(one.slot)]))
    return [
        _row(service, query, one, rank, explain=asked.explain)
        for rank, one in enumerate(ranked[: asked.limit], 1)
    ]


async def explain(
    service: RegistryService, namespace: str, agent_id: str, asked: wire.ExplainQuery
) -> wire.Explanation:
    """Which part of a question hid an agent, or what ranked it.

    Raises:
        RecordNotFound: There is no such agent.
        InvalidInput, MissingExtra: As for `search`.
    """
    query = translate.query_from(asked, asked.q, asked.match)
    with fields_named(translate.field_name):
        answer = await service.explain(namespace, agent_id, query)
    return wire.Explanation(
        agent_id=agent_id,
        found=answer.rank is not None,
        rank=answer.rank,
        status=translate.WORD[answer.evidence.status],
        rules=[_rule(rule) for rule in answer.rules],
        evidence=evidence_to(answer.evidence, service.clock.now()),
    )


def health(service: RegistryService, namespace: str, agent_id: str) -> wire.AgentHealth:
    """How well an agent is.

    Raises:
        RecordNotFound: There is no such agent.
    """
    view, evidence = service.get(namespace, agent_id), service.evidence(namespace, agent_id)
    return translate.health_to(view, evidence, service.clock.now())


def stats(service: RegistryService, namespace: str) -> wire.AgentStats:
    """How many agents there are of each status."""
    index, agents = service.state.index, frozenset({Kind.AGENT})
    counts = {
        f"{word.value}_agents": index.count(namespace, Query(kinds=agents, statuses=statuses))
        for word, statuses in translate.MEANS.items()
    }
    return wire.AgentStats(
        **counts,
        total_agents=sum(counts.values()),
        total_capabilities=index.capability_entries(namespace),
        distinct_capabilities=index.capability_count(namespace),
    )


def facts(service: RegistryService) -> dict[str, object]:
    """What `/health` says beside how the store is: the agents of all namespaces."""
    index, agents = service.state.index, Query(kinds=frozenset({Kind.AGENT}))
    return {
        "registered_agents": sum(index.count(one, agents) for one in index.namespaces()),
        "revision": service.state.revision,
    }


def _hit(one: Found) -> TextHit:
    assert one.hit is not None, "a question with words is answered with what matches them"
    return one.hit


def _key(one: Found) -> tuple[int, PhraseKey]:
    return one.slot, phrase_key(_hit(one).capability)


def _row(
    service: RegistryService, query: Query, one: Found, rank: int, *, explain: bool
) -> wire.CapabilityHit:
    record, status, hit = (
        service.state.slots.record(one.slot),
        service.state.status(one.slot),
        _hit(one),
    )
    row = translate.hit_to(record, status, hit)
    if not explain:
        return row
    # The words matched, if only by their meaning; what else was asked is looked at once more.
    why = hit.detail or "its name is the query"
    text = Rule("text", True, f"capability {hit.capability.name!r}: {why}")
    rest = why_not(record, status, query)[1:]
    evidence = service.evidence(record.namespace, record.id)
    explanation = wire.Explanation(
        agent_id=record.id,
        found=True,
        rank=rank,
        status=row.status,
        rules=[_rule(rule) for rule in (text, *rest)],
        evidence=evidence_to(evidence, service.clock.now()),
    )
    return row.model_copy(update={"explanation": explanation})


def _rule(rule: Rule) -> RuleView:
    name = _PARAMETERS.get(rule.name, rule.name)
    return RuleView(name=name, passed=rule.passed, detail=rule.detail)
