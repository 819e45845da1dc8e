# SPDX-License-Identifier: Apache-2.0
"""Brings a database to the newest form of its tables, with Alembic."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, String, column, inspect, select, table

from rollcall.kernel.errors import IncompatibleStore

VERSION_TABLE: Final = "rollcall_version"
FOLDER: Final = Path(__file__).parent / "migrations"
_TURN: Final = int.from_bytes(b"rollcall")
"""Names the advisory lock of migrations."""


def revisions() -> list[str]:
    """All forms that the tables ever had, the newest last: the files are called after them."""
    return sorted(one.stem.partition("_")[0] for one in FOLDER.glob("versions/*.py"))


def revision_of(connection: Connection) -> str | None:
    """The form that the tables of a database have; None: they are not there."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    number = column("version_num", String)
    return connection.scalar(select(number).select_from(table(VERSION_TABLE)))


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Apply every migration up to `revision` that was not applied yet, in the open transaction.

    Either all of them are there after its commit, or, where anything breaks, none.

    Raises:
        IncompatibleStore: The database is not ours, or was written by a newer version.
    """
    if connection.dialect.name == "postgresql":
        # Processes that start at the same moment take turns; the lock ends with the transaction.
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_TURN})")
    current, known = revision_of(connection), revisions()
    if current is None and inspect(connection).get_table_names():
        raise IncompatibleStore("the database holds the tables of something else: name another")
    if current is not None and current not in known:
        raise IncompatibleStore(
            f"the database is at revision {current}, which this version of Rollcall does not know:"
            " it was written by a newer one"
        )
    if current == (known[-1] if revision == "head" else revision):
        return

    # Not above: it takes a while to import, and is needed only where something is to be done.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
