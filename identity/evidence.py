"""Evidence of a consent: the signed forms that a caller sends along.

They are kept sealed as they came and never opened, parsed or shown by this product; only their
first bytes are looked at, so that nothing but a document or a scan is taken. Their SHA-256 joins
the terms of the consent, so that a paper can be held against the record even after erasure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from compliance.terms import ConsentTerms
from identity.limits import EvidenceLimits
from identity.photos import kind_of
from workspace.errors import InvalidRequest, PayloadTooLarge

MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "HEIC": "image/heic",
    "PDF": "application/pdf",
}


def checked(files: Sequence[bytes], limits: EvidenceLimits) -> tuple[tuple[bytes, str], ...]:
    """Give every file its media type.

    Raises:
        InvalidRequest: too many files, or one that is no PDF or picture.
        PayloadTooLarge: one is too large.
    """
    if len(files) > limits.max_files:
        detail = f"At most {limits.max_files} evidence files are taken."
        raise InvalidRequest(detail, (), None, "/evidence")
    return tuple((data, _media_type(data, limits)) for data in files)


def named_in(terms: ConsentTerms, files: Sequence[bytes]) -> ConsentTerms:
    """Add the hashes of the files to the terms, each once."""
    found = [hashlib.sha256(data).hexdigest() for data in files]
    return replace(terms, evidence_sha256=tuple(dict.fromkeys((*terms.evidence_sha256, *found))))


def _media_type(data: bytes, limits: EvidenceLimits) -> str:
    if len(data) > limits.max_bytes:
        detail = f"An evidence file has at most {limits.max_bytes:,} bytes."
        raise PayloadTooLarge(detail, (), None, "/evidence")
    kind = "PDF" if data.startswith(b"%PDF-") else kind_of(data)
    if kind is None:
        detail = "Evidence is a PDF, JPEG, PNG, WEBP or HEIC file."
        raise InvalidRequest(detail, (), None, "/evidence")
    return MEDIA_TYPES[kind]
