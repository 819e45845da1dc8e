# SPDX-License-Identifier: Apache-2.0
"""`rollcall tools`: which there are, calling one, and beginning a service of one's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from rollcall.cli import calls, scaffold
from rollcall.cli.exits import errors_told
from rollcall.cli.options import (
    ConversationsUrl,
    DryRun,
    Key,
    Machine,
    Namespace,
    examples,
    services_option,
)
from rollcall.cli.remote import Row, ask
from rollcall.cli.told import as_json, note, say, table

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
app: Final = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="List and call tools, and write new ones."
)
_SHOWN: Final = 80

RegistryUrl = Annotated[str, services_option("--registry")]
ToolKey = Annotated[
    str | None,
    typer.Option(
        "--tool-key",
        envvar="ROLLCALL_TOOL_KEY",
        metavar="KEY",
        help="The key to show to the tool service, where it wants one.",
    ),
]


@app.command(
    "list",
    epilog=examples(
        "rollcall tools list",
        "rollcall tools list --service weather",
        "rollcall tools list --service http://127.0.0.1:8080 --json",
    ),
)
def list_tools(
    *,
    service: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|URL", help="Ask this service itself, and not the agent service."
        ),
    ] = None,
    url: ConversationsUrl,
    registry: RegistryUrl,
    namespace: Namespace = None,
    key: Key = None,
    tool_key: ToolKey = None,
    machine: Machine = False,
) -> None:
    """List the tools that agents can use now."""
    if service is None:
        rows = ask(url, key, lambda agent: calls.listed_by_agent(agent, namespace))
    else:
        rows = _run(_listed(registry, key, tool_key, service))
    if machine:
        as_json(rows)
    elif not rows:
        note("no tools; `rollcall tools new --help` shows how one is made")
    else:
        table(
            ("name", "service", "repeatable", "description"),
            [
                (
                    one["name"],
                    one.get("service") or "-",
                    "yes" if one.get("idempotent") else "no",
                    _brief(str(one.get("description", ""))),
                )
                for one in rows
            ],
        )


@app.command(
    "call",
    epilog=examples(
        "rollcall tools call calculate --arg expression='sqrt(16)'",
        'rollcall tools call statistics --input \'{"data": [1, 2, 3], "operations": ["mean"]}\'',
        "rollcall tools call forecast --service http://127.0.0.1:8080 --arg city=Oslo --arg days=2",
    ),
)
def call_tool(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The tool.")],
    arg: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="An argument, read as the type that the tool wants; a name given twice is a list.",
        ),
    ] = None,
    given: Annotated[
        str | None, typer.Option("--input", metavar="JSON", help="Arguments as a JSON object.")
    ] = None,
    service: Annotated[
        str | None,
        typer.Option(metavar="NAME|URL", help="Whose tool, where several services have it."),
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="How long it may take.")
    ] = 60.0,
    registry: RegistryUrl,
    key: Key = None,
    tool_key: ToolKey = None,
    machine: Machine = False,
) -> None:
    """Call a tool: its service is found through the registry.

    Prints what it says; and beside that which instance said so, and how long it took.
    """
    with errors_told():
        pairs = [calls.paired(one) for one in arg or ()]
        words = calls.Given(pairs, calls.parsed(given) if given is not None else None)
    done = _run(_called(registry, key, tool_key, service, name, words, timeout))
    place = done.place
    if machine:
        as_json(
            {
                "tool": done.tool,
                "service": place.service or None,
                "instance": place.instance or None,
                "url": place.url,
                "duration_ms": round(done.milliseconds, 1),
                "result": done.result,
            }
        )
        return
    if isinstance(done.result, str):
        say(done.result)
    else:
        as_json(done.result)
    instance = f" ({place.instance})" if place.instance else ""
    note(f"{done.tool} of {place}{instance}, {done.milliseconds:.0f} ms")


@app.command(
    epilog=examples(
        "rollcall tools new weather",
        "rollcall tools new weather --dir services/weather --dry-run",
    )
)
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the service is called.")],
    folder: Annotated[
        Path | None,
        typer.Option("--dir", metavar="FOLDER", help="Where to write it; by default ./NAME."),
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Write a tool service that runs, with its test. No file is overwritten."""
    with errors_told():
        texts = scaffold.files(name)
        where = folder or Path(name)
        if dry_run:
            for file in texts:
                say(f"would write {where / file}")
            return
        scaffold.write(where, texts)
    for file in texts:
        say(f"{where / file}")
    module = next(iter(texts))
    note(f"Start it with `python {where / module}`, and test it with `pytest {where}`")


async def _listed(registry: str, key: str | None, tool_key: str | None, service: str) -> list[Row]:
    places = await calls.places(registry, key, service)
    away: calls.Unanswered | None = None
    async with _client(tool_key, 10.0) as client:
        for place in places:
            try:
                tools = await calls.listing(client, place)
            except calls.Unanswered as error:
                away = error
                continue
            return [_row(one, place) for one in tools]
    assert away is not None
    raise away


async def _called(
    registry: str,
    key: str | None,
    tool_key: str | None,
    service: str | None,
    name: str,
    given: calls.Given,
    timeout: float,
) -> calls.Called:
    places = await calls.places(registry, key, service, name)
    async with _client(tool_key, timeout) as client:
        return await calls.call(client, places, name, given)


@asynccontextmanager
async def _client(tool_key: str | None, timeout: float) -> AsyncGenerator[httpx.AsyncClient]:
    import httpx

    headers = {"authorization": f"Bearer {tool_key}"} if tool_key else None
    limits = httpx.Timeout(timeout, connect=min(timeout, 5.0))
    async with httpx.AsyncClient(headers=headers, timeout=limits) as client:
        yield client


def _run(work: Coroutine[Any, Any, T]) -> T:
    with errors_told():
        return asyncio.run(work)


def _row(tool: calls.ListedTool, place: calls.Place) -> Row:
    return {
        "name": tool.name,
        "service": place.service or place.url,
        "path": tool.path,
        "method": tool.method,
        "description": tool.description,
        "idempotent": tool.idempotent,
        "input_schema": tool.input_schema,
    }


def _brief(text: str) -> str:
    line = text.partition("\n")[0]
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 3]}..."
