from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.ids import OperationIds, RandomIds, derived

DIGITS = st.integers(min_value=1, max_value=64)
PARTS = st.lists(st.text(max_size=20), max_size=5).map(tuple)


class CountingIds:
    """Draws 0, 1, 2, ... in hexadecimal."""

    def __init__(self) -> None:
        self._drawn = 0

    def hex(self, digits: int) -> str:
        drawn = f"{self._drawn:0{digits}x}"
        self._drawn += 1
        return drawn


def is_hex(text: str, digits: int) -> bool:
    return len(text) == digits and set(text) <= set(string.hexdigits.lower())


@given(digits=DIGITS)
def test_a_random_id_has_the_digits_asked_for(digits: int) -> None:
    assert is_hex(RandomIds().hex(digits), digits)


def test_random_ids_are_not_drawn_twice() -> None:
    ids = RandomIds()

    assert len({ids.hex(32) for _ in range(1000)}) == 1000


@given(parts=PARTS, digits=DIGITS)
def test_a_derived_id_is_the_same_each_time(parts: tuple[str, ...], digits: int) -> None:
    first = derived(*parts, digits=digits)

    assert is_hex(first, digits)
    assert derived(*parts, digits=digits) == first


@given(one=PARTS, other=PARTS)
def test_different_parts_give_different_ids(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert (derived(*one) == derived(*other)) == (one == other)


@given(text=st.text(min_size=2, max_size=20), data=st.data())
def test_where_one_part_ends_makes_a_difference(text: str, data: st.DataObject) -> None:
    cuts = st.integers(min_value=0, max_value=len(text))
    here, there = data.draw(cuts), data.draw(cuts)

    same = derived(text[:here], text[here:]) == derived(text[:there], text[there:])

    assert same == (here == there)


def test_parts_that_look_like_the_encoding_stay_apart() -> None:
    assert derived("a", "b") != derived("a1:b")
    assert derived("1:a1:b") != derived("a", "b")


def test_a_derived_id_never_changes_between_versions() -> None:
    # Stored records carry these: another value would make every identity a new one.
    assert derived("default", "search", "10.0.0.1", "8080") == "7733e19e136bfbe8ba1d7502cb3749d4"


def test_operation_ids_of_one_source_count_up() -> None:
    ids = OperationIds(CountingIds())

    assert [ids.next() for _ in range(3)] == [
        "000000000000-1",
        "000000000000-2",
        "000000000000-3",
    ]


def test_operation_ids_of_two_processes_never_meet() -> None:
    source = CountingIds()
    one, other = OperationIds(source), OperationIds(source)

    assert not {one.next() for _ in range(100)} & {other.next() for _ in range(100)}
