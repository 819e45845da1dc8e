# SPDX-License-Identifier: Apache-2.0
"""A model provider that says what a script says: a real server for the chat protocol of OpenAI.

    async with ScriptedModel(Says("Hello ", "you."), Fails(503), Says("Again.")) as model:
        client = openai.AsyncOpenAI(base_url=model.url, api_key="any")

Each request takes the next entry of the script. Nothing waits for time: an `asyncio.Event` among
the pieces of an answer holds it back until the test sets it, and `asked` waits for a request.
"""

from rollcall.testing.scripted_model.script import (
    Answer,
    Call,
    Cut,
    Fails,
    Hangs,
    Raw,
    Request,
    Says,
    Used,
)
from rollcall.testing.scripted_model.server import ScriptedModel

__all__ = [
    "Answer",
    "Call",
    "Cut",
    "Fails",
    "Hangs",
    "Raw",
    "Request",
    "Says",
    "ScriptedModel",
    "Used",
]
