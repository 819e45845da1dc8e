"""How one query is put to the index."""

from __future__ import annotations

import pytest

from rollcall.kernel.errors import InvalidInput
from rollcall.registry.index import Index
from rollcall.registry.query import Query


def test_words_that_cannot_be_searched_for_are_refused_at_once() -> None:
    with pytest.raises(InvalidInput, match="NUL"):
        Index([]).search("default", Query(text="\0"))
    with pytest.raises(InvalidInput, match="at most 1000"):
        Index([]).count("default", Query(text="x" * 1001))
