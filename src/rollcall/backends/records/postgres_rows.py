# SPDX-License-Identifier: Apache-2.0
"""The statements of records on PostgreSQL, and what goes into their rows."""
# Only names of our own go into the text of a statement:
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

import msgspec

from rollcall.registry.matching import folded
from rollcall.registry.models import Record

CHANNEL: Final = "rollcall_records"
"""What writers notify and readers listen on."""

HEAD: Final = "SELECT revision, compacted FROM registry_store FOR UPDATE"
ADVANCE: Final = (
    "WITH head AS (UPDATE registry_store SET revision = $1, compacted = $2 RETURNING revision)"
    f" SELECT pg_notify('{CHANNEL}', revision::text) FROM head"
)
CHANGE: Final = "SELECT revision, at, op, cause, kind, namespace, id, doc FROM registry_changes"
DONE: Final = f"{CHANGE} WHERE op = ANY($1::text[])"
AFTER: Final = f"{CHANGE} WHERE revision > $1 ORDER BY revision LIMIT $2"
APPEND: Final = (
    "INSERT INTO registry_changes (revision, at, op, cause, kind, namespace, id, doc)"
    " SELECT * FROM unnest($1::bigint[], $2::float8[], $3::text[], $4::text[], $5::text[],"
    " $6::text[], $7::text[], $8::text[])"
)
FORGET: Final = "DELETE FROM registry_changes WHERE revision <= $1"

RECORDS: Final = (
    "SELECT namespace, agent_id, revision, renewed_at, epoch, lease FROM agent_registry"
    " JOIN unnest($1::text[], $2::text[]) AS wanted (place, key)"
    " ON namespace = place AND agent_id = key"
)
DOCUMENTS: Final = (
    "SELECT namespace, id, revision, renewed_at, epoch, lease FROM registry_documents"
    " JOIN unnest($2::text[], $3::text[]) AS wanted (place, key)"
    " ON kind = $1 AND namespace = place AND id = key"
)
_SET: Final = (
    "revision = excluded.revision, renewed_at = excluded.renewed_at, epoch = excluded.epoch,"
    " lease = excluded.lease, doc = excluded.doc"
)
PUT_RECORDS: Final = (
    "INSERT INTO agent_registry (namespace, agent_id, revision, renewed_at, epoch, lease, doc,"
    " agent_name, kind, base_url, status, capabilities, words)"
    " SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::float8[], $5::int[],"
    " $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::jsonb[],"
    " $13::text[])"
    f" ON CONFLICT (namespace, agent_id) DO UPDATE SET {_SET},"
    " agent_name = excluded.agent_name, kind = excluded.kind, base_url = excluded.base_url,"
    " status = excluded.status, capabilities = excluded.capabilities, words = excluded.words"
)
PUT_DOCUMENTS: Final = (
    "INSERT INTO registry_documents (namespace, id, revision, renewed_at, epoch, lease, doc, kind)"
    " SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::float8[], $5::int[],"
    " $6::text[], $7::text[], $8::text[])"
    f" ON CONFLICT (kind, namespace, id) DO UPDATE SET {_SET}"
)
REMOVE_RECORDS: Final = (
    "DELETE FROM agent_registry USING unnest($1::text[], $2::text[]) AS gone (place, key)"
    " WHERE namespace = place AND agent_id = key"
)
REMOVE_MEMBERS: Final = (
    "DELETE FROM agent_registry USING unnest($1::text[], $2::text[]) AS gone (place, key)"
    " WHERE namespace = place AND lease = key"
)
REMOVE_DOCUMENTS: Final = (
    "DELETE FROM registry_documents"
    " USING unnest($1::text[], $2::text[], $3::text[]) AS gone (sort, place, key)"
    " WHERE kind = sort AND namespace = place AND id = key"
)
ALIVE: Final = "UPDATE registry_store SET alive_at = greatest(alive_at, $1)"
RENEW_RECORDS: Final = (
    "UPDATE agent_registry SET renewed_at = greatest(renewed_at, at)"
    " FROM unnest($1::text[], $2::text[], $3::float8[]) AS renewal (place, key, at)"
    " WHERE namespace = place AND agent_id = key AND epoch IS NOT NULL AND renewed_at < at"
)
RENEW_LEASES: Final = (
    "UPDATE registry_documents SET renewed_at = greatest(renewed_at, at)"
    " FROM unnest($1::text[], $2::text[], $3::float8[]) AS renewal (place, key, at)"
    " WHERE kind = 'lease' AND namespace = place AND id = key AND epoch IS NOT NULL"
)
ALL_DOCUMENTS: Final = "SELECT doc, revision, renewed_at FROM registry_documents WHERE kind = $1"
ALL_RECORDS: Final = "SELECT doc, revision, renewed_at FROM agent_registry"
CANDIDATES: Final = (
    "SELECT doc FROM agent_registry WHERE namespace = $1 AND words LIKE ALL($2::text[])"
)


def columns(rows: Sequence[Sequence[Any]], count: int) -> list[list[Any]]:
    """Rows turned into one list for each of their `count` columns."""
    return (
        [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(count)]
    )


def record_columns(record: Record) -> tuple[str, str, str | None, str, str, str]:
    """What the table shows of a record beside its document; PostgreSQL's text knows no NUL."""
    address = record.address
    shown = _bare(msgspec.to_builtins(record.capabilities))
    return (
        _plain(record.name),
        record.kind.value,
        None if address is None else _plain(address.base_url or f"{address.host}:{address.port}"),
        record.reported.value,
        msgspec.json.encode(shown).decode(),
        search_words(record),
    )


def search_words(record: Record) -> str:
    """All texts of a record's capabilities, folded, each on a line."""
    lines: list[str] = []
    for capability in record.capabilities:
        fields = folded(capability)
        lines += [fields.name, fields.description, *fields.tags]
    return _plain("\n".join(lines))


def pattern(text: str) -> str:
    """What `LIKE` finds `text` by, wherever it stands."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{_plain(escaped)}%"


def _plain(text: str) -> str:
    return text.replace("\0", "\ufffd")


def _bare(value: Any) -> Any:
    if isinstance(value, str):
        return _plain(value)
    if isinstance(value, dict):
        items = cast("dict[object, object]", value).items()
        return {_plain(str(key)): _bare(one) for key, one in items}
    if isinstance(value, list | tuple):
        return [_bare(one) for one in cast("list[object]", value)]
    return value
