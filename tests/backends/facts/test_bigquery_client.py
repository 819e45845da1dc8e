# SPDX-License-Identifier: Apache-2.0
"""Which BigQuery, and who one is there: keys are read, and shown by no error."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64encode
from traceback import format_exception
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from rollcall.backends.facts.bigquery_client import KEY, BigquerySettings, Link, key_of
from rollcall.kernel.errors import InvalidInput

PLANTED = "not-to-be-shown"


def encoded(value: Any) -> str:
    """A value as the variable holds it, in lines as `base64` writes them."""
    text = b64encode(json.dumps(value).encode()).decode()
    return "\n".join(text[start : start + 76] for start in range(0, len(text), 76))


def shown(error: Exception) -> str:
    """What a log would say of it, with what it came of."""
    return "".join(format_exception(error))


def key_file(**given: str) -> dict[str, str]:
    """What a key file holds."""
    return {
        "type": "service_account",
        "project_id": "of-the-key",
        "client_email": "me@example.org",
        "token_uri": "https://example.org/token",
        **given,
    }


@pytest.mark.parametrize(
    "value",
    [
        f"{PLANTED}!",
        "abc",
        b64encode(PLANTED.encode()).decode(),
        encoded([PLANTED]),
        encoded({"type": "authorized_user", "secret": PLANTED}),
        encoded(PLANTED),
    ],
)
def test_what_is_no_key_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(InvalidInput, match=KEY) as refused:
        key_of(value)
    assert value not in str(refused.value)
    assert PLANTED not in shown(refused.value)


def test_a_key_file_without_a_key_is_refused_without_being_shown() -> None:
    value = encoded(key_file(private_key=PLANTED))
    with pytest.raises(InvalidInput, match=KEY) as refused:
        Link(BigquerySettings(key=value))
    assert PLANTED not in shown(refused.value)


def test_a_key_says_the_project_where_nobody_else_does() -> None:
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    key = encoded(key_file(private_key=pem))
    for project, meant in (("", "of-the-key"), ("mine", "mine")):
        link = Link(BigquerySettings(project=project, key=key))
        assert link.dataset == f"{meant}.rollcall"
        link.close()


def test_settings_do_not_show_the_key() -> None:
    assert PLANTED not in repr(BigquerySettings(key=PLANTED))


def test_without_the_driver_one_is_told_what_to_install() -> None:
    program = (
        "import sys, importlib.abc\n"
        "class Without(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name.startswith('google'): raise ModuleNotFoundError(name=name)\n"
        "sys.meta_path.insert(0, Without())\n"
        "from rollcall.backends.facts.bigquery import BigqueryFactStore\n"
        "from rollcall.backends.facts.bigquery_client import BigquerySettings\n"
        "try: BigqueryFactStore(BigquerySettings())\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert said.startswith("MissingExtra")
    assert "rollcall-ai[bigquery]" in said
