# SPDX-License-Identifier: Apache-2.0
"""The routes that carry what a registry holds elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Query, Request, Response
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from rollcall.protocols.access import namespace_for
from rollcall.protocols.admin.api import PREFIX, Namespace
from rollcall.registry import archive
from rollcall.registry.service import RegistryService
from rollcall.web.callers import Administrator, Operator

IMPORT: Final = f"{PREFIX}/import"
MEDIA_TYPE: Final = "application/x-ndjson"
_PIECE: Final = 1 << 16

Backup = Callable[[], AbstractAsyncContextManager[AsyncIterator[bytes]]]
"""Opens a consistent copy of everything, as one stream."""


def router(service: RegistryService, backup: Backup) -> APIRouter:
    """The routes, for the scope `admin`."""
    routes = APIRouter(prefix=PREFIX, tags=["administration"])

    @routes.get("/export", response_class=Response)
    async def export(caller: Administrator, namespace: Namespace = None) -> Response:
        """All records of a namespace as JSON lines, for `import` here or elsewhere."""
        found = archive.lines(service, namespace_for(caller, namespace))
        return StreamingResponse(_pieces(found), media_type=MEDIA_TYPE)

    @routes.post("/import", response_class=Response)
    async def take(
        caller: Administrator,
        request: Request,
        namespace: Namespace = None,
        on_conflict: Annotated[archive.OnConflict, Query()] = archive.OnConflict.SKIP,
        dry_run: Annotated[bool, Query()] = False,
    ) -> Response:
        """Take in what `export` wrote, however long. Done twice, it is done once."""
        report = await archive.read(
            service,
            namespace_for(caller, namespace),
            request.stream(),
            on_conflict=on_conflict,
            dry_run=dry_run,
        )
        return Response(msgspec.json.encode(report), media_type="application/json")

    @routes.get("/backup", response_class=Response)
    async def copy(caller: Operator) -> Response:
        """A consistent copy of the SQLite files, as a tar archive."""
        return _Copy(backup)

    return routes


def _pieces(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Lines put together, so that not each is a message of its own."""
    gathered: list[bytes] = []
    size = 0
    for line in lines:
        gathered.append(line)
        size += len(line)
        if size >= _PIECE:
            yield b"".join(gathered)
            gathered, size = [], 0
    yield b"".join(gathered)


class _Copy(Response):
    """Opens the copy before it answers, so that a refusal is still an answer of its own."""

    def __init__(self, backup: Backup) -> None:
        super().__init__(media_type="application/x-tar")
        self._backup = backup

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._backup() as pieces:
            answer = StreamingResponse(pieces, media_type="application/x-tar")
            await answer(scope, receive, send)
