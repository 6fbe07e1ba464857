"""An ID token of OpenID Connect: is it the provider's, for us, for this sign-in, and still good?

Rules: only algorithms with a public key (never `none`, never HMAC); the key is one of the
provider's; issuer, audience, authorised party, expiry and nonce are what they must be; a clock may
be off by a minute. What is wrong is not told to whoever sent it. The only file that imports authlib
and joserfc, which load when a provider is asked for the first time. Fetches nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workspace.errors import Unauthenticated

# RFC 8725: an allow-list, of signatures only.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
LEEWAY_SECONDS = 60
LONGEST_TOKEN = 1 << 16  # characters
LONGEST_SUBJECT = 255  # characters; OpenID Connect Core, section 2


class UnknownSigningKey(Unauthenticated):
    """The token names a key that the provider did not have when its keys were read."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the token has to say."""

    issuer: str
    client_id: str
    nonce: str
    access_token: str = ""  # compared with `at_hash`, where the token has it


def challenge_of(verifier: str) -> str:
    """The PKCE challenge (S256) of a verifier; RFC 7636."""
    from authlib.oauth2.rfc7636 import create_s256_code_challenge

    return str(create_s256_code_challenge(verifier))


def read(
    token: str, keys: Mapping[str, Any], expected: Expected, now: datetime
) -> Mapping[str, Any]:
    """Check an ID token and return its claims.

    Args:
        keys: The provider's JSON Web Key Set.

    Raises:
        UnknownSigningKey: no key of the set has signed it; the provider may have newer ones.
        Unauthenticated: anything else about it is wrong.
    """
    from authlib.oidc.core import CodeIDToken
    from joserfc import jws, jwt
    from joserfc.errors import InvalidKeyIdError, JoseError
    from joserfc.jwk import KeySet

    if len(token) > LONGEST_TOKEN:
        raise Unauthenticated(_WRONG)
    try:
        key_set = KeySet.import_key_set({"keys": _usable(keys)})
        registry = jws.JWSRegistry(algorithms=[*ALGORITHMS])
        decoded = jwt.decode(token, key_set, algorithms=[*ALGORITHMS], registry=registry)
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            options={
                "iss": {"essential": True, "value": expected.issuer},
                "aud": {"essential": True, "value": expected.client_id},
                "sub": {"essential": True},
                "nonce": {"essential": True, "value": expected.nonce},
            },
            params={
                "nonce": expected.nonce,
                "client_id": expected.client_id,
                "access_token": expected.access_token,
            },
        )
        claims.validate(now=int(now.timestamp()), leeway=LEEWAY_SECONDS)
    except InvalidKeyIdError as error:
        raise UnknownSigningKey(_WRONG) from error
    except (JoseError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise Unauthenticated(_WRONG) from error
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
        raise Unauthenticated(_WRONG)
    return dict(claims)


_WRONG = "What the sign-in provider sent does not fit this sign-in; start it again."


def _usable(keys: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The keys that may check signatures: no shared secret, none made for encryption."""
    found = keys.get("keys")
    listed = found if isinstance(found, list) else []
    return [
        key
        for key in listed
        if isinstance(key, dict)
        and key.get("kty") in ("RSA", "EC", "OKP")
        and key.get("use", "sig") == "sig"
    ]
