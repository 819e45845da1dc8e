# SPDX-License-Identifier: Apache-2.0
"""What HTTP says of the knowledge graph."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from rollcall.kernel.cursors import cursor_of, place_at
from rollcall.kernel.errors import InvalidInput
from rollcall.memory.graph_export import Format
from rollcall.memory.graph_models import MAX_DEPTH, MAX_NEIGHBOURS, MAX_PATH, Scope, View
from rollcall.memory.graph_reads import Place
from rollcall.web.lines import check_line
from rollcall.web.strict import Wire

MAX_ID: Final = 100
MAX_WORDS: Final = 200
MAX_SCOPE: Final = 255
Word = Annotated[str, Field(min_length=1, max_length=MAX_SCOPE)]
Id = Annotated[str, Field(min_length=1, max_length=MAX_ID)]


class Asked(BaseModel):
    """Which facts are asked for.

    Args:
        user_id, agent_id, session_id: Facts from the memories of these alone.
        as_of: What was believed then.
        valid_at: Only what was true then, as far as the facts say.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    user_id: Word | None = None
    agent_id: Word | None = None
    session_id: Word | None = None
    as_of: AwareDatetime | None = None
    valid_at: AwareDatetime | None = None

    def view(self, namespace: str) -> View:
        """The facts that a caller of the namespace asks for."""
        return View(
            namespace,
            Scope(
                _line("user_id", self.user_id),
                _line("agent_id", self.agent_id),
                _line("session_id", self.session_id),
            ),
            _seconds("as_of", self.as_of),
            _seconds("valid_at", self.valid_at),
        )


class EntitiesAsked(Asked):
    """Which entities are asked for."""

    name: Annotated[str, Field(max_length=MAX_WORDS)] | None = None
    type: Annotated[str, Field(max_length=MAX_WORDS)] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    cursor: Annotated[str, Field(max_length=2000)] | None = None


class NeighboursAsked(Asked):
    """How much of a neighbourhood is asked for."""

    depth: Annotated[int, Field(ge=1, le=MAX_DEPTH)] = 1
    limit: Annotated[int, Field(ge=1, le=MAX_NEIGHBOURS)] = 100


class PathAsked(Asked):
    """Which path is asked for."""

    source: Annotated[Id, Field(alias="from")]
    target: Annotated[Id, Field(alias="to")]
    depth: Annotated[int, Field(ge=1, le=MAX_PATH)] = MAX_PATH


class ExportAsked(Asked):
    """What is exported, and how."""

    format: Format = "json"


class MergeAsked(Wire):
    """Which entity becomes one with the one in the path."""

    entity_id: Id


class FactView(BaseModel):
    """What one memory says."""

    source_memory_id: str
    confidence: float
    recorded_at: datetime
    retracted_at: datetime | None = None
    name: str | None = None
    attributes: dict[str, Any] = {}
    valid_from: datetime | None = None
    valid_to: datetime | None = None


class EntityView(BaseModel):
    """An entity (document 3), with its other names and the number of facts about it."""

    id: str
    name: str
    type: str
    attributes: dict[str, Any]
    source_memory_id: str
    confidence: float
    aliases: list[str]
    facts: int


class RelationshipView(BaseModel):
    """A relationship (document 3), with the time in which it is true where a fact says so."""

    id: str
    source_entity_id: str
    target_entity_id: str
    type: str
    attributes: dict[str, Any]
    source_memory_id: str
    confidence: float
    valid_from: datetime | None
    valid_to: datetime | None
    facts: int


class DetailView(BaseModel):
    """An entity with the facts that it rests on, and the ids of those merged into it."""

    entity: EntityView
    facts: list[FactView]
    merged: list[str]


class NeighbourView(BaseModel):
    """An entity and how many steps away it is."""

    depth: int
    entity: EntityView


class NeighbourhoodView(BaseModel):
    """What is around an entity; `truncated`: there is more than the limits let through."""

    entity: EntityView
    neighbours: list[NeighbourView]
    relationships: list[RelationshipView]
    truncated: bool


class PathView(BaseModel):
    """A shortest path, from the first entity to the last."""

    entities: list[EntityView]
    relationships: list[RelationshipView]
    length: int


_places: Final = msgspec.json.Decoder(tuple[str, str]).decode


def cursor(place: Place) -> str:
    """An opaque word for where a page begins."""
    return cursor_of(place)


def place_of(word: str | None) -> Place | None:
    """Where the page of a cursor begins.

    Raises:
        InvalidInput: It is none of our words.
    """
    if word is None:
        return None
    place = place_at(word, _places)
    for one in place:
        check_line("cursor", one, 1000, shortest=0)
    return place


def _line(field: str, text: str | None) -> str | None:
    return None if text is None else check_line(field, text, MAX_SCOPE)


def _seconds(field: str, moment: datetime | None) -> float | None:
    try:
        return None if moment is None else moment.timestamp()
    except (OverflowError, ValueError) as error:
        raise InvalidInput(field, "is beyond the range of times") from error
