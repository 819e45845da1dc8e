from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput, Unavailable
from rollcall.protocols.preconditions import MAX_WAIT, reached
from rollcall.registry.service import RegistryService
from rollcall.testing.clock import FrozenClock
from rollcall.testing.store_contract.case import record
from rollcall.web.preconditions import etag, expected


@given(st.integers(1, 2**63 - 1), st.integers(1, 2**63 - 1))
def test_an_entity_tag_asks_for_its_revision(asked: int, current: int) -> None:
    assert expected(etag(asked), current) == asked
    assert expected(f"{etag(asked)}, {etag(current)}", current) == current


@pytest.mark.parametrize("header", [None, "*", " * "])
def test_without_a_tag_any_revision_will_do(header: str | None) -> None:
    assert expected(header, 7) is None


@pytest.mark.parametrize("header", ['W/"7"', '"abc"', '"07"', '""', '"99999999999999999999"'])
def test_a_tag_that_is_weak_or_not_ours_matches_nothing(header: str) -> None:
    assert expected(header, 7) == 0


@pytest.mark.parametrize("header", ["7", '"7', "", '"7" "8"', '*, "7"', '"a b"'])
def test_what_is_no_tag_is_refused(header: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        expected(header, 7)
    assert caught.value.field == "If-Match"


async def test_a_read_waits_for_the_revision_it_asks_for(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await reached(registry, None)
    await reached(registry, 0)
    waiting = asyncio.create_task(reached(registry, 1))
    await clock.settle()
    assert not waiting.done()
    await registry.register(record())
    await asyncio.wait_for(waiting, 1)


async def test_it_does_not_wait_for_ever(registry: RegistryService, clock: FrozenClock) -> None:
    waiting = asyncio.create_task(reached(registry, 5))
    await clock.advance(MAX_WAIT)
    with pytest.raises(Unavailable, match="revision 5 was not reached within 5 s"):
        await waiting
