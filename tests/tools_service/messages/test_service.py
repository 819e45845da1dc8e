# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from rollcall.kernel.errors import InvalidInput
from rollcall.tools.messages.models import Source
from rollcall.tools.messages.service import MessageSearch
from rollcall.tools.messages.wire import ImportAnswer, SearchAnswer, SearchRequest


def line(text: str, **fields: Any) -> str:
    return json.dumps({"text": text, "sent_at": "2026-01-31T12:00:00Z", **fields})


async def take(
    messages: MessageSearch, *lines: str, namespace: str = "default", dry_run: bool = False
) -> ImportAnswer:
    async def content() -> AsyncIterator[bytes]:
        yield "\n".join(lines).encode()

    return await messages.take(namespace, content(), dry_run=dry_run)


async def find(
    messages: MessageSearch, query: str, *, namespace: str = "default", **fields: Any
) -> SearchAnswer:
    return await messages.search(namespace, SearchRequest(query=query, **fields))


async def test_what_was_imported_is_found_with_its_excerpt(messages: MessageSearch) -> None:
    text = "Dear all, " + "and so on " * 300 + "the invoice is late"
    await take(messages, line(text, id="m", sender_id="anna", metadata={"box": 1}))
    answer = await find(messages, "late invoice", limit=5)
    (one,) = answer.results
    assert (answer.count, answer.relaxed, answer.next_cursor) == (1, False, None)
    assert (one.rank, one.id, one.sender_id, one.metadata) == (1, "m", "anna", {"box": 1})
    assert (one.source, one.conversation_id) == (Source.IMPORT, None)
    assert [one.excerpt[start:end] for start, end in one.highlights] == ["invoice", "late"]
    assert (one.text, one.length) == (text[:2000], len(text))
    assert answer.model_dump(mode="json")["results"][0]["sent_at"] == "2026-01-31T12:00:00Z"


async def test_a_whole_question_finds_what_has_some_of_its_words(messages: MessageSearch) -> None:
    await take(messages, line("The invoice 4711 is late"), line("What did I say?"))
    answer = await find(messages, "what did I say about invoices")
    assert answer.relaxed
    assert [one.text for one in answer.results] == ["The invoice 4711 is late"]
    assert answer.results[0].highlights == [(4, 11)]


async def test_a_question_is_not_relaxed_where_it_finds_something_or_must_not(
    messages: MessageSearch,
) -> None:
    await take(messages, line("late invoice"), line("paid invoice"))
    exact = await find(messages, "late invoice")
    assert (exact.count, exact.relaxed) == (1, False)
    strict = await find(messages, "late bill", relax=False)
    assert (strict.count, strict.relaxed) == (0, False)
    nothing = await find(messages, "weather")
    assert (nothing.count, nothing.relaxed) == (0, False)


@pytest.mark.parametrize("query", ["invoice", "which invoice could be meant"])
async def test_pages_lead_through_the_whole_answer(messages: MessageSearch, query: str) -> None:
    texts = {f"invoice {number}" for number in range(25)}
    await take(messages, *(line(text) for text in texts))
    found: list[str] = []
    ranks: list[int] = []
    cursor = None
    for limit in (10, 10, 3, 10):
        page = await find(messages, query, limit=limit, cursor=cursor)
        assert page.relaxed == (query != "invoice")
        found += [one.text for one in page.results]
        ranks += [one.rank for one in page.results]
        cursor = page.next_cursor
    assert cursor is None
    assert sorted(found) == sorted(texts)
    assert ranks == list(range(1, 26))


@pytest.mark.parametrize("cursor", ["x", "\u00e4", "W10", "bnVsbA", "!!!!"])
async def test_a_word_that_is_no_cursor_is_refused(messages: MessageSearch, cursor: str) -> None:
    with pytest.raises(InvalidInput, match="cursor: must be the next_cursor"):
        await find(messages, "invoice", cursor=cursor)


async def test_a_cursor_of_another_request_is_refused(messages: MessageSearch) -> None:
    await take(messages, line("invoice 1"), line("invoice 2"))
    cursor = (await find(messages, "invoice", limit=1)).next_cursor
    assert cursor is not None
    for other in ({"query": "bill"}, {"query": "invoice", "sender_id": "anna"}):
        with pytest.raises(InvalidInput, match="another request"):
            await find(messages, cursor=cursor, **other)


async def test_others_messages_are_not_found(messages: MessageSearch) -> None:
    await take(messages, line("our invoice"), namespace="acme")
    assert (await find(messages, "our invoice")).count == 0
    assert (await find(messages, "our invoice", namespace="acme")).count == 1


async def test_importing_twice_is_importing_once(messages: MessageSearch) -> None:
    lines = [line("invoice"), line("bill"), line("invoice")]
    first = await take(messages, *lines)
    assert (first.imported, first.known) == (2, 1)
    again = await take(messages, *lines)
    assert (again.imported, again.known) == (0, 3)
    assert (await find(messages, "invoice")).count == 1


async def test_good_lines_are_taken_and_bad_ones_told_by_their_number(
    messages: MessageSearch,
) -> None:
    answer = await take(messages, "nonsense", "", line("invoice"), line(""), "x" * (2 << 20))
    assert answer.imported == 1
    assert [one.line for one in answer.refused] == [1, 4, 5]
    assert "JSON is malformed" in answer.refused[0].reason
    assert answer.refused[1].reason == "text: must not be blank"
    assert answer.refused[2].reason == "is longer than 1,048,576 bytes"


async def test_of_many_bad_lines_the_first_are_told(messages: MessageSearch) -> None:
    answer = await take(messages, *["nonsense"] * 1500)
    assert (len(answer.refused), answer.refused_total) == (1000, 1500)
    assert answer.refused[-1].line == 1000


async def test_a_dry_run_counts_as_an_import_would_and_writes_nothing(
    messages: MessageSearch,
) -> None:
    await take(messages, line("0"))
    lines = [line(str(number % 700)) for number in range(1200)]
    dry = await take(messages, *lines, "nonsense", dry_run=True)
    assert (await find(messages, "699")).count == 0
    wet = await take(messages, *lines, "nonsense")
    assert (wet.imported, wet.known, wet.refused_total) == (699, 501, 1)
    assert dry == wet.model_copy(update={"dry_run": True})


async def test_what_was_broken_off_can_be_sent_again(messages: MessageSearch) -> None:
    lines = [line(f"invoice {number}") for number in range(600)]

    async def broken() -> AsyncIterator[bytes]:
        yield "\n".join(lines[:550]).encode()
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await messages.take("default", broken())
    assert (await find(messages, "599 OR 499")).count == 1
    answer = await take(messages, *lines)
    assert (answer.imported, answer.known) == (100, 500)
