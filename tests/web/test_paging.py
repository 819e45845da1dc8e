from __future__ import annotations

from starlette.datastructures import URL

from rollcall.web.paging import link


def test_a_link_keeps_the_question_and_replaces_the_cursor() -> None:
    url = URL("http://inside:8009/agents?status=active&tags=a%20b&cursor=old")
    assert link(url, "new") == '</agents?status=active&tags=a+b&cursor=new>; rel="next"'
