# SPDX-License-Identifier: Apache-2.0
"""Definitions as document 3 hands them round inside a process: as dictionaries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from rollcall.agents.changes import change_of, shown
from rollcall.agents.errors import AgentNotFound, EntityNotFound
from rollcall.agents.models import LOCAL, By, Definition, Version, Wanted
from rollcall.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from rollcall.agents.service import AgentService

_PAGE: Final = 200
_HIGHEST: Final = 2**31 - 1
_LEFT_OUT: Final = frozenset("agent_id version revision owner created_at updated_at".split())
"""What the service says by itself."""


def document_of(definition: Definition) -> dict[str, Any]:
    """A definition with the fields of documents 3 and 4, those of both that are set.

    `version` is a text, as in document 3, and times are `datetime`.
    """
    return {
        "id": definition.id,
        "agent_id": definition.id,
        **shown(definition.content),
        "version": str(definition.version),
        "revision": definition.revision,
        "status": definition.status.value,
        "owner": definition.owner,
        "created_at": definition.created_at,
        "updated_at": definition.updated_at,
    }


def version_document(version: Version) -> dict[str, Any]:
    """A version with what the definition said then."""
    return {
        "agent_id": version.agent_id,
        "version": str(version.number),
        "author": version.author,
        "reason": version.reason,
        "created_at": version.at,
        "content": shown(version.content),
    }


def exported(kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a file that makes what a service shows, without what it says by itself."""
    kept = {name: value for name, value in row.items() if name not in _LEFT_OUT}
    return {"kind": kind, "id": kept.pop("id"), "name": kept.pop("name"), **kept}


def number_of(version: str | int) -> int:
    """The number of a version that somebody names.

    Raises:
        InvalidInput: It is none.
    """
    text = str(version)
    if not (text.isascii() and text.isdigit() and 0 < int(text[:11]) <= _HIGHEST):
        raise InvalidInput("version", "must be the number of a version, as in '2'")
    return int(text)


class AgentRepository:
    """Document 3's `AgentRepositoryProtocol`, over the service that decides.

    Args:
        service: Who keeps definitions.
        by: In whose name, and whose.
    """

    def __init__(self, service: AgentService, by: By = LOCAL) -> None:
        self._service = service
        self._by = by

    async def get_agent(self, agent_id: str) -> dict[str, Any]:
        """An agent's definition.

        Raises:
            AgentNotFound: There is none.
        """
        return await self._service.get_agent(agent_id, namespace=self._by.namespace)

    async def create_agent(self, agent_data: Mapping[str, Any]) -> str:
        """Make a definition; its id.

        Raises:
            InvalidInput: Names the field.
        """
        return await self._service.create_agent(agent_data, self._by)

    async def update_agent(self, agent_id: str, updates: Mapping[str, Any]) -> bool:
        """Change a definition. False: there is none.

        Raises:
            InvalidInput: Names the field.
        """
        try:
            await self._service.update(agent_id, change_of(updates), self._by)
        except AgentNotFound:
            return False
        return True

    async def delete_agent(self, agent_id: str) -> bool:
        """Delete a definition. False: there is none."""
        try:
            await self._service.delete(agent_id, self._by)
        except AgentNotFound:
            return False
        return True

    async def list_agents(self, filters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The definitions that fit, the newest first.

        Args:
            filters: Fields of `Wanted`.

        Raises:
            InvalidInput: There is no such filter, or it takes no such value.
        """
        wanted = _wanted(filters or {})
        found: list[dict[str, Any]] = []
        after = None
        while True:
            page, after = await self._service.find(
                wanted, namespace=self._by.namespace, limit=_PAGE, after=after
            )
            found += map(document_of, page)
            if after is None:
                return found

    async def get_agent_version_history(self, agent_id: str) -> list[dict[str, Any]]:
        """All versions of a definition, the newest first.

        Raises:
            AgentNotFound: There is none.
        """
        found: list[dict[str, Any]] = []
        before = None
        while True:
            page, before = await self._service.versions(
                agent_id, namespace=self._by.namespace, limit=_PAGE, before=before
            )
            found += map(version_document, page)
            if before is None:
                return found

    async def revert_to_version(self, agent_id: str, version: str) -> bool:
        """Have a definition say again what it said in a version. False: one of them is not there.

        Raises:
            InvalidInput: That is no number of a version, or a capability is gone since.
        """
        try:
            await self._service.revert(agent_id, number_of(version), self._by)
        except EntityNotFound:
            return False
        return True


def _wanted(filters: Mapping[str, Any]) -> Wanted:
    for name in filters:
        if name not in Wanted.__struct_fields__:
            known = ", ".join(Wanted.__struct_fields__)
            raise InvalidInput("filters", f"{name!a:.80} is none of them; there are {known}")
    try:
        return msgspec.convert(dict(filters), Wanted)
    except msgspec.ValidationError as error:
        raise InvalidInput("filters", str(error)) from None
