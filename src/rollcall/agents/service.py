# SPDX-License-Identifier: Apache-2.0
"""Definitions of agents: what may be done with them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from rollcall.agents import told
from rollcall.agents.changes import Change, begun, change_of, changed, steps
from rollcall.agents.checks import MAX_ID, check_by, check_content
from rollcall.agents.differences import Operation
from rollcall.agents.documents import document_of
from rollcall.agents.errors import (
    AgentExists,
    AgentNotFound,
    KeyReused,
    TemplateNotFound,
    VersionNotFound,
)
from rollcall.agents.lifecycle import BEGINNINGS, beginning
from rollcall.agents.models import (
    LOCAL,
    By,
    Content,
    Definition,
    Status,
    StatusMove,
    Version,
    Wanted,
)
from rollcall.agents.ports import AgentStore, Vocabulary
from rollcall.agents.prompts import render
from rollcall.agents.writing import (
    Accepted,
    check_told,
    deleted,
    locked,
    move_of,
    moved,
    rewritten,
    version_of,
)
from rollcall.kernel.clock import Clock, utc
from rollcall.kernel.cursors import Place
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import IdSource, derived
from rollcall.registry.models import DEFAULT_NAMESPACE
from rollcall.web.lines import check_id


class AgentService:
    """Keeps definitions. Every change is one transaction, with the event that tells of it.

    Whoever gives the revisions that they have seen (`accepted`) changes nothing that they have
    not seen. Whoever does not changes what is there at that moment: no change is lost.

    Args:
        store: The tables.
        clock: Time.
        ids: Draws the ids of those who bring none.
        vocabulary: What document 4's fields may name; None: anything.
    """

    def __init__(
        self,
        store: AgentStore,
        clock: Clock,
        ids: IdSource,
        vocabulary: Vocabulary | None = None,
    ) -> None:
        self._vocabulary = vocabulary
        self._store = store
        self._clock = clock
        self._ids = ids

    async def create_agent(self, agent_data: Mapping[str, Any], by: By = LOCAL) -> str:
        """Make a definition of what document 3 or 4 gives; its id.

        Raises:
            InvalidInput: Names the field.
        """
        return (await self.create(change_of(agent_data), by)).id

    async def get_agent(
        self, agent_id: str, *, namespace: str = DEFAULT_NAMESPACE
    ) -> dict[str, Any]:
        """A definition with the fields of documents 3 and 4.

        Raises:
            AgentNotFound: There is none.
        """
        return document_of(await self.get(agent_id, namespace=namespace))

    async def create(
        self,
        change: Change,
        by: By = LOCAL,
        *,
        agent_id: str | None = None,
        status: Status | None = None,
        key: str | None = None,
    ) -> Definition:
        """Make a definition. One that was deleted comes back with its history, as a new version.

        Args:
            change: What it says.
            by: Who makes it; the definition is theirs.
            agent_id: Its id; None: one is drawn.
            status: Draft or active; None: as of the document that it comes from.
            key: Made again with the same key by the same author, it is the one that was made.

        Raises:
            InvalidInput: Names the field.
            AgentExists: There is one of this id.
            KeyReused: The key came before, with something else, or what it made was deleted.
        """
        check_by(by)
        content = begun(change)
        await asyncio.to_thread(check_content, content)
        self._check_words(content, None)
        drawn = None
        if agent_id is None:
            drawn = self._ids.hex(16) if key is None else _named(by, key)
            agent_id = f"agent_{drawn}"
        check_id("id", agent_id, MAX_ID)
        status = status or beginning(content.business_name)
        if status not in BEGINNINGS:
            raise InvalidInput("status", f"must begin as {' or '.join(BEGINNINGS)}")
        try:
            # Who repeats a request means what it made, and not what was deleted since.
            return await self._made(agent_id, content, status, by, again=drawn is None)
        except AgentExists:
            if key is None:
                raise
        there = await self._store.get(by.namespace, agent_id)
        if there is None:
            raise KeyReused(key, agent_id, deleted=True)
        first = await self.version(agent_id, 1, namespace=by.namespace)
        if there.owner != by.author or steps(first.content, content):
            raise KeyReused(key, agent_id)
        return there

    async def _made(
        self, agent_id: str, content: Content, status: Status, by: By, *, again: bool
    ) -> Definition:
        """A new definition; `again`: also in the place of one that was deleted."""
        at = self._now()
        async with self._store.begin() as work:
            known = await work.capabilities(by.namespace, sorted(content.capabilities))
            await check_told({}, content.capabilities, known)
            there = await work.definition(by.namespace, agent_id)
            if there is not None and (there.deleted_at is None or not again):
                raise AgentExists(agent_id)
            new = Definition(
                namespace=by.namespace,
                id=agent_id,
                version=1 if there is None else there.version + 1,
                revision=1 if there is None else there.revision + 1,
                status=status,
                owner=by.author,
                created_at=at,
                updated_at=at,
                content=content,
            )
            await (work.add(new) if there is None else work.put(new))
            await work.note_version(version_of(new, by))
            await work.note_move(move_of(None, new, by))
            work.publish(told.created(new, by))
            return new

    async def get(self, agent_id: str, *, namespace: str = DEFAULT_NAMESPACE) -> Definition:
        """A definition as it is now.

        Raises:
            AgentNotFound: There is none, or it was deleted.
        """
        found = await self._store.get(namespace, agent_id)
        if found is None:
            raise AgentNotFound(agent_id)
        return found

    async def find(
        self,
        wanted: Wanted,
        *,
        namespace: str = DEFAULT_NAMESPACE,
        limit: int,
        after: Place | None = None,
    ) -> tuple[Sequence[Definition], Place | None]:
        """Definitions, the newest first, and where the next page begins, if there is one."""
        page = await self._store.find(namespace, wanted, limit=limit + 1, after=after)
        if len(page) <= limit:
            return page, None
        last = page[limit - 1]
        return page[:limit], Place(last.created_at.timestamp(), last.id)

    async def update(
        self, agent_id: str, change: Change, by: By = LOCAL, accepted: Accepted = None
    ) -> Definition:
        """Have a definition say something else: its next version. What changes nothing makes none.

        Raises:
            InvalidInput: Names the field.
            AgentNotFound: There is none.
            RevisionMismatch: It is at none of the revisions that are accepted.
        """
        check_by(by)
        wanted = {} if change.capabilities is UNSET else change.capabilities
        async with self._store.begin() as work:
            known = await work.capabilities(by.namespace, sorted(wanted))
            old = await locked(work, by.namespace, agent_id, accepted)
            content = changed(old.content, change)
            self._check_words(content, old.content)
            return await rewritten(work, old, content, by, self._now(), known)

    async def revise(
        self,
        agent_id: str,
        revision: Callable[[Content], Content],
        by: By = LOCAL,
        accepted: Accepted = None,
    ) -> Definition:
        """Have a definition say what follows from what it says at that moment: its next version.

        Args:
            agent_id: Which.
            revision: Makes the new content of the old one, at once and with no new capability.
            by: Who does it.
            accepted: The revisions that it may be at; None: any.

        Raises:
            InvalidInput: Names the field.
            AgentNotFound: There is none.
            RevisionMismatch: It is at none of the revisions that are accepted.
        """
        check_by(by)
        async with self._store.begin() as work:
            old = await locked(work, by.namespace, agent_id, accepted)
            content = revision(old.content)
            self._check_words(content, old.content)
            return await rewritten(work, old, content, by, self._now(), {})

    async def delete(self, agent_id: str, by: By = LOCAL, accepted: Accepted = None) -> None:
        """Delete a definition. Its versions are kept, for those who began with one.

        Raises:
            AgentNotFound: There is none.
            RevisionMismatch: It is at none of the revisions that are accepted.
        """
        async with self._store.begin() as work:
            old = await locked(work, by.namespace, agent_id, accepted)
            await deleted(work, old, by, self._now())

    async def move(
        self, agent_id: str, status: Status, by: By = LOCAL, accepted: Accepted = None
    ) -> Definition:
        """Give a definition another status. To stay where it is changes nothing.

        Raises:
            AgentNotFound: There is none.
            RevisionMismatch: It is at none of the revisions that are accepted.
            MoveRefused: That status cannot follow the one that it has.
        """
        check_by(by)
        async with self._store.begin() as work:
            old = await locked(work, by.namespace, agent_id, accepted)
            return await moved(work, old, status, by, self._now())

    async def revert(
        self, agent_id: str, number: int, by: By = LOCAL, accepted: Accepted = None
    ) -> Definition:
        """Have a definition say again what it said once, as a new version; its status stays.

        Raises:
            InvalidInput: A capability that it had then is not there any more, or would not take
                what it was told.
            AgentNotFound, VersionNotFound: There is none.
            RevisionMismatch: It is at none of the revisions that are accepted.
        """
        check_by(by)
        by = by if by.reason else replace(by, reason=f"reverted to version {number}")
        async with self._store.begin() as work:
            version = await work.version(by.namespace, agent_id, number)
            had = version.content.capabilities if version else {}
            known = await work.capabilities(by.namespace, sorted(had))
            old = await locked(work, by.namespace, agent_id, accepted)
            if version is None:
                raise VersionNotFound(agent_id, number)
            return await rewritten(work, old, version.content, by, self._now(), known)

    async def versions(
        self,
        agent_id: str,
        *,
        namespace: str = DEFAULT_NAMESPACE,
        limit: int,
        before: int | None = None,
    ) -> tuple[Sequence[Version], int | None]:
        """The history, the newest version first, below number `before`; and the number below
        which the next page begins, if there is one.

        Raises:
            AgentNotFound: There is none.
        """
        await self.get(agent_id, namespace=namespace)
        page = await self._store.versions(namespace, agent_id, limit=limit + 1, before=before)
        if len(page) <= limit:
            return page, None
        return page[:limit], page[limit - 1].number

    async def version(
        self, agent_id: str, number: int, *, namespace: str = DEFAULT_NAMESPACE
    ) -> Version:
        """One version, also of a definition that was deleted since.

        Raises:
            VersionNotFound: There is none.
        """
        found = await self._store.version(namespace, agent_id, number)
        if found is None:
            raise VersionNotFound(agent_id, number)
        return found

    async def compare(
        self, agent_id: str, old: int, new: int, *, namespace: str = DEFAULT_NAMESPACE
    ) -> list[Operation]:
        """What makes version `new` of version `old`, as a JSON Patch.

        Raises:
            VersionNotFound: There is none.
        """
        before = await self.version(agent_id, old, namespace=namespace)
        after = await self.version(agent_id, new, namespace=namespace)
        return await asyncio.to_thread(steps, before.content, after.content)

    async def moves(
        self,
        agent_id: str,
        *,
        namespace: str = DEFAULT_NAMESPACE,
        limit: int,
        before: int | None = None,
    ) -> Sequence[StatusMove]:
        """The changes of status, the newest first, that made a revision below `before`.

        Raises:
            AgentNotFound: There is none.
        """
        await self.get(agent_id, namespace=namespace)
        return await self._store.moves(namespace, agent_id, limit=limit, before=before)

    async def prompt(
        self,
        agent_id: str,
        template: str,
        values: Mapping[str, str],
        *,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> str:
        """One of a definition's prompts, with a value at the place of each variable.

        Raises:
            AgentNotFound, TemplateNotFound: There is none.
            InvalidInput: A value is missing, or of no variable.
        """
        templates = (await self.get(agent_id, namespace=namespace)).content.prompt_templates
        if template not in templates:
            raise TemplateNotFound(agent_id, template)
        return render(templates[template], values)

    def _check_words(self, content: Content, before: Content | None) -> None:
        if self._vocabulary is not None:
            self._vocabulary.check(content, before)

    def _now(self) -> datetime:
        return utc(self._clock.now())


def _named(by: By, key: str) -> str:
    """The part of an id that an idempotency key stands for."""
    return derived("definition", by.namespace, by.author, key, digits=16)
