"""What the marks say, word for word. Pure.

Everything in here is public and leaves with every picture, so this is a whitelist: the product's
name and version, that an algorithm made the picture, the image's opaque id, the words of the
visible label, and the hashes of product photos. Never a prompt, a name, a photo, anything of the
person, a workspace, a model or a pack (whose name may be the customer's own).
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

PRODUCT = "housemodel"
_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SOURCE_TYPE = f"{_SOURCE_TYPES}trainedAlgorithmicMedia"
COMPOSITE_TYPE = f"{_SOURCE_TYPES}compositeWithTrainedAlgorithmicMedia"
ACTIONS, CREATED = "c2pa.actions.v2", "c2pa.created"
IMAGE = "housemodel.image"  # our own assertion: {"image_id": "img_..."}
PARENT = "stored"  # inside one manifest: the picture that this one was written from
_PACKET_ENDS = (b"<?xpacket begin", b'<?xpacket end="w"?>')
_MAX_CHARACTERS = 200  # of a word that somebody else's manifest gives us
_MAX_DEPTH = 8


@dataclass(frozen=True, slots=True)
class Input:
    """A product photo that a picture was drawn from: its hash, or a file with marks of its own.

    Only a file that already carries a manifest is given whole: the manifest is kept, not the photo.
    """

    sha256: str  # of the photo as it is kept, 64 hexadecimal digits
    file: bytes | None = None
    media_type: str = "image/png"

    def label(self, k: int) -> str:
        """The name of input k inside one manifest."""
        return f"input{k}"

    def described(self, k: int) -> dict[str, Any]:
        """Describe the ingredient; its instance id is the photo's hash."""
        return {
            "title": "product photo",
            "format": self.media_type,
            "relationship": "inputTo",
            "instance_id": f"urn:sha256:{self.sha256}",
            "label": self.label(k),
        }


def created(version: str, image_id: str, inputs: Sequence[Input] = ()) -> dict[str, Any]:
    """Describe a picture that was drawn here, with the product photos that it was drawn from."""
    action: dict[str, Any] = {
        "action": CREATED,
        "digitalSourceType": SOURCE_TYPE,
        "softwareAgent": _agent(version),
    }
    if inputs:
        action["parameters"] = {"ingredientIds": [one.label(k) for k, one in enumerate(inputs)]}
    definition = _definition(version, image_id, [action])
    hashed = [one.described(k) for k, one in enumerate(inputs) if one.file is None]
    return {**definition, "ingredients": hashed} if hashed else definition


def edited(version: str, image_id: str) -> dict[str, Any]:
    """Describe an uploaded photo that was changed here; the photo is the parent ingredient."""
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": [PARENT]}}
    changed = {
        "action": "c2pa.edited",
        "digitalSourceType": COMPOSITE_TYPE,
        "softwareAgent": _agent(version),
    }
    return _definition(version, image_id, [opened, changed])


def copied(version: str, image_id: str, resized: bool = False) -> dict[str, Any]:
    """Describe the same picture in another format or size; the stored one is its parent."""
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": [PARENT]}}
    changed = {
        "action": "c2pa.resized" if resized else "c2pa.transcoded",
        "softwareAgent": _agent(version),
    }
    return _definition(version, image_id, [opened, changed])


def xmp(
    version: str,
    words: str = "",
    content_id: str = "",
    provider: str = "",
    edited: bool = False,
) -> bytes:
    """Write the XMP packet with IPTC's fields for pictures that an algorithm made.

    Args:
        words: Of the visible label; empty without one.
        content_id: With `provider`, the numbers of China's AIGC field (GB 45438-2025).
        edited: It is a photo that was changed, and not drawn as a whole.
    """
    fields = ""
    if words:
        fields += (
            '<dc:description><rdf:Alt><rdf:li xml:lang="x-default">'
            f"{escape(words)}</rdf:li></rdf:Alt></dc:description>"
        )
    if provider:
        aigc = {
            "Label": "1",  # generated, without doubt
            "ContentProducer": provider,
            "ProduceID": content_id,
            "ReservedCode1": "",
            "ContentPropagator": provider,
            "PropagateID": content_id,
            "ReservedCode2": "",
        }
        fields += f"<TC260:AIGC>{escape(json.dumps(aigc, ensure_ascii=False))}</TC260:AIGC>"
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about=""'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/"'
        f' Iptc4xmpExt:DigitalSourceType="{COMPOSITE_TYPE if edited else SOURCE_TYPE}"'
        f' Iptc4xmpExt:AISystemUsed="{PRODUCT}"'
        f' Iptc4xmpExt:AISystemVersionUsed="{version}">'
        f"{fields}</rdf:Description>"
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def packet_of(picture: bytes) -> bytes:
    """Find the XMP packet in one of our own files; empty when there is none."""
    begin = picture.find(_PACKET_ENDS[0])
    end = picture.find(_PACKET_ENDS[1], begin)
    return picture[begin : end + len(_PACKET_ENDS[1])] if 0 <= begin < end else b""


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
    """Read the digital source type of the first action with one, here or in the parents."""
    for _ in range(_MAX_DEPTH):
        manifest = manifests.get(label)
        if not isinstance(manifest, Mapping):
            return None
        for action in _actions(manifest):
            if action.get("digitalSourceType"):
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
