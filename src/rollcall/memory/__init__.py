# SPDX-License-Identifier: Apache-2.0
"""Memories of agents and users, what they are about, and how to find them."""
