"""Analytics as it is composed with its facts in BigQuery."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from rollcall.app.compose import compose
from rollcall.app.settings import Settings
from rollcall.kernel.errors import InvalidInput
from support.servers.bigquery import PROJECT, Bigquery

TOLD = {
    "agent_id": "clerk",
    "user_message": "What do I owe?",
    "agent_response": "Nothing.",
    "tokens_used": 120,
    "cost": "0.25",
    "session_id": "s1",
    "response_time_ms": 300,
}


def settings_of(folder: Path, **variables: str) -> Settings:
    common = {"ROLLCALL_DATA_DIR": str(folder), "ROLLCALL_PROBES": "false", "USE_BIGQUERY": "true"}
    return Settings.load({**common, **variables})


@pytest.mark.server
async def test_a_conversation_that_is_told_shows_up_in_the_usage(
    tmp_path: Path, bigquery: Bigquery, fresh_dataset: Callable[[], str]
) -> None:
    settings = settings_of(
        tmp_path,
        GOOGLE_CLOUD_PROJECT_ID=PROJECT,
        BIGQUERY_DATASET_ID=fresh_dataset(),
        BIGQUERY_EMULATOR_HOST=bigquery.url,
        BIGQUERY_FLUSH_SECONDS="0",
    )
    for already in (0, 1):
        # What is in BigQuery is there for the next process too.
        async with compose(settings, ["analytics"]) as platform:
            transport = httpx.ASGITransport(platform.apps["analytics"])
            async with httpx.AsyncClient(
                transport=transport, base_url="http://localhost", timeout=60
            ) as client:
                assert await stats(client) == (already, 120 * already)
                for status in (201, 200):
                    body = {**TOLD, "conversation_id": f"c{already}"}
                    answer = await client.post("/api/conversations", json=body)
                    assert answer.status_code == status, answer.text
                assert await stats(client) == (already + 1, 120 * (already + 1))
                ready = await client.get("/health")
                assert ready.status_code == 200, ready.text
    assert not (tmp_path / "analytics.duckdb").exists()


async def stats(client: httpx.AsyncClient) -> tuple[Any, Any]:
    answer = await client.get("/api/usage/stats", params={"agent_id": "clerk"})
    assert answer.status_code == 200, answer.text
    return answer.json()["total_conversations"], answer.json()["total_tokens"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BIGQUERY_DATASET_ID", "no dataset"),
        ("GOOGLE_SERVICE_ACCOUNT_KEY", "no base64!"),
        ("GOOGLE_SERVICE_ACCOUNT_KEY", "bm8ga2V5"),
        ("GOOGLE_SERVICE_ACCOUNT_KEY", "e30="),
    ],
)
async def test_what_cannot_be_is_said_by_the_name_of_its_variable(
    tmp_path: Path, variable: str, value: str
) -> None:
    settings = settings_of(tmp_path, **{"GOOGLE_CLOUD_PROJECT_ID": "p", variable: value})
    with pytest.raises(InvalidInput) as refused:
        async with compose(settings, ["analytics"]):
            pass
    assert refused.value.field == variable
    assert value not in str(refused.value) or variable == "BIGQUERY_DATASET_ID"
