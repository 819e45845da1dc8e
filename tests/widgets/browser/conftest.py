"""One Chromium for a module's tests, a visitor for each."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from support.browser import Stage, Visit, staged


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage() -> AsyncIterator[Stage]:
    async with staged() as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def visit(stage: Stage) -> AsyncIterator[Visit]:
    async with stage.visit() as one:
        yield one
