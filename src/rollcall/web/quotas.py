# SPDX-License-Identifier: Apache-2.0
"""What callers are told of the limits on how often they may ask."""

from __future__ import annotations

import math

from rollcall.kernel.caller import Quota


def quota_fields(quota: Quota) -> dict[str, str]:
    """Header fields that tell a caller of a limit (draft-ietf-httpapi-ratelimit-headers-10).

    Seconds are rounded up: who waits that long never comes too early.
    """
    name = f'"{quota.name}"'
    return {
        "RateLimit-Policy": f"{name};q={quota.requests};w={math.ceil(quota.window)}",
        "RateLimit": f"{name};r={quota.remaining};t={math.ceil(quota.reset)}",
    }
