"""The labelled wordings for the offline planner, and how its choices are judged."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from rollcall.conversations.planner.choosing import Candidate, candidates
from rollcall.conversations.planner.index import ToolIndex
from rollcall.conversations.planner.reading import Reading
from rollcall.conversations.planner.schema import Tool, read_tool
from rollcall.registry.meaning import Encoder

DATA = Path(__file__).parents[1] / "conversations" / "planner" / "data"
TODAY = date(2026, 11, 21)


@dataclass(frozen=True)
class Wording:
    """What somebody says, and what is right.

    Args:
        offered: The set of tools.
        say: The words.
        tools: The tools that may be chosen; empty: none may.
        arguments: For each argument, the values that are right; None: any arguments are.
    """

    offered: str
    say: str
    tools: tuple[str, ...]
    arguments: dict[str, list[Any]] | None


@dataclass(frozen=True)
class Verdict:
    """How one wording went."""

    wording: Wording
    chosen: Candidate | None
    best: Candidate
    right_tool: bool
    right_arguments: bool


def schemas() -> dict[str, tuple[str, dict[str, Any]]]:
    """Each tool's description and JSON Schema, by name."""
    loaded = tomllib.loads((DATA / "tools.toml").read_text(encoding="utf-8"))
    return {
        name: (tool["about"], _schema(tool["parameters"])) for name, tool in loaded["tools"].items()
    }


def offered() -> dict[str, list[Tool]]:
    """The sets of tools, by name."""
    loaded = tomllib.loads((DATA / "tools.toml").read_text(encoding="utf-8"))
    known = schemas()
    return {
        name: [read_tool(one, *known[one]) for one in names]
        for name, names in loaded["sets"].items()
    }


def wordings(half: str) -> list[Wording]:
    """The wordings of `development` or `held_out`."""
    loaded = tomllib.loads((DATA / f"{half}.toml").read_text(encoding="utf-8"))
    found: list[Wording] = []
    for case in loaded["cases"]:
        tools = case["tool"] if isinstance(case["tool"], list) else [case["tool"]]
        right = tuple(tool for tool in tools if tool)
        found.append(Wording(case["in"], case["say"], right, case.get("with")))
    return found


def judge(half: str, encoder: Encoder | None) -> list[Verdict]:
    """How each wording of a half goes."""
    indexes = {name: ToolIndex(tools, encoder) for name, tools in offered().items()}
    return [_verdict(indexes[one.offered], one) for one in wordings(half)]


def _verdict(index: ToolIndex, wording: Wording) -> Verdict:
    best = candidates(index, Reading(wording.say, TODAY))[0]
    chosen = best if best.callable else None
    name = chosen.tool.name if chosen else None
    right = name in wording.tools if wording.tools else chosen is None
    return Verdict(wording, chosen, best, right, right and _right(chosen, wording))


def _right(chosen: Candidate | None, wording: Wording) -> bool:
    if chosen is None or wording.arguments is None:
        return True
    defaults = {one.name: one.default for one in chosen.tool.parameters}
    given = {
        name: value
        for name, value in chosen.filling.arguments.items()
        if name in wording.arguments or value != defaults.get(name)
    }
    return given.keys() == wording.arguments.keys() and all(
        any(_same(given[name], value) for value in values)
        for name, values in wording.arguments.items()
    )


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return "".join(one.lower().split()) == "".join(other.lower().split())
    return bool(one == other)


def _schema(parameters: Sequence[Sequence[Any]]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    required: list[str] = []
    for name, kind, description, needed, *rest in parameters:
        if isinstance(kind, list):
            several = rest[1:] == ["array"]
            one = {"type": "string", "enum": kind}
            schema: dict[str, Any] = {"type": "array", "items": one} if several else one
        elif kind.endswith("[]"):
            schema = {"type": "array", "items": {"type": kind[:-2]}}
        else:
            plain, _, format_ = kind.partition(":")
            schema = {"type": plain} | ({"format": format_} if format_ else {})
        properties[name] = schema | ({"description": description} if description else {})
        if rest:
            properties[name]["default"] = rest[0]
        if needed:
            required.append(name)
    return {"type": "object", "properties": properties, "required": required}
