# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from rollcall.backends.eventlog.inmemory import InMemoryEventLog
from rollcall.testing.event_log_contract import EventLogContract
from rollcall.testing.event_log_contract.case import Log


class TestInMemoryEventLog(EventLogContract):
    async def make_log(self) -> Log:
        return InMemoryEventLog()
