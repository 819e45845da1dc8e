# SPDX-License-Identifier: Apache-2.0
"""Reads pages of the public web for agents: their text, title, links and metadata."""
