"""What the marks say, word for word. Pure.

Everything in here is public and leaves with every picture, so this is a whitelist: the product's
name and version, that an algorithm made the picture, and the image's opaque id. Never a prompt, a
name, a photo, a workspace, a model or a pack (whose name may be the customer's own).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import Any

PRODUCT = "housemodel"
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
ACTIONS, CREATED = "c2pa.actions.v2", "c2pa.created"
IMAGE = "housemodel.image"  # our own assertion: {"image_id": "img_..."}
PARENT = "stored"  # inside one manifest: the stored picture that a copy was written from
_MAX_CHARACTERS = 200  # of a word that somebody else's manifest gives us
_MAX_DEPTH = 8


def created(version: str, image_id: str) -> dict[str, Any]:
    """Describe a picture that was drawn here."""
    action = {
        "action": CREATED,
        "digitalSourceType": SOURCE_TYPE,
        "softwareAgent": _agent(version),
    }
    return _definition(version, image_id, [action])


def copied(version: str, image_id: str) -> dict[str, Any]:
    """Describe the same picture in another format; the stored one is its parent ingredient."""
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": [PARENT]}}
    transcoded = {"action": "c2pa.transcoded", "softwareAgent": _agent(version)}
    return _definition(version, image_id, [opened, transcoded])


def xmp(version: str) -> bytes:
    """Write the XMP packet with IPTC's fields for pictures that an algorithm made."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about=""'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        f' Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}"'
        f' Iptc4xmpExt:AISystemUsed="{PRODUCT}"'
        f' Iptc4xmpExt:AISystemVersionUsed="{version}"/>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def pixel(packet: bytes) -> bytes:
    """Write the smallest PNG that carries an XMP packet; to try a signer with."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    text = b"XML:com.adobe.xmp" + bytes(5) + packet
    chunks = (
        (b"IHDR", header),
        (b"iTXt", text),
        (b"IDAT", zlib.compress(bytes(2))),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )


def image_id_of(manifest: Mapping[str, Any]) -> str | None:
    """Read the image id that our own assertion carries."""
    for data in _assertions(manifest, IMAGE):
        return word(data.get("image_id"))
    return None


def generator_of(manifest: Mapping[str, Any]) -> str | None:
    """Read who wrote the manifest, as `name/version`."""
    for info in _objects(manifest.get("claim_generator_info")):
        name, version = word(info.get("name")), word(info.get("version"))
        return f"{name}/{version}" if name and version else name
    return word(manifest.get("claim_generator"))


def source_type_of(manifests: Mapping[str, Any], label: str) -> str | None:
    """Read the digital source type of `c2pa.created`, from the manifest or from its parents."""
    for _ in range(_MAX_DEPTH):
        manifest = manifests.get(label)
        if not isinstance(manifest, Mapping):
            return None
        for action in _actions(manifest):
            if action.get("action") == CREATED:
                return word(action.get("digitalSourceType"))
        parents = [
            word(one.get("active_manifest"))
            for one in _objects(manifest.get("ingredients"))
            if one.get("relationship") == "parentOf"
        ]
        label = next((parent for parent in parents if parent), "")
    return None


def word(value: object) -> str | None:
    """Take a short printable text; whatever else a foreign manifest holds is left out."""
    if isinstance(value, str) and 0 < len(value) <= _MAX_CHARACTERS and value.isprintable():
        return value
    return None


def _definition(version: str, image_id: str, actions: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "claim_generator_info": [_agent(version)],
        "assertions": [
            {"label": ACTIONS, "data": {"actions": actions}},
            {"label": IMAGE, "data": {"image_id": image_id}},
        ],
    }


def _agent(version: str) -> dict[str, str]:
    return {"name": PRODUCT, "version": version}


def _actions(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for label in (ACTIONS, "c2pa.actions"):
        for data in _assertions(manifest, label):
            found += _objects(data.get("actions"))
    return found


def _assertions(manifest: Mapping[str, Any], label: str) -> list[Mapping[str, Any]]:
    return [
        one["data"]
        for one in _objects(manifest.get("assertions"))
        if one.get("label") == label and isinstance(one.get("data"), Mapping)
    ]


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
