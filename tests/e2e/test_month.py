"""A month of ten agents: told twice, late, out of order and while billing, analytics and the
dashboard are killed in turn, it ends in invoices that are right to the last digit, in books that
balance, and in numbers and activities that are each there once.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.billed import (
    Owed,
    change_prices,
    generated,
    reckoned,
    sent,
    set_up,
    settled,
    wrong,
)
from support.counted import miscounted
from support.happened import misnoted
from support.month import BEFORE, MONTH, Told, Way, firsts, month
from support.monthhouses import VICTIMS, Apart, House, Together
from support.paid import pay, unbalanced, unverified
from support.serving import environment
from support.tellers import tell_all, tell_some, tellers

SMALL = 1_000
LARGE = 100_000


@pytest.fixture(
    params=[
        "one process on SQLite",
        # The end-to-end suite is told to services apart each time (`test_houses`).
        pytest.param("apart", marks=(pytest.mark.server, pytest.mark.slow)),
    ]
)
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    with ExitStack() as stack:
        if request.param != "apart":
            yield Together(tmp_path, stack)
            return
        told = {
            "ROLLCALL_EVENTS": "kafka",
            "KAFKA_BOOTSTRAP_SERVERS": request.getfixturevalue("kafka").place,
            "KAFKA_TOPIC_PREFIX": request.getfixturevalue("fresh_prefix")(),
            "KAFKA_PARTITIONS": "3",
        }
        yield Apart(tmp_path, stack, request.getfixturevalue("fresh_database")(), told)


@pytest.mark.timeout(600)
def test_a_month_ends_in_right_invoices_and_balanced_books(house: House) -> None:
    assert faults_of_a_month(house, 1, SMALL, kills=1) == []


@pytest.mark.kill
@pytest.mark.timeout(7200)
def test_a_month_of_a_hundred_thousand_does_so_too(house: House) -> None:
    assert faults_of_a_month(house, 2, LARGE, kills=4) == []


def faults_of_a_month(house: House, seed: int, size: int, kills: int) -> list[str]:
    """What is not as it must be at the end of a month.

    Args:
        house: Who is told of it.
        seed: Of the month.
        size: How many usages it has.
        kills: How often a service is killed in each half: in turn, or all as one process.
    """
    made = month(seed, size)
    victims = cycle(VICTIMS)
    house.start()
    with client(house) as http:
        set_up(http)
        current = http.get("/api/billing/periods/current").json()["id"].removeprefix("per_")
    owed = reckoned(made.usages, current)

    faults = told(house, made.before, islice(victims, kills))
    with client(house) as http:
        faults += settled(http, house, firsts(made.before))
        assert faults == []
        faults += invoiced(http, BEFORE, owed)
        change_prices(http)

    faults += told(house, made.during, islice(victims, kills))
    with client(house) as http:
        faults += settled(http, house, made.usages)
        assert faults == []
        for one in (MONTH, current):
            faults += invoiced(http, one, owed)
        everything = listed(http)
        faults += unverified(http, everything)
        faults += unbalanced(http, owed)
        faults += miscounted(http, made.usages, owed)
        faults += misnoted(http, made.usages, everything)
        numbers = sorted(one["number"] for one in everything)
        assert numbers == [f"INV-{number:06}" for number in range(1, len(owed) + 1)]
        faults += unverified_by_command(house, numbers[0])
    return faults


class Patient(httpx.HTTPTransport):
    """Asks again where nobody took a connection: those that were killed stay registered until their
    leases end, and there may be more of them than the gateway tries for one request. Nobody is
    killed meanwhile, so nothing was sent.
    """

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        for _ in range(10):
            answer = super().handle_request(request)
            if answer.status_code != httpx.codes.BAD_GATEWAY:
                break
            answer.close()
        return answer


def client(house: House) -> httpx.Client:
    return httpx.Client(base_url=house.gateway, timeout=120, transport=Patient())


def told(house: House, some: Sequence[Told], victims: Iterable[str]) -> list[str]:
    """Tell everything, and kill a service at it now and then; answers that were wrong.

    Args:
        house: Who is told.
        some: What.
        victims: Who is killed, one after the other.
    """
    killed = list(victims)
    kills = len(killed)
    telling = tellers(some)
    events = [event for one in some if one.way is Way.EVENT for event in one.usage.events()]
    waiting = sum(len(one.waiting) for one in telling)
    house.kill(VICTIMS)
    for number in range(kills + 1):
        share = len(events) // (kills + 1 - number)
        house.append(events[:share])
        del events[:share]
        house.start()
        if number < kills:
            kill = partial(house.kill, [killed[number]])
            tell_some(house.gateway, telling, waiting // (kills + 1), kill)
    tell_all(house.gateway, telling)
    assert not any(one.waiting for one in telling)
    return [fault for one in telling for fault in one.faults]


def invoiced(http: httpx.Client, one: str, owed: Owed) -> list[str]:
    """Send the invoices of a month, and have them paid; what was wrong with them."""
    drafts = generated(http, one)
    faults = wrong(drafts, one, owed)
    invoices = sent(http, drafts)
    faults += wrong(invoices, one, owed)
    mine = {agent: invoice for (of, agent), invoice in owed.items() if of == one}
    return faults + pay(http, invoices, mine)


def listed(http: httpx.Client) -> list[Any]:
    """All invoices, page by page."""
    answer = http.get("/api/invoices", params={"limit": 7})
    found = list(answer.raise_for_status().json())
    while "next" in answer.links:
        answer = http.get(answer.links["next"]["url"])
        found += answer.raise_for_status().json()
    return found


def unverified_by_command(house: House, number: str) -> list[str]:
    """What `rollcall billing verify` finds."""
    done = subprocess.run(
        [sys.executable, "-m", "rollcall", "billing", "verify", number, "--url", house.gateway],
        env=environment({}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    well = done.returncode == 0 and number in done.stdout
    return [] if well else [done.stdout + done.stderr]
