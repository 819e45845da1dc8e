# SPDX-License-Identifier: Apache-2.0
"""Puts the parts together: settings, composition, serving. The only place that knows every part."""
