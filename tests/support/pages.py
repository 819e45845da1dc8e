# SPDX-License-Identifier: Apache-2.0
"""A website on this machine, whose every byte a test decides."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

Handler = Callable[[asyncio.StreamWriter], Awaitable[None]]


def answer(
    body: str | bytes = b"",
    content_type: str | None = "text/html; charset=utf-8",
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """An HTTP answer as it goes over the wire."""
    content = body.encode() if isinstance(body, str) else body
    lines = {"Content-Length": str(len(content)), "Connection": "close", **(headers or {})}
    if content_type is not None:
        lines["Content-Type"] = content_type
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + content


def redirect(location: str, status: int = 302) -> bytes:
    return answer(status=status, headers={"Location": location})


class Site:
    """A website that is up.

    Args:
        answers: What it says, by path; what is not there is answered with 404.
        host: Where it listens.
    """

    def __init__(self, answers: Mapping[str, bytes | Handler], host: str) -> None:
        self.answers = dict(answers)
        self.host = host
        self.port = 0
        self.asked: list[str] = []
        self.requests: list[str] = []
        self.at_once = 0
        self.most_at_once = 0

    def url(self, path: str = "/") -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}{path}"

    @property
    def place(self) -> str:
        """As the allowed hosts of settings name it."""
        return self.url("").removeprefix("http://")

    def pages_asked(self) -> list[str]:
        return [path for path in self.asked if path != "/robots.txt"]

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = request.split(" ", 2)[1]
            self.asked.append(path)
            self.requests.append(request)
            said = self.answers.get(path, answer(status=404))
            if isinstance(said, bytes):
                writer.write(said)
            else:
                await said(writer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.at_once -= 1
            writer.close()


@asynccontextmanager
async def website(
    answers: Mapping[str, bytes | Handler],
    host: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
) -> AsyncGenerator[Site]:
    """A website, up while this is entered."""
    site = Site(answers, host)
    server = await asyncio.start_server(site.handle, host, 0, ssl=tls)
    site.port = server.sockets[0].getsockname()[1]
    async with server:
        yield site


class Names:
    """A resolver: what each name leads to, one answer after the other, the last one again."""

    def __init__(self, names: Mapping[str, Sequence[Sequence[str]]]) -> None:
        self._names = {name: list(answers) for name, answers in names.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        answers = self._names.get(host)
        if not answers:
            raise OSError("nobody knows that name")
        return answers.pop(0) if len(answers) > 1 else answers[0]
