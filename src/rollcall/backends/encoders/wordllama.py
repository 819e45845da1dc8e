# SPDX-License-Identifier: Apache-2.0
"""wordllama: averaged word vectors of a language model; small, quick, its weights in the wheel."""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from rollcall.kernel.errors import MissingExtra
from rollcall.registry.meaning import Vectors

_BATCH = 256


class WordLlamaEncoder:
    """An `Encoder` on wordllama (extra `semantic`). Needs no network, ever.

    The model (16 MB of weights) is loaded by the first `encode`, once, whichever thread that is in.
    """

    name = "wordllama l2_supercat"
    dimension = 256

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._model: Any = None

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One vector of length 1 for each text, shape (len(texts), 256); zeros for no words.

        Raises:
            MissingExtra: wordllama is not installed.
        """
        with self._lock:
            if self._model is None:
                self._model = _load(self.dimension)
        # A batch is padded to its longest text: neighbours of like length waste least.
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        means = np.empty((len(texts), self.dimension), np.float32)
        means[order] = self._model.embed([texts[at] for at in order], batch_size=_BATCH)
        lengths = np.linalg.norm(means, axis=1, keepdims=True)
        np.divide(means, lengths, out=means, where=lengths > 0)
        return means


def _load(dimension: int) -> Any:
    try:
        with logging_untouched():
            wordllama = importlib.import_module("wordllama")
    except ImportError as error:
        raise MissingExtra("semantic search", "semantic") from error
    # With its own folder as cache it finds the tokenizer there too, and never looks elsewhere.
    folder = Path(str(wordllama.__file__)).parent
    return wordllama.WordLlama.load(cache_dir=folder, dim=dimension, disable_download=True)


@contextmanager
def logging_untouched() -> Generator[None]:
    """What is imported within does not configure the root logger, which is the application's
    business alone; wordllama would.
    """
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
