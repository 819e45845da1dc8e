from __future__ import annotations

import pytest

from rollcall.web.binding import UnsafeBinding, check_binding, is_loopback

OURS = ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost", "LocalHost.", "a.localhost"]
OTHERS = [
    "",
    "0.0.0.0",  # noqa: S104
    "::",
    "192.168.1.4",
    "::ffff:10.0.0.1",
    "example.org",
    "127.0.0.1.nip.io",
]


@pytest.mark.parametrize("host", [*OURS, "::ffff:127.0.0.1"])
def test_the_loopback_needs_no_keys(host: str) -> None:
    check_binding(host, authenticated=False)

    assert is_loopback(host)


@pytest.mark.parametrize("host", OTHERS)
def test_other_addresses_are_refused_without_keys(host: str) -> None:
    with pytest.raises(UnsafeBinding, match=r"Make a key first, or listen on 127\.0\.0\.1"):
        check_binding(host, authenticated=False)

    assert not is_loopback(host)


@pytest.mark.parametrize("host", [*OURS, *OTHERS])
def test_with_keys_every_address_will_do(host: str) -> None:
    check_binding(host, authenticated=True)
