# SPDX-License-Identifier: Apache-2.0
"""How message search plugs into an application."""

from __future__ import annotations

from rollcall.events.log import WorkT
from rollcall.tools.messages.api import IMPORT, router
from rollcall.tools.messages.feed import feed
from rollcall.tools.messages.ports import MessageIndex
from rollcall.tools.messages.service import MessageSearch
from rollcall.web.module import Module


def module(search: MessageSearch, index: MessageIndex[WorkT]) -> Module:
    """What message search brings along beside its tool: imports, and the feed of its index."""
    return Module(
        name="message-search",
        routers=(router(search),),
        subscriptions=(feed(index),),
        unbounded=(IMPORT,),
    )
