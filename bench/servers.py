# SPDX-License-Identifier: Apache-2.0
"""Servers of others that our backends stand on, started as the tests start theirs."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.service.wrk import NotMeasured

if TYPE_CHECKING:
    from support.servers.kafka import Kafka
    from support.servers.postgres import Postgres

TESTS: Final = Path(__file__).resolve().parent.parent / "tests"


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL that syncs every commit to the disk, and is removed in the end.

    Raises:
        NotMeasured: It, or what reaches it, is not installed.
    """
    server: Postgres = _made("support.servers.postgres", "Postgres", durable=True)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@contextmanager
def kafka() -> Iterator[Kafka]:
    """A Kafka of one broker, which syncs as it does by itself, and is removed in the end.

    Raises:
        NotMeasured: It, or what reaches it, is not installed.
    """
    if importlib.util.find_spec("aiokafka") is None:
        raise NotMeasured("aiokafka is not installed")
    server: Kafka = _made("support.servers.kafka", "Kafka")
    try:
        server.start()
        yield server
    finally:
        server.remove()


def _made(module: str, name: str, **options: Any) -> Any:
    """A server, not started. What would leave a test out here says why there is no figure."""
    if str(TESTS) not in sys.path:
        sys.path.insert(0, str(TESTS))
    try:
        outcomes = importlib.import_module("_pytest.outcomes")
        kind = getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise NotMeasured(f"{error.name} is not installed") from error
    try:
        return kind(**options)
    except outcomes.OutcomeException as left_out:
        raise NotMeasured(str(left_out)) from left_out
