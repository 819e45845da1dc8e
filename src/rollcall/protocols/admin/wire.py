# SPDX-License-Identifier: Apache-2.0
"""What operators say on the wire."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from rollcall.events.delivery import GroupStatus
from rollcall.events.envelope import to_json
from rollcall.events.log import Held
from rollcall.kernel.clock import utc
from rollcall.web.audit import AuditEntry, AuditQuestion
from rollcall.web.keys import ApiKey
from rollcall.web.strict import Wire

ScopeWord = Literal["read", "register", "admin"]


class NewKey(Wire):
    """A key that is asked for."""

    name: str = Field(min_length=1, max_length=200, description="What people call it.")
    scopes: list[ScopeWord] = Field(min_length=1, max_length=3, description="What it grants.")
    namespace: str | None = Field(default=None, description="Where; by default the caller's own.")
    expires_in_days: Annotated[float, Field(gt=0, le=36_500)] | None = None


class KeyInfo(Wire):
    """What is known of a key."""

    id: str
    name: str
    namespace: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class MadeKey(KeyInfo):
    """A new key; its text is shown this once and kept nowhere."""

    key: str


class AuditQuery(Wire):
    """Which entries. All that is given must hold."""

    namespace: str | None = Field(default=None, max_length=256, description="By default one's own.")
    caller: str | None = Field(default=None, max_length=512, description="Such as key:<id>.")
    action: str | None = Field(
        default=None, max_length=512, description="Such as DELETE /agents/{agent_id}."
    )
    record: str | None = Field(
        default=None, max_length=512, description="An id, or a part of one, that it was about."
    )
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    limit: int = Field(default=100, ge=1, le=1000)
    cursor: int | None = Field(
        default=None, ge=1, lt=2**63, description="From the Link of the page before."
    )

    def question(self) -> AuditQuestion:
        """As the log understands it."""
        return AuditQuestion(
            caller=self.caller,
            action=self.action,
            subject=self.record,
            since=None if self.since is None else self.since.timestamp(),
            until=None if self.until is None else self.until.timestamp(),
            before=self.cursor,
        )


class AuditInfo(Wire):
    """One request that meant to change something."""

    at: datetime
    caller: str
    action: str
    subject: str
    status: int
    outcome: str
    request_id: str


class GroupInfo(Wire):
    """How a group of event handlers is doing."""

    group: str
    position: int
    lag: int
    retrying: int
    waiting: int
    parked: int
    paused: bool
    delivered: int
    failures: int


class DeadInfo(Wire):
    """An event that waits for an operator."""

    group: str
    position: int
    attempts: int
    failed_at: datetime
    error: str
    event: dict[str, Any]


class Place(Wire):
    """Which of the events that a group holds."""

    group: str = Field(max_length=200)
    position: int = Field(ge=1, lt=2**63)


class Done(Wire):
    """The answer to an order."""

    message: str


def key_to(key: ApiKey) -> KeyInfo:
    """Written, without anything that would let somebody in."""
    return KeyInfo(**_shown(key))


def made_to(key: ApiKey, text: str) -> MadeKey:
    """A new key, with its text."""
    return MadeKey(**_shown(key), key=text)


def _shown(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "namespace": key.namespace,
        "scopes": sorted(key.scopes),
        "created_at": utc(key.created_at),
        "expires_at": None if key.expires_at is None else utc(key.expires_at),
        "revoked_at": None if key.revoked_at is None else utc(key.revoked_at),
    }


def entry_to(entry: AuditEntry) -> AuditInfo:
    """Written."""
    return AuditInfo(
        at=utc(entry.at),
        caller=entry.caller,
        action=entry.action,
        subject=entry.subject,
        status=entry.status,
        outcome=entry.outcome,
        request_id=entry.request_id,
    )


def group_to(status: GroupStatus) -> GroupInfo:
    """Written."""
    return GroupInfo(**{name: getattr(status, name) for name in GroupInfo.model_fields})


def dead_to(held: Held) -> DeadInfo:
    """Written."""
    return DeadInfo(
        group=held.group,
        position=held.position,
        attempts=held.attempts,
        failed_at=utc(held.failed_at),
        error=held.error,
        event=json.loads(to_json(held.event)),
    )
