# SPDX-License-Identifier: Apache-2.0
"""Who wants to know what a toolbox does."""

from __future__ import annotations

from typing import Protocol

from rollcall.conversations.models import ToolRun


class Observer(Protocol):
    """Is told what a toolbox does. Must be quick and must not raise."""

    def called(self, run: ToolRun) -> None:
        """A call has ended."""
        ...

    def listed(self, service: str, well: bool) -> None:
        """A service was asked for its tools, and said them or not."""
        ...

    def changed(self, service: str, tool: str) -> None:
        """A service describes a tool otherwise than before."""
        ...

    def known(self, namespace: str, tools: int) -> None:
        """So many tools there are in a namespace now."""
        ...


class NoObserver:
    """Nobody wants to know."""

    def called(self, run: ToolRun) -> None:
        """See `Observer`."""

    def listed(self, service: str, well: bool) -> None:
        """See `Observer`."""

    def changed(self, service: str, tool: str) -> None:
        """See `Observer`."""

    def known(self, namespace: str, tools: int) -> None:
        """See `Observer`."""
