# SPDX-License-Identifier: Apache-2.0
"""Tools that agents use: how one is written, and those that Rollcall brings along."""
