"""A service that speaks the widget's public protocol, and does what a test tells it."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from rollcall.widgets.browser import script

Step = tuple[str, Any]
"""("text", piece), ("reset", None), ("done", response), ("failed", problem), ("wait", an event to
wait for), ("break", None): the connection breaks, once, ("end", None): the answer ends too early,
once."""
KEY: Final = "wpk_0123456789abcdefABCDEFgh"
CONFIG: Final[Mapping[str, Any]] = {
    "name": "Ada",
    "welcome_message": "Hello! How can I help?",
    "placeholder": "Ask me",
    "theme": {
        "primary_color": "#007bff",
        "secondary_color": "#6c757d",
        "background_color": "#ffffff",
        "text_color": "#333333",
        "border_radius": 8,
        "font_family": "Arial",
        "dark": None,
    },
    "position": {"corner": "bottom-right", "x": 20, "y": 20},
    "settings": {
        "auto_open": False,
        "auto_open_delay_ms": 3000,
        "show_avatar": True,
        "avatar_url": None,
        "sound": False,
        "typing_indicator": True,
        "max_messages": 50,
    },
    "language": "en",
    "limits": {"message_chars": 2000},
}
FRAME_POLICY: Final = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; base-uri 'none';"
    " form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_NUMBERS = itertools.count(1)


def said(*pieces: str) -> list[Step]:
    """An answer in pieces."""
    return [*(("text", piece) for piece in pieces), ("done", "".join(pieces))]


@dataclass
class Turn:
    """A question, and what was answered so far."""

    visitor: str
    message: str
    client_id: str
    steps: Sequence[Step]
    turn_id: str = field(default_factory=lambda: f"turn-{next(_NUMBERS)}")
    response: str | None = None
    broken: set[int] = field(default_factory=set[int])
    connections: int = 0


@dataclass
class Refusal:
    """An answer in place of the right one."""

    status: int
    problem: str = ""
    retry_after: int | None = None
    detail: str = ""


@dataclass
class WidgetServer:
    """The service of one widget.

    Attributes:
        origin: The one whose pages may ask, beside the service's own.
        config: What it says of the widget.
        answers: What the next questions are answered with; without any, with the question.
        refusals: By endpoint (config, visitors, messages, stream, history, track), what the next
            requests get instead; an endless one stays at the end.
        always: By endpoint, what every request gets instead.
        asked: Every request: its endpoint and its body, without preflights.
        turns: By client_id.
    """

    origin: str
    config: dict[str, Any] = field(default_factory=lambda: json.loads(json.dumps(CONFIG)))
    answers: deque[Sequence[Step]] = field(default_factory=deque[Sequence[Step]])
    refusals: defaultdict[str, deque[Refusal]] = field(
        default_factory=lambda: defaultdict(deque[Refusal])
    )
    always: dict[str, Refusal] = field(default_factory=dict[str, Refusal])
    asked: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])
    turns: dict[str, Turn] = field(default_factory=dict[str, Turn])
    _visitors: dict[str, str] = field(default_factory=dict[str, str])

    def tag(self, base: str, key: str = KEY, **attributes: str) -> str:
        """The line that a page embeds it with."""
        more = "".join(f' data-{name}="{value}"' for name, value in attributes.items())
        digest = base64.b64encode(hashlib.sha384(script()).digest()).decode()
        return (
            f'<script src="{base}/widget/v1/widget-{hashlib.sha256(script()).hexdigest()[:16]}.js"'
            f' integrity="sha384-{digest}" crossorigin="anonymous" data-widget="{key}"{more} async>'
            "</script>"
        )

    def count(self, endpoint: str) -> int:
        """How often something was asked."""
        return sum(asked == endpoint for asked, _ in self.asked)

    def forget_visitors(self) -> None:
        """Take no token any more that was given out."""
        self._visitors.clear()

    def app(self) -> Starlette:
        """It, as an application."""
        at = "/widget/v1/{key}"
        return Starlette(
            routes=[
                Route("/widget/v1/{name:str}.js", self._script),
                Route(f"{at}/frame", self._frame),
                Route(f"{at}/config", self._config, methods=["GET", "OPTIONS"]),
                Route(f"{at}/visitors", self._new_visitor, methods=["POST", "OPTIONS"]),
                Route(f"{at}/messages", self._messages, methods=["GET", "POST", "OPTIONS"]),
                Route(f"{at}/messages/{{turn}}/stream", self._again, methods=["GET", "OPTIONS"]),
                Route(f"{at}/track", self._track, methods=["POST", "OPTIONS"]),
            ]
        )

    async def _script(self, request: Request) -> Response:
        headers = {
            "Access-Control-Allow-Origin": "*",
            "Cross-Origin-Resource-Policy": "cross-origin",
            "X-Content-Type-Options": "nosniff",
        }
        return Response(script(), media_type="text/javascript", headers=headers)

    async def _frame(self, request: Request) -> Response:
        tag = self.tag("", request.path_params["key"], frame="")
        page = f'<!doctype html><html lang="en"><title>Chat</title><body>{tag}'
        policy = f"{FRAME_POLICY}; frame-ancestors {self.origin}"
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    async def _config(self, request: Request) -> Response:
        return await self._gate(request, "config") or self._cors(request, JSONResponse(self.config))

    async def _new_visitor(self, request: Request) -> Response:
        if refused := await self._gate(request, "visitors"):
            return refused
        number = next(_NUMBERS)
        self._visitors[f"token-{number}"] = f"visitor-{number}"
        made = {"token": f"token-{number}", "visitor_id": f"visitor-{number}", "expires_in": 86400}
        return self._cors(request, JSONResponse(made, 201))

    async def _messages(self, request: Request) -> Response:
        endpoint = "history" if request.method == "GET" else "messages"
        if refused := await self._gate(request, endpoint):
            return refused
        visitor = self._visitor(request)
        if visitor is None:
            return self._refuse(request, Refusal(401, "visitor-token"))
        if request.method == "GET":
            mine = [turn for turn in self.turns.values() if turn.visitor == visitor]
            rows = [
                {
                    "turn_id": turn.turn_id,
                    "message": turn.message,
                    "response": turn.response,
                    "status": "running" if turn.response is None else "done",
                    "created_at": "2025-01-01T00:00:00Z",
                }
                for turn in mine
            ]
            return self._cors(request, JSONResponse(rows))
        body = await request.json()
        turn = self.turns.get(body["client_id"])
        if turn is None:
            steps = self.answers.popleft() if self.answers else said(body["message"])
            turn = Turn(visitor, body["message"], body["client_id"], steps)
            self.turns[turn.client_id] = turn
        return self._stream(request, turn)

    async def _again(self, request: Request) -> Response:
        if refused := await self._gate(request, "stream"):
            return refused
        visitor = self._visitor(request)
        if visitor is None:
            return self._refuse(request, Refusal(401, "visitor-token"))
        for turn in self.turns.values():
            if turn.turn_id == request.path_params["turn"] and turn.visitor == visitor:
                return self._stream(request, turn)
        return self._refuse(request, Refusal(404, "not-found"))

    async def _track(self, request: Request) -> Response:
        return await self._gate(request, "track") or self._cors(request, Response(status_code=204))

    def _stream(self, request: Request, turn: Turn) -> Response:
        turn.connections += 1
        return self._cors(
            request, StreamingResponse(self._events(turn), media_type="text/event-stream")
        )

    async def _events(self, turn: Turn) -> AsyncIterator[bytes]:
        yield _event("accepted", {"turn_id": turn.turn_id})
        for number, (kind, value) in enumerate(turn.steps):
            if kind == "wait":
                await value.wait()
            elif kind in {"break", "end"}:
                if number not in turn.broken:
                    turn.broken.add(number)
                    # Uvicorn cuts the connection off where an answer is not told to its end.
                    if kind == "break":
                        raise ConnectionAbortedError
                    return
            elif kind == "text":
                yield b": still here\n\n" + _event("text", {"text": value})
            elif kind == "done":
                turn.response = value
                yield _event("done", {"turn_id": turn.turn_id, "response": value})
            elif kind == "failed":
                yield _event("failed", {"problem": value})
            else:
                yield _event(kind, {})

    def _visitor(self, request: Request) -> str | None:
        return self._visitors.get(request.headers.get("authorization", "").removeprefix("Bearer "))

    async def _gate(self, request: Request, endpoint: str) -> Response | None:
        """What is answered before the endpoint itself."""
        if request.method == "OPTIONS":
            return self._cors(request, Response(status_code=204))
        body = await request.json() if request.method == "POST" else None
        self.asked.append((endpoint, body))
        own = request.headers.get("sec-fetch-site") == "same-origin"
        if not own and request.headers.get("origin") != self.origin:
            return self._refuse(request, Refusal(403, "origin-not-allowed"))
        if self.refusals[endpoint]:
            return self._refuse(request, self.refusals[endpoint].popleft())
        if endpoint in self.always:
            return self._refuse(request, self.always[endpoint])
        return None

    def _refuse(self, request: Request, refusal: Refusal) -> Response:
        problem = {"type": f"urn:rollcall:problem:{refusal.problem}", "status": refusal.status}
        if refusal.detail:
            problem["detail"] = refusal.detail
        answer = JSONResponse(problem, refusal.status, media_type="application/problem+json")
        if refusal.retry_after is not None:
            answer.headers["Retry-After"] = str(refusal.retry_after)
        return self._cors(request, answer)

    def _cors(self, request: Request, answer: Response) -> Response:
        answer.headers["Vary"] = "Origin"
        if request.headers.get("origin") == self.origin:
            answer.headers["Access-Control-Allow-Origin"] = self.origin
            answer.headers["Access-Control-Allow-Headers"] = "authorization, content-type"
            answer.headers["Access-Control-Expose-Headers"] = "Retry-After"
        return answer


def _event(kind: str, data: Mapping[str, Any]) -> bytes:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()
