# SPDX-License-Identifier: Apache-2.0
"""The last renewals of leases in ZooKeeper, which have nodes of their own and no revisions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Final

from rollcall.backends.records import zookeeper_nodes as nodes
from rollcall.backends.records.batch import Key
from rollcall.backends.records.zookeeper_link import Session, errors
from rollcall.backends.records.zookeeper_mirror import Mirror
from rollcall.kernel.errors import StoreUnavailable
from rollcall.registry.models import Table
from rollcall.registry.store import Renewal, Write

_TRIES: Final = 50
"""How often a node is read and written anew because somebody else wrote it in between."""

News = tuple[Key, int, float]
"""Whose lease, the revision at which its term began, and when it was renewed."""


class RenewalNodes:
    """Writes renewals, and asks whether there were any."""

    def __init__(self, session: Session, paths: nodes.Paths) -> None:
        self._session = session
        self._paths = paths

    async def write(self, mirror: Mirror, renewals: Iterable[Renewal], alive_at: float) -> None:
        """Write what is newer than what the mirror knows, then that a replica was up.

        In this order: time after `alive_at` counts against no lease, so the store must know of the
        renewals before it hears of a later one. What could not be written is written by the next
        call that has it.
        """
        by_bucket: dict[str, list[News]] = {}
        for one in renewals:
            key = (one.table, one.namespace, one.id)
            row = mirror.rows.get(key)
            if row is not None and row.epoch is not None and one.at > row.renewed_at:
                by_bucket.setdefault(self._paths.renewal(key), []).append((key, row.begun, one.at))
        done = await asyncio.gather(
            *(self._write_bucket(mirror, *one) for one in by_bucket.items()),
            return_exceptions=True,
        )
        for failed in done:
            if failed is not None:
                raise failed
        await self._write_alive(alive_at)

    async def guards(self, mirror: Mirror, writes: Sequence[Write]) -> list[tuple[Any, ...]]:
        """Take in renewals that expiries ask about, and have the batch fail if there are more."""
        asked: set[str] = set()
        for write in writes:
            if write.unless_renewed_since is not None:
                key = (write.table, write.namespace, write.id)
                row = mirror.rows.get(key)
                if row is not None and row.lease is not None:
                    key = (Table.LEASE, write.namespace, row.lease)
                asked.add(self._paths.renewal(key))
        guards: list[tuple[Any, ...]] = []
        for path in sorted(asked):
            data, stat = await self._session.call("get", path)
            mirror.merge(nodes.renewals_from(data))
            guards.append(("check", path, stat.version))
        return guards

    async def _write_bucket(self, mirror: Mirror, path: str, news: Sequence[News]) -> None:
        for _ in range(_TRIES):
            data, stat = await self._session.call("get", path)
            kept = {
                name: one
                for name, one in nodes.renewals_from(data).items()
                if _counts(mirror, name, one[0])
            }
            for key, begun, at in news:
                name = nodes.name_of(key)
                term, last = kept.get(name, (begun, at))
                if term <= begun:
                    kept[name] = (begun, max(at, last) if term == begun else at)
            try:
                await self._session.call("set", path, nodes.encoded(kept), stat.version)
            except errors.BadVersionError:
                continue
            mirror.merge(kept)
            return
        raise StoreUnavailable("others write renewals all the time")

    async def _write_alive(self, alive_at: float) -> None:
        for _ in range(_TRIES):
            alive, stat = await self._session.call("get", self._paths.alive)
            if alive_at <= float(alive):
                return
            try:
                data = repr(alive_at).encode()
                await self._session.call("set", self._paths.alive, data, stat.version)
                return
            except errors.BadVersionError:
                continue
        raise StoreUnavailable("others say all the time that they are up")


def _counts(mirror: Mirror, name: str, begun: int) -> bool:
    """Whether a renewal is of a lease that is there, or may have come since."""
    row = mirror.rows.get(nodes.key_of(name))
    return begun > mirror.head.revision or (row is not None and row.begun == begun)
