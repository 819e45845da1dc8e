# SPDX-License-Identifier: Apache-2.0
"""`rollcall keys`: of a running registry, or of a data folder before the first start."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final, TypeVar

import typer

from rollcall.cli.exits import Exit, errors_told
from rollcall.cli.options import (
    DryRun,
    Key,
    Machine,
    Namespace,
    Sure,
    agreed,
    examples,
    local_url,
    one_of,
)
from rollcall.cli.remote import Row, ask
from rollcall.cli.running import DataDir, server_part, settings_of
from rollcall.cli.told import age, as_json, joined, note, say, table
from rollcall.cli.words import Scope
from rollcall.client.connection import Connection, segment
from rollcall.kernel.errors import RollcallError, StoreInUse

app: Final = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Make, list and revoke API keys."
)
PATH: Final = "/api/v1/admin/keys"
T = TypeVar("T")

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="SERVICE_REGISTRY_URL",
        metavar="URL",
        help="The running registry to ask. By default the keys of this machine's data folder are"
        " changed directly, or by http://127.0.0.1:3003 (SERVICE_REGISTRY_PORT) while that one runs"
        " on it.",
    ),
]


class NoSuchKey(RollcallError, LookupError):
    """There is no API key with this id in the namespace."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"there is no key {key_id!r}; `rollcall keys list` shows their ids")


@app.command(
    epilog=examples(
        "rollcall keys create --name first --scope admin",
        "rollcall keys create --name ci --scope register --expires-in-days 90",
        "export ROLLCALL_API_KEY=$(rollcall keys create --name me --scope read)",
    )
)
def create(
    name: Annotated[str, typer.Option(metavar="NAME", help="What people call it.")],
    scope: Annotated[
        list[Scope],
        typer.Option(
            metavar=one_of(Scope),
            help="What it lets in for: to look, to register as well, or for everything; repeat it"
            " for several.",
        ),
    ],
    expires_in_days: Annotated[
        float | None, typer.Option(metavar="DAYS", help="When it ends; by default never.")
    ] = None,
    namespace: Namespace = None,
    data_dir: DataDir = None,
    url: Url = None,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Make a key. It is printed this once and kept nowhere."""
    scopes = [one.value for one in scope]
    body = {
        "name": name,
        "scopes": scopes,
        "namespace": namespace,
        "expires_in_days": expires_in_days,
    }

    async def there(registry: Connection) -> Row:
        return await registry.call("POST", PATH, Row, body=body, retry=False)

    async def here(store: Any) -> Row:
        from rollcall.app.keys import drawn, shown

        made, text = drawn(name, namespace, scopes, expires_in_days)
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


@app.command("list", epilog=examples("rollcall keys list", "rollcall keys list --json"))
def list_keys(
    namespace: Namespace = None,
    data_dir: DataDir = None,
    url: Url = None,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """List keys, with those that are no good any more. Their texts are kept nowhere."""
    rows = _either(url, key, data_dir, _listed_there(namespace), _listed_here(namespace))
    if machine:
        as_json(rows)
        return
    if not rows:
        note("no keys; `rollcall keys create --name first --scope admin` makes one")
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


@app.command(
    epilog=examples(
        "rollcall keys revoke 3f0c6a5e9d21b784",
        "rollcall keys revoke 3f0c6a5e9d21b784 --dry-run",
        "rollcall keys revoke 3f0c6a5e9d21b784 --yes",
    )
)
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="The id, as in the list.")],
    yes: Sure = False,
    dry_run: DryRun = False,
    namespace: Namespace = None,
    data_dir: DataDir = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Have a key be no good any more."""
    with errors_told():
        path = f"{PATH}/{segment('key_id', key_id)}"
    rows = _either(url, key, data_dir, _listed_there(namespace), _listed_here(namespace))
    known = {one["id"]: one for one in rows}.get(key_id)
    if known is None:
        with errors_told():
            raise NoSuchKey(key_id)
    what = (
        f"revoke {key_id} ({known['name']}: {joined(known['scopes'])}); who uses it is locked out"
    )
    if not agreed(what, yes=yes, dry_run=dry_run):
        return

    async def there(registry: Connection) -> None:
        await registry.order("DELETE", path, params={"namespace": namespace})

    async def here(store: Any) -> None:
        from rollcall.app.keys import DEFAULT_NAMESPACE, now

        await store.revoke(namespace or DEFAULT_NAMESPACE, key_id, now())

    _either(url, key, data_dir, there, here)
    say(f"{key_id} is revoked")


def _listed_there(namespace: str | None) -> Callable[[Connection], Coroutine[Any, Any, list[Row]]]:
    async def there(registry: Connection) -> list[Row]:
        return await registry.call("GET", PATH, list[Row], params={"namespace": namespace})

    return there


def _listed_here(namespace: str | None) -> Callable[[Any], Coroutine[Any, Any, list[Row]]]:
    async def here(store: Any) -> list[Row]:
        from rollcall.app.keys import DEFAULT_NAMESPACE, shown

        return [shown(one) for one in await store.list(namespace or DEFAULT_NAMESPACE)]

    return here


def _either(
    url: str | None,
    key: str | None,
    data_dir: str | None,
    there: Callable[[Connection], Coroutine[Any, Any, T]],
    here: Callable[[Any], Coroutine[Any, Any, T]],
) -> T:
    """Ask the registry at `url`, or change the database itself unless a registry runs on it."""
    asked = url or local_url("SERVICE_REGISTRY_PORT", 3003)
    if url is None or data_dir is not None:
        with errors_told():
            with server_part():
                from rollcall.app.keys import kept_keys
            settings = settings_of(ROLLCALL_DATA_DIR=data_dir)

            async def direct() -> T:
                async with kept_keys(settings) as store:
                    return await here(store)

            try:
                return asyncio.run(direct())
            except StoreInUse:
                if url is None:
                    # Another port may be that of another installation.
                    asked = f"http://127.0.0.1:{settings.service_registry_port}"
                    note(f"A registry runs on this data: asking it at {asked} (or say --url)")
    try:
        return ask(asked, key, there)
    except typer.Exit as ended:
        if ended.exit_code == Exit.UNREACHABLE:
            note("Where none has been started yet, say --data-dir: its keys are changed directly")
        raise
