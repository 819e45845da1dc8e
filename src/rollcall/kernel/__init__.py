# SPDX-License-Identifier: Apache-2.0
"""Words that every other part uses: errors, clock, ids. No I/O and no framework."""

from rollcall.kernel.services import ServiceRegistry

__all__ = ["ServiceRegistry"]
