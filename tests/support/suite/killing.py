"""One instance of every service is killed while it is used: nothing that was acknowledged is lost,
and nothing counts twice.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from support.houses import MODEL
from support.suite.asking import Asking, soon, succeeded
from support.suite.visiting import Visitor, visited

SOME: Final = 12
"""What each client has done when the kill comes, and what it does at least from then on."""
FEW: Final = 4
"""The same of those who wait for each answer."""
ENDED: Final = frozenset({"answered", "failed", "cancelled"})
ANSWERED: Final = 2
"""Usages of a turn that was answered: its tokens, and the conversation."""
PRICE: Final = Decimal("12.5")
Act = Callable[[int], Any]


@dataclass
class Client:
    """Does something again and again, each time until it is acknowledged.

    Args:
        act: What it does, by its number; what it was answered.
        enough: How often before the kill, and how often at least from then on.
    """

    act: Act
    enough: int = SOME
    acknowledged: list[Any] = field(default_factory=list[Any])

    def work(self, killed: threading.Event, ready: threading.Semaphore) -> None:
        left = self.enough
        while left:
            self.acknowledged.append(self.act(len(self.acknowledged)))
            if len(self.acknowledged) == self.enough:
                ready.release()
            left -= killed.is_set()


def one_of_each_is_killed_and_nothing_is_lost_or_counted_twice(us: Asking) -> None:
    payer = _payer(us)
    agent, visitor = visited(us, "besieged", "gateway")
    clients = {
        "talk": Client(lambda number: _turn(us, number)),
        "visit": Client(lambda number: _visit(us, visitor, number), FEW),
        "use": Client(lambda number: _usage(us, payer, number)),
        "define": Client(lambda number: _agent(us, number)),
        "register": Client(lambda number: _service(us, number)),
    }
    killed, ready = threading.Event(), threading.Semaphore(0)
    with ThreadPoolExecutor(len(clients)) as threads:
        working = [threads.submit(one.work, killed, ready) for one in clients.values()]
        for _ in clients:
            assert ready.acquire(timeout=120)
        us.house.kill_one_of_each()
        killed.set()
        for one in working:
            one.result(300)

    _turns_are_told_once(us, clients["talk"].acknowledged)
    _visits_are_told_once(us, agent, visitor, clients["visit"].acknowledged)
    _usages_are_charged_once(us, payer, clients["use"].acknowledged)
    _agents_are_told_once(us, clients["define"].acknowledged)
    for name in clients["register"].acknowledged:
        found = us.get("service-registry", "/api/v1/discover", name=name)
        assert found["total_count"] == 1


def _payer(us: Asking) -> str:
    """An agent that pays for each request."""
    agent, card = us.name("payer"), us.name("dear")
    us.post("gateway", "/api/agents", {"id": agent, "name": "Payer"})
    items = [{"unit": "request", "price": str(PRICE)}]
    us.post("gateway", "/api/pricing/rate-cards", {"id": card, "name": card, "items": items})
    place = f"/api/pricing/assignments/agents/{agent}"
    succeeded(us.send("PUT", "gateway", place, body={"rate_card_id": card}))
    return agent


def _turn(us: Asking, number: int) -> tuple[str, str]:
    """Say something and do not wait for the answer; where it will be."""
    session = us.name(f"talk-{number % 5}")
    body = {
        "session_id": session,
        "user_input": f"Calculate {number} + {number}",
        "model": MODEL,
        "idempotency_key": f"{session} {number}",
    }
    answer = us.send(
        "POST",
        "gateway",
        "/services/agent/api/v1/process",
        body=body,
        headers={"Prefer": "respond-async"},
    )
    return session, succeeded(answer)["turn_id"]


def _visit(us: Asking, visitor: Visitor, number: int) -> str:
    """Ask in a widget, and ask again with the same id until there is an end."""
    end = visitor.ask(f"Calculate {number} + {number}", us.name(f"visit-{number}"))[-1]
    if end.name == "done":
        assert str(2 * number) in end.data["response"]
    return end.data["turn_id"] if end.name == "done" else ""


def _usage(us: Asking, agent: str, number: int) -> str:
    key = f"{agent}-{number}"
    body = {"agent_id": agent, "tokens_used": 10, "idempotency_key": key}
    return us.post("gateway", "/api/usage", body)["usage_id"]


def _agent(us: Asking, number: int) -> str:
    agent = us.name(f"agent-{number}")
    made = us.send("POST", "gateway", "/api/agents", body={"id": agent, "name": agent})
    # It is there already where somebody has done it and could not say so any more.
    assert made.is_success or made.status_code == 409, made.text
    return agent


def _service(us: Asking, number: int) -> str:
    name = us.name(f"service-{number}")
    body = {
        "name": name,
        "service_type": "tool",
        "host": "10.0.0.9",
        "port": 4000 + number,
        "health_check": {"enabled": False},
    }
    us.post("service-registry", "/api/v1/register", body)
    return name


def _turns_are_told_once(us: Asking, turns: Sequence[tuple[str, str]]) -> None:
    assert len(set(turns)) == len(turns)
    ends: dict[str, str] = {}
    for session, turn in turns:
        place = f"/api/v1/sessions/{session}/turns/{turn}"

        def status(place: str = place) -> str | None:
            said = us.get("agent", place)["status"]
            return said if said in ENDED else None

        ends[turn] = soon(status)
    told = soon(lambda: _all_told(us, {session for session, _ in turns}, ends))
    for turn, status in ends.items():
        wanted = "completed" if status == "answered" else "failed"
        assert told[turn] == [wanted], f"{turn} is {status}, and was told as {told[turn]}"

    answered = [turn for turn, status in ends.items() if status == "answered"]

    def charges() -> Counter[str] | None:
        found = us.get("billing", "/api/usage/agent/assistant", limit=1000)["usages"]
        counts = Counter(one["conversation_id"] for one in found)
        return None if any(counts[one] < ANSWERED for one in answered) else counts

    counts = soon(charges)
    assert [one for one in answered if counts[one] > ANSWERED] == []
    assert [one for one in ends.keys() - {*answered} if counts[one] > 1] == []

    def shown() -> Counter[str] | None:
        activities = us.listed("dashboard", "/api/dashboard/activity", limit=200)
        found = Counter(
            one["details"].get("conversation_id")
            for one in activities
            if one["type"].startswith("conversation.")
        )
        return None if any(not found[one] for one in ends) else found

    counts = soon(shown)
    assert [one for one in ends if counts[one] > 1] == []


def _visits_are_told_once(us: Asking, agent: str, visitor: Visitor, turns: Sequence[str]) -> None:
    answered = [one for one in turns if one]
    assert len(set(answered)) == len(answered)
    shown = visitor.history()
    assert [one["message"] for one in shown] == [
        f"Calculate {number} + {number}" for number in range(len(turns))
    ]
    assert [one["turn_id"] for one in shown if one["response"] is not None] == answered
    # One of which nobody knew how it would end is marked, and not asked again.
    assert len(answered) >= len(turns) - 1

    def recorded() -> Counter[str] | None:
        found = us.get("analytics", "/api/conversations", agent_id=agent, limit=1000)
        counts = Counter(one["conversation_id"] for one in found)
        return counts if {one["turn_id"] for one in shown} <= counts.keys() else None

    assert set(soon(recorded).values()) == {1}


def _all_told(us: Asking, sessions: set[str], ends: dict[str, str]) -> dict[str, list[str]] | None:
    """Of each turn, what analytics has; None: not all are there."""
    found: dict[str, list[str]] = {}
    for session in sessions:
        for one in us.get("analytics", "/api/conversations", session_id=session, limit=1000):
            found.setdefault(one["conversation_id"], []).append(one["status"])
    return found if ends.keys() <= found.keys() else None


def _usages_are_charged_once(us: Asking, agent: str, usages: Sequence[str]) -> None:
    assert len(set(usages)) == len(usages)
    found = us.get("billing", f"/api/usage/agent/{agent}", limit=1000)
    assert {one["usage_id"] for one in found["usages"]} == {*usages}
    assert Decimal(found["total_amount"]) == PRICE * len(usages)


def _agents_are_told_once(us: Asking, agents: Sequence[str]) -> None:
    for agent in agents:
        assert us.get("gateway", f"/api/agents/{agent}")["version"] == "1"

    def heard() -> Counter[str] | None:
        activities = us.listed("dashboard", "/api/dashboard/activity", limit=200)
        counts = Counter(one["agent_id"] for one in activities if one["type"] == "agent.created")
        return None if any(not counts[one] for one in agents) else counts

    counts = soon(heard)
    assert [one for one in agents if counts[one] > 1] == []
