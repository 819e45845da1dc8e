"""What each service does alike: health, problems, request ids, logs and figures."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from http import HTTPStatus
from uuid import uuid4

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, Histogram, generate_latest
from starlette.exceptions import HTTPException

SECONDS = Histogram("http_request_duration_seconds", "Answers", ["route", "status"])
_log = logging.getLogger(__name__)
REQUEST_ID = re.compile(r"[A-Za-z0-9._:@/+=-]{1,128}")

request_id: ContextVar[str] = ContextVar("request_id", default="-")
traceparent: ContextVar[str] = ContextVar("traceparent", default="")


def passed_on() -> dict[str, str]:
    """The headers by which the services that are asked for a request know that it is one."""
    names = {"X-Request-ID": request_id.get(), "traceparent": traceparent.get()}
    return {name: value for name, value in names.items() if value not in ("", "-")}


def log_to_stderr() -> None:
    """Have each line of the log name the request that it belongs to."""
    handler = logging.StreamHandler()
    handler.addFilter(lambda line: setattr(line, "request_id", request_id.get()) or True)
    shape = "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"
    logging.basicConfig(level=logging.INFO, format=shape, handlers=[handler])
    # It would write a line for each request that is sent.
    logging.getLogger("httpx").setLevel(logging.WARNING)


def problem(status: int, detail: str | None, **more: object) -> JSONResponse:
    """An error as problem details (RFC 9457)."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    body |= {"request_id": request_id.get(), **({"detail": detail} if detail else {}), **more}
    return JSONResponse(body, status, media_type="application/problem+json")


def meet_standards(app: FastAPI, name: str) -> None:
    """Give an application what every service has."""

    @app.get("/health")
    async def health_check() -> dict[str, str]:
        """Whether this process can answer. What it asks others for is their health, not ours."""
        return {"status": "healthy", "service": name}

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        answer = problem(error.status_code, error.detail)
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        errors = [
            {"field": ".".join(str(part) for part in one["loc"][1:]), "problem": one["msg"]}
            for one in error.errors()
        ]
        return problem(422, "The request has fields that it may not have so.", errors=errors)

    @app.middleware("http")
    async def observed(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        given = request.headers.get("X-Request-ID", "")
        request_id.set(given if REQUEST_ID.fullmatch(given) else uuid4().hex)
        traceparent.set(request.headers.get("traceparent", ""))
        began = time.perf_counter()
        try:
            answer = await call_next(request)
        except Exception:
            _log.exception("%s %s failed", request.method, request.url.path)
            answer = problem(500, None)
        answer.headers["X-Request-ID"] = request_id.get()
        # The pattern and not the path: ids would make a figure of each agent.
        route = getattr(request.scope.get("route"), "path", "other")
        took = time.perf_counter() - began
        SECONDS.labels(route, str(answer.status_code)).observe(took)
        return answer
