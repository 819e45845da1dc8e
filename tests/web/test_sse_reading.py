# SPDX-License-Identifier: Apache-2.0
"""Server-sent events put together again, however the bytes were cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.web.sse import ServerEvent, encoded
from rollcall.web.sse_reading import LONGEST_EVENT, EventReader, EventTooLong

word = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=1, max_size=9)
event = st.builds(
    ServerEvent,
    st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=20).map(str.encode),
    st.just("") | word,
    st.none() | word,
)


@given(events=st.lists(event, max_size=6), cuts=st.lists(st.integers(0, 400)))
def test_what_was_encoded_is_read_again_wherever_it_is_cut(
    events: list[ServerEvent], cuts: list[int]
) -> None:
    body = b"retry: 2000\n\n: heartbeat\n\n" + b"".join(encoded(one) for one in events)
    places = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    reader = EventReader()
    found = [one for start, end in pairwise(places) for one in reader.feed(body[start:end])]
    assert found == events


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_all_three_line_ends_are_understood(end: bytes) -> None:
    lines = [b"event:text", b"data:a", b"data: b", b"odd", b"", b"data: c", b"", b":"]
    reader = EventReader()
    found = [one for byte in end.join(lines) for one in reader.feed(bytes([byte]))]
    assert found == [ServerEvent(b"a\nb", "text"), ServerEvent(b"c")]


def test_an_event_that_is_not_ended_is_none() -> None:
    assert EventReader().feed(b"data: half\n") == []


def test_an_event_without_an_end_is_refused() -> None:
    reader = EventReader()
    half = b"data: " + b"x" * (LONGEST_EVENT // 2) + b"\n"
    reader.feed(half)
    with pytest.raises(EventTooLong):
        reader.feed(half + half)
