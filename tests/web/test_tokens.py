from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from rollcall.kernel.caller import Caller, NotAuthenticated
from rollcall.kernel.errors import InvalidInput
from rollcall.web.jwks import GivenKeys, SharedSecret
from rollcall.web.tokens import TokenSettings, TokenVerifier

SECRET = "a secret of at least thirty-two bytes"  # noqa: S105
SETTINGS = TokenSettings(issuer="https://issuer.test", audience="rollcall", algorithms=("HS256",))


@pytest.fixture(scope="module")
def private() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def public(private: rsa.RSAPrivateKey) -> dict[str, Any]:
    key: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    return {**key, "kid": "one", "use": "sig"}


def claims(**changes: object) -> dict[str, Any]:
    # PyJWT reads the machine's clock itself, so these are real moments, and far away ones.
    now = int(time.time())  # noqa: TID251
    made: dict[str, Any] = {
        "iss": "https://issuer.test",
        "aud": "rollcall",
        "sub": "alice",
        "namespace": "acme",
        "scope": "read register",
        "iat": now,
        "exp": now + 3600,
        **changes,
    }
    return {name: value for name, value in made.items() if value is not None}


def token(**changes: object) -> str:
    return jwt.encode(claims(**changes), SECRET, "HS256")


verifier = TokenVerifier(SETTINGS, SharedSecret(SECRET))


async def test_a_token_says_who_its_holder_is() -> None:
    caller = await verifier.verify(token())

    assert caller == Caller("jwt:alice", "acme", frozenset({"read", "register"}))


@pytest.mark.parametrize(
    ("scope", "granted"),
    [(["read", 7], {"read"}), (None, set[str]()), (17, set[str]()), ("", set[str]())],
)
async def test_scopes_come_as_words_or_as_a_list(scope: object, granted: set[str]) -> None:
    assert (await verifier.verify(token(scope=scope))).scopes == granted


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        pytest.param({"exp": 1_000_000_000}, "expired", id="expired"),
        pytest.param({"nbf": 9_000_000_000}, "not valid", id="not-yet"),
        pytest.param({"iss": "https://evil.test"}, "somebody else", id="issuer"),
        pytest.param({"aud": "another"}, "somebody else", id="audience"),
        pytest.param({"exp": None}, "no 'exp'", id="without-end"),
        pytest.param({"sub": None}, "no 'sub'", id="without-subject"),
        pytest.param({"aud": None}, "no 'aud'", id="without-audience"),
        pytest.param({"sub": ""}, "'sub' must have", id="empty-subject"),
        pytest.param({"sub": "a\nb"}, "'sub' must be printable", id="subject-of-two-lines"),
        pytest.param({"namespace": None}, "no 'namespace'", id="without-namespace"),
        pytest.param(
            {"namespace": "a\x00"}, "'namespace' must be printable", id="hostile-namespace"
        ),
        pytest.param({"namespace": ["acme"]}, "no 'namespace'", id="odd-namespace"),
    ],
)
async def test_a_token_that_is_not_for_us_now_is_refused(
    changes: dict[str, object], problem: str
) -> None:
    with pytest.raises(NotAuthenticated, match=problem):
        await verifier.verify(token(**changes))


async def test_a_little_difference_between_clocks_is_forgiven() -> None:
    just_over = int(time.time()) - 10  # noqa: TID251

    assert (await verifier.verify(token(exp=just_over))).subject == "jwt:alice"


def part(text: str) -> str:
    return jwt.utils.base64url_encode(text.encode()).decode()


@pytest.mark.parametrize(
    "text",
    [
        *("", "a.b.c", "nonsense", "é.é.é", "." * 1000),
        pytest.param(part("[" * 20_000) + ".a.b", id="nested-header"),
        pytest.param(part("[]") + ".a.b", id="header-that-is-a-list"),
        pytest.param(part('{"alg": "HS256", "kid": 7}') + ".a.b", id="kid-that-is-a-number"),
        pytest.param(part('{"alg": ["HS256"]}') + ".a.b", id="algorithm-that-is-a-list"),
    ],
)
async def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(NotAuthenticated):
        await verifier.verify(text)


async def test_a_token_with_another_signature_is_refused() -> None:
    forged = jwt.encode(claims(), "another secret of at least thirty-two bytes", "HS256")

    with pytest.raises(NotAuthenticated, match="not valid"):
        await verifier.verify(forged)


async def test_an_unsigned_token_is_refused() -> None:
    with pytest.raises(NotAuthenticated, match="algorithm"):
        await verifier.verify(jwt.encode(claims(), None, "none"))


async def test_a_token_signed_with_the_published_key_as_a_secret_is_refused(
    private: rsa.RSAPrivateKey, public: dict[str, Any]
) -> None:
    asymmetric = TokenVerifier(
        TokenSettings("https://issuer.test", "rollcall"), GivenKeys({"keys": [public]})
    )
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    # PyJWT would not sign with that itself; whoever forges tokens uses something else.
    header = jwt.encode(claims(), SECRET, "HS256", headers={"kid": "one"}).rsplit(".", 1)[0]
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
        header.encode(), pem
    )
    forged = f"{header}.{jwt.utils.base64url_encode(signature).decode()}"

    with pytest.raises(NotAuthenticated, match="algorithm"):
        await asymmetric.verify(forged)


async def test_a_token_is_checked_with_the_key_that_it_names(
    private: rsa.RSAPrivateKey, public: dict[str, Any]
) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    asymmetric = TokenVerifier(
        TokenSettings("https://issuer.test", "rollcall", algorithms=("RS256", "PS256")),
        GivenKeys({"keys": [public]}),
    )

    def signed(key: rsa.RSAPrivateKey, algorithm: str, kid: str | None) -> str:
        return jwt.encode(claims(), key, algorithm, headers={"kid": kid} if kid else None)

    for algorithm, kid in (("RS256", "one"), ("PS256", "one"), ("RS256", None)):
        assert (await asymmetric.verify(signed(private, algorithm, kid))).subject == "jwt:alice"
    with pytest.raises(NotAuthenticated, match="not known here"):
        await asymmetric.verify(signed(private, "RS256", "two"))
    with pytest.raises(NotAuthenticated, match="not valid"):
        await asymmetric.verify(signed(other, "RS256", "one"))
    with pytest.raises(NotAuthenticated, match="algorithm"):
        await asymmetric.verify(signed(private, "RS512", "one"))


async def test_a_namespace_for_tokens_without_one_can_be_set() -> None:
    settings = TokenSettings(
        "https://issuer.test", "rollcall", algorithms=("HS256",), namespace="everybody"
    )

    caller = await TokenVerifier(settings, SharedSecret(SECRET)).verify(token(namespace=None))

    assert caller.namespace == "everybody"


@pytest.mark.parametrize(
    ("algorithms", "keys"),
    [
        pytest.param((), lambda: SharedSecret(SECRET), id="none-at-all"),
        pytest.param(("none",), lambda: SharedSecret(SECRET), id="the-algorithm-none"),
        pytest.param(("HS256", "RS256"), lambda: SharedSecret(SECRET), id="both-sorts"),
        pytest.param(("HS256",), lambda: GivenKeys({"keys": []}), id="public-key-as-secret"),
    ],
)
def test_algorithms_are_pinned_to_one_sort(
    algorithms: tuple[str, ...], keys: Callable[[], SharedSecret | GivenKeys]
) -> None:
    with pytest.raises(InvalidInput, match="algorithms"):
        TokenVerifier(TokenSettings("i", "a", algorithms=algorithms), keys())


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(InvalidInput, match="32 bytes"):
        SharedSecret("x" * 31)
