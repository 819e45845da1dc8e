from __future__ import annotations

import json

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from rollcall.conversations.api_export import PAGE, escaped
from rollcall.conversations.errors import ModelRefused
from rollcall.conversations.models import Ask, ToolRun
from support.conversations import InMemoryConversations, ScriptedLoop

PROCESS = "/api/v1/process"
EXPORT = "/api/v1/sessions/s/export"
HOSTILE = "<script>alert(1)</script> [x](javascript:alert(1)) **bold** `code` | a |\n# head\n1. one"
TEXT = st.text(
    st.sampled_from("ab1 \n\t\\`*_{}[]()#+-.!|<>&~=:@$^\"'/;")
    | st.characters(exclude_categories=["C"]),
    max_size=40,
)
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


async def say(client: httpx.AsyncClient, text: str) -> None:
    await client.post(PROCESS, json={"session_id": "s", "user_input": text})


async def test_json_holds_the_session_and_all_its_turns(
    client: httpx.AsyncClient, loop: ScriptedLoop, run: ToolRun
) -> None:
    loop.script(run, "15")
    await say(client, "10 + 5")
    await say(client, "thanks")

    answer = await client.get(EXPORT)

    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''s.json"
    assert answer.json()["session"]["turns"] == 2
    assert [one["response"] for one in answer.json()["turns"]] == ["15", "You said: thanks"]
    assert answer.json()["turns"][0]["tools_used"][0]["result"] == {"result": "15"}


async def test_json_lines_hold_a_turn_each_over_many_pages(
    client: httpx.AsyncClient, conversations: InMemoryConversations
) -> None:
    for number in range(PAGE + 1):
        ask = Ask(namespace="default", session_id="s", user_input=str(number), owner="local")
        await conversations.ended(await conversations.accept(ask))

    answer = await client.get(EXPORT, params={"format": "jsonl"})

    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [one["user_input"] for one in lines] == [str(number) for number in range(PAGE + 1)]


async def test_markdown_shows_what_was_said_and_is_steered_by_none_of_it(
    client: httpx.AsyncClient, loop: ScriptedLoop, run: ToolRun
) -> None:
    loop.script(run, HOSTILE)
    await say(client, HOSTILE)
    loop.script(ModelRefused("<b>no</b>"))
    await say(client, "and now?")

    answer = await client.get(EXPORT, params={"format": "markdown"})

    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    page = MARKDOWN.render(answer.text)
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt; [x](javascript:alert(1))") == 3
    assert "<script" not in page
    assert "<a" not in page
    assert "<strong" not in page
    assert page.count("<h1>") == 1
    assert "failed: &lt;b&gt;no&lt;/b&gt;" in page
    assert "calculate (" in page
    assert "http://127.0.0.1:3006" in page


async def test_another_format_is_refused_by_its_name(client: httpx.AsyncClient) -> None:
    await say(client, "hi")
    answer = await client.get(EXPORT, params={"format": "pdf"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "format"


@given(TEXT)
@example("    indented\n\n\tcode")
@example("a\n===\nb\n---\n1. x\n2) y\n- z\n> q")
@example("&amp; &#60; \\< \\\\")
@example("a\\\nb  \nc")
def test_escaped_text_reads_as_it_was_and_is_nothing_but_text(text: str) -> None:
    shown: list[str] = []
    for token in MARKDOWN.parse(escaped(text)):
        assert token.type in ("paragraph_open", "paragraph_close", "inline"), token
        if shown and token.type == "paragraph_open":
            shown.append("\n")
        for child in token.children or ():
            assert child.type in ("text", "text_special", "hardbreak"), child
            shown.append("\n" if child.type == "hardbreak" else child.content)
    said = "".join(shown).replace("\N{NO-BREAK SPACE}", " ")
    assert said.split() == text.replace("\N{NO-BREAK SPACE}", " ").split()


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("3.5 - 1 = 2.5 (or so!)", "3.5 - 1 = 2.5 (or so!)"),
        ("2024. A year", "2024\\. A year"),
        ("# 1) no list", "\\# 1) no list"),
        ("line\r\nline", "line\\\nline"),
    ],
)
def test_what_is_no_markup_stays_readable(text: str, markdown: str) -> None:
    assert escaped(text) == markdown


def test_nothing_steers_the_terminal_of_who_looks_at_the_file() -> None:
    assert escaped("a\x1b]0;owned\x07b\x9b31m\u202ec") == "a\ufffd\\]0;owned\ufffdb\ufffd31m\ufffdc"
