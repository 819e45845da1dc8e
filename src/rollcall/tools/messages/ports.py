# SPDX-License-Identifier: Apache-2.0
"""What message search needs: an index of messages.

Corner cases, stated once for every engine (`rollcall.testing.message_index_contract` checks them):

- What `add` and `forget` did is found, or no longer found, once `begin` was left without an error;
  not at all otherwise.
- A message whose id is known in its namespace is passed over, whatever else it says.
- What a search finds is what `query.matches` says of the folded words of each message, no more and
  no less; so all engines find the same. The order is an engine's own: its score, the best first,
  then the newest first.
- A namespace's messages are found in that namespace alone.
- `StoreUnavailable` is raised where nothing was written, and `OutcomeUnknown` where that cannot be
  said; adding the same messages again does no harm.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from rollcall.events.log import Transactions, WorkT
from rollcall.kernel.word_query import Query
from rollcall.tools.messages.models import Filters, Hit, Message


class MessageIndex(Transactions[WorkT], Protocol[WorkT]):
    """Messages, and the words to find them by."""

    async def add(self, work: WorkT, messages: Sequence[Message]) -> int:
        """Add those that are not known yet; how many that were."""
        ...

    async def forget(self, work: WorkT, namespace: str, conversation_id: str) -> int:
        """Remove what was said in a conversation (`Source.CONVERSATION`); how many messages.

        What was imported under its id stays: it is somebody's own.
        """
        ...

    async def known(self, namespace: str, ids: Collection[str]) -> frozenset[str]:
        """Those of the ids, at most 1,000, that messages of the namespace have."""
        ...

    async def search(
        self, namespace: str, query: Query, filters: Filters, *, limit: int, offset: int = 0
    ) -> list[Hit]:
        """The messages that answer a query and pass the filters, the best first.

        Args:
            limit: How many at most.
            offset: How many of the best to leave out.
        """
        ...
