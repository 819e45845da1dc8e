# SPDX-License-Identifier: Apache-2.0
"""Agents on other people's pages: how they look there, and the door that visitors come through."""
