# SPDX-License-Identifier: Apache-2.0
"""The script that pages embed: how much of it a visitor's browser fetches."""

from __future__ import annotations

import gzip
from typing import Final, NamedTuple

from bench.report import below, markdown

from rollcall.widgets.browser import script

AIM: Final = 15_000
"""Bytes below which it is to stay, compressed."""


class Found(NamedTuple):
    """Its size.

    Args:
        plain: Bytes as they are read.
        compressed: Bytes as they are sent, by gzip at its best.
    """

    plain: int
    compressed: int


def measured() -> Found:
    """The size of the script as it is served."""
    served = script()
    return Found(len(served), len(gzip.compress(served, 9)))


def page(found: Found) -> str:
    """The figures as Markdown."""
    rows = [
        ["plain", f"{found.plain:,} bytes"],
        ["gzip -9", f"{found.compressed:,} bytes"],
    ]
    aim = f"the widget takes less than {AIM:,} bytes, compressed"
    verdict = below(aim, found.compressed, AIM, f"{found.compressed:,} bytes")
    return f"{markdown(['the widget', 'size'], rows)}\n\n- {verdict}\n"
