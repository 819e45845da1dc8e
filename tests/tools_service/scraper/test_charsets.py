# SPDX-License-Identifier: Apache-2.0
"""From bytes to characters."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.tools.scraper.charsets import decode

HTML = "text/html"


@pytest.mark.parametrize(
    ("body", "content_type", "text", "charset"),
    [
        ("süß".encode(), "text/html; charset=UTF-8", "süß", "utf-8"),
        ("süß".encode("latin-1"), 'text/html; charset="ISO-8859-1"', "süß", "windows-1252"),
        ("“süß”".encode("cp1252"), "text/html;charset=latin1", "“süß”", "windows-1252"),
        ("привет".encode("koi8-r"), "text/html; charset=koi8-r", "привет", "koi8-r"),
        ("日本".encode("shift_jis"), "text/html; charset=Shift_JIS", "日本", "cp932"),
        ("日本".encode("euc-jp"), "text/html; charset=EUC-JP", "日本", "euc-jp"),
        ("中文".encode("gb2312"), "text/html; charset=gb2312", "中文", "gb18030"),
        # A byte order mark counts more than the header.
        (codecs.BOM_UTF8 + "ä".encode(), "text/html; charset=latin1", "ä", "utf-8"),
        (codecs.BOM_UTF16_LE + "ä".encode("utf-16-le"), HTML, "ä", "utf-16"),
        (codecs.BOM_UTF16_BE + "ä".encode("utf-16-be"), HTML, "ä", "utf-16"),
        # Nothing is said, and it is UTF-8.
        ("süß".encode(), HTML, "süß", "utf-8"),
    ],
)
def test_the_encoding_is_found(body: bytes, content_type: str, text: str, charset: str) -> None:
    assert decode(body, content_type, markup=True) == (text, charset)


@pytest.mark.parametrize(
    "head",
    [
        '<meta charset="windows-1251">',
        "<html><head><META charset = windows-1251 >",
        '<meta http-equiv="Content-Type" content="text/html; charset=windows-1251">',
        '<?xml version="1.0" encoding="windows-1251"?>',
    ],
)
def test_a_page_may_name_its_encoding(head: str) -> None:
    body = (head + "<p>привет").encode("cp1251")
    text, charset = decode(body, HTML, markup=True)
    assert text.endswith("привет")
    assert charset == "windows-1251"


def test_plain_text_that_quotes_a_meta_element_names_nothing() -> None:
    assert decode(b'<meta charset="koi8-r">', "text/plain", markup=False)[1] == "utf-8"


def test_a_header_counts_more_than_the_page() -> None:
    body = '<meta charset="koi8-r">ä'.encode()
    assert decode(body, "text/html; charset=utf-8", markup=True)[0].endswith("ä")


def test_an_encoding_that_nobody_names_is_guessed() -> None:
    body = ("Съешь же ещё этих мягких французских булок, да выпей чаю. " * 8).encode("cp1251")
    text, charset = decode(body, HTML, markup=True)
    assert charset == "windows-1251"
    assert "французских булок" in text


@pytest.mark.parametrize(
    "name",
    ["rot13", "zlib", "base64", "unicode_escape", "idna", "punycode", "utf-7", "nonsense", "\x00"],
)
def test_what_is_no_encoding_of_the_web_is_not_used(name: str) -> None:
    text, charset = decode(b"+AGE- \\x41 plain", f"text/html; charset={name}", markup=True)
    assert (text, charset) == ("+AGE- \\x41 plain", "utf-8")


def test_broken_bytes_are_replaced() -> None:
    assert decode(b"a\xffb", "text/html; charset=utf-8", markup=True)[0] == "a\ufffdb"


def test_utf_8_that_was_cut_in_a_character_is_still_utf_8() -> None:
    assert decode("süß".encode()[:-1], HTML, markup=True) == ("sü\ufffd", "utf-8")


@given(st.binary(max_size=300), st.text(max_size=30))
def test_any_bytes_become_text(body: bytes, charset: str) -> None:
    text, name = decode(body, f"text/html; charset={charset}", markup=True)
    assert isinstance(text, str)
    assert name
