# SPDX-License-Identifier: Apache-2.0
"""Brings a database to the newest form of its tables, with Alembic."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect

from rollcall.kernel.errors import IncompatibleStore

VERSION_TABLE: Final = "rollcall_version"
FOLDER: Final = Path(__file__).parent / "migrations"
_TURN: Final = int.from_bytes(b"rollcall")
"""Names the advisory lock of migrations."""


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Apply every migration up to `revision` that was not applied yet, in the open transaction.

    Either all of them are there after its commit, or, where anything breaks, none.

    Raises:
        IncompatibleStore: The database is not ours, or was written by a newer version.
    """
    # Not above: it takes a while to import, and only who opens a database needs it.
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    if connection.dialect.name == "postgresql":
        # Processes that start at the same moment take turns; the lock ends with the transaction.
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_TURN})")
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    options = {"version_table": VERSION_TABLE}
    current = MigrationContext.configure(connection, opts=options).get_current_revision()
    if current is None and inspect(connection).get_table_names():
        raise IncompatibleStore("the database holds the tables of something else: name another")
    if current is not None and current not in known:
        raise IncompatibleStore(
            f"the database is at revision {current}, which this version of Rollcall does not know:"
            " it was written by a newer one"
        )
    command.upgrade(config, revision)
