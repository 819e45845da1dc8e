# SPDX-License-Identifier: Apache-2.0
"""The offered tools as the registry's search has capabilities: found by words, and by meaning."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from rollcall.conversations.planner.schema import Tool
from rollcall.conversations.planner.words import spoken, stem
from rollcall.registry.matching import Folded, level
from rollcall.registry.meaning import Encoder, MeaningIndex, Phrase, Vectors
from rollcall.registry.query import Reason
from rollcall.registry.text import fold

_FLOOR: Final = 0.15
_ENDED: Final = re.compile(r"(?<=[.:;])\s")
_NEEDED: Final = 0.75
_OPTION: Final = 0.4
_KEPT: Final = 4096


class ToolIndex:
    """Some tools, and how well each meets a word or a text.

    Each tool is a phrase of the registry's search: its name, its description, and its parameters
    as tags. By words, `level` decides; by meaning, `MeaningIndex`. Encoding takes time: belongs
    into a worker thread.

    Args:
        tools: The tools.
        encoder: Turns texts into vectors; None: only words count.
    """

    def __init__(self, tools: Sequence[Tool], encoder: Encoder | None) -> None:
        self.tools = tuple(tools)
        self._fields = [
            (
                (1.0, Folded(_with_stems(tool.name), (), _with_stems(tool.description))),
                (_NEEDED, _arguments(tool, required=True)),
                (_OPTION, _arguments(tool, required=False)),
            )
            for tool in tools
        ]
        self._encoder = encoder
        self._meanings: MeaningIndex | None = None
        self._near: dict[str, dict[int, float]] = {}
        self._vectors: dict[str, Vectors] = {}
        if encoder is not None:
            self._meanings = MeaningIndex(encoder, _FLOOR)
            self._meanings.add([_phrase(at, tool) for at, tool in enumerate(tools)])

    def by_words(self, at: int, word: str) -> float:
        """How well tool number `at` meets one word, 0 to 1: more in its name than elsewhere."""
        return max(
            share * _level(fields, form)
            for share, fields in self._fields[at]
            for form in (word, stem(word))
        )

    def by_meaning(self, at: int, text: str) -> float:
        """How near tool number `at` is to a text in meaning, 0 to 1; 0 without an encoder."""
        if self._meanings is None:
            return 0.0
        near = self._near.get(text)
        if near is None:
            if len(self._near) > _KEPT:
                self._near.clear()
            near = {hit.pid: hit.score for hit in self._meanings.search(text, len(self.tools))}
            self._near[text] = near
        return near.get(at, 0.0)

    def likeness(self, one: str, other: str) -> float:
        """How near two words are in meaning, 0 to 1; 0 without an encoder."""
        if self._encoder is None:
            return 0.0
        return max(0.0, float(np.dot(self._vector(one), self._vector(other))))

    def _vector(self, word: str) -> Vectors:
        known = self._vectors.get(word)
        if known is None:
            assert self._encoder is not None
            if len(self._vectors) > _KEPT:
                self._vectors.clear()
            known = self._vectors[word] = self._encoder.encode([word])[0]
        return known


def _level(fields: Folded, word: str) -> float:
    folded = fold(word)
    if not folded:
        return 0.0
    found = level(fields, folded, frozenset((folded,)))
    return 0.0 if found is None or found.reason is Reason.SUBSTRING else found.score


def _arguments(tool: Tool, *, required: bool) -> Folded:
    """The names and descriptions of a tool's arguments: they say less of it than its own do."""
    tags = tuple(
        _with_stems(f"{one.name} {_sentence(one.description)}")
        for one in tool.parameters
        if one.required is required
    )
    return Folded("", tags, "")


def _sentence(text: str) -> str:
    """The first sentence: what follows it are details, and speaks of much else."""
    return _ENDED.split(text, maxsplit=1)[0]


def _with_stems(text: str) -> str:
    """A text with the stems of its words behind them, so that forms of words meet."""
    words = spoken(text)
    return fold(" ".join([*words, *map(stem, words)]))


def _phrase(at: int, tool: Tool) -> Phrase:
    name = " ".join(spoken(tool.name))
    tags = tuple(
        f"{' '.join(one.name_words)} {_sentence(one.description)}" for one in tool.parameters
    )
    return Phrase(at, name, tool.description, tags)
