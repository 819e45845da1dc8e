# SPDX-License-Identifier: Apache-2.0
"""Rollcall: one control plane for fleets of AI agents, their tools and the services around them."""

__version__ = "0.1.0"
