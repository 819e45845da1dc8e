# SPDX-License-Identifier: Apache-2.0
"""What HTTP says of definitions and capabilities.

They are Pydantic models, since FastAPI reads and describes those; what they become is msgspec.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from rollcall.agents.models import InterfaceType, Priority, Status
from rollcall.web.strict import Wire

MAX_PAGE: Final = 200
"""Definitions may be large."""
DEFAULT_PAGE: Final = 100
MAX_WORD: Final = 200
"""Characters of a word that is looked for."""
HIGHEST: Final = 2**31 - 1

Limit = Annotated[int, Field(ge=1, le=MAX_PAGE)]
Cursor = Annotated[
    str | None, Field(max_length=1000, description="From the Link of the page before.")
]
Number = Annotated[int, Field(ge=1, le=HIGHEST)]


class Template(Wire):
    """A prompt with gaps: `{{name}}` stands for the value of a variable."""

    text: str
    variables: list[str] = Field(default=[], description="The variables that it is to be given.")


class AgentFields(Wire):
    """What a definition says, by documents 3 and 4. What is given replaces what stood there."""

    name: str = Field(default="", description="1 to 200 characters.")
    description: str = Field(default="", description="Up to 10,000 characters.")
    configuration: dict[str, Any] = Field(
        default={},
        description="`model` (`provider:model`), `instructions`, `limits` (`steps`, `tool_calls`,"
        " `tokens`, `seconds`, `tool_seconds`, `cost`), and whatever else.",
    )
    capabilities: dict[str, dict[str, Any]] = Field(
        default={}, description="By the id of a capability, its configuration for this agent."
    )
    prompt_templates: dict[str, Template | str] = Field(
        default={}, description="By name; a plain text declares the variables that it uses."
    )
    priority: Priority = Priority.MEDIUM
    business_name: str | None = Field(default=None, description="2 to 100 characters.")
    business_description: str | None = Field(default=None, description="10 to 500 characters.")
    business_domain: str | None = Field(default=None, description="An http or https URL.")
    industry: str | None = Field(default=None, description="The key of an industry.")
    llm_model: str | None = None
    interface_type: InterfaceType | None = None
    reason: str = Field(default="", description="Why; kept with the version.")


class AgentCreate(AgentFields):
    """A new definition: by document 4 where it has a `business_name`, else by document 3."""

    id: str | None = Field(default=None, description="Its id; without it one is drawn.")
    status: Status | None = Field(
        default=None,
        description="`draft` or `active`; by default as of the document it comes from.",
    )


class AgentView(Wire):
    """A definition, with those of document 4's fields that are set."""

    id: str
    agent_id: str
    name: str
    description: str
    version: str = Field(description="The number of its version.")
    revision: int = Field(description="Grows with every change; the entity tag is made of it.")
    status: Status
    priority: Priority
    owner: str
    configuration: dict[str, Any]
    capabilities: dict[str, dict[str, Any]]
    prompt_templates: dict[str, Template]
    business_name: str | None = None
    business_description: str | None = None
    business_domain: str | None = None
    industry: str | None = None
    llm_model: str | None = None
    interface_type: InterfaceType | None = None
    created_at: datetime
    updated_at: datetime


class VersionView(Wire):
    """A version: what the definition said then, who made it so, when, and why."""

    agent_id: str
    version: str
    author: str
    reason: str
    created_at: datetime
    content: dict[str, Any]


class Step(Wire):
    """One step of a JSON Patch (RFC 6902), with what stood there before."""

    op: Literal["add", "remove", "replace"]
    path: str = Field(description="A JSON Pointer (RFC 6901).")
    value: Any = None
    old: Any = None


class Difference(Wire):
    """What makes one version of another."""

    agent_id: str
    from_version: str
    to_version: str
    operations: list[Step]


class StatusChange(Wire):
    """A status that a definition is to have."""

    status: Status
    reason: str = ""


class Revert(Wire):
    """A version that a definition is to go back to, as a new version."""

    version: str | Annotated[int, Field(strict=True)]
    reason: str = ""


class Done(Wire):
    """It was done (document 3)."""

    status: Literal["success"] = "success"


class AgentsQuery(Wire):
    """Which definitions."""

    name: str | None = Field(default=None, description="With exactly this name.")
    status: Status | None = None
    industry: str | None = None
    capability: str | None = Field(default=None, description="That have this capability, by id.")
    tag: str | None = Field(default=None, description="That have a capability with this tag.")
    q: str | None = Field(
        default=None, description="With this in name or descriptions, ignoring case."
    )
    limit: Limit = DEFAULT_PAGE
    cursor: Cursor = None


class VersionsQuery(Wire):
    """Which versions."""

    limit: Limit = DEFAULT_PAGE
    before: Number | None = Field(default=None, description="Only those below this number.")


class DifferenceQuery(Wire):
    """Which two versions."""

    from_version: Number | None = Field(
        default=None, alias="from", description="By default the one before `to`."
    )
    to_version: Number | None = Field(
        default=None, alias="to", description="By default the newest."
    )


class CapabilityFields(Wire):
    """What a capability is. What is given replaces what stood there."""

    name: str = Field(default="", description="1 to 200 characters.")
    description: str = Field(default="", description="Up to 10,000 characters.")
    tags: list[str] = Field(default=[], description="Up to 32, of up to 64 characters.")
    configuration_schema: dict[str, Any] = Field(
        default={},
        description="JSON Schema (2020-12) of an object that the configuration of each agent must"
        " fit; without `pattern`, `patternProperties` and `uniqueItems`, which are not checked.",
    )


class CapabilityCreate(CapabilityFields):
    """A new capability."""

    name: str = Field(description="1 to 200 characters.")
    id: str | None = Field(default=None, description="Its id; without it one is drawn.")


class CapabilityView(Wire):
    """A capability."""

    id: str
    name: str
    description: str
    tags: list[str]
    configuration_schema: dict[str, Any]
    revision: int = Field(description="Grows with every change; the entity tag is made of it.")
    created_at: datetime
    updated_at: datetime


class CapabilitiesQuery(Wire):
    """Which capabilities."""

    tag: str | None = None
    q: str | None = Field(
        default=None, description="With this in name or description, ignoring case."
    )
    limit: Limit = DEFAULT_PAGE
    cursor: Cursor = None
