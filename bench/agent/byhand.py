# SPDX-License-Identifier: Apache-2.0
"""The same job as a developer would write it by hand: pydantic-ai with a tool that is wired in.

One service at a fixed address, nothing found, kept, priced or told. Run as
`python -m bench.agent.byhand PORT MODEL_URL TOOLS_URL`.
"""

from __future__ import annotations

import sys
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

PORT, MODEL, TOOLS = int(sys.argv[1]), sys.argv[2], sys.argv[3]


class Asked(BaseModel):
    session_id: str
    user_input: str


provider = OpenAIProvider(base_url=MODEL, api_key="x")
agent = Agent(OpenAIChatModel("scripted", provider=provider), instructions="Be helpful.")
http = httpx.AsyncClient(base_url=TOOLS)
app = FastAPI()


@agent.tool_plain
async def calculate(expression: str) -> dict[str, Any]:
    """Works out an arithmetic expression."""
    answer = await http.post("/calculate", json={"expression": expression})
    answer.raise_for_status()
    return answer.json()


@app.post("/api/v1/process")
async def process(asked: Asked) -> dict[str, str]:
    done = await agent.run(asked.user_input)
    return {"session_id": asked.session_id, "response": done.output}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning", access_log=False)
