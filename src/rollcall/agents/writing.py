# SPDX-License-Identifier: Apache-2.0
"""How a definition is changed in a unit of work, whoever changes it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from rollcall.agents import told
from rollcall.agents.changes import fields_of, steps
from rollcall.agents.checks import check_configuration, check_content
from rollcall.agents.differences import Operation, difference
from rollcall.agents.errors import AgentNotFound, MoveRefused
from rollcall.agents.lifecycle import MOVES, may_move
from rollcall.agents.models import (
    By,
    Capability,
    Content,
    Definition,
    Status,
    StatusMove,
    Version,
)
from rollcall.agents.ports import AgentWork
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.record_errors import RevisionMismatch

Accepted = frozenset[int] | None
"""The revisions that a write may find; None: any."""


async def locked(
    work: AgentWork, namespace: str, agent_id: str, accepted: Accepted = None
) -> Definition:
    """A definition that nobody else changes until the unit of work ends.

    Raises:
        AgentNotFound: There is none, or it was deleted.
        RevisionMismatch: It is at none of the revisions that are accepted.
    """
    found = await work.definition(namespace, agent_id)
    if found is None or found.deleted_at is not None:
        raise AgentNotFound(agent_id)
    check_revision(namespace, agent_id, found.revision, accepted)
    return found


def check_revision(namespace: str, key: str, revision: int, accepted: Accepted) -> None:
    """Refuse to go on from a revision that the caller has not seen.

    Raises:
        RevisionMismatch: It is none of those accepted.
    """
    if accepted is not None and revision not in accepted:
        raise RevisionMismatch(namespace, key, max(accepted, default=0), revision)


async def rewritten(
    work: AgentWork,
    old: Definition,
    content: Content,
    by: By,
    at: datetime,
    known: Mapping[str, Capability],
) -> Definition:
    """A definition with another content: its next version. The same content makes none.

    Args:
        work: In which `old` is locked.
        old: As it is.
        content: What it is to say.
        by: Who does it.
        at: When.
        known: The capabilities that it may be given anew, locked as well.

    Raises:
        InvalidInput: The content cannot be kept, or a capability that is new or told something
            new is not there, or does not take what it is told.
    """
    # What is large takes a tenth of a second.
    operations = await asyncio.to_thread(_steps, old.content, content)
    if not operations:
        return old
    await check_told(old.content.capabilities, content.capabilities, known)
    new = replace(
        old, version=old.version + 1, revision=old.revision + 1, content=content, updated_at=at
    )
    await work.put(new)
    await work.note_version(version_of(new, by))
    work.publish(told.updated(new, fields_of(operations), by))
    return new


async def moved(
    work: AgentWork, old: Definition, status: Status, by: By, at: datetime
) -> Definition:
    """A definition with another status. To stay where it is changes nothing.

    Args:
        work: In which `old` is locked.
        old: As it is.
        status: What it is to have.
        by: Who does it.
        at: When.

    Raises:
        MoveRefused: That status cannot follow the one that it has.
    """
    check_move(old, status)
    if old.status is status:
        return old
    new = replace(old, status=status, revision=old.revision + 1, updated_at=at)
    await work.put(new)
    await work.note_move(move_of(old.status, new, by))
    work.publish(told.updated(new, ["status"], by))
    return new


async def deleted(work: AgentWork, old: Definition, by: By, at: datetime) -> Definition:
    """A definition, deleted.

    Args:
        work: In which `old` is locked.
        old: As it is; it was not deleted before.
        by: Who does it.
        at: When.
    """
    gone = replace(old, revision=old.revision + 1, updated_at=at, deleted_at=at)
    await work.put(gone)
    work.publish(told.deleted(gone, by))
    return gone


def check_move(old: Definition, status: Status) -> None:
    """Refuse a status that cannot follow the one that a definition has; it may stay as it is.

    Raises:
        MoveRefused: Names those that can.
    """
    if old.status is not status and not may_move(old.status, status):
        allowed = [one for one in Status if one in MOVES[old.status]]
        raise MoveRefused(old.id, old.status, status, allowed)


def move_of(old: Status | None, new: Definition, by: By) -> StatusMove:
    """The change of status by which a definition has come to where it is."""
    return StatusMove(
        namespace=new.namespace,
        agent_id=new.id,
        revision=new.revision,
        old=old,
        new=new.status,
        author=by.author,
        reason=by.reason,
        at=new.updated_at,
    )


def _steps(old: Content, new: Content) -> list[Operation]:
    """What is different between two contents, of which the new one can be kept."""
    operations = steps(old, new)
    if operations:
        check_content(new)
    return operations


async def check_told(
    old: Mapping[str, dict[str, Any]],
    new: Mapping[str, dict[str, Any]],
    known: Mapping[str, Capability],
) -> None:
    """Refuse capabilities that are not there, or do not take what they are told.

    What stands already is not looked at again: a schema may have changed since.

    Raises:
        InvalidInput: Names the first of them.
    """
    for capability_id, configuration in new.items():
        if capability_id in old and not difference(old[capability_id], configuration):
            continue
        capability = known.get(capability_id)
        if capability is None:
            raise InvalidInput(f"capabilities.{capability_id}", "there is no such capability")
        await asyncio.to_thread(check_configuration, capability, configuration)


def version_of(definition: Definition, by: By) -> Version:
    """The version that a definition has just come to."""
    return Version(
        namespace=definition.namespace,
        agent_id=definition.id,
        number=definition.version,
        content=definition.content,
        author=by.author,
        reason=by.reason,
        at=definition.updated_at,
    )
