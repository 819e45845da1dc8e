# SPDX-License-Identifier: Apache-2.0
"""A place in a server that several registries keep their records in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Server(Protocol):
    """What can be done to a server of any sort."""

    @property
    def place(self) -> str: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def freeze(self, *, on: bool) -> None: ...


@dataclass(frozen=True)
class Shared:
    """A server, and the URL of a place in it that nobody uses."""

    server: Server
    url: str
