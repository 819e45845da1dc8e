# SPDX-License-Identifier: Apache-2.0
"""What an agent's capabilities mean for a turn: its prompt, its tools and its limits. Pure.

A capability covers a tool when one of its phrases (its id, its name, each of its tags) speaks of
it: when the tool's name has all words of the phrase or the phrase all words of the name, or when
the phrase is the name of the tool's service. Words are compared without their endings, so that a
`calculator` covers `calculate`. What a tool's description says does not count: whoever registers a
tool would otherwise choose who is offered it by writing much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, cast

import msgspec
from msgspec.structs import replace

from rollcall.conversations.briefs import Agent, Skill
from rollcall.conversations.loop_terms import RULES
from rollcall.conversations.models import Limits, ToolSpec
from rollcall.conversations.planner.words import STOP, spoken, stems

_FIELDS: Final = Limits.__struct_fields__


def persona(agent: Agent) -> str:
    """What an agent is told to be, with what it can do, and the rules that hold for all."""
    parts = [agent.instructions or f"You are {agent.name}. {agent.description}".strip()]
    if agent.skills:
        lines = ["What you are there for, and how that is set up:"]
        lines += [_told(skill) for skill in agent.skills]
        parts.append("\n".join(lines))
    return "\n\n".join((*parts, RULES))


def granted(tools: Sequence[ToolSpec], agent: Agent | None) -> Sequence[ToolSpec]:
    """The tools that an agent is offered: those that one of its capabilities covers. Without any
    capability they are all, or none where the agent is confined; no agent has all.
    """
    if agent is None or not (agent.skills or agent.confined):
        return tools
    return [tool for tool in tools if covering(tool, agent.skills) is not None]


def covering(tool: ToolSpec, skills: Sequence[Skill]) -> Skill | None:
    """The first of the capabilities that covers a tool; None: none does."""
    name, service = _words(tool.tool), _words(tool.service)
    for skill in skills:
        for phrase in (skill.id, skill.name, *skill.tags):
            words = _words(phrase)
            if words and (words <= name or (name and name <= words) or words == service):
                return skill
    return None


def completed(arguments: dict[str, Any], tool: ToolSpec, skill: Skill) -> dict[str, Any]:
    """The arguments of a call, with what the capability is told where a model says nothing: as far
    as the tool has a parameter of that name.
    """
    said: object = (tool.input_schema or {}).get("properties")
    if not isinstance(said, dict):
        return arguments
    parameters = cast("dict[str, Any]", said)
    told = {name: value for name, value in skill.configuration.items() if name in parameters}
    return {**told, **arguments}


def clamped(limits: Limits, wanted: Mapping[str, Any]) -> Limits:
    """The limits of the settings, where an agent wants less of something: that much.

    Args:
        limits: Those of the settings.
        wanted: By name; null or missing: as in the settings.
    """
    less: dict[str, Any] = {}
    for name in _FIELDS:
        value, most = wanted.get(name), getattr(limits, name)
        if value is None:
            continue
        amount = Decimal(str(value)) if name == "cost" else value
        less[name] = amount if most is None else min(amount, most)
    return replace(limits, **less)


def _told(skill: Skill) -> str:
    about = f": {skill.description}" if skill.description else ""
    setup = f" (configuration: {_json(skill.configuration)})" if skill.configuration else ""
    return f"- {skill.name}{about}{setup}"


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _words(text: str) -> frozenset[str]:
    return stems(word for word in spoken(text) if word not in STOP)
