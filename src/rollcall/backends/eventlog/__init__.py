# SPDX-License-Identifier: Apache-2.0
"""Event logs: where integration events are kept and read from."""
