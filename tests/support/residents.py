"""Things that are there, for requests that are made up to name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from support.serving import eventually

AGENT = "resident"
ORIGIN = "https://page.example"
"""A page that has the widget."""
TOKEN = "token"
"""What a visitor of it has, beside the parameters."""


def residents(gateway: str, path: str) -> Mapping[str, str]:
    """The ids of things that are there, by the parameters of a path that take them."""
    with httpx.Client(base_url=gateway, timeout=30) as http:
        _made(http, "/api/agents", {"id": AGENT, "name": "R"})
        for prefix, make in _MAKERS.items():
            if path.startswith(prefix):
                return {"agent_id": AGENT, **make(http)}
        _made(http, "/api/capabilities", {"id": AGENT, "name": "R"})
        body = {"content": "Ask r@example.org", "filters": {"user_id": AGENT}}
        memory = _made(http, "/api/memories", body)["id"]
    entities = f"{gateway}/api/graph/entities?user_id={AGENT}"
    entity = eventually("r@example.org", entities).json()[0]["id"]
    return {
        "agent_id": AGENT,
        "capability_id": AGENT,
        "memory_id": memory,
        "entity_id": entity,
    }


def _made(http: httpx.Client, path: str, body: Mapping[str, Any]) -> Any:
    answer = http.post(path, json=body)
    # It is there, or made-up budgets forbid it.
    assert answer.is_success or answer.status_code in {402, 409}, answer.text
    return answer.json()


def _conversation(http: httpx.Client) -> dict[str, str]:
    said = {"agent_id": AGENT, "user_message": "What?", "agent_response": "That."}
    return {"conversation_id": _made(http, "/api/conversations", said)["conversation_id"]}


def _usage(http: httpx.Client) -> dict[str, str]:
    used = {"agent_id": AGENT, "model_used": "gpt-4o", "input_tokens": 10**6, "output_tokens": 7}
    return {"id": _made(http, "/api/usage", used)["usage_id"]}


def _invoice(http: httpx.Client) -> dict[str, str]:
    _usage(http)
    (draft,) = _made(http, "/api/invoices/generate", {"agent_id": AGENT})
    return {"invoice_id": draft["id"], "line": "1"}


def _payment(http: httpx.Client) -> dict[str, str]:
    invoice = _invoice(http)["invoice_id"]
    http.patch(f"/api/invoices/{invoice}/status", json={"status": "sent"}).raise_for_status()
    body = {"invoice_id": invoice, "amount": "0.02", "payment_method": "card"}
    return {"payment_id": _made(http, "/api/payments", body)["id"]}


def _card(http: httpx.Client) -> dict[str, str]:
    body = {"name": "R", "items": [{"unit": "request", "price": "0.01"}]}
    return {"id": _made(http, "/api/pricing/rate-cards", body)["id"]}


def _assignment(http: httpx.Client) -> dict[str, str]:
    return {"kind": "agents", "id": AGENT}


def _budget(http: httpx.Client) -> dict[str, str]:
    body = {"scope": "agent", "agent_id": AGENT, "limit": "5", "period": "month", "hard": True}
    return {"id": _made(http, "/api/billing/budgets", body)["id"]}


def _reservation(http: httpx.Client) -> dict[str, str]:
    body = {"agent_id": AGENT, "amount": "0.000001"}
    return {"id": _made(http, "/api/billing/reservations", body).get("reservation_id", "none")}


def _widget(http: httpx.Client) -> dict[str, str]:
    body = {"agent_id": AGENT, "name": "R", "allowed_origins": [ORIGIN]}
    widget = _made(http, "/api/widgets", body)
    return {"widget_id": widget["id"], "public_key": widget["public_key"]}


def _visitor(http: httpx.Client) -> dict[str, str]:
    known = _widget(http)
    path = f"/widget/v1/{known['public_key']}/visitors"
    # The agent sleeps where a made-up request has put it to sleep.
    come = http.post(path, json={}, headers={"Origin": ORIGIN})
    return {**known, TOKEN: come.json().get("token", "none")}


def _period(http: httpx.Client) -> dict[str, str]:
    return {"id": http.get("/api/billing/periods/current").json()["id"]}


def _nothing(_: httpx.Client) -> dict[str, str]:
    return {}


def _industry(_: httpx.Client) -> dict[str, str]:
    return {"key": "healthcare"}


_MAKERS = {
    "/api/config/": _industry,
    "/api/my-agents/": _nothing,
    "/api/widgets/": _widget,
    "/widget/": _visitor,
    "/api/conversations/": _conversation,
    "/api/usage/": _usage,
    "/api/invoices/": _invoice,
    "/api/payments/": _payment,
    "/api/pricing/rate-cards/": _card,
    "/api/pricing/assignments/": _assignment,
    "/api/billing/budgets/": _budget,
    "/api/billing/reservations/": _reservation,
    "/api/billing/periods/": _period,
}
"""By the beginning of a path: what makes something that it can name."""
