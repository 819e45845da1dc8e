# SPDX-License-Identifier: Apache-2.0
"""How topics are put into one order, messages decoded and settings checked: without a broker."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.backends.eventlog.kafka import KafkaEventLog
from rollcall.backends.eventlog.kafka_client import KafkaSettings
from rollcall.backends.eventlog.kafka_forwarder import waves
from rollcall.backends.eventlog.kafka_lane import Lane
from rollcall.backends.eventlog.kafka_sealing import Sealing
from rollcall.backends.eventlog.kafka_wire import Message, decoded, key_of, value_of
from rollcall.events.log import UNREADABLE, Entry
from rollcall.kernel.errors import InvalidInput, MissingExtra
from rollcall.testing.clock import FrozenClock
from rollcall.testing.event_log_contract.case import CREATED, DELETED, created

TYPES = (CREATED, DELETED, "agent.updated")
SECRET: dict[str, Any] = {"password": "p"}
Step = tuple[str, str, int]


class Broker:
    """Topics of one partition: what was sent, and how much of it was fetched."""

    def __init__(self) -> None:
        self.sent: dict[str, list[Message]] = {name: [] for name in TYPES}
        self.fetched = dict.fromkeys(TYPES, 0)
        self.order: list[Message] = []
        self.meanwhile: list[str] = []
        """Sent while somebody asks where the topics end."""

    def send(self, name: str) -> None:
        value = b""
        message = Message(name, 0, len(self.sent[name]), 1000 + len(self.order), value)
        self.sent[name].append(message)
        self.order.append(message)

    def fetch(self, name: str, count: int) -> list[Message]:
        found = self.sent[name][self.fetched[name] :][:count]
        self.fetched[name] += len(found)
        return found

    async def ends(self, partition: int, types: Iterable[str]) -> Mapping[str, tuple[int, int]]:
        found = {name: (len(self.sent[name]), self.fetched[name]) for name in types}
        if self.meanwhile:
            self.send(self.meanwhile.pop())
        return found


def lane_of(broker: Broker, full: int = 1000) -> Lane:
    nowhere: Any = None
    sealing, clock = Sealing(nowhere, {}), FrozenClock()
    return Lane("g", 0, TYPES, nowhere, sealing, clock, broker.ends, lambda: None, full)


steps = st.tuples(
    st.sampled_from(("send", "fetch", "read", "meanwhile")),
    st.sampled_from(TYPES),
    st.integers(1, 4),
)


@given(st.lists(steps, max_size=60))
async def test_messages_come_in_the_order_in_which_they_were_sent_however_they_are_fetched(
    script: list[Step],
) -> None:
    broker = Broker()
    lane = lane_of(broker)
    read: list[tuple[str, int]] = []

    async def look(limit: int) -> None:
        for entry in await lane.read(len(read), limit):
            assert entry.position == len(read) + 1
            place = entry.event.subject.split("/")
            read.append((place[0], int(place[2])))

    for what, name, count in script:
        if what == "send":
            broker.send(name)
        elif what == "meanwhile":
            broker.meanwhile.append(name)
        elif what == "fetch":
            lane.receive(broker.fetch(name, count))
        else:
            await look(count)
        assert read == [(one.type, one.offset) for one in broker.order[: len(read)]]
    broker.meanwhile.clear()
    for name in TYPES:
        lane.receive(broker.fetch(name, 1000))
    await look(1000)
    assert read == [(one.type, one.offset) for one in broker.order]
    assert await lane.end() == len(read)


@given(st.lists(st.sampled_from(TYPES), max_size=40), st.integers(1, 5))
async def test_a_lane_that_is_full_never_waits_for_what_is_not_fetched_since_it_is_full(
    sent: list[str], count: int
) -> None:
    broker = Broker()
    lane = lane_of(broker, full=1)
    for name in sent:
        broker.send(name)

    read = 0
    # The last topic first, so that what was sent first comes when the lane is full already.
    for _ in range(len(TYPES) * len(sent)):
        for name in reversed(TYPES):
            if not lane.has_enough(name):
                lane.receive(broker.fetch(name, count))
        read += len(await lane.read(read, 1))

    assert read == len(sent)


async def test_a_full_lane_has_enough_of_what_it_has_some_of() -> None:
    broker = Broker()
    lane = lane_of(broker, full=2)
    for name in (CREATED, CREATED, DELETED):
        broker.send(name)

    lane.receive(broker.fetch(CREATED, 1))
    assert not lane.has_enough(CREATED)
    lane.receive(broker.fetch(CREATED, 1))
    assert [lane.has_enough(name) for name in TYPES] == [True, False, False]


async def test_what_comes_while_it_looks_for_the_end_is_part_of_it() -> None:
    broker = Broker()
    nowhere: Any = None

    async def ends(partition: int, types: Iterable[str]) -> Mapping[str, tuple[int, int]]:
        lane.receive(broker.fetch(CREATED, 1))
        return await broker.ends(partition, types)

    lane = Lane("g", 0, TYPES, nowhere, Sealing(nowhere, {}), FrozenClock(), ends, lambda: None)
    for _ in range(3):
        broker.send(CREATED)
    assert await lane.end() == 3


async def test_what_was_read_and_not_settled_is_read_again() -> None:
    broker = Broker()
    lane = lane_of(broker)
    for name in (CREATED, DELETED, CREATED):
        broker.send(name)
    for name in TYPES:
        lane.receive(broker.fetch(name, 10))

    assert [one.position for one in await lane.read(0, 2)] == [1, 2]
    assert [one.position for one in await lane.read(2, 2)] == [3]
    assert [one.position for one in await lane.read(0, 5)] == [1, 2, 3]
    assert [one.position for one in await lane.read(1, 1)] == [2]
    assert await lane.join("g") == 0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(TYPES)), max_size=30))
def test_no_wave_has_one_key_in_two_topics_and_nothing_is_lost_or_reordered(
    told: list[tuple[str, str]],
) -> None:
    entries = [
        Entry(i, msgspec.structs.replace(created(str(i), subject), type=name))
        for i, (subject, name) in enumerate(told)
    ]
    cut = list(waves(entries))
    assert [entry for wave in cut for entry in wave] == entries
    assert all(cut)
    for wave in cut:
        topics: dict[object, set[str]] = {}
        for _, event, _ in wave:
            topics.setdefault(event.key, set()).add(event.type)
        assert all(len(some) == 1 for some in topics.values())


@given(st.binary(max_size=200) | st.none(), st.integers(-1, 2**42))
def test_whatever_a_message_holds_it_is_an_event_or_something_stands_in_for_it(
    value: bytes | None, timestamp: int
) -> None:
    event, fault = decoded(Message(CREATED, 1, 5, timestamp, value))
    assert fault
    assert (event.type, event.subject) == (UNREADABLE, "agent.created/1/5")


def test_an_event_is_read_back_from_its_message() -> None:
    event = created("1", "a", "acme")
    assert decoded(Message(CREATED, 0, 0, 0, value_of(event))) == (event, "")
    assert key_of(event.key) == b"acme\na"


def test_an_event_in_the_topic_of_another_type_is_none() -> None:
    event, fault = decoded(Message(DELETED, 0, 0, 0, value_of(created())))
    assert event.type == UNREADABLE
    assert fault == "is of type agent.created in the topic of agent.deleted"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"servers": " "}, "servers"),
        ({"partitions": 0}, "partitions"),
        ({"session_timeout": 0.0}, "session_timeout"),
        ({"protocol": "HTTP"}, "protocol"),
        ({"protocol": "SASL_SSL"}, "user"),
        ({"protocol": "SASL_SSL", "mechanism": "GUESS", "user": "u", "password": "p"}, "mechanism"),
        ({"key_file": "x"}, "key_file"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any], field: str) -> None:
    given: dict[str, Any] = {"servers": "127.0.0.1:9092", **wrong}
    with pytest.raises(InvalidInput, match=f"^{field}"):
        KafkaSettings(**given)


def test_settings_say_how_to_connect() -> None:
    settings = KafkaSettings(
        "a:1, b:2,", protocol="SASL_SSL", mechanism="SCRAM-SHA-512", user="u", **SECRET
    )
    options = settings.connection()
    assert options.pop("ssl_context").verify_mode.name == "CERT_REQUIRED"
    assert options == {
        "bootstrap_servers": ["a:1", "b:2"],
        "client_id": "rollcall",
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "u",
        "sasl_plain_password": "p",
    }
    assert "'p'" not in repr(settings)


def test_without_the_driver_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiokafka", None)
    nothing: Any = None
    with pytest.raises(MissingExtra, match=r"rollcall-ai\[kafka\]"):
        KafkaEventLog(KafkaSettings("127.0.0.1:9092"), nothing, FrozenClock())


def test_the_driver_is_loaded_only_when_it_is_used() -> None:
    code = "import rollcall.backends.eventlog.kafka, sys; sys.exit('aiokafka' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
