"""Every piece of cryptography of the product: derive, seal, open, hash with a key.

Rules: one algorithm (AES-256-GCM) with a random 96-bit nonce per seal; every seal is bound to the
place where it is kept (`bound_to`), so that sealed bytes moved to another row, table, chunk or
workspace no longer open; every derived key has a label of its own. Transport to a replica is HPKE
(RFC 9180) to the replica's ephemeral X25519 key. Passwords are hashed with Argon2id (RFC 9106), at
the cost that the OWASP Password Storage Cheat Sheet names as its minimum. This module keeps no keys
and does no I/O; only it and `compliance/marks/certificates.py` import `cryptography`.
"""

from __future__ import annotations

import hashlib
import hmac
import os

from cryptography.exceptions import (
    InvalidKey,
    InvalidSignature,
    InvalidTag,
    UnsupportedAlgorithm,
)
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from workspace.errors import SealBroken

KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_VERSION = b"\x01"
SEAL_OVERHEAD_BYTES = len(_VERSION) + _NONCE_BYTES + _TAG_BYTES
_PURPOSE = b"housemodel seal v1\x00"
# OWASP: 19 MiB, 2 passes, 1 lane; what is kept names its own cost, so that this may be raised.
PASSWORD_MEMORY_KIB = 19 * 1024
PASSWORD_PASSES = 2
_SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


def new_key() -> bytes:
    """Make a random 256-bit key."""
    return os.urandom(KEY_BYTES)


def derive(key: bytes, label: str, info: str = "") -> bytes:
    """Derive a 256-bit key from `key` for one purpose (HKDF-SHA256).

    Args:
        key: The parent key, 32 bytes.
        label: The purpose with its version, for example `audit mac v1`.
        info: What the derived key is for, for example a workspace id.
    """
    context = b"housemodel\x00" + label.encode() + b"\x00" + info.encode()
    return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=context).derive(key)


def seal(key: bytes, plaintext: bytes, bound_to: str) -> bytes:
    """Encrypt and authenticate bytes for one place.

    Args:
        key: 32 bytes.
        plaintext: What is kept secret.
        bound_to: The place; opening needs exactly the same words.

    Returns:
        One version byte, the nonce, the ciphertext with its tag.
    """
    nonce = os.urandom(_NONCE_BYTES)
    return _VERSION + nonce + AESGCM(key).encrypt(nonce, plaintext, _bound(bound_to))


def open_(key: bytes, sealed: bytes, bound_to: str) -> bytes:
    """Give back the bytes that `seal` took.

    Raises:
        SealBroken: another key, another place, or any changed, missing or added byte.
    """
    if len(sealed) < SEAL_OVERHEAD_BYTES or not sealed.startswith(_VERSION):
        raise SealBroken("A sealed value is not in a form that can be opened.")
    nonce = sealed[1 : 1 + _NONCE_BYTES]
    try:
        return AESGCM(key).decrypt(nonce, sealed[1 + _NONCE_BYTES :], _bound(bound_to))
    except InvalidTag as error:
        raise SealBroken("A sealed value was changed, or belongs to another place.") from error


def keyed_hash(key: bytes, value: str) -> str:
    """Hash a sensitive value so that equal values match, but nobody can guess them (HMAC-SHA256).

    Returns:
        64 hexadecimal digits.
    """
    return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()


def same(left: str, right: str) -> bool:
    """Compare two hashes in constant time."""
    return hmac.compare_digest(left.encode(), right.encode())


def hash_password(password: str) -> str:
    """Hash a password slowly, with a salt of its own (Argon2id).

    Returns:
        A PHC string: it names algorithm and cost beside salt and hash.
    """
    slow = Argon2id(
        salt=os.urandom(16),
        length=KEY_BYTES,
        iterations=PASSWORD_PASSES,
        lanes=1,
        memory_cost=PASSWORD_MEMORY_KIB,
    )
    return slow.derive_phc_encoded(password.encode())


def is_password(password: str, kept: str) -> bool:
    """Tell whether this is the password that `hash_password` hashed."""
    try:
        Argon2id.verify_phc_encoded(password.encode(), kept)
    except (InvalidKey, ValueError):
        return False
    return True


def slow_key(passphrase: str, salt: bytes, memory_kib: int, passes: int, lanes: int) -> bytes:
    """Make a 256-bit key from a passphrase, slowly (Argon2id); the same inputs give the same key.

    Args:
        memory_kib: Memory that one try takes.
        passes: How often that memory is gone through.
        lanes: Threads that share the work.
    """
    slow = Argon2id(
        salt=salt, length=KEY_BYTES, iterations=passes, lanes=lanes, memory_cost=memory_kib
    )
    return slow.derive(passphrase.encode())


class Recipient:
    """The ephemeral key pair of one replica; it lives and dies with the process."""

    def __init__(self) -> None:
        self._private = X25519PrivateKey.generate()
        self.public: bytes = self._private.public_key().public_bytes_raw()

    def open(self, sealed: bytes, label: str) -> bytes:
        """Give back what `seal_to` took for this recipient and label.

        Raises:
            SealBroken: another recipient, another label, or changed bytes.
        """
        try:
            return _SUITE.decrypt(sealed, self._private, label.encode())
        except (InvalidTag, ValueError) as error:
            raise SealBroken("A sealed message was changed, or is for another replica.") from error


def seal_to(public: bytes, plaintext: bytes, label: str) -> bytes:
    """Seal bytes so that only the recipient with this public key can open them (HPKE).

    Raises:
        SealBroken: `public` is not an X25519 public key.
    """
    try:
        return _SUITE.encrypt(plaintext, X25519PublicKey.from_public_bytes(public), label.encode())
    except ValueError as error:
        raise SealBroken("This is not the public key of a replica.") from error


class Signer:
    """The appliance's own signature (Ed25519): what it signs, others check with the public key.

    Args:
        seed: 32 bytes, the private key; kept sealed by whoever made it.
    """

    def __init__(self, seed: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_pem: str = (
            self._private.public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )

    def sign(self, message: bytes) -> bytes:
        """Sign bytes; 64 bytes."""
        return self._private.sign(message)


def is_signed(public_pem: str, signature: bytes, message: bytes) -> bool:
    """Tell whether the holder of this public key (PEM, Ed25519) signed exactly these bytes."""
    try:
        public = load_pem_public_key(public_pem.encode())
        if not isinstance(public, Ed25519PublicKey):
            return False
        public.verify(signature, message)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _bound(bound_to: str) -> bytes:
    return _PURPOSE + _VERSION + bound_to.encode()
