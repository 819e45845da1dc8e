# SPDX-License-Identifier: Apache-2.0
"""What a definition of an agent is: documents 3 and 4 describe the same thing from two sides.

A definition has a *content*, of which every change makes a new version that stays as it is for
ever, and a *status*, which moves by itself and makes none. Its *revision* counts both.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from rollcall.registry.models import DEFAULT_NAMESPACE


class Status(StrEnum):
    """Where a definition stands in its life; `lifecycle` says what may follow what."""

    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    DISABLED = "disabled"
    ARCHIVED = "archived"


class Priority(StrEnum):
    """How much an agent matters to whoever owns it (document 4)."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class InterfaceType(StrEnum):
    """Through what people talk to an agent (document 4)."""

    WEBCHAT = "webchat"
    WHATSAPP = "whatsapp"


class PromptTemplate(msgspec.Struct, frozen=True):
    """A prompt with gaps: `{{name}}` stands for the value of a variable, all else for itself.

    Args:
        text: The prompt.
        variables: The names of the variables that it must be given, in the order of declaration.
    """

    text: str
    variables: tuple[str, ...] = ()


class Content(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a version is made of.

    Args:
        name: What people call it.
        description: What it is for.
        configuration: `model` (`provider:model`), `instructions`, `limits`, and whatever else
            those who run it agree upon.
        capabilities: By the id of a capability, what it is told.
        prompt_templates: By name.
        priority: How much it matters.
        business_name: Whose agent it is, 2 to 100 characters.
        business_description: What they do, 10 to 500 characters.
        business_domain: Their site, an http or https URL.
        industry: The key of an industry.
        llm_model: The model, as document 4 names it.
        interface_type: Through what people talk to it.
    """

    name: str
    description: str = ""
    configuration: dict[str, Any] = {}
    capabilities: dict[str, dict[str, Any]] = {}
    prompt_templates: dict[str, PromptTemplate] = {}
    priority: Priority = Priority.MEDIUM
    business_name: str | None = None
    business_description: str | None = None
    business_domain: str | None = None
    industry: str | None = None
    llm_model: str | None = None
    interface_type: InterfaceType | None = None


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """A definition as it is now.

    Args:
        namespace: Whose.
        id: Unique in the namespace.
        version: The number of the version that `content` is; 1 is the first.
        revision: Grows with every change, also of the status.
        status: Where it stands in its life.
        owner: Who made it.
        created_at: When it was made.
        updated_at: When its content or its status last changed.
        content: What it says.
        deleted_at: When it was deleted; None: it was not.
    """

    namespace: str
    id: str
    version: int
    revision: int
    status: Status
    owner: str
    created_at: datetime
    updated_at: datetime
    content: Content
    deleted_at: datetime | None = None


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A definition's content as it was once. Never changes.

    Args:
        namespace: Whose.
        agent_id: Of which definition.
        number: Its place in the history, from 1 on without a gap.
        content: What the definition said.
        author: Who made it so.
        reason: Why, in their words; may be empty.
        at: When.
    """

    namespace: str
    agent_id: str
    number: int
    content: Content
    author: str
    reason: str
    at: datetime


class StatusMove(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a definition's status.

    Args:
        namespace: Whose.
        agent_id: Of which definition.
        revision: The definition's revision that it made.
        old: The status before; None: the definition is new.
        new: The status after.
        author: Who moved it.
        reason: Why, in their words; may be empty.
        at: When.
    """

    namespace: str
    agent_id: str
    revision: int
    old: Status | None
    new: Status
    author: str
    reason: str
    at: datetime


class Capability(msgspec.Struct, frozen=True, kw_only=True):
    """Something that agents can be given.

    Args:
        namespace: Whose.
        id: Unique in the namespace.
        name: What people call it.
        description: What an agent can do with it.
        tags: Words to find it by.
        configuration_schema: JSON Schema (2020-12) that the configuration of each agent fits.
        revision: Grows with every change.
        created_at: When it was made.
        updated_at: When it last changed.
    """

    namespace: str
    id: str
    name: str
    description: str
    tags: tuple[str, ...]
    configuration_schema: dict[str, Any]
    revision: int
    created_at: datetime
    updated_at: datetime


class By(msgspec.Struct, frozen=True, kw_only=True):
    """Who does something, and why.

    Args:
        namespace: Whose definitions.
        author: Who.
        reason: Why, in their words.
        correlation_id: The chain of acts that it belongs to; empty: it begins one.
    """

    namespace: str = DEFAULT_NAMESPACE
    author: str = "local"
    reason: str = ""
    correlation_id: str = ""


LOCAL = By()
"""This process itself, in the namespace that is there without asking."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which definitions somebody looks for; None: any.

    Args:
        name: With exactly this name.
        status: With this status.
        industry: Of this industry.
        priority: That matter this much.
        capability: That have the capability of this id.
        tag: That have a capability with this tag.
        q: That have this somewhere in name or descriptions, ignoring case.
    """

    name: str | None = None
    status: Status | None = None
    industry: str | None = None
    priority: Priority | None = None
    capability: str | None = None
    tag: str | None = None
    q: str | None = None
