# SPDX-License-Identifier: Apache-2.0
"""What a registry holds as JSON lines, and back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.backends.records.sqlite import SqliteStore
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import RandomIds
from rollcall.registry.archive import OnConflict, Report, _split, lines, read
from rollcall.registry.models import Address, Capability, Grant, Kind, LeasePolicy, Record
from rollcall.registry.service import RegistryOptions, RegistryService
from rollcall.registry.status import LeasePhase, Status
from rollcall.testing.clock import FrozenClock

POLICY = LeasePolicy(unhealthy_after=30, offline_after=60, deregister_after=90)


async def opened(clock: FrozenClock, store: object = None, **options: int) -> RegistryService:
    service = RegistryService(
        store or InMemoryStore(clock, RandomIds()),  # type: ignore[arg-type]
        clock=clock,
        options=RegistryOptions(**options),  # type: ignore[arg-type]
    )
    await service.start()
    return service


def full(record_id: str, lease: Grant | str | None) -> Record:
    return Record(
        "acme",
        record_id,
        Kind.AGENT,
        "Añna \N{ROCKET}",
        Status.BUSY,
        100.0,
        200.0,
        capabilities=(Capability("writing", "Writes", tags=("a",)),),
        lease=lease,
        address=Address("10.0.0.1", 80, "http://10.0.0.1/x"),
        tags=("eu",),
        version="1",
        owner="key:1",
        metadata={"n": [1, None, {"deep": True}]},
    )


async def pieces(content: bytes, size: int = 7) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def filled(clock: FrozenClock) -> RegistryService:
    service = await opened(clock)
    await service.grant("acme", "pod", POLICY)
    for number in range(5):
        await service.register(full(f"shared-{number}", "pod"))
    await service.register(full("own", Grant(POLICY)))
    await service.register(full("permanent", None))
    await service.register(msgspec.structs.replace(full("elsewhere", None), namespace="globex"))
    return service


def docs(service: RegistryService) -> dict[str, Record]:
    state = service.state
    return {one: state.slots.record(slot) for one, slot in state.spaces["acme"].records.items()}


async def test_records_move_to_another_kind_of_store_and_back_as_they_were(
    tmp_path: Path,
) -> None:
    clock = FrozenClock()
    first = await filled(clock)
    content = b"".join(lines(first, "acme"))
    second = await opened(clock, SqliteStore(tmp_path / "r.db", clock, RandomIds()))
    assert await read(second, "acme", pieces(content)) == Report(created=7)
    third = await opened(clock)
    await read(third, "acme", pieces(b"".join(lines(second, "acme"))))
    assert docs(third) == docs(second) == docs(first)
    assert "globex" not in second.state.spaces
    for one in (first, second, third):
        await one.stop()


async def test_an_import_done_twice_is_done_once() -> None:
    clock = FrozenClock()
    first, second = await filled(clock), await opened(clock)
    content = b"".join(lines(first, "acme"))
    for conflict in OnConflict:
        await read(second, "acme", pieces(content), on_conflict=conflict)
        revision = second.state.revision
        report = await read(second, "acme", pieces(content), on_conflict=conflict)
        assert (report, second.state.revision) == (Report(unchanged=7), revision)


async def test_a_lease_begins_anew_where_it_is_read() -> None:
    clock = FrozenClock()
    first, second = await filled(clock), await opened(clock)
    await clock.advance(61)
    lease = first.get("acme", "own").record.lease
    assert isinstance(lease, Grant)
    assert lease.phase is LeasePhase.OFFLINE
    await read(second, "acme", pieces(b"".join(lines(first, "acme"))))
    assert second.get("acme", "own").status is Status.BUSY


@pytest.mark.parametrize(
    ("conflict", "expected", "name"),
    [
        (OnConflict.SKIP, Report(skipped=1, created=6), "mine"),
        (OnConflict.REPLACE, Report(updated=1, created=6), "Añna \N{ROCKET}"),
    ],
)
async def test_a_record_that_is_another_is_kept_or_replaced_as_asked(
    conflict: OnConflict, expected: Report, name: str
) -> None:
    clock = FrozenClock()
    first, second = await filled(clock), await opened(clock)
    await second.register(msgspec.structs.replace(full("own", Grant(POLICY)), name="mine"))
    report = await read(
        second, "acme", pieces(b"".join(lines(first, "acme"))), on_conflict=conflict
    )
    assert report == expected
    assert second.get("acme", "own").record.name == name


async def test_or_it_is_refused_with_its_line() -> None:
    clock = FrozenClock()
    first, second = await filled(clock), await opened(clock)
    await second.register(msgspec.structs.replace(full("permanent", None), name="mine"))
    content = b"".join(lines(first, "acme"))
    report = await read(second, "acme", pieces(content), on_conflict=OnConflict.FAIL)
    (problem,) = report.problems
    assert b'"permanent"' in content.splitlines()[problem.line - 1]
    assert (report.created, report.refused) == (6, 1)


async def test_a_dry_run_says_the_same_and_writes_nothing() -> None:
    clock = FrozenClock()
    first, second = await filled(clock), await opened(clock)
    content = b"".join(lines(first, "acme"))
    assert await read(second, "acme", pieces(content), dry_run=True) == Report(created=7)
    assert second.state.revision == 0


async def test_lines_that_are_none_are_refused_and_the_others_taken() -> None:
    clock = FrozenClock()
    first, second = await filled(clock), await opened(clock)
    good = b"".join(lines(first, "acme"))
    bad = [b"{", b'{"type":"record"}', b"null", b"\xff\xfe", good.splitlines()[0]]
    long_name = json.loads(good.splitlines()[-1]) | {"id": "x", "name": "n" * 9_999}
    content = good + b"\n".join([*bad, json.dumps(long_name).encode(), b""])
    report = await read(second, "acme", pieces(content))
    assert (report.created, report.refused) == (7, 6)
    assert [one.line for one in report.problems] == sorted(one.line for one in report.problems)


@pytest.mark.parametrize("content", [b"", b"\n", b"{}\n", b'{"type":"rollcall","format":9}\n'])
async def test_what_is_no_export_is_refused_whole(content: bytes) -> None:
    service = await opened(FrozenClock())
    with pytest.raises(InvalidInput, match="line 1"):
        await read(service, "acme", pieces(content))


async def test_a_full_namespace_refuses_the_rest() -> None:
    clock = FrozenClock()
    first, second = await filled(clock), await opened(clock, max_records=3)
    report = await read(second, "acme", pieces(b"".join(lines(first, "acme"))))
    assert (report.created, report.refused) == (3, 4)


async def _collected(cut: Iterable[bytes]) -> list[bytes]:
    async def content() -> AsyncIterator[bytes]:
        for one in cut:
            yield one

    return [line async for line in _split(content())]


@given(
    text=st.lists(st.binary().map(lambda b: b.replace(b"\n", b"") + b"x")), size=st.integers(1, 9)
)
async def test_lines_are_the_same_however_they_are_cut(text: list[bytes], size: int) -> None:
    whole = b"\n".join(text)
    cut = [whole[start : start + size] for start in range(0, len(whole), size)]
    assert await _collected(cut) == text
