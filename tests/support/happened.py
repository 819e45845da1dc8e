"""What the dashboard has noted of a month, beside what there was to note."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import httpx

from support.month import AGENTS, Usage, Way

KEPT: Final = 1000
"""Activities that are kept."""
_IDS: Final = ("conversation_id", "payment_id", "invoice_id", "name")
"""By the first of these that it has, an activity is known from others of its type."""


def misnoted(http: httpx.Client, usages: Sequence[Usage], invoices: Sequence[Any]) -> list[str]:
    """What is not noted, or noted twice: ids are given without gaps, and the oldest forgotten."""
    found: list[str] = []
    answer = http.get("/api/dashboard/activity", params={"limit": 1}).raise_for_status()
    last = int(answer.json()[0]["id"])
    talks = [one for one in usages if one.way is Way.EVENT]
    wanted = len(AGENTS) + len(talks) + len(invoices) + len(_all(http, "/api/payments"))
    if last != wanted:
        found.append(f"{last} activities were noted, not {wanted}")
    kept = _all(http, "/api/dashboard/activity")
    if [int(one["id"]) for one in kept] != [*range(last, max(0, last - KEPT), -1)]:
        found.append(f"the activities that are kept are {[one['id'] for one in kept]}")
    names = Counter(_name(one) for one in kept)
    twice = [name for name, count in names.items() if count > 1]
    return [*found, *(f"noted twice: {name}" for name in twice)]


def _name(one: Any) -> tuple[str, str]:
    details = one["details"]
    return one["type"], next(str(details[name]) for name in _IDS if name in details)


def _all(http: httpx.Client, path: str) -> list[Any]:
    answer = http.get(path, params={"limit": 100}).raise_for_status()
    every = list(answer.json())
    while "next" in answer.links:
        answer = http.get(answer.links["next"]["url"]).raise_for_status()
        every += answer.json()
    return every
