# SPDX-License-Identifier: Apache-2.0
"""A server of the official MCP SDK, registered as a tool service.

Run as `python mcp_words.py PORT HOW`; the registry is where SERVICE_REGISTRY_URL says. It says that
it is one by its tags (HOW is `tag`), or by the path in its metadata (`extra`).
"""

from __future__ import annotations

import asyncio
import sys

import uvicorn
from mcp.server.mcpserver import MCPServer

from rollcall.client import RegistrationClient

PORT, HOW = int(sys.argv[1]), sys.argv[2]
PATH = "/mcp" if HOW == "tag" else "/words/mcp"
server = MCPServer(f"mcp-{HOW}")


def backwards(word: str) -> str:
    """Spells a word backwards: reverses the order of its letters."""
    return word[::-1]


def vowels(word: str) -> int:
    """Counts the vowels of a word."""
    return sum(letter in "aeiou" for letter in word)


server.add_tool(backwards if HOW == "tag" else vowels)


async def main() -> None:
    client = RegistrationClient()
    await client.register(
        f"mcp-{HOW}",
        PORT,
        "127.0.0.1",
        metadata={"tags": ["mcp"]} if HOW == "tag" else {"extra": {"mcp": PATH}},
        # It has no page of its health: whether it takes connections has to do.
        health_check={"type": "tcp", "interval_seconds": 1, "timeout_seconds": 1, "retries": 1},
        wait_ready=True,
    )
    app = server.streamable_http_app(streamable_http_path=PATH)
    await uvicorn.Server(uvicorn.Config(app, port=PORT, log_level="warning")).serve()


if __name__ == "__main__":
    asyncio.run(main())
