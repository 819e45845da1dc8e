# SPDX-License-Identifier: Apache-2.0
"""How long to wait, exactly."""

from __future__ import annotations

import math


def wait_until(moment: float, now: float) -> float:
    """The seconds after which it is `moment`: 0.0 if it is already, never a rounding too few.

    `now + wait_until(moment, now) >= moment` holds in floating point as well, so that whoever
    waits that long need not wait twice.
    """
    if now >= moment:
        return 0.0
    wait = moment - now
    while now + wait < moment:
        wait = math.nextafter(wait, math.inf)
    return wait
