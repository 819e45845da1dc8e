"""Somebody who uses a house as clients do: who is not answered asks again, with the same words."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx

from rollcall.app.services import SERVICES
from rollcall.kernel.clock import SystemClock
from support.houses import House
from support.serving import environment

AWAY: Final = frozenset({502, 503, 504})
"""Nobody is there, or broke off; it may have been done."""
PATIENCE: Final = 60.0
"""Seconds after which, on a busy machine, something counts as lost."""
PAUSE: Final = 0.05
"""Seconds until somebody who was not there is asked again."""
_clock = SystemClock()


@dataclass(frozen=True)
class Asking:
    """Who goes through the steps.

    Args:
        house: Where.
        turn: Sets what is made this time apart from what was made before.
    """

    house: House
    turn: str

    def name(self, what: str) -> str:
        """A name that nobody else has."""
        return f"{what}-{self.turn}"

    @property
    def services(self) -> Sequence[str]:
        """All there are."""
        return tuple(SERVICES)

    def send(
        self,
        method: str,
        service: str,
        path: str,
        *,
        body: Any = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """The answer of a service.

        Raises:
            AssertionError: Nobody has answered.
        """
        deadline = _clock.monotonic() + PATIENCE
        while True:
            try:
                answer = httpx.request(
                    method,
                    f"{self.house.url(service)}{path}",
                    json=body,
                    params=params,
                    headers=headers,
                    timeout=30,
                )
            except httpx.TransportError as error:
                said = repr(error)
            else:
                if answer.status_code not in AWAY:
                    return answer
                said = answer.text
            assert _clock.monotonic() < deadline, f"{service} {path}: {said}"
            threading.Event().wait(PAUSE)

    def get(self, service: str, path: str, **params: Any) -> Any:
        """What a service shows."""
        return succeeded(self.send("GET", service, path, params=params or None))

    def listed(self, service: str, path: str, **params: Any) -> list[Any]:
        """All that a service lists, page by page."""
        answer = self.send("GET", service, path, params=params)
        found = list(succeeded(answer))
        while "next" in answer.links:
            more = httpx.URL(answer.links["next"]["url"]).raw_path.decode()
            answer = self.send("GET", service, more)
            found += succeeded(answer)
        return found

    def everywhere(self, service: str, path: str, holds: Callable[[Any], bool]) -> None:
        """Wait until every instance of a service shows what it should."""
        for url in self.house.both(service):
            soon(lambda url=url: holds(self.shown(f"{url}{path}")))

    def post(self, service: str, path: str, body: Any, **headers: str) -> Any:
        """What a service answers to something it is told."""
        return succeeded(self.send("POST", service, path, body=body, headers=headers))

    def shown(self, url: str) -> Any:
        """What one instance shows; nothing: it does not have that."""
        answer = httpx.get(url, timeout=30)
        return answer.json() if answer.is_success else {}

    def post_to(self, url: str, body: Any) -> Any:
        """What one instance answers."""
        return succeeded(httpx.post(url, json=body, timeout=60))

    def patch(self, service: str, path: str, body: Any, **headers: str) -> Any:
        """What a service answers to a change."""
        return succeeded(self.send("PATCH", service, path, body=body, headers=headers))

    def say(self, session: str, words: str, **more: Any) -> dict[str, Any]:
        """What an agent answers through the gateway; the same message is never answered twice."""
        body = {
            "session_id": session,
            "user_input": words,
            "idempotency_key": f"{session} {words}",
            **more,
        }
        return self.post("gateway", "/services/agent/api/v1/process", body)

    def rollcall(self, *words: str) -> Any:
        """What the command says, as JSON."""
        done = subprocess.run(
            [sys.executable, "-m", "rollcall", *words, "--json"],
            env=environment({}),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)


def succeeded(answer: httpx.Response) -> Any:
    """The JSON of an answer that is a success."""
    asked = answer.request
    assert answer.is_success, f"{asked.method} {asked.url}: {answer.status_code} {answer.text}"
    return answer.json()


def soon(look: Callable[[], Any], within: float = PATIENCE) -> Any:
    """What `look` finds, once it finds something.

    Raises:
        AssertionError: It did not, `within` seconds long.
    """
    deadline = _clock.monotonic() + within
    while not (found := look()):
        assert _clock.monotonic() < deadline, "it never came"
        threading.Event().wait(0.02)
    return found
