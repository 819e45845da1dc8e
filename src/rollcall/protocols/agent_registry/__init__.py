# SPDX-License-Identifier: Apache-2.0
"""The agent registry of document 2 (port 8009): agents, their capabilities, their heartbeats."""
