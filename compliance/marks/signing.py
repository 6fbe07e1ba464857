"""The C2PA library, in memory and offline: sign a picture's bytes, read a picture's manifest.

The only module that imports `c2pa`. Streams are in memory, so no clear picture touches the disk; a
manifest elsewhere on the network and revocation servers are never asked, and a time-stamp authority
only where `provenance.toml` names one.
Everything that the library raises becomes one of our errors.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import c2pa

from compliance.marks.certificates import USES, Credential
from compliance.marks.manifest import PARENT, Input
from workspace.errors import MarkingFailed, UnsupportedImage

TRUSTED = "Trusted"  # C2PA's word: whole, and the signer chains to one of our anchors
VALID = (TRUSTED, "Valid")
_MAX_REASON_CHARACTERS = 120
REMOTE = "Remote"  # ours: the manifest is on the network, where nobody looks


def context(anchors: Iterable[str]) -> Any:
    """Make the library's settings; `anchors` are PEM certificates that count as ours."""
    settings = {
        "verify": {
            "verify_after_reading": True,
            "verify_after_sign": True,
            "verify_trust": True,
            "ocsp_fetch": False,
            "remote_manifest_fetch": False,
        },
        "trust": {"trust_anchors": "".join(anchors), "trust_config": "\n".join((*USES, ""))},
        # NOTE: a thumbnail would be a second, unmarked copy of the picture.
        "builder": {"thumbnail": {"enabled": False}},
    }
    return c2pa.Context(c2pa.Settings.from_dict(settings))


def sign(
    settings: Any,
    credential: Credential,
    definition: Mapping[str, Any],
    picture: bytes,
    media_type: str,
    parent: tuple[bytes, str] | None = None,
    inputs: Sequence[Input] = (),
    time_stamps: str | None = None,
) -> bytes:
    """Write a manifest into a picture and check the result as any reader would.

    Args:
        settings: From `context`.
        definition: From `manifest.py`.
        parent: Picture and media type that this one was written from.
        inputs: Those with a file of their own give their manifest as ingredient.
        time_stamps: Address of a time-stamp authority (RFC 3161); None: none is asked.

    Raises:
        MarkingFailed: no picture comes back.
    """
    marked = io.BytesIO()
    try:
        signer = c2pa.Signer.from_info(
            c2pa.C2paSignerInfo(
                credential.algorithm,
                credential.chain.encode(),
                credential.key.encode(),
                time_stamps.encode() if time_stamps else None,
            )
        )
        with signer, c2pa.Builder.from_json(dict(definition), context=settings) as builder:
            if parent is not None:
                about = {"relationship": "parentOf", "label": PARENT}
                builder.add_ingredient(about, parent[1], io.BytesIO(parent[0]))
            for k, one in enumerate(inputs):
                if one.file is not None:
                    about = one.described(k)
                    builder.add_ingredient(about, one.media_type, io.BytesIO(one.file))
            builder.sign(signer, media_type, io.BytesIO(picture), marked)
    except c2pa.C2paError as error:
        raise MarkingFailed(f"The C2PA library refused: {_reason(error)}.") from error
    return marked.getvalue()


def read(settings: Any, picture: bytes, media_type: str) -> tuple[str, dict[str, Any]] | None:
    """Read and validate the manifest of a picture, be it ours or not.

    Returns:
        C2PA's validation state and the report; None when the picture carries no manifest.

    Raises:
        UnsupportedImage: it can't be read as a picture of this kind.
    """
    try:
        with c2pa.Reader(media_type, io.BytesIO(picture), context=settings) as reader:
            report: dict[str, Any] = json.loads(reader.json())
    except c2pa.C2paError.ManifestNotFound:
        return None
    except c2pa.C2paError as error:
        if str(error).startswith(REMOTE):
            return REMOTE, {}
        if b"c2pa" not in picture:
            raise UnsupportedImage("The file is damaged or incomplete.") from error
        return "Invalid", {}
    return str(report.get("validation_state", "Invalid")), report


def _reason(error: Exception) -> str:
    """Shorten the library's words: its code such as `signingCredential.invalid`, or one line."""
    text = str(error)
    for part in text.replace(":", " ").split():
        if part.startswith(("signingCredential.", "claimSignature.", "assertion.")):
            return part
    return text.partition("\n")[0][:_MAX_REASON_CHARACTERS]
