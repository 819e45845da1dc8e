# SPDX-License-Identifier: Apache-2.0
"""My agents as JSON: pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from rollcall.agents.documents import document_of
from rollcall.agents.lifecycle import MOVES
from rollcall.agents.mine.models import (
    Dashboard,
    Lack,
    Metrics,
    Operation,
    Outcome,
    Performance,
    Row,
    Shown,
)
from rollcall.agents.mine.problems import problem_of
from rollcall.agents.mine.service import DAYS
from rollcall.agents.models import Status, StatusMove, Version
from rollcall.kernel.errors import InvalidInput

BACKUP: Final = "v"
"""What the id of a backup begins with; the rest is a version's number."""
_TOTALS: Final = (
    "total_conversations",
    "failed_conversations",
    "success_rate",
    "total_tokens",
    "total_cost",
    "currency",
    "average_response_time_ms",
    "average_satisfaction",
)


def rows_document(shown: Shown) -> list[dict[str, Any]]:
    """A page of agents."""
    return [
        {
            **_brief(one),
            **_measured(
                None
                if shown.performance is None
                else shown.performance.get(one.definition.id, Performance()),
                shown.lack,
            ),
        }
        for one in shown.page.rows
    ]


def agent_document(row: Row, performance: Performance | None, lack: Lack | None) -> dict[str, Any]:
    """An agent with all that its definition says."""
    status = row.definition.status
    return {
        **document_of(row.definition),
        "last_status_change": change_document(row.move),
        "allowed_statuses": [one.value for one in Status if one in MOVES[status]],
        **_measured(performance, lack),
    }


def change_document(move: StatusMove) -> dict[str, Any]:
    """A change of status."""
    return {
        "from": None if move.old is None else move.old.value,
        "to": move.new.value,
        "by": move.author,
        "reason": move.reason,
        "at": move.at,
    }


def history_document(move: StatusMove) -> dict[str, Any]:
    """A change of status in its history."""
    return {**change_document(move), "revision": move.revision}


def backup_document(version: Version) -> dict[str, Any]:
    """A version, as something to go back to."""
    return {
        "id": f"{BACKUP}{version.number}",
        "version": str(version.number),
        "author": version.author,
        "reason": version.reason,
        "at": version.at,
        "size": len(msgspec.json.encode(version.content)),
    }


def version_wanted(version: str | int | None, backup_id: str | None) -> str | int:
    """What names the version that somebody wants back.

    Raises:
        InvalidInput: Neither names one, or both do.
    """
    if (version is None) == (backup_id is None):
        raise InvalidInput("version", "or backup_id must be given, and not both")
    if version is not None:
        return version
    if backup_id is None or not backup_id.startswith(BACKUP):
        raise InvalidInput("backup_id", "must be the id of a backup, as in 'v2'")
    return backup_id.removeprefix(BACKUP)


def dashboard_document(found: Dashboard) -> dict[str, Any]:
    """All agents at a glance."""
    overview = found.overview
    known = overview is not None and overview["data"]
    return {
        "total_agents": found.total,
        "by_status": {one.value: count for one, count in found.by_status.items()},
        "by_priority": {one.value: count for one, count in found.by_priority.items()},
        "by_industry": [
            {"industry": industry, "agents": count} for industry, count in found.by_industry
        ],
        "recently_changed": [
            {
                "agent_id": one.definition.id,
                "name": one.definition.content.name,
                "status": one.definition.status.value,
                "priority": one.definition.content.priority.value,
                "updated_at": one.definition.updated_at,
                "last_status_change": change_document(one.move),
            }
            for one in found.recent
        ],
        "period_days": DAYS,
        "data": None if overview is None else known,
        "totals": {name: overview[name] for name in _TOTALS} if overview and known else None,
        "top_agents": None if overview is None else overview["top_agents"],
        "unavailable": _lacks(found.lack),
    }


def metrics_document(agent_id: str, days: int, found: Metrics) -> dict[str, Any]:
    """What an agent did and used."""
    return {
        "agent_id": agent_id,
        "period_days": days,
        "data": found.performance is not None and found.performance["data"],
        "performance": found.performance,
        "usage": found.usage,
        "unavailable": _lacks(found.lack),
    }


def bulk_document(
    operation: Operation, outcomes: Sequence[Outcome], *, dry_run: bool
) -> dict[str, Any]:
    """What has become of many agents."""
    failed = sum(one.error is not None for one in outcomes)
    return {
        "operation": operation.value,
        "total_agents": len(outcomes),
        "results": [
            {
                "agent_id": one.agent_id,
                "success": one.error is None,
                "status": None if one.status is None else one.status.value,
                "unchanged": one.unchanged,
                "error": None if one.error is None else problem_of(one.error),
            }
            for one in outcomes
        ],
        "successful": len(outcomes) - failed,
        "failed": failed,
        "dry_run": dry_run,
    }


def _brief(row: Row) -> dict[str, Any]:
    one, content = row.definition, row.definition.content
    return {
        "id": one.id,
        "agent_id": one.id,
        "name": content.name,
        "business_name": content.business_name,
        "industry": content.industry,
        "llm_model": content.llm_model,
        "interface_type": content.interface_type,
        "status": one.status.value,
        "priority": content.priority.value,
        "version": str(one.version),
        "revision": one.revision,
        "owner": one.owner,
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "last_status_change": change_document(row.move),
    }


def _measured(performance: Performance | None, lack: Lack | None) -> dict[str, Any]:
    metrics = None
    if performance is not None:
        metrics = {"period_days": DAYS, **msgspec.structs.asdict(performance)}
    return {"metrics": metrics, "unavailable": None if lack is None else _lacks(lack)[0]}


def _lacks(lack: Lack | None) -> list[dict[str, str]]:
    return [] if lack is None else [{"service": lack.service, "problem": lack.problem}]
