"""Asks the sign-in provider (OpenID Connect, code flow with PKCE): begin, and finish.

    begin   -> the address that the browser goes to, and what must come back with it
    finish  code -> tokens -> the claims of the ID token, checked (`id_tokens.py`)

Rules: only the configured issuer is asked, and hosts that the configuration names; no redirect is
followed, no proxy of the environment used, no more than 1 MiB read, and nothing waits for longer
than ten seconds. The issuer's document and keys are kept for an hour; keys are read again when a
token names a new one, once a minute at most; four sign-ins are finished at once, others are told to
come again. Codes and tokens are never kept or logged.
"""

from __future__ import annotations

import base64
import json
import logging
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from serve.callers import id_tokens
from serve.callers.ways_in import Client, host_of
from workspace.errors import Fault, Unauthenticated, Unavailable

KEPT_SECONDS = 3600.0
KEYS_AGAIN_SECONDS = 60.0
FAILED_SECONDS = 5.0  # an issuer that did not answer is not asked again sooner
TIMEOUT_SECONDS = 10.0  # for a whole answer
WAIT_SECONDS = 2.0  # for another sign-in that asks just now
MOST_BYTES = 1 << 20
AT_ONCE = 4  # codes that are exchanged; each may hold a thread for TIMEOUT_SECONDS
_log = logging.getLogger("housemodel.sign_in")
_SILENT = "The sign-in provider does not answer as it should; try again in a moment."
_FAILED = "The sign-in provider did not accept this sign-in; start it again."


@dataclass(frozen=True, slots=True)
class Begun:
    """One sign-in that was begun: what has to be kept until the browser comes back."""

    state: str
    nonce: str
    verifier: str


