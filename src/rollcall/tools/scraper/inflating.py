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
        # Many servers send deflate without the frame that the standard wants around it; the
        # first two bytes tell.
        self._undecided = name == "deflate"
        self._held: bytes = b""
        self._stream = zlib.decompressobj(_ZLIB_OR_GZIP)
        self._files = 0
        self._ended = False

    def feed(self, data: bytes, room: int) -> bytes:
        """The next bytes of the body, at most `room` of them, of which there must be one or more.

        What `data` holds beyond that is lost: whoever is full feeds no more.

        Raises:
            BrokenEncoding: It is not compressed as it says.
        """
        if self._plain:
            return data[:room]
        if self._ended:
            return b""
        if self._undecided:
            data = self._held + data
            if len(data) < 2:
                self._held = data
                return b""
            self._undecided = False
            if not _framed(data):
                self._stream = zlib.decompressobj(_RAW)
        found = bytearray()
        while data and len(found) < room:
            try:
                found += self._stream.decompress(data, room - len(found))
            except zlib.error as error:
                if self._files:
                    # Not another file, but rubbish behind the last one.
                    self._ended = True
                    break
                raise BrokenEncoding(str(error)) from error
            if not self._stream.eof:
                break
            # One gzip file may have several behind it.
            data = self._stream.unused_data
            self._files += 1
            self._stream = zlib.decompressobj(_ZLIB_OR_GZIP)
        return bytes(found)


def _framed(data: bytes) -> bool:
    """Whether zlib's header (RFC 1950) is in front."""
    return data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0
