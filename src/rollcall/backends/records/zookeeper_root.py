# SPDX-License-Identifier: Apache-2.0
"""Makes the nodes that are there in every store in ZooKeeper, and begins its history."""

from __future__ import annotations

from msgspec.structs import replace

from rollcall.backends.records import zookeeper_nodes as nodes
from rollcall.backends.records.zookeeper_link import Session
from rollcall.backends.records.zookeeper_messages import Operation
from rollcall.backends.records.zookeeper_mirror import Mirror
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import StoreUnavailable
from rollcall.kernel.ids import IdSource


class Root:
    """The root of a store.

    Args:
        session: Reads and writes.
        paths: Where the nodes are.
        clock: Says when the root was made.
        ids: Draws epochs.
    """

    def __init__(self, session: Session, paths: nodes.Paths, clock: Clock, ids: IdSource) -> None:
        self._session = session
        self._paths = paths
        self._clock = clock
        self._ids = ids

    async def make(self) -> None:
        """Make the root with all that belongs to it, unless it is there.

        Raises:
            StoreUnavailable: A part of it is there, so that nobody can say what it is.
        """
        paths = self._paths
        if await self._there():
            return
        await self._session.call("ensure_path", paths.root)
        head = nodes.Head(self._ids.hex(16))
        wanted: list[Operation] = [("create", paths.changes)]
        for parent in (paths.docs, paths.renewals):
            wanted += [("create", path) for path in (parent, *paths.buckets(parent))]
        wanted.append(("create", paths.alive, repr(self._clock.now()).encode()))
        wanted.append(("create", paths.epoch(head.epoch)))
        wanted.append(("create", paths.head, nodes.encoded(head)))
        # All of them, or none because somebody else has made them meanwhile.
        if not await self._session.landed(wanted) and not await self._there():
            raise StoreUnavailable(
                f"{paths.root} holds nodes of a registry and no head: remove it or restore it"
            )

    async def begin_anew(self, mirror: Mirror) -> bool:
        """Draw another epoch for what the mirror has read; False: somebody was quicker."""
        paths, old = self._paths, mirror.head
        head = replace(old, epoch=self._ids.hex(16))
        landed = await self._session.landed(
            [
                ("delete", paths.epoch(old.epoch)),
                ("create", paths.epoch(head.epoch)),
                ("set_data", paths.head, nodes.encoded(head), mirror.version),
            ]
        )
        if landed:
            mirror.moved(head)
        return landed

    async def _there(self) -> bool:
        head, _ = await Mirror(self._session, self._paths).ask()
        return head is not None
