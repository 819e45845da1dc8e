"""A tool service of somebody else's, written as document 1 shows it: FastAPI and the SDK.

Run as `python word_tools.py PORT`; the registry is where SERVICE_REGISTRY_URL says.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI

from rollcall.client import get_registration_client

PORT = int(sys.argv[1])


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    client = get_registration_client()
    await client.register(
        service_name="word-tools",
        service_port=PORT,
        service_host="127.0.0.1",
        wait_ready=True,
    )
    yield
    await client.unregister()
    await client.close()


app = FastAPI(lifespan=lifespan)


@app.get("/tools")
async def list_tools() -> dict[str, Any]:
    return {
        "tools": [
            {
                "name": "backwards",
                "path": "/tools/backwards",
                "description": "Spells a word backwards: reverses the order of its letters",
                "idempotent": True,
                "input_schema": {
                    "type": "object",
                    "properties": {"word": {"type": "string", "description": "The word"}},
                    "required": ["word"],
                },
            }
        ]
    }


@app.post("/tools/backwards")
async def backwards(data: dict[str, Any]) -> dict[str, Any]:
    return {"result": data["word"][::-1]}


@app.get("/health")
async def health_check() -> dict[str, Any]:
    return {"status": "healthy"}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning")
