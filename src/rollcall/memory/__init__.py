# SPDX-License-Identifier: Apache-2.0
"""Memories of users, agents and sessions: kept, searched by words and by meaning, and erased."""
