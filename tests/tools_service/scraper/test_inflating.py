# SPDX-License-Identifier: Apache-2.0
"""Decompression with a limit."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.tools.scraper.inflating import BrokenEncoding, Inflater, UnknownEncoding


def raw(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


PACKED = {
    "": bytes,
    "identity": bytes,
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    " Deflate ": raw,
}


@given(st.binary(max_size=2000), st.sampled_from(sorted(PACKED)), st.integers(1, 500))
def test_bodies_come_out_as_they_went_in(data: bytes, encoding: str, size: int) -> None:
    packed = PACKED[encoding](data)
    inflater = Inflater(encoding)
    found = b"".join(
        inflater.feed(packed[at : at + size], 10_000) for at in range(0, len(packed), size)
    )
    assert found == data


@given(st.binary(max_size=2000), st.integers(1, 2500))
def test_never_more_comes_out_than_there_is_room_for(data: bytes, room: int) -> None:
    assert Inflater("gzip").feed(gzip.compress(data), room) == data[:room]
    assert Inflater("").feed(data, room) == data[:room]


def test_several_gzip_files_in_a_row_are_one_body() -> None:
    assert Inflater("gzip").feed(gzip.compress(b"one ") + gzip.compress(b"two"), 100) == b"one two"


def test_rubbish_behind_a_file_is_left_out() -> None:
    inflater = Inflater("gzip")
    assert inflater.feed(gzip.compress(b"one") + b"\0\0rubbish", 100) == b"one"
    assert inflater.feed(gzip.compress(b"two"), 100) == b""


def test_a_bomb_fills_its_room_and_no_more() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    assert len(Inflater("gzip").feed(bomb, 1000)) == 1000


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "what"])
def test_what_was_not_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(UnknownEncoding):
        Inflater(encoding)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_what_is_not_compressed_as_it_says_is_broken(encoding: str) -> None:
    with pytest.raises(BrokenEncoding):
        Inflater(encoding).feed(b"\xff plain text", 100)
