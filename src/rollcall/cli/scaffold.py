# SPDX-License-Identifier: Apache-2.0
"""What `rollcall tools new` writes: a tool service that runs, and its test."""

from __future__ import annotations

import keyword
import re
import sys
from pathlib import Path
from string import Template
from typing import Final

from rollcall.kernel.errors import InvalidInput, RollcallError

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,49}")

_SERVICE: Final = Template('''\
"""The tool service $name."""

from __future__ import annotations

import os
from collections import Counter
from typing import Annotated

from pydantic import Field
from rollcall.tools import ToolService

service = ToolService(
    "$name",
    host=os.environ.get("HOST", "127.0.0.1"),
    port=int(os.environ.get("PORT", "8080")),
    description="Counts words",
)
Count = Annotated[int, Field(ge=1, le=100)]


@service.tool(idempotent=True, read_only=True)
def count_words(text: str, most: Count = 5) -> dict[str, int]:
    """The most frequent words of a text, and how often each occurs.

    Args:
        text: The text whose words are counted.
        most: How many words are told.
    """
    return dict(Counter(text.lower().split()).most_common(most))


if __name__ == "__main__":
    service.run()
''')

_TEST: Final = Template('''\
"""Tests of the tool service $name: pytest runs them, no server is needed."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from $module import count_words, service


def call(path: str, arguments: dict[str, Any]) -> httpx.Response:
    """What the service answers to a call."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(service.app)
        local = "http://localhost"
        async with httpx.AsyncClient(transport=transport, base_url=local) as client:
            return await client.post(path, json=arguments)

    return asyncio.run(send())


def test_the_most_frequent_word_comes_first() -> None:
    assert count_words("a rose is a rose is a rose", most=1) == {"a": 3}


def test_the_tool_answers_over_http() -> None:
    answer = call("/tools/count_words", {"text": "Tick tick boom"})
    assert answer.json() == {"tick": 2, "boom": 1}


def test_arguments_are_checked() -> None:
    answer = call("/tools/count_words", {"text": "one", "most": 0})
    assert answer.status_code == 422
    assert "most" in answer.text
''')

_README: Final = Template("""\
# $name

A tool service for AI agents. Start it beside `rollcall up`:

    pip install 'rollcall-ai[server]'
    python $module.py

It registers itself, and leaves the registry when it ends. Agents find its tools from then on:

    rollcall tools call count_words --arg text="a rose is a rose"
    rollcall ask "How often does each word occur in: a rose is a rose?"

What it offers: `GET /tools` lists the tools with their JSON Schemas, `POST /tools/count_words`
calls one, `/mcp` has the same tools over MCP, and there are `/health`, `/metrics` and `/docs`.

| variable | what for | default |
|---|---|---|
| `HOST`, `PORT` | where it listens | 127.0.0.1, 8080 |
| `SERVICE_REGISTRY_URL` | the service registry | http://127.0.0.1:3003 |
| `ROLLCALL_API_KEY` | the key to the registry, where it wants one | |
| `ROLLCALL_TOOL_KEY` | what callers must show; needed where others can reach it | |

Write a tool: a function with type annotations and a docstring, under `@service.tool`. Say
`idempotent=True` where calling it twice does no more than calling it once. Test it:

    pip install pytest
    pytest
""")


class AlreadyThere(RollcallError):
    """A file would be overwritten."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is there already; nothing was written")
        self.path = path


def files(name: str) -> dict[str, str]:
    """The files of a new tool service, by their names.

    Raises:
        InvalidInput: The name is none for a service, or Python has a module of that name.
    """
    if not _NAME.fullmatch(name):
        problem = "must begin with a small letter, and be of small letters, digits, - and _"
        raise InvalidInput("name", f"{problem} (50 at most), not {name!r:.100}")
    module = name.replace("-", "_")
    taken = {"rollcall", "pydantic", "httpx", "pytest", *sys.stdlib_module_names}
    if module in taken or keyword.iskeyword(module) or module.startswith("test_"):
        raise InvalidInput("name", f"{name!r} means something else to Python: take another")
    words = {"name": name, "module": module}
    return {
        f"{module}.py": _SERVICE.substitute(words),
        f"test_{module}.py": _TEST.substitute(words),
        "README.md": _README.substitute(words),
    }


def write(folder: Path, texts: dict[str, str]) -> None:
    """Write files that are not there yet, all or none.

    Raises:
        AlreadyThere: One of them is.
        InvalidInput: They cannot be written there.
    """
    for name in texts:
        if (folder / name).exists():
            raise AlreadyThere(folder / name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            with (folder / name).open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        problem = f"cannot write to {folder}: {error.strerror or error}"
        raise InvalidInput("dir", problem) from error
