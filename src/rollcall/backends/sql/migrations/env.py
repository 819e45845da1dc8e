# SPDX-License-Identifier: Apache-2.0
"""Run by Alembic: applies migrations on the connection that `upgrade` gives, in its transaction."""

from __future__ import annotations

from alembic import context

from rollcall.backends.sql.migrate import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    version_table=VERSION_TABLE,
)
context.run_migrations()
