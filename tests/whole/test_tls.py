"""TLS for the HTTP port: with certificates that the test makes."""

from __future__ import annotations

import ipaddress
import shutil
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from serve.callers import auth
from serve.callers.ways_in import load_ways_in
from serve.http_server import HttpServer
from serve.services import utc_now
from serve.settings import PROJECT, load_settings
from serve.tls import Certificate, trusting
from serve.web import build_app
from tests.line import free_port
from tests.service import EVERYTHING, Service, new_client
from workspace.errors import InvalidRequest

pytestmark = pytest.mark.whole


def make_pair(
    folder: Path, name: str, passphrase: bytes = b"", key: Any = None, issuer: Any = None
) -> tuple[Path, Path]:
    """A certificate that signs itself, or that an issuer (its name and key) signs; and its key."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    signed_by, signs = issuer or (name, key)
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = utc_now()
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, signed_by)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=name == "root", path_length=None), critical=True)
        .sign(signs, SHA256())
    )
    sealed: Any = serialization.NoEncryption()
    if passphrase:
        sealed = serialization.BestAvailableEncryption(passphrase)
    pem = serialization.Encoding.PEM
    written = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, sealed)
    certificate, private = folder / f"{name}.crt", folder / f"{name}.key"
    certificate.write_bytes(made.public_bytes(pem))
    private.touch(mode=0o600)
    private.write_bytes(written)
    return certificate, private


@contextmanager
def serving(site: Any, pair: tuple[Path, Path], proxies: tuple[str, ...] = ()) -> Iterator[Any]:
    """A server with this pair on a free port; yields it and its address."""
    port = free_port()
    server = HttpServer(site, "127.0.0.1", port, Certificate(*pair), proxies)
    try:
        yield server, port
    finally:
        server.stop()


def shown(port: int, only: str = "") -> bytes:
    """The certificate that the server shows to a new connection, of TLS 1.2 with this cipher."""
    context = ssl.create_default_context()
    if only:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(only)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain) as secured,
    ):
        return secured.getpeercert(binary_form=True) or b""


def der_of(certificate: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(certificate.read_text())


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """The smallest site that there is."""
    if scope["type"] == "lifespan":
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["scheme"].encode()})


def test_the_service_speaks_tls_and_tells_browsers_to(service: Service, tmp_path: Path) -> None:
    pair = make_pair(tmp_path, "house")
    registry, of = service.services.registry, service.workspace.id
    _, key = auth.create_key(registry, of, EVERYTHING, utc_now())

    async def site(scope: Any, receive: Any, send: Any) -> None:
        # The fixture's own lifespan goes on after this server.
        await (hello if scope["type"] == "lifespan" else service.app)(scope, receive, send)

    with serving(site, pair) as (_, port):
        base = f"https://127.0.0.1:{port}"
        with httpx.Client(base_url=base, verify=trusting(pair[0]), trust_env=False) as client:
            answer = client.post("/sign-in", json={"key": key})
            assert answer.status_code == 204 and "Secure" in answer.headers["set-cookie"]
            assert answer.headers["strict-transport-security"] == "max-age=31536000"
            assert client.get("/v1/account").status_code == 200
        with pytest.raises(httpx.ConnectError):  # nobody else trusts a self-signed certificate
            httpx.get(base, trust_env=False)
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False)


def test_a_public_address_of_https_is_enough_for_secure_cookies(service: Service) -> None:
    """A proxy that does not say how it was asked must not cost the cookies their `Secure`."""
    registry, of = service.services.registry, service.workspace.id
    _, key = auth.create_key(registry, of, EVERYTHING, utc_now())
    for url, secure in (("https://house.example", True), ("http://house.example", False)):
        ways = load_ways_in(PROJECT / "configs" / "sign_in.toml", url)
        client = new_client(build_app(replace(service.services, ways_in=ways)), {})
        answer = client.post("/sign-in", json={"key": key})
        assert ("Secure" in answer.headers["set-cookie"]) is secure
        assert ("strict-transport-security" in answer.headers) is secure


def test_old_versions_of_tls_are_refused(tmp_path: Path) -> None:
    assert Certificate(*make_pair(tmp_path, "a")).context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_certificate_that_changes_is_shown_without_a_restart(tmp_path: Path) -> None:
    pair, after = make_pair(tmp_path, "before"), make_pair(tmp_path, "after")
    first = der_of(pair[0])
    with serving(hello, pair) as (server, port):
        assert shown(port) == first
        pair[0].write_text("rubbish")  # half of a change: the one before stays
        server.renew_certificate()
        assert shown(port) == first
        for new, old in zip(after, pair, strict=True):
            shutil.copy(new, old.with_suffix(".new"))
            old.with_suffix(".new").replace(old)
        server.renew_certificate()
        assert shown(port) == der_of(after[0])


def test_a_new_certificate_with_a_key_of_another_kind_replaces_the_old_one(tmp_path: Path) -> None:
    """Also for clients that ask for the old kind: there must be no old one left to show."""
    pair = make_pair(tmp_path, "house")
    old = der_of(pair[0])
    with serving(hello, pair) as (server, port):
        assert shown(port) == old
        (tmp_path / "other").mkdir()
        after = make_pair(tmp_path / "other", "house", key=rsa.generate_private_key(65537, 2048))
        for new, file in zip(after, pair, strict=True):
            new.replace(file)
        server.renew_certificate()
        assert shown(port) == shown(port, "ECDHE-RSA-AES128-GCM-SHA256") == der_of(pair[0]) != old
        with pytest.raises(ssl.SSLError):
            shown(port, "ECDHE-ECDSA-AES128-GCM-SHA256")


def test_a_pair_that_can_not_be_used_stops_the_start(tmp_path: Path) -> None:
    house, other = make_pair(tmp_path, "house"), make_pair(tmp_path, "other")
    sealed = make_pair(tmp_path, "sealed", b"words")
    for wrong in ((house[0], other[1]), (house[0], tmp_path / "none"), sealed):
        with pytest.raises(InvalidRequest):
            Certificate(*wrong)
    with pytest.raises(InvalidRequest):
        trusting(tmp_path / "none")


def test_only_the_configured_certificate_is_trusted_on_this_machine(tmp_path: Path) -> None:
    house, other = make_pair(tmp_path, "house"), make_pair(tmp_path, "other")
    with serving(hello, other) as (_, port), pytest.raises(httpx.ConnectError):
        httpx.get(f"https://127.0.0.1:{port}", verify=trusting(house[0]), trust_env=False)


def test_of_a_chain_the_certificate_is_trusted_and_not_its_authority(tmp_path: Path) -> None:
    """Who has another certificate of the same authority is not taken for the appliance."""
    authority = ec.generate_private_key(ec.SECP256R1())
    root = make_pair(tmp_path, "root", key=authority)
    house = make_pair(tmp_path, "house", issuer=("root", authority))
    other = make_pair(tmp_path, "other", issuer=("root", authority))
    for pair in (house, other):
        pair[0].write_text(pair[0].read_text() + root[0].read_text())
    with serving(hello, house) as (_, port):
        url, trusted = f"https://127.0.0.1:{port}", trusting(house[0])
        assert httpx.get(url, verify=trusted, trust_env=False).text == "https"
    with serving(hello, other) as (_, port), pytest.raises(httpx.ConnectError):
        httpx.get(f"https://127.0.0.1:{port}", verify=trusted, trust_env=False)


def test_without_trusted_proxies_nobody_says_where_they_come_from(tmp_path: Path) -> None:
    said = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http"}

    async def who(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await hello(scope, receive, send)
            return
        told = f"{scope['client'][0]} {scope['scheme']}".encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": told})

    pair = make_pair(tmp_path, "house")
    for proxies, expected in (((), "127.0.0.1 https"), (("127.0.0.1",), "203.0.113.9 http")):
        with serving(who, pair, proxies) as (_, port):
            url, trusted = f"https://127.0.0.1:{port}", trusting(pair[0])
            assert httpx.get(url, verify=trusted, headers=said, trust_env=False).text == expected


def test_the_configuration_names_both_files_or_none(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "configs", tmp_path / "configs")
    file = tmp_path / "configs" / "housemodel.toml"
    text = file.read_text()
    file.write_text(text.replace('tls_certificate = ""', 'tls_certificate = "house.crt"'))
    with pytest.raises(InvalidRequest, match="go together"):
        load_settings(home=tmp_path, configs_folder=tmp_path / "configs")
    file.write_text(file.read_text().replace('tls_key = ""', 'tls_key = "house.key"'))
    found = load_settings(home=tmp_path, configs_folder=tmp_path / "configs", host="0.0.0.0")
    assert found.url_here == "https://127.0.0.1:8000" and not found.is_loopback
    assert found.tls_key == (tmp_path / "configs" / "house.key").resolve()
    file.write_text(text.replace("trusted_proxies = []", 'trusted_proxies = ["the proxy"]'))
    with pytest.raises(InvalidRequest):
        load_settings(home=tmp_path, configs_folder=tmp_path / "configs")
