# SPDX-License-Identifier: Apache-2.0
"""`rollcall keys`: of a running registry, or of a data folder before the first start."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final, TypeVar

import typer

from rollcall.cli.remote import SERVICES, Key, Machine, Namespace, Sure, ask
from rollcall.cli.running import DataDir, settings_of
from rollcall.cli.told import age, as_json, errors_told, joined, note, say, table
from rollcall.client.connection import Connection, segment
from rollcall.kernel.errors import InvalidInput, StoreInUse

app: Final = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Make, list and revoke API keys."
)
PATH: Final = "/api/v1/admin/keys"
T = TypeVar("T")

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="A running registry to ask. By default the keys of the data folder are changed"
        f" directly, or those of {SERVICES} while that holds them.",
    ),
]


@app.command()
def create(
    name: Annotated[str, typer.Option(help="What people call it.")],
    scope: Annotated[list[str], typer.Option(help="read, register or admin; several are fine.")],
    expires_in_days: Annotated[float | None, typer.Option(help="By default never.")] = None,
    namespace: Namespace = None,
    data_dir: DataDir = None,
    url: Url = None,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Make a key. It is printed this once and kept nowhere.

    rollcall keys create --name first --scope admin
    """
    body = {
        "name": name,
        "scopes": scope,
        "namespace": namespace,
        "expires_in_days": expires_in_days,
    }

    async def there(registry: Connection) -> dict[str, Any]:
        return await registry.call("POST", PATH, dict[str, Any], body=body, retry=False)

    async def here(store: Any) -> dict[str, Any]:
        from rollcall.app.keys import drawn, shown

        made, text = drawn(name, namespace, scope, expires_in_days)
        await store.add(made)
        return {**shown(made), "key": text}

    made = _either(url, key, data_dir, there, here)
    if machine:
        as_json(made)
        return
    say(made["key"])
    note(
        f"Key {made['id']} for namespace {made['namespace']} ({joined(made['scopes'])}). It is not"
        " shown again: keep it now. Programs take it from ROLLCALL_API_KEY."
    )


@app.command("list")
def list_keys(
    namespace: Namespace = None,
    data_dir: DataDir = None,
    url: Url = None,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """List keys, with those that are no good any more."""

    async def there(registry: Connection) -> list[dict[str, Any]]:
        return await registry.call(
            "GET", PATH, list[dict[str, Any]], params={"namespace": namespace}
        )

    async def here(store: Any) -> list[dict[str, Any]]:
        from rollcall.app.keys import DEFAULT_NAMESPACE, shown

        return [shown(one) for one in await store.list(namespace or DEFAULT_NAMESPACE)]

    rows = _either(url, key, data_dir, there, here)
    if machine:
        as_json(rows)
        return
    table(
        ("id", "name", "scopes", "made", "expires", "revoked"),
        [
            (
                one["id"],
                one["name"],
                joined(one["scopes"]),
                age(one["created_at"]),
                one["expires_at"] or "never",
                age(one["revoked_at"]) if one["revoked_at"] else "no",
            )
            for one in rows
        ],
    )


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="The id, as in the list.")],
    yes: Sure = False,
    namespace: Namespace = None,
    data_dir: DataDir = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Have a key be no good any more."""
    if not yes:
        typer.confirm(f"Revoke {key_id}? Who uses it is locked out.", abort=True, err=True)
    with errors_told():
        path = f"{PATH}/{segment('key_id', key_id)}"

    async def there(registry: Connection) -> bool:
        await registry.order("DELETE", path, params={"namespace": namespace})
        return True

    async def here(store: Any) -> bool:
        from rollcall.app.keys import DEFAULT_NAMESPACE, now

        return await store.revoke(namespace or DEFAULT_NAMESPACE, key_id, now())

    if not _either(url, key, data_dir, there, here):
        with errors_told():
            raise InvalidInput("key_id", f"there is no key {key_id!r}")
    say(f"{key_id} is revoked")


def _either(
    url: str | None,
    key: str | None,
    data_dir: str | None,
    there: Callable[[Connection], Coroutine[Any, Any, T]],
    here: Callable[[Any], Coroutine[Any, Any, T]],
) -> T:
    """Ask the registry at `url`, or change the database itself unless a registry runs on it."""
    if url is None:
        from rollcall.app.keys import kept_keys

        async def direct() -> T:
            async with kept_keys(settings_of(ROLLCALL_DATA_DIR=data_dir)) as store:
                return await here(store)

        with errors_told():
            try:
                return asyncio.run(direct())
            except StoreInUse:
                note(f"a registry runs on this data; asking it at {SERVICES} (--url names another)")
    return ask(url or SERVICES, key, there)
