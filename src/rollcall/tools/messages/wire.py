# SPDX-License-Identifier: Apache-2.0
"""What message search says and understands, over HTTP and as a tool."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from rollcall.tools.messages.models import MAX_NAME, Source

MAX_QUERY: Final = 1000
MAX_LIMIT: Final = 100
SHOWN: Final = 2000
"""Characters of a message that an answer holds."""

TITLE: Final = "Message search"
DESCRIPTION: Final = (
    "Searches earlier messages and conversations for words: what somebody said, wrote, asked or"
    " was told before, in the chat history or in imported mail and chats. Finds and recalls past"
    " messages about a subject, by whom and when, with an excerpt of each, the best match first."
)

# What cannot be kept (NUL) or seen has no place in an id.
_NAME: Final = StringConstraints(
    min_length=1, max_length=MAX_NAME, pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]+$"
)
Name = Annotated[str, _NAME]


QueryText = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_QUERY,
        description="The words to look for, also known as keywords, search terms, text or"
        " subject. All of them must be in a message; `OR` between words means any of them,"
        ' `"..."` an exact phrase, a minus before a word leaves messages with it out, a star'
        " behind it finds words that begin so. Where that finds nothing, messages with some of"
        " the words are found.",
    ),
]
ConversationId = Annotated[
    Name | None,
    Field(description="Only messages of this conversation: its session, thread or chat id."),
]
SenderId = Annotated[
    Name | None,
    Field(
        description="Only messages of this sender: the id of the user, author, person or agent who"
        " said or wrote them.",
    ),
]
Since = Annotated[
    AwareDatetime | None,
    Field(
        description="Only messages sent then or after: the start of the time, date and time with"
        " an offset, such as 2026-01-31T00:00:00Z.",
    ),
]
Until = Annotated[
    AwareDatetime | None,
    Field(
        description="Only messages sent before: the end of the time, date and time with an offset,"
        " such as 2026-02-01T00:00:00Z.",
    ),
]
OfSource = Annotated[
    Source | None,
    Field(
        description="Only what was said in conversations with agents (`conversation`), or only"
        " what was imported (`import`).",
    ),
]
Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT, description="How many messages at most.")]
Relax = Annotated[
    bool,
    Field(description="Whether to look for messages with any of the words where none has all."),
]
Cursor = Annotated[
    str | None,
    Field(
        max_length=200,
        description="Where to go on: the `next_cursor` of the answer before. The rest of the"
        " request but the limit must be the same.",
    ),
]


class SearchRequest(BaseModel):
    """A search in earlier messages."""

    model_config = ConfigDict(extra="forbid")

    query: QueryText
    conversation_id: ConversationId = None
    sender_id: SenderId = None
    since: Since = None
    until: Until = None
    source: OfSource = None
    limit: Limit = 10
    relax: Relax = True
    cursor: Cursor = None


class Found(BaseModel):
    """A message that was found."""

    rank: Annotated[int, Field(description="Its place in the whole answer, from 1.")]
    score: Annotated[
        float, Field(description="How well it matches: more is better, within one answer.")
    ]
    excerpt: Annotated[str, Field(description="The part of its text that matches best.")]
    highlights: Annotated[
        list[tuple[int, int]],
        Field(
            description="Where the words stand in the excerpt: from the first character to behind"
            " the last one, counted in Unicode code points."
        ),
    ]
    id: Annotated[str, Field(description="The id of the message.")]
    conversation_id: Annotated[str | None, Field(description="The conversation it belongs to.")]
    sender_id: Annotated[str | None, Field(description="Who said it.")]
    sent_at: Annotated[datetime, Field(description="When, in UTC.")]
    source: Annotated[Source, Field(description="Where it is from.")]
    text: Annotated[str, Field(description=f"What it says, the first {SHOWN:,} characters.")]
    length: Annotated[int, Field(description="Characters that it has altogether.")]
    metadata: Annotated[dict[str, Any] | None, Field(description="What else is known of it.")]


class SearchAnswer(BaseModel):
    """What was found, the best first."""

    query: Annotated[str, Field(description="What was looked for.")]
    results: list[Found]
    count: Annotated[int, Field(description="How many messages are in this answer.")]
    relaxed: Annotated[
        bool,
        Field(description="Whether no message has all that was asked for, and these have some."),
    ]
    next_cursor: Annotated[
        str | None, Field(description="For the messages after these; null: there are no more.")
    ]


class RefusedLine(BaseModel):
    """A line that was not taken, counted from 1."""

    line: int
    reason: str


class ImportAnswer(BaseModel):
    """What became of the lines."""

    imported: Annotated[int, Field(description="Messages that are new.")] = 0
    known: Annotated[int, Field(description="Messages whose id was there already.")] = 0
    refused: Annotated[
        list[RefusedLine], Field(description="Lines that were not taken, the first 1,000.")
    ] = []
    refused_total: Annotated[int, Field(description="How many were not taken altogether.")] = 0
    dry_run: Annotated[bool, Field(description="Whether nothing was written.")] = False