class Provider:
    """One issuer.

    Args:
        clock: Seconds that only grow.
        transport: What carries the requests; None for the network.
    """

    def __init__(
        self,
        client: Client,
        clock: Callable[[], float] = time.monotonic,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._client, self._clock, self._transport = client, clock, transport
        self._lock = threading.Lock()
        self._exchanges = threading.BoundedSemaphore(AT_ONCE)
        self._document: dict[str, Any] = {}
        self._keys: dict[str, Any] = {}
        self._document_at = self._keys_at = self._failed_at = float("-inf")

    def begin(self) -> tuple[str, Begun]:
        """Make the address that the browser goes to.

        Raises:
            Unavailable: the provider does not answer as it should.
        """
        begun = Begun(*(secrets.token_urlsafe(32) for _ in range(3)))
        asked = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": self._client.redirect_uri,
            "scope": " ".join(self._client.scopes),
            "state": begun.state,
            "nonce": begun.nonce,
            "code_challenge": id_tokens.challenge_of(begun.verifier),
            "code_challenge_method": "S256",
        }
        there = str(self._issuer()["authorization_endpoint"])
        return f"{there}{'&' if '?' in there else '?'}{urlencode(asked)}", begun

    def finish(
        self, code: str, issuer: str | None, begun: Begun, now: datetime
    ) -> Mapping[str, Any]:
        """Turn the code that the browser brought back into checked claims.

        Args:
            issuer: What the answer says who sent it (RFC 9207), if it says so.

        Raises:
            Unauthenticated: the provider or what it sent does not accept this sign-in.
            Unavailable: the provider does not answer as it should, or too many others finish.
        """
        if not self._exchanges.acquire(blocking=False):
            raise Unavailable("Too many sign-ins at once; try again in a moment.", (), 5)
        try:
            return self._finished(code, issuer, begun, now)
        finally:
            self._exchanges.release()

    def _finished(
        self, code: str, issuer: str | None, begun: Begun, now: datetime
    ) -> Mapping[str, Any]:
        document = self._issuer()
        says_so = document.get("authorization_response_iss_parameter_supported") is True
        if issuer != self._client.issuer and (issuer is not None or says_so):
            raise Unauthenticated(_FAILED)
        tokens = self._exchange(document, code, begun.verifier)
        id_token, access = tokens.get("id_token"), tokens.get("access_token")
        if not isinstance(id_token, str):
            raise Unauthenticated(_FAILED)
        expected = id_tokens.Expected(
            self._client.issuer,
            self._client.client_id,
            begun.nonce,
            access if isinstance(access, str) else "",
        )
        try:
            return id_tokens.read(id_token, self._key_set(document), expected, now)
        except id_tokens.UnknownSigningKey:
            keys = self._key_set(document, again=True)
            return id_tokens.read(id_token, keys, expected, now)

    def _exchange(self, document: Mapping[str, Any], code: str, verifier: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._client.redirect_uri,
            "code_verifier": verifier,
        }
        headers = {}
        known = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if self._client.client_secret and "client_secret_basic" in known:
            pair = (self._client.client_id, self._client.client_secret)
            written = ":".join(quote(part, safe="") for part in pair)  # RFC 6749, 2.3.1
            headers["authorization"] = "Basic " + base64.b64encode(written.encode()).decode()
        else:
            form["client_id"] = self._client.client_id
            if self._client.client_secret:
                form["client_secret"] = self._client.client_secret
        status, body = self._ask("POST", document["token_endpoint"], data=form, headers=headers)
        if status in (400, 401, 403):  # RFC 6749, 5.2: the code or our secret is not accepted
            _log.warning("the sign-in provider answered %d to a code", status)
            raise Unauthenticated(_FAILED)
        return _whole(status, body)

    def _issuer(self) -> dict[str, Any]:
        """The issuer's own document."""
        with self._alone():
            if self._clock() - self._document_at < KEPT_SECONDS:
                return self._document
            if self._clock() - self._failed_at < FAILED_SECONDS:
                raise Unavailable(_SILENT)
            try:
                base = self._client.issuer.rstrip("/")
                found = _whole(*self._ask("GET", f"{base}/.well-known/openid-configuration"))
                if found.get("issuer") != self._client.issuer:
                    raise Unavailable("The sign-in provider calls itself by another name.")
                for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                    self._check(found.get(name))
            except Unavailable:
                self._failed_at = self._clock()
                raise
            self._document, self._document_at = found, self._clock()
            return found

    def _key_set(self, document: Mapping[str, Any], again: bool = False) -> dict[str, Any]:
        with self._alone():
            age = self._clock() - self._keys_at
            if age >= (KEYS_AGAIN_SECONDS if again else KEPT_SECONDS):
                self._keys = _whole(*self._ask("GET", document["jwks_uri"]))
                self._keys_at = self._clock()
            return self._keys

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one ask at a time; who has to wait for long is sent away."""
        if not self._lock.acquire(timeout=WAIT_SECONDS):
            raise Unavailable(_SILENT)
        try:
            yield
        finally:
            self._lock.release()

    def _check(self, url: object) -> str:
        """Let an address pass that the configuration allows.

        Raises:
            Unavailable: it does not.
        """
        try:
            if isinstance(url, str) and host_of(url) in self._client.hosts:
                return url
        except Fault:
            pass
        raise Unavailable("The sign-in provider names a host that the configuration does not.")

    def _ask(self, method: str, url: str, **options: Any) -> tuple[int, bytes]:
        ends_at = time.monotonic() + TIMEOUT_SECONDS
        try:
            with (
                httpx.Client(
                    timeout=TIMEOUT_SECONDS / 2,
                    trust_env=False,
                    follow_redirects=False,
                    verify=self._trusted(),
                    transport=self._transport,
                    headers={"accept": "application/json", "accept-encoding": "identity"},
                ) as client,
                client.stream(method, self._check(url), **options) as answer,
            ):
                body = b""
                for chunk in answer.iter_bytes():
                    body += chunk
                    if len(body) > MOST_BYTES or time.monotonic() > ends_at:
                        raise Unavailable(_SILENT)
                return answer.status_code, body
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise Unavailable(_SILENT) from error

    def _trusted(self) -> ssl.SSLContext | bool:
        if self._client.ca_file is None:
            return True
        return ssl.create_default_context(cafile=str(self._client.ca_file))


def _whole(status: int, body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body) if status == 200 else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Unavailable(_SILENT)
    return found
