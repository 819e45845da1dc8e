# SPDX-License-Identifier: Apache-2.0
"""The agent service: conversations in which a model uses the tools that the registry knows."""
