# SPDX-License-Identifier: Apache-2.0
"""Integration events: what one service tells the others, at least once and in order per subject.

A service writes its change and publishes its events in one unit of work; the event log keeps them;
the dispatcher delivers them to each consumer group. Nothing here knows a driver.
"""

from rollcall.events.publisher import EventPublisher
from rollcall.events.subscriber import EventConsumer

__all__ = ["EventConsumer", "EventPublisher"]
