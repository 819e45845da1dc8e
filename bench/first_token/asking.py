# SPDX-License-Identifier: Apache-2.0
"""Asking for a stream, and how long its first word took."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit


class NoText(Exception):
    """A stream ended without a word of the answer."""


class Asker:
    """One kept connection, so that what is measured is no handshake.

    Args:
        url: Of the service.
        path: What is asked, with POST.
        headers: What is sent along.
    """

    def __init__(self, url: str, path: str, headers: Mapping[str, str] | None = None) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
        self._path = path
        self._headers = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream",
            **(headers or {}),
        }

    def seconds(self, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> float:
        """Seconds from the request to the first piece of text; the stream is read to its end.

        Raises:
            NoText: There is none.
        """
        begun = time.perf_counter()
        fields = {**self._headers, **(headers or {})}
        self._connection.request("POST", self._path, json.dumps(body), fields)
        answer = self._connection.getresponse()
        if answer.status != 200:
            raise NoText(f"{self._path}: {answer.status}: {answer.read()!r:.300}")
        first: float | None = None
        said = b""
        while line := answer.readline():
            said += line
            if first is None and line.strip() == b"event: text":
                # The word itself is in the same piece.
                first = time.perf_counter() - begun
        if first is None:
            raise NoText(f"{self._path}: {said!r:.300}")
        return first

    def close(self) -> None:
        """Let the connection go."""
        self._connection.close()
