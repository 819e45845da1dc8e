# SPDX-License-Identifier: Apache-2.0
"""What memories look like over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from rollcall.memory.checking import MAX_QUERY
from rollcall.memory.models import MAX_CONTENT, MAX_LIMIT, MAX_PAGE, MAX_SCOPE_ID
from rollcall.web.strict import Wire

MAX_TTL = 10 * 366 * 86_400
"""Seconds: about ten years."""

ScopeId = Annotated[str | None, Field(min_length=1, max_length=MAX_SCOPE_ID)]
Content = Annotated[str, Field(min_length=1, max_length=MAX_CONTENT)]


class FiltersIn(Wire):
    """Whose memories: all that is said, together."""

    user_id: ScopeId = None
    agent_id: ScopeId = None
    session_id: ScopeId = None


class NewMemory(Wire):
    """A memory to keep."""

    content: Content
    filters: FiltersIn
    metadata: dict[str, Any] | None = None
    expires_at: AwareDatetime | None = None
    ttl_seconds: Annotated[
        float | None, Field(gt=0, le=MAX_TTL, description="In place of `expires_at`.")
    ] = None


class MemoryPatch(Wire):
    """What is to be changed; what is left out stays."""

    content: Content | None = None
    metadata: Annotated[
        dict[str, Any] | None,
        Field(description="Keys to set; null removes one, others stay (RFC 7396, one level)."),
    ] = None
    expires_at: Annotated[
        AwareDatetime | None, Field(description="null: the memory stays for good.")
    ] = None


class ListQuery(BaseModel):
    """What memories are asked for."""

    model_config = ConfigDict(extra="forbid")

    user_id: ScopeId = None
    agent_id: ScopeId = None
    session_id: ScopeId = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 100
    cursor: Annotated[int | None, Field(ge=0, lt=2**63)] = None
    everywhere: Annotated[
        bool, Field(description="Everybody's memories; for the scope `admin`.")
    ] = False


class AgentQuery(BaseModel):
    """Which page of an agent's memories."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 100
    cursor: Annotated[int | None, Field(ge=0, lt=2**63)] = None


class SearchIn(Wire):
    """What is looked for, and among whose memories."""

    query: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_QUERY,
            description='Words; `OR`, `"a phrase"`, `-without`, `begin*` mean what they seem to.',
        ),
    ]
    filters: FiltersIn = FiltersIn()
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = 10
    metadata: Annotated[
        dict[str, Any] | None, Field(description="Keys that must have these values.")
    ] = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    everywhere: Annotated[
        bool, Field(description="Everybody's memories; for the scope `admin`.")
    ] = False


class EraseIn(Wire):
    """Whose memories are to be erased, of whom at least one must be named."""

    filters: FiltersIn
    dry_run: Annotated[
        bool, Field(description="Only say what would be removed, and remove nothing.")
    ] = False


class MemoryView(BaseModel):
    """A memory."""

    id: str
    memory_id: str
    content: str
    filters: dict[str, str]
    metadata: dict[str, Any]
    content_hash: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    version: int


class AddedView(MemoryView):
    """A memory that is kept now."""

    duplicate: Annotated[
        bool, Field(description="Whether it was there already, and nothing was changed.")
    ]


class HitView(MemoryView):
    """A memory that was found."""

    score: float
    matched: list[Literal["text", "meaning"]]


class SearchAnswer(BaseModel):
    """What was found, the best first."""

    memories: list[HitView]
    total_count: int
    semantic: Annotated[
        bool,
        Field(description="Whether meaning was looked at. False: no encoder is installed."),
    ]


class VersionView(BaseModel):
    """What a memory said once, or says now."""

    memory_id: str
    version: int
    content: str
    metadata: dict[str, Any]
    at: datetime


class Deleted(BaseModel):
    """A memory is gone."""

    message: str
    memory_id: str


class ReceiptView(BaseModel):
    """What an erasure has removed, or would."""

    filters: dict[str, str]
    dry_run: bool
    removed: Annotated[dict[str, int], Field(description="Entries by store.")]
    scrubbed: Annotated[
        bool,
        Field(description="Whether nothing is left in the files of the database either."),
    ]
    at: datetime
