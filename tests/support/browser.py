"""A real Chromium, and pages of another origin than the service's that embed the widget."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import uvicorn
from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from support.hosting import Server
from support.servers.provision import missing
from support.widgetserver import WidgetServer

CHROMIUM: Final = Path("/usr/bin/chromium")
_ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE: Final = 10_000
"""Milliseconds that a page may take on a busy machine."""
_WATCH: Final = """
window.violations = [];
window.addEventListener('securitypolicyviolation', (event) =>
  window.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
"""


@contextlib.asynccontextmanager
async def chromium() -> AsyncGenerator[Browser]:
    """Debian's Chromium; the test is left out where it is not installed."""
    if not CHROMIUM.exists():
        missing("Chromium", "chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def serving(app: ASGIApp) -> AsyncGenerator[int]:
    """The port on loopback where an application answers, in this loop."""
    config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        running = asyncio.create_task(server.serve([listening]))
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            await running


@dataclass
class Site:
    """Somebody's site: its pages by path, each with header fields of its own."""

    pages: dict[str, tuple[str, Mapping[str, str]]] = field(
        default_factory=dict[str, tuple[str, Mapping[str, str]]]
    )

    def app(self) -> Starlette:
        async def page(request: Request) -> Response:
            text, headers = self.pages.get(request.url.path, ("", {}))
            return HTMLResponse(text, headers=dict(headers))

        return Starlette(routes=[Route("/{path:path}", page)])


class Visit:
    """One visitor's browser, with the widget on the pages of a site.

    Attributes:
        service: What the widget talks to.
        base: Where that is.
        origin: The site's, another one.
        context: What the browser keeps for this visitor.
    """

    def __init__(
        self, service: WidgetServer, base: str, site: Site, origin: str, context: BrowserContext
    ) -> None:
        self.service = service
        self.base = base
        self.origin = origin
        self.context = context
        self._site = site
        self._troubles: list[str] = []

    async def page(
        self,
        body: str | None = None,
        *,
        head: str = "",
        path: str = "/",
        policy: str = "",
        attributes: str = 'lang="en"',
    ) -> Page:
        """A page of the site, opened; without a body of its own it holds the widget."""
        content = f"<h1>The site</h1>{self.service.tag(self.base)}" if body is None else body
        text = (
            f'<!doctype html><html {attributes}><head><meta charset="utf-8"><title>Site</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"{head}</head><body>{content}</body></html>"
        )
        headers = {"Content-Security-Policy": policy} if policy else {}
        self._site.pages[path] = (text, headers)
        page = await self.context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self._troubles.append(str(error)))
        await page.add_init_script(_WATCH)
        await page.goto(self.origin + path)
        return page

    async def end(self) -> None:
        """Close it.

        Raises:
            AssertionError: A page broke one of its own rules, or a script failed.
        """
        violations: list[Any] = []
        for page in self.context.pages:
            for frame in page.frames:
                # Frames without scripts of their own know nothing of it.
                violations += await frame.evaluate("window.violations || []")
        await self.context.close()
        assert not violations, violations
        assert not self._troubles, self._troubles


class Switch:
    """An address that goes on while what answers there is exchanged."""

    def __init__(self) -> None:
        self.app: ASGIApp = Starlette()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@dataclass
class Stage:
    """A browser, and the addresses of a service and of a site.

    Attributes:
        base: Where the service is.
        origin: Whose pages embed the widget; another host, so that browsers keep them apart.
    """

    browser: Browser
    base: str
    origin: str
    _service: Switch
    _site: Switch

    @contextlib.asynccontextmanager
    async def visit(self, **options: Any) -> AsyncGenerator[Visit]:
        """A visitor, a service and a site of a test's own; `options` are those of a context."""
        service, site = WidgetServer(self.origin), Site()
        self._service.app, self._site.app = service.app(), site.app()
        context = await self.browser.new_context(**options)
        visit = Visit(service, self.base, site, self.origin, context)
        try:
            yield visit
        finally:
            await visit.end()


@contextlib.asynccontextmanager
async def staged() -> AsyncGenerator[Stage]:
    """A browser and two servers."""
    service, site = Switch(), Switch()
    async with chromium() as browser, serving(service) as answering, serving(site) as showing:
        yield Stage(
            browser,
            f"http://127.0.0.1:{answering}",
            f"http://localhost:{showing}",
            service,
            site,
        )
