# SPDX-License-Identifier: Apache-2.0
"""The tools of a namespace as a model is shown them, from what the instances list: pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from rollcall.conversations.listing import ListedTool, model_names, spec_of
from rollcall.conversations.models import ToolSpec
from rollcall.conversations.ports import ServiceInstance
from rollcall.conversations.toolbox_instances import Known

Key = tuple[str, str]
"""Service and tool."""


class Entry(NamedTuple):
    """A tool and who has it.

    Args:
        spec: The tool as a model is shown it: as the instance lists it whose word counts.
        having: Every instance that lists it, and how.
    """

    spec: ToolSpec
    having: tuple[tuple[Known, ListedTool], ...]

    @property
    def disagreeing(self) -> frozenset[str]:
        """The versions that there are of it, if there are several."""
        versions = frozenset(tool.version for _, tool in self.having)
        return versions if len(versions) > 1 else frozenset()


class Table(NamedTuple):
    """All tools.

    Args:
        specs: By name.
        entries: The same with who has them.
    """

    specs: tuple[ToolSpec, ...]
    entries: dict[str, Entry]


def table_of(instances: Iterable[Known]) -> Table:
    """The tools that these instances have. Of those who disagree the last registered is right, and
    one of our own before anybody who bears its name.
    """
    having: dict[Key, list[tuple[Known, ListedTool]]] = {}
    for known in instances:
        for tool in known.tools or ():
            having.setdefault((known.info.name, tool.tool), []).append((known, tool))
    names = model_names(list(having))
    entries: dict[str, Entry] = {}
    for key, all_of_them in having.items():
        newest = max(all_of_them, key=lambda one: _word(one[0].info))[1]
        spec = spec_of(key[0], names[key], newest)
        entries[spec.name] = Entry(spec, tuple(all_of_them))
    entries = dict(sorted(entries.items()))
    return Table(tuple(entry.spec for entry in entries.values()), entries)


def _word(info: ServiceInstance) -> tuple[bool, str, str]:
    """How much its word counts; the greatest is believed."""
    return info.own, info.registered, info.id
