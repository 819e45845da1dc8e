# SPDX-License-Identifier: Apache-2.0
"""What billing's errors say over HTTP."""

from __future__ import annotations

import pytest

from rollcall.billing.books_problems import PROBLEMS as BOOKS
from rollcall.billing.problems import PROBLEMS
from rollcall.web.problems import Kind

RESERVED = {"type", "title", "status", "detail", "instance", "request_id", "errors"}
"""Members that RFC 9457 gives a meaning, or we do."""


@pytest.mark.parametrize("kind", [*PROBLEMS.values(), *BOOKS.values()], ids=lambda one: one.name)
def test_a_problem_keeps_its_own_members(kind: Kind) -> None:
    assert not RESERVED & {*kind.members}
