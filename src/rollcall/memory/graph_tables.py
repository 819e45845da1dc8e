# SPDX-License-Identifier: Apache-2.0
"""The tables of the knowledge graph."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Double, Index, Integer, MetaData, Table, Text

METADATA: Final = MetaData()

_BYTEWISE: Final = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that is ordered by its code points in every database, so that ranges are prefixes."""

ENTITIES: Final = Table(
    "graph_entities",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("owner", Text, nullable=False, comment="whose it is: user:..., session:..., agent:..."),
    Column("type", Text, nullable=False),
    Column("key", _BYTEWISE, nullable=False, comment="its name, folded"),
    Column("canonical_id", Text, nullable=False, comment="where its merges lead, or itself"),
    Column("merged_into", Text, comment="null: it was not merged into another"),
    Index("ix_graph_entities_canonical", "namespace", "canonical_id"),
    Index("ix_graph_entities_key", "namespace", "key", "id"),
    Index("ix_graph_entities_owner", "namespace", "owner", "key", "id"),
    Index("ix_graph_entities_type", "namespace", "type", "key", "id"),
    Index("ix_graph_entities_merged", "namespace", "merged_into"),
)

WORDS: Final = Table(
    "graph_words",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("word", _BYTEWISE, primary_key=True),
    Column("owner", Text, primary_key=True),
    Column("entity_id", Text, primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False, comment="in the name, from 0"),
    Index("ix_graph_words_entity", "namespace", "entity_id", "word"),
    Index("ix_graph_words_owner", "namespace", "owner", "word", "entity_id"),
)

RELATIONSHIPS: Final = Table(
    "graph_relationships",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("source_id", Text, nullable=False, comment="the entity, where its merges lead"),
    Column("target_id", Text, nullable=False, comment="the entity, where its merges lead"),
    Column("source_said", Text, nullable=False, comment="the entity that facts are about"),
    Column("target_said", Text, nullable=False, comment="the entity that facts are about"),
    Index("ix_graph_relationships_source", "namespace", "source_id", "target_id"),
    Index("ix_graph_relationships_target", "namespace", "target_id", "source_id"),
    Index("ix_graph_relationships_source_said", "namespace", "source_said"),
    Index("ix_graph_relationships_target_said", "namespace", "target_said"),
)

FACTS: Final = Table(
    "graph_facts",
    METADATA,
    Column(
        "number",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    Column("namespace", Text, nullable=False),
    Column("about", Text, nullable=False, comment="the id of an entity or a relationship"),
    Column("memory_id", Text, nullable=False),
    Column("user_id", Text),
    Column("agent_id", Text),
    Column("session_id", Text),
    Column("name", Text, comment="of an entity, as the memory has it"),
    Column("attributes", Text, nullable=False, comment="JSON"),
    Column("confidence", Double, nullable=False),
    Column("valid_from", Double, comment="seconds since the epoch"),
    Column("valid_to", Double, comment="seconds since the epoch"),
    Column("recorded_at", Double, nullable=False, comment="seconds since the epoch"),
    Column("retracted_at", Double, comment="seconds since the epoch"),
    Index("ix_graph_facts_about", "namespace", "about"),
    Index("ix_graph_facts_memory", "namespace", "memory_id"),
)

SOURCES: Final = Table(
    "graph_sources",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("memory_id", Text, primary_key=True),
    # What was forgotten may still be on its way here: in the hands of a model, say.
    Column("event_id", Text, comment="the last event whose facts are in; null: forgotten"),
)
