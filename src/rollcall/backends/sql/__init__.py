# SPDX-License-Identifier: Apache-2.0
"""The SQL database of the services: engine, units of work, outbox, inbox, migrations."""
