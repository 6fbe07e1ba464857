"""An ID token counts only when everything about it is right."""

from __future__ import annotations

import json
from typing import Any

import pytest
from joserfc import jwe, jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from serve.callers.id_tokens import Expected, UnknownSigningKey, challenge_of, read
from tests.homes import NOW
from workspace.errors import Unauthenticated

pytestmark = pytest.mark.whole

EC = ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
STRANGER = ECKey.generate_key("P-256", {"kid": "ec"})
SHARED = OctKey.import_key("a shared secret that is long enough", {"kid": "oct"})
KEYS = {"keys": [key.as_dict(private=False) for key in (EC, RSA)] + [SHARED.as_dict(private=True)]}
AT = int(NOW.timestamp())
WANTED = Expected("https://id.example", "housemodel", "the nonce", "the access token")
GOOD = {
    "iss": "https://id.example",
    "aud": "housemodel",
    "sub": "1234",
    "iat": AT,
    "exp": AT + 300,
    "nonce": "the nonce",
}


def token(key: Any = EC, alg: str = "ES256", kid: str | None = "ec", **changes: Any) -> str:
    claims = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    header = {"alg": alg} | ({"kid": kid} if kid else {})
    return jwt.encode(header, claims, key, algorithms=[alg])


def test_a_right_token_gives_its_claims() -> None:
    assert read(token(groups=["a"]), KEYS, WANTED, NOW)["groups"] == ["a"]
    assert read(token(RSA, "RS256", "rsa"), KEYS, WANTED, NOW)["sub"] == "1234"
    assert read(token(RSA, "PS256", "rsa"), KEYS, WANTED, NOW)["sub"] == "1234"
    several = token(aud=["housemodel", "another"], azp="housemodel")
    assert read(several, KEYS, WANTED, NOW)["sub"] == "1234"
    assert read(token(exp=AT - 30), KEYS, WANTED, NOW)  # a clock may be off by a minute


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://id.example/"},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": ["housemodel", "another"]},
        {"aud": ["housemodel", "another"], "azp": "another"},
        {"aud": None},
        {"azp": "another"},
        {"exp": AT - 61},
        {"exp": None},
        {"exp": "later"},
        {"iat": AT + 3600},
        {"iat": None},
        {"nbf": AT + 3600},
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": ["the nonce"]},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
        {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    ],
)
def test_a_claim_that_is_wrong_or_missing_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        read(token(**changes), KEYS, WANTED, NOW)


def test_only_the_providers_public_keys_sign() -> None:
    other = token(STRANGER)
    shared = token(SHARED, "HS256", "oct")
    # The old trick: the public key's text as the secret of an HMAC.
    public = OctKey.import_key(json.dumps(EC.as_dict(private=False)))
    confused = token(public, "HS256", "ec")
    head, body, _ = token().split(".")
    none = "eyJhbGciOiJub25lIn0." + body + "."
    for wrong in (other, shared, confused, none, f"{head}.{body}.", f"{head}.{body}.AAAA"):
        with pytest.raises(Unauthenticated):
            read(wrong, KEYS, WANTED, NOW)


def test_a_key_of_another_kind_or_an_encrypted_token_is_refused() -> None:
    sealed = jwe.encrypt_compact({"alg": "dir", "enc": "A256GCM"}, b"{}", OctKey.generate_key(256))
    for wrong in (token(EC, "ES256", "rsa"), sealed, "", "a.b.c", "a" * 70_000, "\ud800.x.y"):
        with pytest.raises(Unauthenticated):
            read(wrong, KEYS, WANTED, NOW)


def test_a_key_that_is_not_known_yet_is_told_apart() -> None:
    with pytest.raises(UnknownSigningKey):
        read(token(kid="new"), KEYS, WANTED, NOW)
    for keys in ({}, {"keys": []}, {"keys": [7]}, {"keys": [{"kty": "EC"}]}, {"keys": "EC"}):
        with pytest.raises(Unauthenticated):
            read(token(), keys, WANTED, NOW)


def test_the_challenge_is_that_of_rfc_7636() -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # its appendix B
    assert challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
