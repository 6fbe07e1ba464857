"""The marks on every picture that leaves: watermark, signed C2PA manifest, IPTC's fields in XMP.

    marker = open_marker(registry, load_provenance(path), version, now)
    pixels, mark = marker.watermarked(pixels, image_id)              # None: too small for one
    marked = marker.mark(file_with_xmp, "image/png", image_id)       # or nothing leaves
    found  = marker.read(some_file, "image/jpeg")                    # what marks does it carry?
    mark   = marker.watermark_of(some_pixels)                        # and which watermark?

Rules: fail closed, a picture that can't be marked is not handed out. The signer is the customer's
certificate, else a development certificate that is made once per home and kept sealed in
`control.db`, together with the key of the watermark. Which certificates signed here is remembered,
so that pictures are still recognised after a change. What the marks say is in `marks/manifest.py`;
docs/provenance.md says what they survive. Visible labels are `marks/labels.py`.
"""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from compliance.marks import certificates, codes, manifest, signing
from compliance.marks.certificates import Credential
from compliance.marks.manifest import Input
from compliance.marks.watermark import Watermark
from workspace import sealing
from workspace.database import transaction
from workspace.errors import Fault, MarkingFailed
from workspace.registry import Registry
from workspace.types import RGB

CertificateKind = Literal["development", "customer"]
State = Literal["valid", "invalid", "remote"]
_ROW = "provenance"  # of control.db's table meta
_MAX_FILE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ProvenanceConfig:
    """Where the customer's PEM files are; None for a development certificate."""

    chain: Path | None = None
    private_key: Path | None = None
    time_stamps: str | None = None  # address of an RFC 3161 authority; None: no network is used


@dataclass(frozen=True, slots=True)
class Marked:
    """A picture file that carries its marks: from `Marker.mark`, or read back from the store."""

    image_id: str
    data: bytes
    media_type: str
    certificate: CertificateKind


@dataclass(frozen=True, slots=True)
class Finding:
    """What a picture's manifest says. Texts of foreign manifests are short and printable."""

    state: State  # remote: the manifest is on the network and was not fetched
    claim_generator: str | None = None
    digital_source_type: str | None = None
    signed_by: str | None = None  # as the certificate calls itself
    signed_here: bool = False  # whole, and by a certificate of this appliance
    image_id: str | None = None  # only when signed here


def load_provenance(path: Path) -> ProvenanceConfig:
    """Read `configs/provenance.toml`.

    Raises:
        Fault: it is missing or not complete, or names only one of the two files.
    """
    try:
        raw = tomllib.loads(path.read_text())
        table = raw.pop("certificate")
        chain, private_key = str(table.pop("chain")), str(table.pop("private_key"))
        stamps = raw.pop("time_stamps", {"url": ""})
        url = str(stamps.pop("url"))
    except (OSError, tomllib.TOMLDecodeError, KeyError, AttributeError) as error:
        raise Fault(f"{path.name} can't be read or lacks a key.") from error
    if raw or table or stamps:
        raise Fault(f"{path.name} has an unknown key.")
    if bool(chain) != bool(private_key):
        raise Fault(f"{path.name} names a chain or a private key, but not both.")
    if url and not url.startswith(("http://", "https://")):
        raise Fault(f"{path.name}: a time-stamp authority has an http address.")
    if not chain:
        return ProvenanceConfig(time_stamps=url or None)
    return ProvenanceConfig(path.parent / chain, path.parent / private_key, url or None)


