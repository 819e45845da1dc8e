# SPDX-License-Identifier: Apache-2.0
"""Memories by what they mean: a vector for each, compared with that of the question."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

import numpy as np

from rollcall.kernel.errors import MissingExtra
from rollcall.memory.ports import Encoded
from rollcall.registry.meaning import FLOOR, Encoder, content_words, select

MOST: Final = 20_000
"""Memories of a scope that are compared, the newest; their vectors take 20 MB."""
_RELATIVE: Final = 0.5
"""A hit scores at least this share of the best one: here it is one opinion of two."""

_log = logging.getLogger(__name__)


class Meaning:
    """Turns texts into vectors, and finds the nearest; all of it in worker threads.

    Args:
        encoder: Makes the vectors; None: there is none, and nothing is found by meaning.
        floor: The lowest cosine that counts as a hit; each encoder has a scale of its own.
    """

    def __init__(self, encoder: Encoder | None, floor: float = FLOOR) -> None:
        self._encoder = encoder
        self._floor = floor

    @property
    def encoder(self) -> str | None:
        """The name that vectors are kept under; None: there are none."""
        return None if self._encoder is None else self._encoder.name

    async def encoded(self, texts: Sequence[str]) -> list[Encoded] | None:
        """A vector for each text, as 32-bit floats in the machine's order of bytes.

        None where there is no encoder, or it is not installed.
        """
        encoder = self._encoder
        if encoder is None:
            return None
        try:
            vectors = await asyncio.to_thread(_encoded, encoder, texts)
        except MissingExtra as missing:
            # From now on there is none: nothing installs it while the process runs.
            self._encoder = None
            _log.warning("memories are found by their words alone: %s", missing)
            return None
        return [Encoded(encoder.name, vector) for vector in vectors]

    async def nearest(
        self, vector: bytes, rows: Sequence[tuple[int, bytes]], limit: int
    ) -> list[int]:
        """The numbers of the rows that are near, the nearest first.

        Args:
            vector: What is asked for.
            rows: Numbers with their vectors, of the same encoder.
            limit: How many at most.
        """
        if not rows:
            return []
        return await asyncio.to_thread(_nearest, vector, rows, limit, self._floor)


def _encoded(encoder: Encoder, texts: Sequence[str]) -> list[bytes]:
    # An average over very many words has no meaning left; the first that carry some count.
    found = encoder.encode([" ".join(content_words(text)) for text in texts])
    return [row.astype(np.float32).tobytes() for row in found]


def _nearest(
    vector: bytes, rows: Sequence[tuple[int, bytes]], limit: int, floor: float
) -> list[int]:
    asked = np.frombuffer(vector, np.float32)
    matrix = np.frombuffer(b"".join(row for _, row in rows), np.float32)
    scores = matrix.reshape(len(rows), len(asked)) @ asked
    return [rows[place][0] for place in select(scores, limit, floor, _RELATIVE)]
