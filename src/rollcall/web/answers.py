# SPDX-License-Identifier: Apache-2.0
"""Answers in JSON that are made as they are sent, without a second look at their shape."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from fastapi import Response

from rollcall.web.preconditions import etag


def answer(
    body: object,
    status: int = 200,
    *,
    revision: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An answer in JSON.

    Args:
        body: What it says: anything that msgspec has JSON for.
        status: Its status.
        revision: Of what it is about, for its entity tag.
        headers: More of them.
    """
    tag = {} if revision is None else {"ETag": etag(revision)}
    return Response(
        msgspec.json.encode(body), status, {**tag, **(headers or {})}, "application/json"
    )