def open_marker(
    registry: Registry, config: ProvenanceConfig, version: str, now: datetime
) -> Marker:
    """Open the signer and try it once, so that a bad certificate is found before any picture.

    Args:
        registry: Its `control.db` keeps the development key, sealed, and the known signers.
        version: Of this product; part of the marks.

    Raises:
        MarkingFailed: the certificate can't sign; the detail says why.
    """
    kind: CertificateKind = "development"
    with transaction(registry.control):
        kept = _kept(registry)
        before = str(kept)
        if config.chain is not None and config.private_key is not None:
            kind, secret = "customer", _secret(config.private_key)
            credential = certificates.read(_file(config.chain), secret, now)
        else:
            credential = _development(kept, now)
        signers: dict[str, str] = kept.setdefault("signers", {})
        signers[credential.serial] = credential.anchor
        key = kept.setdefault("watermark", sealing.new_key().hex())
        if str(kept) != before:
            sealed = registry.seal("meta", _ROW, kept)
            registry.control.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [_ROW, sealed])
    watermarks = bytes.fromhex(key)
    marker = Marker(kind, credential, signers, version, watermarks, config.time_stamps)
    marker.check()
    return marker


class Marker:
    """Marks pictures and reads marks; safe to use from several threads.

    Args:
        signers: Serial number -> anchor (PEM) of every certificate that signed here.
        key: Of the watermark, 32 bytes.
        time_stamps: Address of a time-stamp authority.
    """

    def __init__(
        self,
        kind: CertificateKind,
        credential: Credential,
        signers: dict[str, str],
        version: str,
        key: bytes,
        time_stamps: str | None = None,
    ) -> None:
        self.certificate: CertificateKind = kind
        self.expires_at = credential.expires_at
        self.xmp = manifest.xmp(version)  # what a file must carry before it is signed
        self._credential = credential
        self._serials = frozenset(signers)
        self._version = version
        self._key, self._watermark = key, Watermark(key)
        self._time_stamps = time_stamps
        self._settings = signing.context(dict.fromkeys(signers.values()))

    def watermarked(self, picture: RGB, image_id: str) -> tuple[RGB, str | None]:
        """Put the image's watermark into the pixels, and read it back.

        Returns:
            The new pixels and the watermark's id; the pixels as they were and None when the
            picture is too small to carry one.

        Raises:
            MarkingFailed: the watermark can't be read back.
        """
        mark = codes.watermark_id(self._key, image_id)
        pixels = self._watermark.embed(picture, mark)
        return (picture, None) if pixels is None else (pixels, mark)

    def watermark_of(self, picture: RGB, any_way_up: bool = False) -> str | None:
        """Find the id of a watermark of this appliance in any picture's pixels.

        Args:
            any_way_up: Also look whether the picture was mirrored or turned by 90 degrees.
        """
        found = self._watermark.find(picture, any_way_up)
        return found.mark if found else None

    def packet(
        self, words: str = "", content_id: str = "", provider: str = "", edited: bool = False
    ) -> bytes:
        """Write the XMP packet of one picture; see `manifest.xmp`."""
        return manifest.xmp(self._version, words, content_id, provider, edited)

    def mark(
        self,
        picture: bytes,
        media_type: str,
        image_id: str,
        *,
        packet: bytes | None = None,
        inputs: Sequence[Input] = (),
    ) -> Marked:
        """Sign a picture that was drawn here and carries our XMP packet.

        Args:
            picture: PNG, JPEG or WEBP.
            packet: From `packet`; None for the plain one, `xmp`.
            inputs: Product photos that it was drawn from.

        Raises:
            MarkingFailed: nothing may leave.
        """
        definition = manifest.created(self._version, image_id, inputs)
        data = self._signed(picture, media_type, definition, packet, None, inputs)
        return Marked(image_id, data, media_type, self.certificate)

    def mark_copy(
        self, picture: bytes, media_type: str, stored: Marked, resized: bool = False
    ) -> Marked:
        """Sign the same picture in another format or size; the stored one becomes its parent.

        Raises:
            MarkingFailed: nothing may leave.
        """
        definition = manifest.copied(self._version, stored.image_id, resized)
        parent, packet = (stored.data, stored.media_type), manifest.packet_of(stored.data)
        data = self._signed(picture, media_type, definition, packet, parent)
        return Marked(stored.image_id, data, media_type, self.certificate)

    def mark_edited(
        self,
        picture: bytes,
        media_type: str,
        image_id: str,
        photo: bytes,
        photo_type: str,
        *,
        packet: bytes | None = None,
    ) -> Marked:
        """Sign a photo that was changed here; marks that the photo carries stay as ingredient.

        Args:
            photo: The file as it came; only its hash and its own manifest are kept.
            packet: From `packet`; None for the plain one, `xmp`.

        Raises:
            MarkingFailed: nothing may leave.
        """
        definition = manifest.edited(self._version, image_id)
        data = self._signed(picture, media_type, definition, packet, (photo, photo_type))
        return Marked(image_id, data, media_type, self.certificate)

    def _signed(
        self,
        picture: bytes,
        media_type: str,
        definition: dict[str, Any],
        packet: bytes | None,
        parent: tuple[bytes, str] | None = None,
        inputs: Sequence[Input] = (),
    ) -> bytes:
        fields = packet or self.xmp
        if not fields.startswith(b"<?xpacket") or fields not in picture:
            raise MarkingFailed("The picture lacks the fields that say how it was made.")
        return signing.sign(
            self._settings,
            self._credential,
            definition,
            picture,
            media_type,
            parent,
            inputs,
            self._time_stamps,
        )

    def report(self, picture: bytes, media_type: str) -> dict[str, Any]:
        """Read a marked picture's manifest as the C2PA library reports it.

        Raises:
            MarkingFailed: there is none, or it does not hold.
        """
        found = signing.read(self._settings, picture, media_type)
        if found is None or found[0] not in signing.VALID:
            raise MarkingFailed("The marks of this picture can't be read.")
        return found[1]

    def read(self, picture: bytes, media_type: str) -> Finding | None:
        """Say what marks any picture carries; None when there is no manifest.

        Raises:
            UnsupportedImage: it can't be read as a picture of this kind.
        """
        found = signing.read(self._settings, picture, media_type)
        if found is None:
            return None
        c2pa_state, report = found
        if c2pa_state == signing.REMOTE:
            return Finding("remote")
        manifests, label = report.get("manifests") or {}, str(report.get("active_manifest"))
        active = manifests.get(label) or {}
        signature = active.get("signature_info") or {}
        here = c2pa_state == signing.TRUSTED and signature.get("cert_serial_number") in (
            self._serials
        )
        return Finding(
            state="valid" if c2pa_state in signing.VALID else "invalid",
            claim_generator=manifest.generator_of(active),
            digital_source_type=manifest.source_type_of(manifests, label),
            signed_by=manifest.word(signature.get("common_name") or signature.get("issuer")),
            signed_here=here,
            image_id=manifest.image_id_of(active) if here else None,
        )

    def check(self) -> None:
        """Sign a single pixel and read it back.

        Raises:
            MarkingFailed: the certificate can't sign, or would not be recognised afterwards.
        """
        pixel = manifest.pixel(self.xmp)
        found = self.read(self.mark(pixel, "image/png", "img_check").data, "image/png")
        if found is None or not found.signed_here:
            raise MarkingFailed("What the signing certificate signs is not recognised again.")


def _kept(registry: Registry) -> dict[str, Any]:
    for row in registry.control.query("SELECT value FROM meta WHERE key = ?", [_ROW]):
        return registry.open("meta", _ROW, row["value"])
    return {}


def _development(kept: dict[str, Any], now: datetime) -> Credential:
    """Open the development certificate of this home; make one when there is none or it ended."""
    if "chain" in kept:
        try:
            return certificates.read(kept["chain"].encode(), kept["key"].encode(), now)
        except MarkingFailed:
            pass  # it has ended: a new one signs from now on
    chain, key = certificates.make_development(now)
    kept |= {"chain": chain.decode(), "key": key.decode()}
    return certificates.read(chain, key, now)


def _secret(path: Path) -> bytes:
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise MarkingFailed("The private key of the marks is open to other accounts: chmod 600")
    except OSError as error:
        raise MarkingFailed("The private key of the marks can't be read.") from error
    return _file(path)


def _file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_FILE_BYTES)
    except OSError as error:
        raise MarkingFailed("A PEM file of the marks can't be read.") from error
