# SPDX-License-Identifier: Apache-2.0
"""Widgets: agents on the pages of others, by a script or a frame."""
