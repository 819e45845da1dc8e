"""Document 4's second flow: what a visitor asks in an embedded widget is answered by the agent,
recorded, charged and shown.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import httpx

from rollcall.kernel.clock import SystemClock
from support.sse import Told, parsed
from support.suite.asking import AWAY, PATIENCE, PAUSE, Asking, soon, succeeded
from support.suite.building import made
from support.suite.numbers import ATTEMPTS, CALCULATE, SOON, activity, charged, recorded, total

ORIGIN: Final = "https://shop.example"
STRANGE: Final = "https://elsewhere.example"
_clock = SystemClock()


@dataclass(frozen=True)
class Visitor:
    """Somebody on a page that has the widget.

    Args:
        us: Knows where to ask.
        service: Whom the page asks: the widgets' own service, or the gateway.
        key: The widget's public key.
        token: The visitor's.
    """

    us: Asking
    service: str
    key: str
    token: str

    def ask(self, words: str, client_id: str) -> list[Told]:
        """All that is told of an answer; the same message is sent until it has an end."""
        deadline = _clock.monotonic() + PATIENCE
        while True:
            try:
                told = self._asked(words, client_id)
            except httpx.TransportError as error:
                said = repr(error)
            else:
                if told and told[-1].name in {"done", "failed"}:
                    return told
                said = str(told)
            assert _clock.monotonic() < deadline, said
            threading.Event().wait(PAUSE)

    def answered(self, words: str, client_id: str) -> dict[str, Any]:
        """The end of an answer."""
        told = self.ask(words, client_id)
        assert [told[0].name, told[-1].name] == ["accepted", "done"], told
        assert {one.name for one in told} <= {"accepted", "text", "reset", "done"}
        assert told[0].data["turn_id"] == told[-1].data["turn_id"]
        return told[-1].data

    def history(self) -> list[Any]:
        """What was said before, the oldest first."""
        path = f"/widget/v1/{self.key}/messages"
        return succeeded(self.us.send("GET", self.service, path, headers=self._headers))

    @property
    def _headers(self) -> dict[str, str]:
        return {"Origin": ORIGIN, "Authorization": f"Bearer {self.token}"}

    def _asked(self, words: str, client_id: str) -> list[Told]:
        url = f"{self.us.house.url(self.service)}/widget/v1/{self.key}/messages"
        body = {"message": words, "client_id": client_id}
        with httpx.stream("POST", url, json=body, headers=self._headers, timeout=60) as answer:
            if answer.status_code in AWAY:
                return []
            assert answer.status_code == 200, answer.read()
            assert answer.headers["access-control-allow-origin"] == ORIGIN
            return list(parsed(answer.iter_lines()))


def visited(us: Asking, name: str, service: str) -> tuple[str, Visitor]:
    """An agent, and a visitor of a page that has its widget."""
    agent = made(us, name)
    body = {"agent_id": agent, "name": us.name(name), "allowed_origins": [ORIGIN]}
    widget = us.post("widgets", "/api/widgets", body)
    key = widget["public_key"]
    path = f"/widget/v1/{key}"
    config = us.send("GET", service, f"{path}/config", headers={"Origin": ORIGIN})
    assert succeeded(config)["theme"]["primary_color"] == "#007bff"
    refused = us.send("GET", service, f"{path}/config", headers={"Origin": STRANGE})
    assert refused.status_code == 403
    come = us.send("POST", service, f"{path}/visitors", body={}, headers={"Origin": ORIGIN})
    return agent, Visitor(us, service, key, succeeded(come)["token"])


def a_visitor_is_answered_and_it_is_recorded_charged_and_shown(us: Asking) -> None:
    agent, visitor = visited(us, "receptionist", "gateway")
    before = total(us)
    done = visitor.answered("Calculate 6 * 7", us.name("m1"))
    assert "42" in done["response"]
    said = {"agent_id": agent, "turn_id": done["turn_id"]}
    # Sent again, since nobody knows whether it came, it is the same turn: also at its own service.
    directly = Visitor(us, "widgets", visitor.key, visitor.token)
    again = directly.answered("Calculate 6 * 7", us.name("m1"))
    assert again == done
    (entry,) = directly.history()
    assert (entry["turn_id"], entry["message"]) == (done["turn_id"], "Calculate 6 * 7")
    assert entry["response"] == done["response"]

    (kept,) = soon(lambda: recorded(us, agent, done["turn_id"]))
    assert (kept["user_message"], kept["status"]) == ("Calculate 6 * 7", "completed")
    assert sum(Decimal(one["amount"]) for one in soon(lambda: charged(us, said))) > 0
    soon(lambda: total(us) > before)
    told = soon(lambda: activity(us, done["turn_id"]))
    assert [one["type"] for one in told] == ["conversation.completed"]


def within_a_second_a_visitors_conversation_is_on_the_dashboard(us: Asking) -> None:
    _, visitor = visited(us, "quick-receptionist", "gateway")

    def seconds(number: int) -> float:
        before = total(us)
        visitor.answered(CALCULATE, us.name(f"quick-{number}"))
        begun = _clock.monotonic()
        soon(lambda: total(us) > before)
        return _clock.monotonic() - begun

    assert any(seconds(number) < SOON for number in range(ATTEMPTS))


def a_widget_that_is_paused_answers_nobody(us: Asking) -> None:
    _, visitor = visited(us, "sleeper", "widgets")
    (widget,) = [
        one
        for one in us.listed("widgets", "/api/widgets", limit=100)
        if one["public_key"] == visitor.key
    ]
    us.post("widgets", f"/api/widgets/{widget['id']}/pause", None)
    path = f"/widget/v1/{visitor.key}/config"
    for service in ("widgets", "gateway"):
        paused = us.send("GET", service, path, headers={"Origin": ORIGIN})
        assert paused.status_code == 409
        assert paused.json()["type"].endswith("widget-paused")
