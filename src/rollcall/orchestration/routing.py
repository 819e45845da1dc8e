# SPDX-License-Identifier: Apache-2.0
"""Which agent takes a task, and why; pure, but for the turn that round-robin keeps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import takewhile
from random import Random
from typing import Any, cast

import msgspec

from rollcall.kernel.errors import InvalidInput
from rollcall.orchestration.config import RoutingStrategy
from rollcall.policies.balancing import (
    NoCandidates,
    RoundRobin,
    choose_random,
    least_loaded,
    rendezvous,
    weighted_random,
)
from rollcall.registry.meaning import content_words

Task = str | Mapping[str, Any]
"""Words that say what is to be done; or a mapping with the words under `description`, `task` or
`input`, and what the agent is to be given under `inputs` (without it: the mapping itself)."""

LEAST_OVERLAP = 0.1
"""The share of a task's words, weighted by rarity, that an agent must meet. Low, since most words
of a task are about its matter and not about what it takes."""

_TEXT_FIELDS = ("description", "task", "input")
_AKIN = 0.7
_STEM = 4
_STEM_SHARE = 0.55


class Candidate(msgspec.Struct, frozen=True):
    """An agent as routing sees it.

    Args:
        agent_id: Its id.
        load: The share of its slots that is taken or waited for; above 1 where tasks queue.
        refusal: Why it cannot take a task; None: it can.
        full: Whether it has no slot left at the moment.
    """

    agent_id: str
    load: float = 0.0
    refusal: str | None = None
    full: bool = False


class RouteDecision(msgspec.Struct, frozen=True, kw_only=True):
    """Who takes a task, and why.

    Args:
        agent_id: The agent; None: nobody can.
        strategy: The strategy that was asked for.
        reason: Why this one, or why nobody.
        passed_over: Why each other agent was not chosen.
        scores: What was compared, by agent, where the strategy compares: higher is better, except
            the loads of least-loaded.
    """

    agent_id: str | None
    strategy: RoutingStrategy
    reason: str
    passed_over: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    scores: dict[str, float] = msgspec.field(default_factory=dict[str, float])


class Ranking(msgspec.Struct, frozen=True):
    """How well agents fit a task.

    Args:
        scores: By agent, best first; who is missing does not fit.
        by: How they were compared, for people.
    """

    scores: dict[str, float]
    by: str


def task_text(task: Task) -> str:
    """The words of a task.

    Raises:
        InvalidInput: It has none.
    """
    if isinstance(task, str):
        if task.strip():
            return task
        raise InvalidInput("task", "must say in words what is to be done")
    for field in _TEXT_FIELDS:
        text = task.get(field)
        if isinstance(text, str) and text.strip():
            return text
    raise InvalidInput(
        "task", f"must say in words what is to be done, under one of {', '.join(_TEXT_FIELDS)}"
    )


def task_inputs(task: Task) -> Any:
    """What the agent is given for a task."""
    return task if isinstance(task, str) else task.get("inputs", task)


def word_overlap(text: str, words_by_agent: Mapping[str, frozenset[str]]) -> dict[str, float]:
    """How much of `text` the words of each agent meet, 0 to 1; O(words of text x words of agents).

    The share of its distinct content words, each weighted by how few agents have it (inverse
    document frequency). Words with a stem in common ("generate", "generation") count less than
    equal ones.
    """
    wanted = dict.fromkeys(content_words(text))
    met = {
        agent: {word: _nearness(word, words) for word in wanted}
        for agent, words in words_by_agent.items()
    }
    weights = {
        word: math.log1p(len(met) / (0.5 + sum(nearness[word] > 0 for nearness in met.values())))
        for word in wanted
    }
    total = math.fsum(weights.values())
    if not total:
        return dict.fromkeys(words_by_agent, 0.0)
    return {
        agent: math.fsum(weights[word] * near for word, near in nearness.items()) / total
        for agent, nearness in met.items()
    }


def rank_by_words(text: str, words_by_agent: Mapping[str, frozenset[str]]) -> Ranking:
    """The agents that meet at least `LEAST_OVERLAP` of the words of `text`, best first."""
    overlap = word_overlap(text, words_by_agent)
    best = sorted(overlap, key=lambda agent: (-overlap[agent], agent))
    return Ranking(
        {agent: overlap[agent] for agent in best if overlap[agent] >= LEAST_OVERLAP},
        "words in common with the task",
    )


def _nearness(word: str, words: frozenset[str]) -> float:
    if word in words:
        return 1.0
    return _AKIN if any(_akin(word, other) for other in words) else 0.0


def _akin(first: str, second: str) -> bool:
    pairs = zip(first, second, strict=False)
    common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return common >= _STEM and common >= _STEM_SHARE * max(len(first), len(second))


class Router:
    """Chooses among candidates.

    Args:
        rng: Draws, and breaks ties.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._turns = RoundRobin()

    def route(
        self,
        strategy: RoutingStrategy,
        candidates: Sequence[Candidate],
        *,
        ranking: Ranking | None = None,
        key: str | None = None,
        weights: Mapping[str, float] | None = None,
        wait: bool = False,
    ) -> RouteDecision:
        """Choose one of `candidates`; those with a `refusal` only add to the explanation.

        Args:
            strategy: How to choose.
            candidates: Every agent that was looked at.
            ranking: For semantic: who fits how well. None: it takes turns instead.
            key: For sticky: what the task belongs to.
            weights: For weighted, and optionally sticky: a weight for each agent; 1 where missing.
            wait: Whether an agent without a free slot will do. Then semantic and sticky choose as
                if all slots were free; the others take such an agent only where no other is left.

        Raises:
            InvalidInput: Sticky without a key, weighted without weights, or a weight is no number
                or negative.
        """
        passed_over = {one.agent_id: one.refusal for one in candidates if one.refusal is not None}
        able = [one for one in candidates if one.refusal is None]
        free = [one for one in able if not one.full]
        chosen_by_fit = strategy in (RoutingStrategy.SEMANTIC, RoutingStrategy.STICKY)
        usable = able if wait and (chosen_by_fit or not free) else free
        ids = {one.agent_id for one in usable}
        passed_over |= {
            one.agent_id: "all its slots are taken" for one in able if one.agent_id not in ids
        }
        loads = {one.agent_id: one.load for one in usable}
        weighted = {agent: (weights or {}).get(agent, 1.0) for agent in loads}
        agent_id, reason, scores = self._choose(strategy, loads, ranking, key, weights, weighted)
        for agent in loads:
            if agent != agent_id:
                passed_over[agent] = _lost(strategy, agent, agent_id, ranking, scores)
        return RouteDecision(
            agent_id=agent_id,
            strategy=strategy,
            reason=reason,
            passed_over=passed_over,
            scores=scores,
        )

    def _choose(
        self,
        strategy: RoutingStrategy,
        loads: dict[str, float],
        ranking: Ranking | None,
        key: str | None,
        weights: Mapping[str, float] | None,
        weighted: dict[str, float],
    ) -> tuple[str | None, str, dict[str, float]]:
        """The agent, the reason and the scores."""
        if strategy is RoutingStrategy.STICKY and key is None:
            raise InvalidInput("key", "is what sticky routing goes by: give one")
        if strategy is RoutingStrategy.WEIGHTED and weights is None:
            raise InvalidInput("weights", "are what weighted routing goes by: give them")
        try:
            match strategy:
                case RoutingStrategy.SEMANTIC if ranking is not None:
                    return _best(ranking, loads)
                case RoutingStrategy.SEMANTIC:
                    chosen = self._turns.choose(loads)
                    return chosen, "it is its turn (semantic routing is switched off)", {}
                case RoutingStrategy.ROUND_ROBIN:
                    return self._turns.choose(loads), "it is its turn", {}
                case RoutingStrategy.RANDOM:
                    return choose_random(list(loads), self._rng), "drawn at random", {}
                case RoutingStrategy.LEAST_LOADED:
                    chosen = least_loaded(loads, self._rng)
                    return chosen, f"it has the lowest load ({loads[chosen]:.0%})", loads
                case RoutingStrategy.WEIGHTED:
                    chosen = weighted_random(weighted, self._rng)
                    return chosen, f"drawn with weight {weighted[chosen]:g}", weighted
                case RoutingStrategy.STICKY:
                    chosen = rendezvous(cast("str", key), loads, weighted if weights else None)
                    return chosen, f"the key {key!r} belongs to it", {}
        except NoCandidates as error:
            return None, str(error) if loads else "no agent can take a task now", {}


