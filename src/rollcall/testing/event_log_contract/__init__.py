# SPDX-License-Identifier: Apache-2.0
"""The contract suite of event logs: every corner case that the ports' text states.

    class TestMyLog(EventLogContract):
        async def make_log(self):
            return MyLog(...)

        async def another(self, log):
            return MyLog(<the same data>)

A log whose events do not stand in one order, since it has partitions, takes `DeliveryContract`
instead: that part of the suite which is about delivery.

Needs pytest and pytest-asyncio in auto mode.
"""

from __future__ import annotations

import pytest

# Before these modules are imported, or their assertions would not say what they compared.
pytest.register_assert_rewrite(
    *(f"{__name__}.{part}" for part in ("batches", "delivery", "groups", "log"))
)

from rollcall.testing.event_log_contract.batches import BatchTests  # noqa: E402
from rollcall.testing.event_log_contract.case import Delivering, Log  # noqa: E402
from rollcall.testing.event_log_contract.delivery import DeliveryTests  # noqa: E402
from rollcall.testing.event_log_contract.groups import GroupTests  # noqa: E402
from rollcall.testing.event_log_contract.log import LogTests  # noqa: E402


class DeliveryContract(DeliveryTests[Delivering], BatchTests[Delivering]):
    """What every log promises; derive a test class for yours from it."""


class EventLogContract(LogTests, GroupTests, DeliveryTests[Log], BatchTests[Log]):
    """What a log with numbers promises beside that; see the module's text."""
