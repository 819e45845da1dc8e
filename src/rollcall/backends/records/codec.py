# SPDX-License-Identifier: Apache-2.0
"""Documents as JSON that an operator can read, and back without a million equal copies.

Many records say the same: their capabilities, their lease policy, their runtime. What is equal in
them becomes one object when they are read, as it was before they were written.
"""

from __future__ import annotations

from collections.abc import Sized
from typing import Final, TypeVar

import msgspec

from rollcall.kernel.errors import IncompatibleStore
from rollcall.registry.models import (
    Address,
    Capability,
    Doc,
    Grant,
    HealthCheck,
    Hold,
    Kind,
    Lease,
    LeasePolicy,
    Probe,
    Record,
    Table,
)
from rollcall.registry.status import Status

T = TypeVar("T")

_ABSENT: Final = msgspec.Raw()


class _RawRecord(msgspec.Struct, gc=False, tag="record"):
    """A record whose parts that repeat are still the JSON that they were written as."""

    namespace: str
    id: str
    kind: Kind
    name: str
    reported: Status
    created_at: float
    updated_at: float
    capabilities: msgspec.Raw = _ABSENT
    lease: msgspec.Raw = _ABSENT
    probe: Probe | None = None
    runtime: str = ""
    address: Address | None = None
    tags: msgspec.Raw = _ABSENT
    version: str = ""
    owner: str = ""
    metadata: dict[str, object] | None = None
    health_check: HealthCheck | None = None


class _Shared(dict[bytes, T]):
    """JSON -> the one object that it stands for."""

    def __init__(self, decoder: msgspec.json.Decoder[T], remember: int) -> None:
        super().__init__()
        self._decode = decoder.decode
        self._remember = remember

    def __missing__(self, raw: bytes) -> T:
        if len(self) >= self._remember:
            self.clear()
        value = self[raw] = self.decode(raw)
        return value

    def decode(self, raw: bytes) -> T:
        return self._decode(raw)


class _Capabilities(_Shared[tuple[Capability, ...]]):
    """Lists of capabilities, which share the capabilities in them too."""

    def __init__(self, remember: int) -> None:
        super().__init__(msgspec.json.Decoder(tuple[Capability, ...]), remember)
        self._split = msgspec.json.Decoder(tuple[msgspec.Raw, ...]).decode
        self._each = _Shared(msgspec.json.Decoder(Capability), remember)

    @property
    def memories(self) -> list[Sized]:
        return [self, self._each]

    def decode(self, raw: bytes) -> tuple[Capability, ...]:
        return tuple([self._each[bytes(one)] for one in self._split(raw)])


class _Leases(_Shared[Grant | str | None]):
    """What a record has as its lease; grants of one policy share it."""

    def __init__(self, remember: int) -> None:
        super().__init__(msgspec.json.Decoder(Grant | str | None), remember)
        self._policies: dict[LeasePolicy, LeasePolicy] = {}

    @property
    def memories(self) -> list[Sized]:
        return [self, self._policies]

    def decode(self, raw: bytes) -> Grant | str | None:
        lease = super().decode(raw)
        return self.share(lease) if isinstance(lease, Grant) else lease

    def share(self, grant: Grant) -> Grant:
        if len(self._policies) >= self._remember:
            self._policies.clear()
        policy = self._policies.setdefault(grant.policy, grant.policy)
        return Grant(policy, grant.epoch, grant.phase, grant.reason)


class Codec:
    """Encodes and decodes documents. Not for use by several threads at once.

    Args:
        remember: How many distinct values of each sort are shared before their memory starts anew.
    """

    def __init__(self, remember: int = 65_536) -> None:
        self._remember = remember
        self._encoder = msgspec.json.Encoder()
        self._record = msgspec.json.Decoder(_RawRecord)
        self._lease = msgspec.json.Decoder(Lease)
        self._hold = msgspec.json.Decoder(Hold)
        self._capabilities = _Capabilities(remember)
        self._leases = _Leases(remember)
        self._tags = _Shared(msgspec.json.Decoder(tuple[str, ...]), remember)
        self._words: dict[str, str] = {"": ""}

    @property
    def memories(self) -> list[Sized]:
        """What is remembered to be shared; each holds at most `remember` values."""
        return [
            self._words,
            self._tags,
            *self._capabilities.memories,
            *self._leases.memories,
        ]

    def encode(self, doc: Doc) -> bytes:
        """The document as JSON in UTF-8.

        Raises:
            TypeError: Its metadata or parameters hold what JSON has no word for.
        """
        return self._encoder.encode(doc)

    def decode(self, table: Table, json: bytes) -> Doc:
        """The document of `table` that `encode` wrote.

        Raises:
            IncompatibleStore: It is none.
        """
        try:
            if table is Table.RECORD:
                return self._shared(self._record.decode(json))
            if table is Table.HOLD:
                return self._hold.decode(json)
            lease = self._lease.decode(json)
            return Lease(lease.namespace, lease.id, self._leases.share(lease.grant))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise IncompatibleStore(
                f"the store holds a {table} that cannot be read ({error}): {json[:80]!r}"
            ) from error

    def _shared(self, raw: _RawRecord) -> Record:
        word = self._word
        return Record(
            word(raw.namespace),
            raw.id,
            raw.kind,
            raw.name,
            raw.reported,
            raw.created_at,
            raw.updated_at,
            self._capabilities[bytes(raw.capabilities)] if raw.capabilities else (),
            self._leases[bytes(raw.lease)] if raw.lease else None,
            raw.probe,
            word(raw.runtime),
            raw.address,
            self._tags[bytes(raw.tags)] if raw.tags else (),
            word(raw.version),
            word(raw.owner),
            raw.metadata,
            raw.health_check,
        )

    def _word(self, word: str) -> str:
        words = self._words
        known = words.get(word)
        if known is None:
            if len(words) >= self._remember:
                words.clear()
            known = words[word] = word
        return known
