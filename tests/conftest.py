"""Settings of the whole suite."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

# Steps of the end-to-end suite are in modules of their own, and say as well what was not so.
pytest.register_assert_rewrite("support.suite")
pytest_plugins = ["support.servers.plugin", "support.houses"]

# Whoever runs the suite in the background of a script hands on that interrupts are passed over; the
# processes that tests start and interrupt must not inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A shared machine may stop a process for longer than any deadline that would mean something.
_common = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=_common, derandomize=True, print_blob=True, max_examples=40)
settings.register_profile("dev", parent=_common)
# `make test ARGS=--hypothesis-profile=deep`: ten times the examples, also where a test names a
# number of its own as a share of this one.
settings.register_profile("deep", parent=_common, max_examples=1000)
settings.load_profile("ci" if os.environ.get("CI") else "dev")
