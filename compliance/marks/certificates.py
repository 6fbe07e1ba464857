"""Certificates that sign marks: read a customer's, make one for development.

The only module beside `workspace/sealing.py` that imports `cryptography`. It does no I/O and keeps
nothing: keys come and go as PEM bytes. The development chain says what it is in every subject; the
key of its root is thrown away as soon as it has signed the one leaf, so nothing else can ever chain
to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from workspace.errors import MarkingFailed

DEVELOPMENT = "housemodel DEVELOPMENT certificate"
_VALID = timedelta(days=3650)  # pictures without a time-stamp are valid as long as their signer
_CLOCK_SKEW = timedelta(days=1)
CLAIM_SIGNING, EMAIL_PROTECTION = "1.3.6.1.4.1.62558.2.1", "1.3.6.1.5.5.7.3.4"
DOCUMENT_SIGNING, MICROSOFT_SIGNING = "1.3.6.1.5.5.7.3.36", "1.3.6.1.4.1.311.76.59.1.9"
# What a signing certificate must be for, one of these; the C2PA library wants the list as text.
USES = (CLAIM_SIGNING, EMAIL_PROTECTION, DOCUMENT_SIGNING, MICROSOFT_SIGNING)
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


@dataclass(frozen=True, slots=True)
class Credential:
    """A chain and the private key of its first certificate, ready for the C2PA library."""

    chain: str  # PEM, the signing certificate first
    key: str = field(repr=False)  # PEM, PKCS #8
    algorithm: str  # C2PA's name, for example "es256"
    serial: str  # of the signing certificate, decimal
    anchor: str  # PEM of the chain's last certificate
    expires_at: datetime


def make_development(now: datetime) -> tuple[bytes, bytes]:
    """Make a chain for trying things out; returns chain and private key as PEM."""
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name = _name(f"{DEVELOPMENT}, root")
    root = _certificate(root_name, root_key, root_name, root_key, now, True)
    leaf = _certificate(_name(DEVELOPMENT), key, root_name, root_key, now, False)
    return _pem(leaf) + _pem(root), _private(key)


def read(chain: bytes, key: bytes, now: datetime) -> Credential:
    """Read a chain and its private key, and check that they belong together and are valid now.

    Raises:
        MarkingFailed: they can't be used; the detail says why and holds nothing of the key.
    """
    try:
        certificates = x509.load_pem_x509_certificates(chain)
        private = load_pem_private_key(key, None)
    except TypeError as error:
        raise MarkingFailed("The private key of the marks is encrypted; give it in clear.") from (
            error
        )
    except (ValueError, UnsupportedAlgorithm) as error:
        raise MarkingFailed("The certificate or the private key of the marks is not PEM.") from (
            error
        )
    leaf = certificates[0]
    if len(certificates) < 2:
        raise MarkingFailed("The certificate chain lacks the issuer of the signing certificate.")
    _check_chain(certificates)
    if _public(private.public_key()) != _public(leaf.public_key()):
        raise MarkingFailed("The private key does not belong to the signing certificate.")
    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        raise MarkingFailed("The signing certificate is not valid at this time.")
    return Credential(
        chain=b"".join(_pem(one) for one in certificates).decode(),
        key=_private(private).decode(),
        algorithm=_algorithm(private),
        serial=str(leaf.serial_number),
        anchor=_pem(certificates[-1]).decode(),
        expires_at=leaf.not_valid_after_utc,
    )


def _check_chain(certificates: list[x509.Certificate]) -> None:
    for certificate, issuer in pairwise(certificates):
        try:
            certificate.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise MarkingFailed(
                "The certificate chain is not in order: the signing certificate comes first, "
                "and each was issued by the next."
            ) from error


def _algorithm(key: object) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey):
        return "ps256"
    raise MarkingFailed("The signing key is none of EC P-256, P-384, P-521, Ed25519 and RSA.")


def _certificate(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    now: datetime,
    root: bool,
) -> x509.Certificate:
    issued_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + _VALID)
        .add_extension(x509.BasicConstraints(root, None), critical=True)
        .add_extension(_usage(root), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(issued_by, critical=False)
    )
    if not root:
        uses = [x509.ObjectIdentifier(use) for use in (CLAIM_SIGNING, EMAIL_PROTECTION)]
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _usage(root: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not root,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=root,
        crl_sign=root,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, DEVELOPMENT),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def _private(key: object) -> bytes:
    written: bytes = key.private_bytes(  # type: ignore[attr-defined]
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    return written


def _public(key: object) -> bytes:
    written: bytes = key.public_bytes(  # type: ignore[attr-defined]
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    return written
