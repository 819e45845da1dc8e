"""Usage, prices, budgets and periods over HTTP, as document 4 asks for them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from rollcall.backends.sql.database import Database
from rollcall.billing.accounts import AccountChange
from rollcall.billing.models import Quantities
from rollcall.billing.provider_prices import ListPrices
from rollcall.billing.service import BillingService
from rollcall.kernel.caller import READ, REGISTER, Caller
from rollcall.testing.clock import FrozenClock
from rollcall.web.auth import OpenAccess
from support.billing import MIDDAY, MODEL, NAMESPACE, app_of, service_of

USAGE = "/api/usage"
CARDS = "/api/pricing/rate-cards"
BUDGETS = "/api/billing/budgets"
RESERVATIONS = "/api/billing/reservations"


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


async def post(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(path, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def give(client: httpx.AsyncClient, *items: dict[str, Any], agent: str = "a") -> str:
    card = await post(client, CARDS, {"name": "card", "items": list(items)})
    path = f"/api/pricing/assignments/agents/{agent}"
    answer = await client.put(path, json={"rate_card_id": card["id"]})
    assert answer.status_code == 200, answer.text
    return card["id"]


async def test_what_a_client_believes_that_it_cost_is_never_charged(
    client: httpx.AsyncClient,
) -> None:
    body = {
        "agent_id": "a",
        "conversation_id": "t",
        "tokens_used": 1000,
        "model_used": MODEL,
        "cost": 0.123456789,
    }
    made = await post(client, USAGE, body)
    assert (made["amount"], made["provider_cost"]) == ("0.001", "0.001")
    # Money is a string, and what came as a float is what was written.
    assert made["reported_cost"] == "0.123456789"
    assert (made["estimated"], made["late"], made["period_id"]) == (True, False, "per_2025-06")
    assert (made["rate_card_id"], made["rate_card_version"]) == ("built-in", 1)
    assert [line["unit"] for line in made["lines"]] == ["token"]
    assert (await client.get(f"{USAGE}/{made['usage_id']}")).json() == made


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"tokens_used": -5}, "tokens_used"),
        ({"cost": "NaN"}, "cost"),
        ({"cost": "-0.01"}, "cost"),
        ({"cost": "a lot"}, "cost"),
        ({"minutes": -1}, "minutes"),
        ({"requests": -1}, "requests"),
        ({"agent_id": ""}, "agent_id"),
        ({"timestamp": "2030-01-01T00:00:00Z"}, "timestamp"),
        ({"timestamp": "2025-06-01T00:00:00"}, "timestamp"),
        ({"colour": "red"}, "colour"),
        ({"input_tokens": 1, "cached_tokens": 2}, "cached_tokens"),
    ],
)
async def test_a_usage_that_cannot_be_is_refused_with_its_field(
    client: httpx.AsyncClient, more: dict[str, Any], field: str
) -> None:
    answer = await client.post(USAGE, json={"agent_id": "a", **more})
    assert problem(answer) == (422, "invalid-input")
    assert answer.json()["errors"][0]["field"].startswith(field)
    assert (await client.get(f"{USAGE}/agent/a")).status_code == 404


async def test_a_key_in_the_header_or_the_body_means_the_same(client: httpx.AsyncClient) -> None:
    body = {"agent_id": "a", "tokens_used": 5}
    first = await client.post(USAGE, json=body, headers={"Idempotency-Key": "k"})
    again = await client.post(USAGE, json={**body, "idempotency_key": "k"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    other = await client.post(
        USAGE, json={"agent_id": "a", "tokens_used": 6}, headers={"Idempotency-Key": "k"}
    )
    assert problem(other) == (409, "key-reused")
    assert (other.json()["key"], other.json()["known"]) == ("k", first.json()["usage_id"])
    both = await client.post(
        USAGE, json={**body, "idempotency_key": "j"}, headers={"Idempotency-Key": "k"}
    )
    assert problem(both) == (422, "invalid-input")


async def test_the_neighbours_of_a_bad_item_stand(client: httpx.AsyncClient) -> None:
    good = {"agent_id": "a", "tokens_used": 5, "idempotency_key": "k"}
    bad = {"agent_id": "a", "tokens_used": -5}
    items = [good, bad, {}, good, {**good, "tokens_used": 6}]
    answer = await client.post(f"{USAGE}/batch", json={"items": items})
    assert answer.status_code == 200
    body = answer.json()
    statuses = [one["status"] for one in body["results"]]
    assert statuses == ["recorded", "refused", "refused", "known", "refused"]
    assert [one["index"] for one in body["results"]] == [0, 1, 2, 3, 4]
    assert (body["recorded"], body["known"], body["refused"]) == (1, 1, 3)
    problems = [one["problem"] for one in body["results"] if one["problem"]]
    assert [one["status"] for one in problems] == [422, 422, 409]
    assert problems[0]["errors"][0]["field"] == "tokens_used"
    assert (await client.get(f"{USAGE}/agent/a")).json()["count"] == 1


async def test_an_agents_usage_comes_in_pages_with_the_totals_of_all(
    client: httpx.AsyncClient,
) -> None:
    await give(client, {"unit": "token", "price": "0.5"})
    for day in range(1, 8):
        at = f"2025-06-{day:02}T10:00:00Z"
        await post(client, USAGE, {"agent_id": "a", "tokens_used": day, "timestamp": at})
    seen: list[int] = []
    url: str | None = f"{USAGE}/agent/a?limit=3"
    while url:
        answer = await client.get(url)
        page = answer.json()
        assert (page["total_tokens"], page["total_amount"], page["count"]) == (28, "14.00", 7)
        seen += [one["tokens_used"] for one in page["usages"]]
        url = answer.links.get("next", {}).get("url")
    assert seen == [7, 6, 5, 4, 3, 2, 1]
    some = (await client.get(f"{USAGE}/agent/a?from=2025-06-02&to=2025-06-04")).json()
    assert (some["total_tokens"], some["count"]) == (9, 3)
    moments = "from=2025-06-02T10:00:00Z&to=2025-06-04T10:00:00Z"
    some = (await client.get(f"{USAGE}/agent/a?{moments}")).json()
    assert [one["tokens_used"] for one in some["usages"]] == [3, 2]
    wrong = await client.get(f"{USAGE}/agent/a?from=2025-06-04&to=2025-06-01")
    assert problem(wrong) == (422, "invalid-input")


async def test_an_agent_that_nobody_knows_is_a_404(client: httpx.AsyncClient) -> None:
    assert problem(await client.get(f"{USAGE}/agent/nobody")) == (404, "agent-not-tracked")
    assert problem(await client.get(f"{USAGE}/nothing")) == (404, "usage-not-found")
    assert problem(await client.get(f"{CARDS}/nothing")) == (404, "rate-card-not-found")
    assert problem(await client.get(f"{BUDGETS}/nothing")) == (404, "budget-not-found")


async def test_a_quote_is_kept_nowhere(client: httpx.AsyncClient) -> None:
    await give(
        client,
        {
            "unit": "token",
            "tiers": [{"up_to": "100", "price": "0.01"}, {"up_to": None, "price": "0.001"}],
        },
    )
    url = f"{USAGE}/calculate?model={MODEL}&input_tokens=100&output_tokens=10&agent_id=a"
    first, second = (await client.get(url)).json(), (await client.get(url)).json()
    assert first == second
    assert first["amount"] == "1.01"
    assert (first["provider_cost"], first["tokens_used"]) == ("0.00013", 110)
    await post(client, USAGE, {"agent_id": "a", "tokens_used": 100})
    assert (await client.get(url)).json()["amount"] == "0.11"
    nobody = (await client.get(f"{USAGE}/calculate?model={MODEL}&tokens_used=10")).json()
    assert (nobody["rate_card_id"], nobody["amount"]) == ("built-in", "0.00001")


async def test_prices_of_providers_are_shown_or_null(client: httpx.AsyncClient) -> None:
    models = (await client.get("/api/pricing/models")).json()
    assert models[0]["price"] == {
        "input_per_million": "1.00",
        "output_per_million": "3.00",
        "cached_per_million": "0.10",
    }
    assert models[1]["price"] is None
    page = await client.get("/api/pricing/models?limit=1&provider=us")
    assert page.json() == models[:1]
    assert (await client.get(page.links["next"]["url"])).json() == models[1:]
    assert (await client.get("/api/pricing/models?provider=nobody")).json() == []


def test_the_list_of_providers_prices_is_long_and_has_known_ones(clock: FrozenClock) -> None:
    listed = {(one.provider, one.model): one for one in ListPrices(clock).models()}
    assert len(listed) > 100
    known = listed["openai", "gpt-4o"]
    assert (known.read, known.written, known.cached) == (
        Decimal("2.5"),
        Decimal(10),
        Decimal("1.25"),
    )
    used = Quantities(input_tokens=1000, output_tokens=100, cached_tokens=400)
    cost = ListPrices(clock).cost("gpt-4o", "openai", used, MIDDAY)
    assert cost is not None
    assert cost.amount == Decimal("0.003")
    assert cost.source.startswith("genai-prices ")
    assert ListPrices(clock).cost("offline", "rollcall", used, MIDDAY) is None


def test_what_was_used_is_priced_as_of_its_time(clock: FrozenClock) -> None:
    used = Quantities(input_tokens=1_000_000)
    moments = [datetime(2025, month, 1, tzinfo=UTC) for month in (5, 7)]
    costs = [ListPrices(clock).cost("o3", "openai", used, at) for at in moments]
    amounts = [one.amount for one in costs if one is not None]
    # It became cheaper in between.
    assert amounts == [10, 2]


async def test_a_card_has_versions(client: httpx.AsyncClient) -> None:
    card_id = await give(client, {"unit": "request", "price": "0.002"})
    await post(client, USAGE, {"agent_id": "a"})
    dearer = {"items": [{"unit": "request", "price": "0.003"}]}
    past = {**dearer, "effective_from": "2025-06-01T00:00:00Z"}
    refused = await client.post(f"{CARDS}/{card_id}/versions", json=past)
    assert problem(refused) == (409, "prices-charged")
    coming = {**dearer, "effective_from": "2025-07-01T00:00:00Z"}
    made = await client.post(f"{CARDS}/{card_id}/versions", json=coming)
    assert made.status_code == 201
    card = (await client.get(f"{CARDS}/{card_id}")).json()
    assert card == made.json()
    assert [(one["version"], one["items"][0]["price"]) for one in card["versions"]] == [
        (1, "0.002"),
        (2, "0.003"),
    ]
    assert [one["id"] for one in (await client.get(CARDS)).json()] == [card_id]
    assert (await client.get(f"{CARDS}/built-in")).json()["versions"][0]["items"][0][
        "markup"
    ] == "0"


async def test_a_card_in_another_currency_cannot_be_given(client: httpx.AsyncClient) -> None:
    card = await post(
        client,
        CARDS,
        {"name": "c", "currency": "EUR", "items": [{"unit": "request", "price": "1"}]},
    )
    answer = await client.put(
        "/api/pricing/assignments/plans/gold", json={"rate_card_id": card["id"]}
    )
    assert problem(answer) == (422, "invalid-input")
    assert (await client.put("/api/pricing/assignments/dogs/x", json={})).status_code == 422


async def test_a_hard_budget_refuses_what_is_too_much(client: httpx.AsyncClient) -> None:
    await give(client, {"unit": "request", "price": "1"})
    budget = await post(
        client, BUDGETS, {"scope": "agent", "agent_id": "a", "limit": "2", "hard": True}
    )
    assert budget["alert_at"] == ["0.5", "0.8", "1"]
    held = await post(client, RESERVATIONS, {"agent_id": "a", "amount": "1.5"})
    refused = await client.post(RESERVATIONS, json={"agent_id": "a", "amount": "1"})
    assert problem(refused) == (402, "budget-exhausted")
    assert refused.json()["budget_id"] == budget["id"]
    assert (refused.json()["limit"], refused.json()["reserved"]) == ("2.00", "1.50")
    body = {"agent_id": "a", "reservation_id": held["reservation_id"]}
    await post(client, USAGE, body)
    shown = (await client.get(f"{BUDGETS}/{budget['id']}")).json()
    assert (shown["spent"], shown["reserved"], shown["available"]) == ("1.00", "0.00", "1.00")
    assert problem(await client.post(USAGE, json=body)) == (409, "reservation-not-open")
    late = await client.delete(f"{RESERVATIONS}/{held['reservation_id']}")
    assert problem(late) == (409, "reservation-not-open")
    raised = await client.patch(f"{BUDGETS}/{budget['id']}", json={"limit": "5"})
    assert (raised.json()["limit"], raised.json()["hard"]) == ("5.00", True)
    other = await post(client, RESERVATIONS, {"agent_id": "a", "amount": "1"})
    released = await client.delete(f"{RESERVATIONS}/{other['reservation_id']}")
    assert released.json()["status"] == "released"
    assert (await client.delete(f"{BUDGETS}/{budget['id']}")).status_code == 204
    assert (await client.get(BUDGETS)).json() == []


@pytest.mark.parametrize(
    "body",
    [
        {"scope": "agent", "limit": "1"},
        {"scope": "account", "agent_id": "a", "limit": "1"},
        {"scope": "account", "limit": "-1"},
        {"scope": "everything", "limit": "1"},
        {"scope": "account", "limit": "1", "period": "year"},
        {"scope": "account", "limit": "1", "alert_at": ["0"]},
    ],
)
async def test_a_budget_that_makes_no_sense_is_refused(
    client: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    assert problem(await client.post(BUDGETS, json=body)) == (422, "invalid-input")


@pytest.mark.parametrize("amount", ["0", "-1", "NaN", "1e-13", "1e16"])
async def test_nothing_and_less_cannot_be_reserved(client: httpx.AsyncClient, amount: str) -> None:
    answer = await client.post(RESERVATIONS, json={"agent_id": "a", "amount": amount})
    assert problem(answer) == (422, "invalid-input")


async def test_an_account_at_one_look(client: httpx.AsyncClient) -> None:
    await give(client, {"unit": "request", "price": "1"})
    for at in ("2025-05-31T23:00:00Z", "2025-06-01T01:00:00Z"):
        await post(client, USAGE, {"agent_id": "a", "timestamp": at})
    whole = (await client.get("/api/billing")).json()
    assert whole["account"]["tax_rate"] == "0.08"
    assert (whole["month_to_date"], whole["outstanding"], whole["budgets"]) == ("1.00", None, [])
    current = (await client.get("/api/billing/periods/current")).json()
    assert current == whole["current_period"]
    assert current == (await client.get("/api/billing/periods/current")).json()
    assert (current["id"], current["status"]) == ("per_2025-06", "open")
    assert (current["start"], current["end"]) == ("2025-06-01T00:00:00Z", "2025-07-01T00:00:00Z")
    periods = (await client.get("/api/billing/periods")).json()
    assert [one["id"] for one in periods] == ["per_2025-06", "per_2025-05"]
    page = await client.get("/api/billing/periods?limit=1")
    assert (await client.get(page.links["next"]["url"])).json() == periods[1:]
    assert (await client.get("/api/billing/periods/per_2025-05")).json()["status"] == "closed"
    summary = (await client.get("/api/billing/summary")).json()
    assert summary["agents"] == [
        {"agent_id": "a", "usages": 1, "tokens": 0, "amount": "1.00", "invoice_id": None}
    ]
    assert summary["previous_period"] == periods[1]


async def test_an_account_is_changed_by_those_who_have_seen_it(client: httpx.AsyncClient) -> None:
    seen = await client.get("/api/billing/account")
    headers = {"If-Match": seen.headers["etag"]}
    change = {"time_zone": "Europe/Berlin", "terms_days": 30}
    done = await client.patch("/api/billing/account", json=change, headers=headers)
    assert {**done.json(), **change} == done.json()
    again = await client.patch("/api/billing/account", json={"terms_days": 9}, headers=headers)
    assert problem(again) == (412, "account-changed")
    bad = await client.patch("/api/billing/account", json={"time_zone": "Moon"})
    assert problem(bad) == (422, "invalid-input")
    start = (await client.get("/api/billing/periods/current")).json()["start"]
    assert start == "2025-05-31T22:00:00Z"


async def test_who_may_record_may_not_set_prices(sqlite: Database, clock: FrozenClock) -> None:
    class Someone(OpenAccess):
        async def identify(self, *arguments: Any, **more: Any) -> Caller:
            return Caller("key:k", NAMESPACE, frozenset({READ, REGISTER}))

        def recall(self, *arguments: Any, **more: Any) -> None:
            return None

    app = app_of(sqlite, clock, service_of(sqlite, clock), Someone())
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://localhost"
    ) as client:
        await post(client, USAGE, {"agent_id": "a"})
        card = {"name": "c", "items": [{"unit": "request", "price": "0"}]}
        assert problem(await client.post(CARDS, json=card)) == (403, "not-permitted")
        account = await client.patch("/api/billing/account", json={"tax_rate": "0"})
        assert problem(account) == (403, "not-permitted")


async def test_books_say_what_is_outstanding(sqlite: Database, clock: FrozenClock) -> None:
    class Books:
        async def outstanding(self, namespace: str) -> Decimal:
            return Decimal("12.50")

    known = service_of(sqlite, clock, outstanding=Books())
    assert await known.outstanding(NAMESPACE) == Decimal("12.50")


async def test_amounts_have_no_exponent(client: httpx.AsyncClient, small: BillingService) -> None:
    await small.accounts.change(NAMESPACE, AccountChange(plan="p"))
    await give(client, {"unit": "token", "price": "0.000000000001"})
    made = await post(client, USAGE, {"agent_id": "a", "tokens_used": 1})
    assert made["amount"] == "0.000000000001"
    assert made["lines"][0]["unit_price"] == "0.000000000001"