def _best(ranking: Ranking, loads: dict[str, float]) -> tuple[str | None, str, dict[str, float]]:
    scores = {agent: score for agent, score in ranking.scores.items() if agent in loads}
    if not loads:
        return None, "no agent can take a task now", {}
    if not scores:
        return None, f"no agent that can take a task now fits it (by {ranking.by})", {}
    top = max(scores.values())
    # Of agents that fit equally well, the one with the least to do; then by id, for repeatability.
    chosen = min((loads[agent], agent) for agent, score in scores.items() if score == top)[1]
    return chosen, f"it fits the task best ({top:.2f} by {ranking.by})", scores


def _lost(
    strategy: RoutingStrategy,
    agent: str,
    chosen: str | None,
    ranking: Ranking | None,
    scores: dict[str, float],
) -> str:
    if strategy is RoutingStrategy.SEMANTIC and ranking is not None:
        if agent not in scores:
            return f"does not fit the task (by {ranking.by})"
        return f"fits the task less well or has more to do ({scores[agent]:.2f})"
    if agent in scores and strategy is RoutingStrategy.LEAST_LOADED:
        return f"its load is no lower ({scores[agent]:.0%})"
    if agent in scores:
        return f"was not drawn (weight {scores[agent]:g})"
    if strategy is RoutingStrategy.STICKY:
        return f"the key belongs to {chosen}"
    return "was not drawn" if strategy is RoutingStrategy.RANDOM else "it was not its turn"
