# SPDX-License-Identifier: Apache-2.0
"""Decompression that never makes more of a page than there is room for."""

from __future__ import annotations

import zlib
from typing import Final

ACCEPTED: Final = "gzip, deflate"
"""What to offer in `Accept-Encoding`."""

_PLAIN: Final = frozenset({"", "identity"})
_ZLIB_OR_GZIP: Final = 47
_RAW: Final = -15


class UnknownEncoding(ValueError):
    """The content encoding is none that was asked for."""


class BrokenEncoding(ValueError):
    """The compressed bytes make no sense."""


class Inflater:
    """Takes the bytes of a body as they come and gives them as they were.

    Args:
        encoding: The body's `Content-Encoding`.

    Raises:
        UnknownEncoding: It is none of `ACCEPTED`, or several.
    """

    def __init__(self, encoding: str) -> None:
        name = encoding.strip().lower()
        if name not in _PLAIN and name not in {"gzip", "x-gzip", "deflate"}:
            raise UnknownEncoding(name)
        self._plain = name in _PLAIN
        self._raw_allowed = name == "deflate"
        self._stream = zlib.decompressobj(_ZLIB_OR_GZIP)

    def feed(self, data: bytes, room: int) -> bytes:
        """The next bytes of the body, at most `room` of them, of which there must be one or more.

        What `data` holds beyond that is lost: whoever is full feeds no more.

        Raises:
            BrokenEncoding: It is not compressed as it says.
        """
        if self._plain:
            return data[:room]
        found = bytearray()
        while data and len(found) < room:
            found += self._inflate(data, room - len(found))
            data = self._stream.unused_data
            if data:
                # One gzip file may have several behind it.
                self._stream = zlib.decompressobj(_ZLIB_OR_GZIP)
        return bytes(found)

    def _inflate(self, data: bytes, room: int) -> bytes:
        try:
            given = self._stream.decompress(data, room)
        except zlib.error as error:
            if not self._raw_allowed:
                raise BrokenEncoding(str(error)) from error
            # Many servers send deflate without the frame that the standard wants around it.
            self._raw_allowed = False
            self._stream = zlib.decompressobj(_RAW)
            return self._inflate(data, room)
        self._raw_allowed = False
        return given
