# SPDX-License-Identifier: Apache-2.0
"""What the library is made of, and what the wizard says of an agent."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

Line = Annotated[str, Meta(min_length=1, max_length=200)]
Paragraph = Annotated[str, Meta(min_length=1, max_length=2_000)]
Lines = Annotated[tuple[Paragraph, ...], Meta(min_length=1, max_length=40)]


class Example(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An exchange as it should be: what a visitor writes, and what the agent answers."""

    visitor: Paragraph
    agent: Paragraph


class Industry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A trade, and how an agent of a business of that trade is to work.

    Texts may have the places of `prompting.VARIABLES`.

    Args:
        label: What people call it.
        icon: The name of its icon.
        summary: What the agent does, in one sentence.
        role: Who the agent is, as its first paragraph.
        helps_with: What it helps with.
        asks_for: What it must know before it acts.
        rules: How it works.
        never: What it never does.
        hand_over: When and how a person takes over.
        tone: How it sounds.
        examples: Exchanges as they should be.
        greeting: How it begins.
        enabled: Whether it may be chosen.
    """

    label: Line
    icon: Line
    summary: Paragraph
    role: Paragraph
    helps_with: Lines
    asks_for: Lines
    rules: Lines
    never: Lines
    hand_over: Lines
    tone: Paragraph
    examples: Annotated[tuple[Example, ...], Meta(min_length=1, max_length=10)]
    greeting: Paragraph
    enabled: bool = True


class InterfaceLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an interface takes.

    Args:
        message_characters: How long a message may be there.
    """

    message_characters: Annotated[int, Meta(ge=1, le=1_000_000)]


class Interface(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Through what people talk to an agent, and how answers are to be written there."""

    label: Line
    limits: InterfaceLimits
    writing: Lines
    enabled: bool = True


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model that may be chosen."""

    label: Line
    enabled: bool = True


class Origin(StrEnum):
    """Whose a file of the library is."""

    SHIPPED = "shipped"
    OPERATOR = "operator"


class LibraryFile(msgspec.Struct, frozen=True):
    """A file that was loaded.

    Args:
        name: Its path within its folder.
        origin: Whose it is.
        keys: What of it counts: the rest was replaced or is hidden.
    """

    name: str
    origin: Origin
    keys: tuple[str, ...]


class Library(msgspec.Struct, frozen=True, kw_only=True):
    """What the wizard knows, of one moment: only what may be chosen.

    Args:
        industries: By key.
        interfaces: By key.
        models: By `provider:model`.
        files: What it was loaded from.
        revision: 16 hexadecimal digits that are the same for the same content.
    """

    industries: dict[str, Industry]
    interfaces: dict[str, Interface]
    models: dict[str, ModelEntry]
    files: tuple[LibraryFile, ...]
    revision: str


class Refused(msgspec.Struct, frozen=True):
    """A library that was not taken: why, and when."""

    problem: str
    at: datetime


class Issue(msgspec.Struct, frozen=True):
    """What keeps an agent from its work.

    Args:
        field: Of the definition, dotted.
        problem: What is wrong.
        how: How to mend it.
    """

    field: str
    problem: str
    how: str


class IndustryMetadata(msgspec.Struct, frozen=True):
    """What document 4 says of an agent's industry.

    Args:
        name: The industry's label; None: the library has no such industry.
        icon: The name of its icon; None likewise.
        has_custom_prompt: Whether the business added instructions of its own.
    """

    name: str | None
    icon: str | None
    has_custom_prompt: bool


class Readiness(msgspec.Struct, frozen=True):
    """Whether an agent can begin its work.

    Args:
        ready: Whether nothing keeps it.
        issues: What does.
        industry_metadata: Of its industry.
    """

    ready: bool
    issues: tuple[Issue, ...]
    industry_metadata: IndustryMetadata


class Preview(msgspec.Struct, frozen=True):
    """An agent that is not kept yet.

    Args:
        system_prompt: What it would be told to be.
        greeting: How it would begin.
        industry_metadata: Of its industry.
        yaml: Its definition, as `rollcall agents apply` takes it.
        issues: What would keep it from its work.
    """

    system_prompt: str
    greeting: str
    industry_metadata: IndustryMetadata
    yaml: str
    issues: tuple[Issue, ...]


class TalkEvent(NamedTuple):
    """One event of an answer as it comes: its type, its JSON, its id."""

    event: str
    data: bytes
    id: str | None = None


class Reach(msgspec.Struct, frozen=True):
    """Whether the settings reach a model.

    Args:
        reachable: Whether they do.
        needs: What they would need for that; None: nothing.
    """

    reachable: bool
    needs: str | None = None
