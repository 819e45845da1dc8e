"""Asking other services: found through the registry, or behind the gateway."""

from __future__ import annotations

import os
from typing import Any, Self

import httpx
from fastapi import HTTPException
from standards import passed_on

from rollcall.client import Discovery, NoInstance, RegistryUnavailable

TRIES = 3
CALLERS_FAULT = (404, 409, 422)


class Calls:
    """Asks other services.

    With `GATEWAY_URL` everything goes through the gateway, with `ROLLCALL_API_KEY`. Without, an
    instance is found through the registry; it is shown no key, since anybody who may register can
    have taken that name.
    """

    def __init__(self) -> None:
        registry = os.environ.get("SERVICE_REGISTRY_URL", "http://service-registry:3003")
        self._discovery = Discovery(registry, cache_seconds=5)
        self._http = httpx.AsyncClient(timeout=10, trust_env=False)
        self._gateway = os.environ.get("GATEWAY_URL", "").rstrip("/")
        self._key = os.environ.get("ROLLCALL_API_KEY")

    async def call_service(self, name: str, path: str, query: dict[str, Any]) -> Any:
        """What a service answers to a GET.

        Raises:
            HTTPException: 503: it cannot be reached; 502: it failed; else what the caller of ours
                has asked for wrongly.
        """
        answer = await self._asked(name, path, query)
        if answer.is_success:
            return answer.json()
        kind = answer.headers.get("Content-Type", "")
        if answer.status_code in CALLERS_FAULT and kind == "application/problem+json":
            raise HTTPException(answer.status_code, answer.json().get("detail"))
        raise HTTPException(502, f"{name} answered {answer.status_code}")

    async def _asked(self, name: str, path: str, query: dict[str, Any]) -> httpx.Response:
        failed: list[str] = []
        for _ in range(TRIES):
            try:
                if self._gateway:
                    headers = passed_on()
                    if self._key:
                        headers["Authorization"] = f"Bearer {self._key}"
                    return await self._http.get(
                        f"{self._gateway}{path}", params=query, headers=headers
                    )
                async with self._discovery.calling(name, without=failed) as instance:
                    failed.append(instance.service_id)
                    return await self._http.get(
                        f"http://{instance.address}{path}", params=query, headers=passed_on()
                    )
            except httpx.TransportError:
                continue
            except (NoInstance, RegistryUnavailable):
                break
        raise HTTPException(503, f"{name} does not answer")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._discovery.close()
        await self._http.aclose()
