# SPDX-License-Identifier: Apache-2.0
"""Which lease a document is under, and when a write grants it anew."""

from __future__ import annotations

from rollcall.registry.models import Doc, Grant, Lease, Record


def term(doc: Doc) -> tuple[int | None, str | None]:
    """The epoch of the document's own lease, and the id of the shared lease that covers it.

    A write that changes either begins a new term: the lease counts as renewed by that write. Any
    other write to the document leaves its last renewal as it was.
    """
    if isinstance(doc, Record):
        lease = doc.lease
        if isinstance(lease, Grant):
            return lease.epoch, None
        return None, lease
    return (doc.grant.epoch if isinstance(doc, Lease) else None), None
