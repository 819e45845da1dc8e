# SPDX-License-Identifier: Apache-2.0
"""Servers of others that our backends stand on, started as the tests start theirs."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

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
    with _there():
        import asyncpg  # noqa: F401
        from support.servers.postgres import Postgres

        server = Postgres(durable=True)
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
    with _there():
        import aiokafka  # noqa: F401
        from support.servers.kafka import Kafka

        server = Kafka()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@contextmanager
def _there() -> Generator[None]:
    """What would leave a test out here says why there is no figure."""
    if str(TESTS) not in sys.path:
        sys.path.insert(0, str(TESTS))
    try:
        from _pytest.outcomes import OutcomeException
    except ImportError as error:
        raise NotMeasured(f"{error.name} is not installed (make test installs it)") from error
    try:
        yield
    except OutcomeException as left_out:
        raise NotMeasured(str(left_out)) from left_out
    except ImportError as error:
        raise NotMeasured(f"{error.name} is not installed") from error
