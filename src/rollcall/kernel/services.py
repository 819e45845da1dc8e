# SPDX-License-Identifier: Apache-2.0
"""The services of one process by their names (document 3): filled by whoever puts them together."""

from __future__ import annotations

import threading
from typing import Any


class ServiceRegistry:
    """Services of this process, each under a name of its own. Safe to use from any thread.

    It has nothing to do with the registry that other processes ask (document 1).
    """

    def __init__(self) -> None:
        self._services: dict[str, Any] = {}
        self._lock = threading.Lock()

    def register(self, service_name: str, service_instance: Any) -> None:
        """Keep a service under a name.

        Raises:
            ValueError: There is one of this name.
        """
        with self._lock:
            if service_name in self._services:
                raise ValueError(f"there is a service called {service_name!r} already")
            self._services[service_name] = service_instance

    def get(self, service_name: str) -> Any:
        """The service of a name.

        Raises:
            KeyError: There is none; it says which there are.
        """
        with self._lock:
            try:
                return self._services[service_name]
            except KeyError:
                there = ", ".join(sorted(self._services)) or "none"
            raise KeyError(f"there is no service called {service_name!r}; there is {there}")

    def has_service(self, service_name: str) -> bool:
        """Whether there is a service of this name."""
        with self._lock:
            return service_name in self._services
