# SPDX-License-Identifier: Apache-2.0
"""One transaction: changes and the events that tell of them."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.events.catalogue import Catalogue
from rollcall.events.envelope import Event, to_json


class SqlUnitOfWork:
    """What `Database.begin` gives; repositories write through its `connection`.

    Args:
        connection: In a transaction, which `Database` commits or rolls back.
        catalogue: What may be published.
    """

    def __init__(self, connection: AsyncConnection, catalogue: Catalogue) -> None:
        self.connection = connection
        self.events: list[Event] = []
        """What is appended to the outbox just before the commit."""
        self._catalogue = catalogue

    def publish(self, *events: Event) -> None:
        for event in events:
            self._catalogue.check(event)
            # Refused here, where the caller can be told which, and not at the commit.
            to_json(event)
        self.events += events
