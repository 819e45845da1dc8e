# SPDX-License-Identifier: Apache-2.0
"""`rollcall agents apply`, `diff` and `export`: definitions of agents as YAML files."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import typer

from rollcall.cli.exits import Exit, errors_told
from rollcall.cli.options import DryRun, Key, Machine, examples
from rollcall.cli.remote import Row, ask
from rollcall.cli.told import as_json, note, say
from rollcall.client.connection import Connection, segment
from rollcall.kernel.errors import InvalidInput, MissingExtra

if TYPE_CHECKING:
    from rollcall.agents.differences import Operation
    from rollcall.cli.applying import Plan
    from rollcall.cli.definition_files import Document

GATEWAY: Final = "http://localhost:8000"
APPLY_EXAMPLES: Final = examples(
    "rollcall agents apply -f agent.yaml",
    "rollcall agents apply -f agents.yaml --dry-run",
    "rollcall agents export --all --url http://old:8000 | rollcall agents apply -f -",
)
DIFF_EXAMPLES: Final = examples("rollcall agents diff -f agent.yaml")
EXPORT_EXAMPLES: Final = examples(
    "rollcall agents export writer > writer.yaml",
    "rollcall agents export --all > agents.yaml",
)

_SIGNS: Final = {"add": "+", "remove": "-", "replace": "~"}
_SHOWN: Final = 200
_PAGE: Final = 200

GatewayUrl = Annotated[
    str,
    typer.Option("--url", envvar="ROLLCALL_GATEWAY_URL", metavar="URL", help="The gateway."),
]
File = Annotated[
    Path,
    typer.Option(
        "--file",
        "-f",
        metavar="FILE",
        help="YAML, with --- between several definitions; - is standard input.",
    ),
]


def apply(
    file: File,
    dry_run: DryRun = False,
    url: GatewayUrl = GATEWAY,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Make definitions say what a file says. Done twice, it is done once.

    A definition is known by its `id`, or else by its name. What a file does not say stays as it is.
    """
    documents = _read(file)

    async def work(connection: Connection) -> list[Row]:
        from rollcall.cli.applying import carried_out, looked_up

        done: list[Row] = []
        for one in documents:
            with _lines_named(file, one):
                plan = await looked_up(connection, one)
                now = {} if dry_run else await carried_out(connection, plan)
            done.append(_told(plan, now))
            if not machine:
                _say_plan(plan, now, dry_run=dry_run)
        return done

    done = ask(url, key, work)
    if machine:
        as_json(done)


def diff(file: File, url: GatewayUrl = GATEWAY, key: Key = None, machine: Machine = False) -> None:
    """Show what `apply` would change. Exits with 1 where that is anything."""
    documents = _read(file)

    async def work(connection: Connection) -> list[Plan]:
        from rollcall.cli.applying import looked_up

        plans: list[Plan] = []
        for one in documents:
            with _lines_named(file, one):
                plans.append(await looked_up(connection, one))
        return plans

    plans = ask(url, key, work)
    if machine:
        as_json([_told(plan, {}) for plan in plans])
    else:
        for plan in plans:
            _say_plan(plan, {}, dry_run=True)
            for operation in plan.operations:
                say(_line(operation))
    if any(plan.operations for plan in plans):
        raise typer.Exit(Exit.FAILED)


def export(
    agent_id: Annotated[
        str | None, typer.Argument(metavar="AGENT_ID", help="Which definition.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All definitions, and the capabilities.")
    ] = False,
    url: GatewayUrl = GATEWAY,
    key: Key = None,
) -> None:
    """Write definitions as YAML that `apply` reads."""
    with errors_told():
        _check_yaml()
        if (agent_id is None) is not everything:
            raise InvalidInput("export", "needs the id of a definition, or --all")

    async def work(connection: Connection) -> list[dict[str, Any]]:
        from rollcall.agents.documents import exported
        from rollcall.cli.applying import PATHS

        if agent_id is not None:
            path = f"{PATHS['agent']}/{segment('agent_id', agent_id)}"
            row = await connection.call("GET", path, Row, record_id=agent_id)
            return [exported("agent", row)]
        found: list[dict[str, Any]] = []
        # Those first that the others name.
        for kind in ("capability", "agent"):
            async for page in connection.pages(PATHS[kind], list[Row], params={"limit": _PAGE}):
                found += [exported(kind, row) for row in page]
        return found

    documents = ask(url, key, work)
    if not documents:
        note("There is nothing to export")
        return
    from rollcall.agents.yaml_text import written

    # Escaped for a terminal, which some characters would steer.
    typer.echo(written(documents, ascii_only=sys.stdout.isatty()), nl=False)


def _read(file: Path) -> list[Document]:
    """The documents of a file, none of which is wrong in itself."""
    with errors_told():
        _check_yaml()
        from rollcall.cli.applying import check
        from rollcall.cli.definition_files import read

        documents = read(file)
        for one in documents:
            with _lines_named(file, one):
                check(one)
        # Those first that the others name.
        return sorted(documents, key=lambda one: one.kind != "capability")


def _check_yaml() -> None:
    if importlib.util.find_spec("yaml") is None:
        raise MissingExtra("reading and writing YAML", "cli")


@contextmanager
def _lines_named(file: Path, document: Document) -> Generator[None]:
    """Have errors about fields say where in the file the field stands."""
    try:
        yield
    except InvalidInput as error:
        name = "standard input" if file == Path("-") else file
        where = f"{name}:{document.line(error.field)}"
        again = InvalidInput(where, f"{error.field}: {error.problem}")
        for more in getattr(error, "__notes__", ()):
            again.add_note(more)
        raise again from None


def _told(plan: Plan, now: Row) -> Row:
    return {
        "kind": plan.kind,
        "id": plan.id,
        "action": plan.action,
        "version": now.get("version"),
        "operations": msgspec.to_builtins(plan.operations),
    }


def _say_plan(plan: Plan, now: Row, *, dry_run: bool) -> None:
    what = f"{plan.kind} {plan.id}"
    if plan.action == "unchanged":
        say(f"{what} is as it should be")
        return
    done = {"create": "created", "update": "changed"}[plan.action]
    version = f", version {now['version']}" if "version" in now else ""
    fields = sorted({one.path.split("/")[1] for one in plan.operations})
    about = f": {', '.join(fields)}" if plan.action == "update" else ""
    say(f"{what} would be {done}{about}" if dry_run else f"{what} is {done}{version}{about}")


def _line(operation: Operation) -> str:
    """One step for people."""
    old, new = operation.old, operation.value
    values = [_brief(value) for value in (old, new) if value is not msgspec.UNSET]
    return f"  {_SIGNS[operation.op]} {operation.path}: {' -> '.join(values)}"


def _brief(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
