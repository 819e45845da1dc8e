# SPDX-License-Identifier: Apache-2.0
"""One measurement in a process of its own: `python -m bench.worker JSON`, the answer as JSON.

The argument is {"task", "side", "size"} and the task's own options; the answer is the last line
of the standard output.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from bench import detection, leases, memory, operations
from bench.fleet import make_fleet
from bench.sides import load


def measure(task: str, side: str, size: int, **options: Any) -> dict[str, Any]:
    """Run one task. Raises `ValueError` for a task that does not exist."""
    registry = load(side)
    match task:
        case "operations":
            return asyncio.run(operations.measure(registry, make_fleet(size), **options))
        case "detection":
            return asyncio.run(detection.measure(registry, make_fleet(size), **options))
        case "memory":
            return asyncio.run(memory.measure(registry, size, **options))
        case "leases":
            return asyncio.run(leases.measure(registry, make_fleet(size), **options))
        case _:
            raise ValueError(f"there is no task {task!r}")


if __name__ == "__main__":
    print(json.dumps(measure(**json.loads(sys.argv[1]))))
