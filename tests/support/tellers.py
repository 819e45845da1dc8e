"""Clients who tell of usage by HTTP until they are answered, whatever happens to who listens."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from support.month import Telling, Told, Way

CLIENTS: Final = 4
BATCH: Final = 50
"""Usages of one request at most."""
_AWAY: Final = frozenset({502, 503, 504})
"""Nobody is there, or broke off; it may have been done."""
PAUSE: Final = 0.1
"""Seconds until somebody who was not there is asked again."""
PATIENCE: Final = 1800.0
"""Seconds that all of it may take."""
_EXPECTED: Final[Mapping[Telling, Set[int | str]]] = {
    Telling.FIRST: {201, "recorded"},
    Telling.AGAIN: {200, "known"},
    Telling.OTHERWISE: {409, "refused"},
}


@dataclass
class Teller:
    """Tells some usages, one request at a time and in their order.

    Args:
        waiting: What is to be told.
        faults: Answers that were wrong.
    """

    waiting: deque[Told]
    faults: list[str] = field(default_factory=list[str])
    _unsure: Sequence[Told] = ()

    def tell(self, url: str, stop: threading.Event, answered: threading.Semaphore) -> None:
        """Until all is told, or nobody wants to hear it any more."""
        with httpx.Client(base_url=url, timeout=60) as http:
            while self.waiting and not stop.is_set():
                some = self._next()
                try:
                    answer = self._post(http, some)
                except httpx.HTTPError:
                    answer = None
                if answer is None or answer.status_code in _AWAY:
                    self._unsure = some
                    stop.wait(PAUSE)
                    continue
                self._took(some, answer)
                self._unsure = ()
                for _ in some:
                    self.waiting.popleft()
                    answered.release()

    def _next(self) -> Sequence[Told]:
        """What goes into the next request; the same again after one that nobody has answered."""
        if self._unsure:
            return self._unsure
        some: list[Told] = []
        for one in self.waiting:
            if one.way is Way.SINGLE:
                return some or [one]
            some.append(one)
            if len(some) == BATCH:
                break
        return some

    def _post(self, http: httpx.Client, some: Sequence[Told]) -> httpx.Response:
        bodies = [one.usage.body(otherwise=one.telling is Telling.OTHERWISE) for one in some]
        if some[0].way is Way.SINGLE:
            return http.post("/api/usage", json=bodies[0])
        return http.post("/api/usage/batch", json={"items": bodies})

    def _took(self, some: Sequence[Told], answer: httpx.Response) -> None:
        if some[0].way is Way.SINGLE:
            self._compare(some[0], answer.status_code, answer.text)
            return
        if not answer.is_success:
            self.faults.append(f"a batch: {answer.status_code} {answer.text}")
            return
        results: Sequence[Any] = answer.json()["results"]
        if [one["index"] for one in results] != [*range(len(some))]:
            self.faults.append(f"a batch of {len(some)}: {results}")
            return
        for one, result in zip(some, results, strict=True):
            self._compare(one, result["status"], str(result))

    def _compare(self, told: Told, status: int | str, text: str) -> None:
        expected = _EXPECTED[told.telling]
        if told.usage.way is Way.EVENT:
            # Its event may be still on its way.
            expected = _EXPECTED[Telling.FIRST] | _EXPECTED[Telling.AGAIN]
        elif told in self._unsure and told.telling is Telling.FIRST:
            # Whether it was taken when nobody answered is found out now.
            expected = expected | _EXPECTED[Telling.AGAIN]
        if status not in expected:
            self.faults.append(f"{told.usage.key}, {told.telling.value}: {status} {text}")


def tellers(some: Iterable[Told]) -> list[Teller]:
    """Some for what is told by HTTP; what is about one usage is told by one of them."""
    waiting = [deque[Told]() for _ in range(CLIENTS)]
    for one in some:
        if one.way is not Way.EVENT:
            waiting[one.usage.number % CLIENTS].append(one)
    return [Teller(one) for one in waiting]


def tell_some(url: str, some: Sequence[Teller], enough: int, then: Callable[[], None]) -> None:
    """Have them tell all at once; do something after so many answers, while they go on, and end."""
    stop, answered = threading.Event(), threading.Semaphore(0)
    threads = _started(url, some, stop, answered)
    for _ in range(enough):
        if not answered.acquire(timeout=PATIENCE):
            break
    then()
    stop.set()
    for thread in threads:
        thread.join(PATIENCE)


def tell_all(url: str, some: Sequence[Teller]) -> None:
    """Have them tell all at once, until nothing is left."""
    for thread in _started(url, some, threading.Event(), threading.Semaphore(0)):
        thread.join(PATIENCE)


def _started(
    url: str, some: Sequence[Teller], stop: threading.Event, answered: threading.Semaphore
) -> list[threading.Thread]:
    threads = [
        threading.Thread(target=one.tell, args=(url, stop, answered), daemon=True) for one in some
    ]
    for thread in threads:
        thread.start()
    return threads
