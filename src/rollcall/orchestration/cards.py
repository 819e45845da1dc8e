# SPDX-License-Identifier: Apache-2.0
"""Reads what an agent can do from the object itself: its card, or its `capabilities`.

Source: document 5, and the Agent2Agent protocol for cards with `skills`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

from rollcall.kernel.errors import InvalidInput
from rollcall.registry.models import Capability
from rollcall.registry.validation import (
    MAX_CAPABILITIES,
    MAX_NAME,
    check_capabilities,
    check_capability,
)

_ATTRIBUTES: Final = ("_a2a_card", "a2a_card")
_KEYS: Final = ("capability", "capabilities", "skills")
_CACHED: Final = 65_536


class Card(NamedTuple):
    """What was read.

    Attributes:
        card: Where it was read from; None: the agent has no card.
        capabilities: What it can do.
    """

    card: Any
    capabilities: tuple[Capability, ...]


class CardReader:
    """Reads cards; shares equal capabilities, of which a fleet has few distinct ones."""

    def __init__(self) -> None:
        self._plain: dict[str, tuple[Capability, ...]] = {}
        self._rich: dict[Capability, Capability] = {}

    def read(self, agent: Any) -> Card:
        """The agent's card, from the first place that holds one.

        Places are, in this order: `_a2a_card`, `a2a_card`, the answer of `to_a2a_card()`, and the
        attribute `capabilities`. What is no card there is passed over.

        Raises:
            InvalidInput: A card cannot be read, or its capabilities cannot be kept.
        """
        card: Any = getattr(agent, "_a2a_card", None)
        # By far the most common card has one short phrase, the same for many agents.
        phrase: Any = card.get("capability") if card.__class__ is dict else None
        if type(phrase) is str and len(card) == 1 and phrase in self._plain:
            return Card(card, self._plain[phrase])
        for name in _ATTRIBUTES:
            card = getattr(agent, name, None)
            if card is not None and (capabilities := self._capabilities(card)) is not None:
                return Card(card, capabilities)
        make = getattr(agent, "to_a2a_card", None)
        if callable(make):
            card = make()
            if inspect.iscoroutine(card):
                card.close()
                raise InvalidInput("to_a2a_card", "must not be async: it is read at once")
            if (capabilities := self._capabilities(card)) is not None:
                return Card(card, capabilities)
        listed: Any = getattr(agent, "capabilities", None)
        if isinstance(listed, str | list | tuple):
            return Card(None, self._listed("capabilities", listed))
        return Card(None, ())

    def _capabilities(self, card: Any) -> tuple[Capability, ...] | None:
        """What a card says; None: it is no card."""
        if not isinstance(card, Mapping):
            skills: Any = getattr(card, "skills", None)
            return self._listed("skills", skills) if isinstance(skills, list | tuple) else None
        fields = cast("Mapping[str, Any]", card)
        if not any(key in fields for key in _KEYS):
            return None
        found: list[Capability] = []
        for key in _KEYS:
            said = fields.get(key)
            # In a real A2A card `capabilities` is about transport; what it can do is in `skills`.
            if said is not None and not (key == "capabilities" and isinstance(said, Mapping)):
                found.extend(self._listed(key, said))
        if len(found) > MAX_CAPABILITIES:
            check_capabilities(found)
        return tuple(found)

    def _one(self, field: str, phrase: str) -> tuple[Capability, ...]:
        known = self._plain.get(phrase)
        if known is None:
            capability = Capability(phrase.strip())
            check_capability(field, capability)
            known = (capability,)
            if len(self._plain) >= _CACHED:
                self._plain.clear()
            self._plain[capability.name] = known
        return known

    def _shared(self, field: str, capability: Capability) -> Capability:
        if capability.parameters is not None:
            check_capability(field, capability)
            return capability
        known = self._rich.get(capability)
        if known is None:
            check_capability(field, capability)
            if len(self._rich) >= _CACHED:
                self._rich.clear()
            known = self._rich[capability] = capability
        return known

    def _listed(self, field: str, said: Any) -> tuple[Capability, ...]:
        if isinstance(said, str):
            return self._one(field, said)
        if not isinstance(said, list | tuple):
            raise InvalidInput(field, f"must be a text or a list, not {type(said).__name__}")
        found: list[Capability] = []
        for number, item in enumerate(cast("Sequence[Any]", said)):
            where = f"{field}.{number}"
            if isinstance(item, str):
                found.extend(self._one(where, item))
                continue
            found.append(self._shared(where, _capability(where, item)))
        return tuple(found)


def check_text(field: str, value: Any) -> None:
    """Refuse what is no text, or an empty one."""
    if not isinstance(value, str) or not value:
        raise InvalidInput(field, f"must be a text, not {value!r}")


def id_of(agent: Any, given: Any) -> str:
    """The id that is given for an agent, else its own `agent_id`; empty: neither is a text."""
    if given is not None:
        check_text("agent_id", given)
        return given
    own = getattr(agent, "agent_id", None)
    return own if isinstance(own, str) else ""


def name_of(agent: Any, card: Any) -> str:
    """What people call the agent: its `name`, else its card's; empty: neither can be shown."""
    carded: Any = cast("dict[Any, Any]", card).get("name") if type(card) is dict else None
    for said in (getattr(agent, "name", None), carded):
        if type(said) is str and said.isprintable() and 0 < len(said.strip()) <= MAX_NAME:
            return said
    return ""


def _capability(field: str, item: Any) -> Capability:
    if isinstance(item, Capability):
        return item
    name = _field(item, "name")
    if not isinstance(name, str):
        raise InvalidInput(f"{field}.name", "must be a text")
    description = _field(item, "description")
    if description is not None and not isinstance(description, str):
        raise InvalidInput(f"{field}.description", "must be a text")
    tags: Any = _field(item, "tags")
    if tags is None:
        tags = ()
    if not isinstance(tags, list | tuple):
        raise InvalidInput(f"{field}.tags", "must be a list of texts")
    for number, tag in enumerate(cast("Sequence[Any]", tags)):
        if not isinstance(tag, str):
            raise InvalidInput(f"{field}.tags.{number}", "must be a text")
    return Capability(name.strip(), (description or "").strip(), tuple(cast("Sequence[str]", tags)))


def _field(item: Any, name: str) -> Any:
    if isinstance(item, Mapping):
        return cast("Mapping[str, Any]", item).get(name)
    return getattr(item, name, None)
