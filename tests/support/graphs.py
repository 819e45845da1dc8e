"""What tests of the knowledge graph act on: memories in a dict, and shorthands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rollcall.backends.sql.database import Database
from rollcall.memory.entities import Extraction, Found, Link
from rollcall.memory.graph_models import Neighbourhood, Path


class DictMemories:
    """Memories by namespace and id."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], dict[str, Any]] = {}

    def put(
        self, memory_id: str, content: str = "", *, namespace: str = "default", **filters: str
    ) -> None:
        """Add a memory, or change it."""
        self.kept[namespace, memory_id] = {
            "id": memory_id,
            "content": content,
            "filters": filters or {"user_id": "u1"},
        }

    async def get(self, namespace: str, memory_id: str) -> Mapping[str, Any] | None:
        return self.kept.get((namespace, memory_id))


def people(*names: str) -> list[dict[str, Any]]:
    """Persons as `add_entities` takes them."""
    return [{"name": name, "type": "person"} for name in names]


def knows(*pairs: tuple[str, str]) -> list[dict[str, Any]]:
    """Relationships as `add_entities` takes them."""
    return [{"source": one, "target": other, "type": "knows"} for one, other in pairs]


def chain(names: Sequence[str]) -> Extraction:
    """Each knows the next."""
    found = [Found(name, "person") for name in names]
    links = [Link(place, place + 1, "knows") for place in range(len(names) - 1)]
    return Extraction(found, links)


def around(found: Neighbourhood) -> dict[str, int]:
    """Names and steps of a neighbourhood."""
    return {one.entity.name: one.depth for one in found.neighbours}


def along(found: Path) -> list[str]:
    """The names on a path."""
    return [one.name for one in found.entities]


async def rows(database: Database, table: Any) -> int:
    """How many rows a table has."""
    from sqlalchemy import func, select

    async with database.reading() as connection:
        return (await connection.scalar(select(func.count()).select_from(table))) or 0
