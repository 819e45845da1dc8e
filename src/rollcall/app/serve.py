# SPDX-License-Identifier: Apache-2.0
"""One process, one event loop, one server on several sockets: `rollcall up` and `serve`."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import sys
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from types import FrameType
from typing import Final

import uvicorn

from rollcall import __version__
from rollcall.app.abilities import answering
from rollcall.app.banner import Running, banner
from rollcall.app.compose import Platform, compose
from rollcall.app.services import SERVICES, Service, service
from rollcall.app.settings import Settings
from rollcall.app.sockets import ByPort, bound
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.errors import RollcallError, StoreInUse
from rollcall.registry.replicas import NAMESPACE
from rollcall.web import logs
from rollcall.web.drain import DrainingServer
from rollcall.web.express_http import protocol
from rollcall.web.module import express_of

_log = logging.getLogger(__name__)
FAILED: Final = 1
_TALKATIVE: Final = (
    *("aiosqlite", "alembic", "anthropic", "google_genai", "httpcore", "httpcore2", "httpx"),
    *("httpx2", "mcp", "openai", "sqlalchemy", "trafilatura", "uvicorn.error", "websockets"),
)
"""Whose notes on every step help nobody; those of clients and drivers hold what was said."""
KEEP_ALIVE: Final = 75
"""Seconds that an idle connection stays open: longer than most heartbeat intervals and proxies."""


def up(settings: Settings, names: Collection[str] = ()) -> int:
    """Run services until a signal ends it; the exit code. Errors are told on stderr.

    Args:
        settings: What the process is told.
        names: Which ones; empty: all.
    """
    try:
        chosen = {service(name).name for name in names or SERVICES}
    except RollcallError as error:
        return _failed(error)
    some = [one for one in SERVICES.values() if one.name in chosen]
    return run(settings, [(one, one.port(settings)) for one in some])


def serve(name: str, settings: Settings) -> int:
    """Run one service alone until a signal ends it; the exit code. Errors are told on stderr."""
    try:
        one = service(name)
    except RollcallError as error:
        return _failed(error)
    port = one.port(settings) if settings.port is None else settings.port
    return run(settings, [(one, port)])


def run(settings: Settings, services: Sequence[tuple[Service, int]]) -> int:
    """Run services, each on its port, until a signal ends it; the exit code."""
    logs.install(logs.handler(sys.stderr, development=settings.development), settings.log_level)
    for talkative in _TALKATIVE:
        logging.getLogger(talkative).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    # Libraries ask for it when they are loaded, and do well without; ours fetch nothing by them.
    warnings.filterwarnings("ignore", message="SOCKS support in urllib3")
    started = SystemClock().monotonic()
    signals = _Signals()
    sockets: list[socket.socket] = []
    try:
        platform = compose(settings, [one.name for one, _ in services])
        for one, port in services:
            variable = "PORT" if port == settings.port else one.variable
            sockets.append(bound(settings.host, port, variable))
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(platform, sockets, signals, started))
    except StoreInUse as error:
        return _failed(
            f"{error}. A data folder belongs to one process; services that are to run apart need a"
            " store that they can share (ROLLCALL_STORE=postgresql://...)"
        )
    except RollcallError as error:
        return _failed(error)
    finally:
        for one in sockets:
            one.close()
    return 0


async def _serve(
    platform: Platform, sockets: Sequence[socket.socket], signals: _Signals, started: float
) -> None:
    async with platform:
        # Modules and what was loaded stay for good: collections need not look at them again, and
        # requests make garbage that is rarely cyclic.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        gc.enable()
        running = [
            Running(one.name, one.title, _url(platform.settings.host, bound_to.getsockname()[1]))
            for one, bound_to in zip(platform.services, sockets, strict=True)
        ]
        apps = {
            bound_to.getsockname()[1]: platform.apps[one.name]
            for one, bound_to in zip(platform.services, sockets, strict=True)
        }
        config = uvicorn.Config(
            ByPort(apps),
            http=protocol({port: express_of(app) for port, app in apps.items()}),
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=round(platform.settings.drain_seconds),
            ws_max_size=platform.settings.max_body_bytes,
        )
        ports = {
            one.name: bound_to.getsockname()[1]
            for one, bound_to in zip(platform.services, sockets, strict=True)
        }
        server = _Server(config, platform, ports, lambda: _tell(platform, running, started))
        if not signals.ending:
            await server.serve(list(sockets))
        _log.info("every open request is answered; closing the stores")
    # Or the end of the process lets nothing go of what was loaded, and DuckDB's driver complains.
    gc.unfreeze()


class _Server(DrainingServer):
    """A server that says when it answers, to people and to the registry."""

    def __init__(
        self,
        config: uvicorn.Config,
        platform: Platform,
        ports: Mapping[str, int],
        ready: Callable[[], None],
    ) -> None:
        super().__init__(config, platform.drain)
        self._platform = platform
        self._ports = ports
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            await self._platform.announce(self._ports)
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # First: nobody should be sent here any more.
        await self._platform.withdraw()
        await super().shutdown(sockets)


class _Signals:
    """Notes the signals that end a process before the server looks after them itself.

    Uvicorn raises them again when it has ended, which would make a clean end look like a process
    that was killed: they end here.
    """

    def __init__(self) -> None:
        self.ending = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.ending = True


def _tell(platform: Platform, running: Sequence[Running], started: float) -> None:
    registry = platform.registry
    print(  # noqa: T201
        banner(
            __version__,
            SystemClock().monotonic() - started,
            running,
            store=platform.places.kind,
            place=platform.places.told,
            records=sum(
                len(space.records)
                for name, space in registry.state.spaces.items()
                if name != NAMESPACE
            ),
            login=platform.access.authenticated,
            model=answering(platform.settings),
        ),
        flush=True,
    )


def _url(host: str, port: int) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - not to be had on Windows
    except ImportError:
        return None
    return uvloop.new_event_loop


def _failed(error: object) -> int:
    print(f"rollcall: {logs.redacted(str(error))}", file=sys.stderr)  # noqa: T201
    return FAILED
