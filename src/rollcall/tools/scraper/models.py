# SPDX-License-Identifier: Apache-2.0
"""What the scraper tells of a page."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Part = Literal["title", "text", "links", "metadata"]
"""What can be asked for of a page."""


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True)


class Link(_Told):
    """A link on a page."""

    url: str = Field(description="Where it leads, as an absolute URL.")
    text: str = Field(description="The words that one clicks on; empty for a picture.")


class PageMetadata(_Told):
    """What a page says about itself. What it does not say is null."""

    description: str | None = Field(default=None, description="A summary of the page.")
    author: str | None = Field(default=None, description="Who wrote it.")
    date: str | None = Field(
        default=None, description="When it was published or last changed, as YYYY-MM-DD."
    )
    language: str | None = Field(default=None, description="Its language, such as en or de-CH.")
    site_name: str | None = Field(default=None, description="The name of the website.")
    canonical: str | None = Field(default=None, description="The page's own idea of its address.")
    keywords: list[str] = Field(default=[], description="Its keywords, topics or tags.")


class PageText(_Told):
    """What a page says, as plain text."""

    url: str = Field(description="The address of the page, after redirects.")
    title: str = Field(description="The page's title or headline; empty if it has none.")
    text: str = Field(
        description="The main text of the page: what it says, without menus, scripts and markup."
    )
    truncated: bool = Field(description="Whether the text was cut, as there was more of it.")


class Page(_Told):
    """A web page, taken apart. Parts that were not asked for are empty."""

    url: str = Field(description="The address that was asked for.")
    final_url: str = Field(description="The address that the page came from, after redirects.")
    status_code: int = Field(description="The HTTP status of the answer.")
    content_type: str = Field(description="The media type, such as text/html; empty: none told.")
    charset: str = Field(description="The character encoding that the page was read in.")
    title: str = Field(default="", description="The page's title or headline.")
    text: str = Field(
        default="",
        description="The main text of the page: what it says, without menus, scripts and markup.",
    )
    links: list[Link] = Field(default=[], description="The links on the page, each address once.")
    metadata: PageMetadata | None = Field(
        default=None, description="What the page says about itself: author, date, language ..."
    )
    fields: dict[str, list[str]] = Field(
        default={},
        description="For each selector that was given, what it found, in order.",
    )
    truncated: bool = Field(
        default=False, description="Whether something was cut, as there was more of it."
    )
    fetched_at: datetime = Field(description="When the page was read.")
    duration_ms: float = Field(description="How long that took, in milliseconds.")
