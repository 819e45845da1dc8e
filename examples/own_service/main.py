"""A service of one's own beside Rollcall: what so many answers of an agent would cost.

    SERVICE_REGISTRY_URL=http://localhost:3003 python main.py

docs/services.md says what each part is for.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

import uvicorn
from calls import Calls
from fastapi import FastAPI, Header, HTTPException, Query
from listening import charges
from pydantic import BaseModel, Field
from registering import registered
from standards import log_to_stderr, meet_standards

NAME = "quote-service"
HOST = os.environ.get("HOST", "127.0.0.1")
PORT = int(os.environ.get("PORT", "8100"))

calls = Calls()
log = logging.getLogger(NAME)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    async with calls, charges(NAME), registered(NAME, HOST, PORT, app.version):
        yield


app = FastAPI(title="Quotes for agents", version="1.0.0", lifespan=lifespan)
meet_standards(app, NAME)


class QuoteQuery(BaseModel):
    answers: Annotated[int, Field(ge=1, le=1_000_000)]
    model: Annotated[str, Field(min_length=1, max_length=200)]
    input_tokens: Annotated[int, Field(ge=0, le=1_000_000, description="Of one answer.")]
    output_tokens: Annotated[int, Field(ge=0, le=1_000_000, description="Of one answer.")]


class Quote(BaseModel):
    agent_id: str
    answers: int
    amount: Annotated[str, Field(description="Exact, a decimal number.")]
    currency: Annotated[str, Field(description="ISO 4217.")]


@app.get("/api/quotes/{agent_id}")
async def quote(
    agent_id: str,
    asked: Annotated[QuoteQuery, Query()],
    x_rollcall_subject: Annotated[str, Header(include_in_schema=False)] = "somebody",
) -> Quote:
    """What so many answers of an agent would cost, by its rate card of now."""
    used = {
        "agent_id": agent_id,
        "model": asked.model,
        "input_tokens": asked.answers * asked.input_tokens,
        "output_tokens": asked.answers * asked.output_tokens,
    }
    price = await calls.call_service("billing-service", "/api/usage/calculate", used)
    if unknown := [line["note"] for line in price["lines"] if line["note"]]:
        raise HTTPException(422, f"There is no price for {asked.model!r}: {unknown[0]}")
    amount, currency = price["amount"], price["currency"]
    log.info("quoted %s %s for %r to %s", amount, currency, agent_id, x_rollcall_subject)
    return Quote(agent_id=agent_id, answers=asked.answers, amount=amount, currency=currency)


if __name__ == "__main__":
    log_to_stderr()
    print(f"{NAME} at http://{HOST}:{PORT}/docs. Ctrl-C ends it.", flush=True)
    uvicorn.run(app, host=HOST, port=PORT, log_config=None, access_log=False)
