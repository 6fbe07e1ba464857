"""Read a pack: its manifest, and the proof that no file was changed.

A pack is a folder with `pack.toml` and weights in the diffusers layout. Rules:
- every file that is loaded stands in the `[files]` table with its sha256, and all are checked
  before anything is loaded; a folder with listed files holds no file that the table lacks;
- weights are safetensors; pickles are refused by name and by content, because loading one runs
  whatever code its author put into it;
- paths are plain relative paths inside the folder: no `..`, no absolute path, no symbolic link.
It does not load weights (`families/`) and does not decide about licences (compliance).
"""

from __future__ import annotations

import hashlib
import json
import struct
import tomllib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from serve.deployments.manifest import Licence, Manifest
from workspace.errors import PackInvalid
from workspace.types import PackLicence, PackSummary

MANIFEST = "pack.toml"
_LOADABLE = {".safetensors", ".json", ".jinja", ".txt", ".model"}
_CAST = {".toml", ".jpg"}  # rendered people; only in the folder `people`
_PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".npy", ".npz"}
_MAX_MANIFEST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack; its files were all verified when `load_pack` made it."""

    folder: Path
    manifest: Manifest
    digest: str

    def summary(self, engine: str, detail: str = "") -> PackSummary:
        """Say what this pack is, with the engine that runs it."""
        m = self.manifest
        slots = m.references
        return PackSummary(
            name=m.name,
            version=m.version,
            family=m.family,
            digest=self.digest,
            engine=engine,
            tools=tuple(str(tool) for tool in m.tools),
            sizes=dict(m.render.sizes),
            default_aspect_ratio=m.render.default_aspect_ratio,
            steps=m.render.steps,
            max_products=m.limits.max_products,
            max_batch=m.limits.max_batch,
            encoder_id=m.faces.encoder_id,
            identity_pass=m.faces.passed,
            identity_warn=m.faces.warn,
            close_up_face_width=slots.crop.close_up_face_width,
            reference_sizes={
                "close_up": slots.close_up.size,
                "full_body": slots.full_body.size,
                "product": slots.product.size,
            },
            summary=m.summary,
            detail=detail,
            close_up_face_center=slots.crop.close_up_face_center,
            full_body_person_height=slots.crop.full_body_person_height,
            product_fill=slots.crop.product_fill,
            licences=tuple(_licence(self.folder, one) for one in m.licences),
            scene_words=(m.scenes.standing, m.scenes.cropped) if m.scenes else None,
            people=m.people.source if m.people else "",
        )


def load_pack(folder: Path) -> Pack:
    """Read `pack.toml`, and verify every file it lists.

    Raises:
        PackInvalid: the manifest or a file is missing, changed, unlisted or of a refused kind.
    """
    manifest = read_manifest(folder)
    _refuse_unlisted(folder, manifest)
    for path, expected in sorted(manifest.files.items()):
        _verify(folder, path, expected)
    return Pack(folder.resolve(), manifest, files_digest(manifest.files))


def outline(folder: Path) -> PackSummary:
    """Say what a pack claims to be, without reading its weights: nothing is proven yet.

    Raises:
        PackInvalid: the manifest or a licence text is missing, or not understood.
    """
    manifest = read_manifest(folder)
    return Pack(folder.resolve(), manifest, files_digest(manifest.files)).summary(engine="")


def _licence(folder: Path, licence: Licence) -> PackLicence:
    words = json.dumps([licence.spdx, licence.covers, licence.commercial]).encode()
    if licence.file is not None:
        path = folder / licence.file
        _refuse_links(folder, path, licence.file)
        try:
            words = path.read_bytes()
        except OSError as error:
            raise PackInvalid(f"The licence {licence.file} is missing from the pack.") from error
    digest = hashlib.sha256(words).hexdigest()
    return PackLicence(licence.spdx, licence.covers, licence.commercial, digest)


def read_manifest(folder: Path) -> Manifest:
    """Parse `pack.toml` without looking at the other files.

    Raises:
        PackInvalid: there is none, or it says something that is not understood.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise PackInvalid(f"The folder has no {MANIFEST}; choose the folder of a pack.")
    if path.stat().st_size > _MAX_MANIFEST_BYTES:
        raise PackInvalid(f"{MANIFEST} is larger than 1 MiB, so it is not a pack's manifest.")
    try:
        manifest = Manifest.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PackInvalid(f"{MANIFEST} is not readable TOML: {error}.") from error
    except ValidationError as error:
        raise PackInvalid(f"{MANIFEST}: {_first_problem(error)}") from error
    for listed in (*manifest.files, *(one.file for one in manifest.licences if one.file)):
        _check_path(listed)
    return manifest


def files_digest(files: dict[str, str]) -> str:
    """Name a set of files: sha256 over the table of paths and hashes, sorted by path."""
    table = "".join(f"{path}\t{sha256}\n" for path, sha256 in sorted(files.items()))
    return hashlib.sha256(table.encode()).hexdigest()


def _first_problem(error: ValidationError) -> str:
    first, more = error.errors()[0], error.error_count() - 1
    where = ".".join(str(part) for part in first["loc"])
    rest = f" ({more} more)" if more else ""
    return f"{where}: {first['msg']}{rest}. Correct it, or get the pack again."


def _check_path(listed: str) -> None:
    path = PurePosixPath(listed)
    plain = str(path) == listed and "\\" not in listed and "\0" not in listed
    if not plain or path.is_absolute() or ".." in path.parts or listed == ".":
        raise PackInvalid(f"{listed!r} is not a plain path inside the pack; don't use this pack.")


def _refuse_unlisted(folder: Path, manifest: Manifest) -> None:
    """Refuse files beside the listed ones: a loader might pick them up unverified."""
    tops = {PurePosixPath(path).parts[0] for path in manifest.files if "/" in path}
    for top in sorted(tops):
        for found in sorted((folder / top).rglob("*")):
            name = found.relative_to(folder).as_posix()
            if found.is_symlink() or (found.is_file() and name not in manifest.files):
                raise PackInvalid(f"{name} is not listed in {MANIFEST}; remove it from the pack.")
    for found in sorted(folder.glob("*.*")):
        loadable = found.suffix in _LOADABLE | _PICKLES and found.suffix != ".txt"
        if loadable and found.name not in manifest.files:
            raise PackInvalid(f"{found.name} is not listed in {MANIFEST}; remove it from the pack.")


def _verify(folder: Path, listed: str, expected: str) -> None:
    path = folder / listed
    suffix = path.suffix.lower()
    if suffix in _PICKLES:
        raise PackInvalid(f"{listed} is a pickle; convert the weights to safetensors.")
    if suffix not in _LOADABLE and not (listed.startswith("people/") and suffix in _CAST):
        raise PackInvalid(f"{listed} is of a kind that packs don't hold; take it out.")
    _refuse_links(folder, path, listed)
    if not path.is_file():
        raise PackInvalid(f"{listed} is missing; get the pack again.")
    _refuse_disguised(path, listed)
    with path.open("rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    if actual != expected:
        raise PackInvalid(f"{listed} was changed: its sha256 is not the listed one.")


def _refuse_links(folder: Path, path: Path, listed: str) -> None:
    for part in (path, *path.parents):
        if part == folder:
            return
        if part.is_symlink():
            raise PackInvalid(f"{listed} is a symbolic link; packs hold the files themselves.")


def _refuse_disguised(path: Path, listed: str) -> None:
    """Look at the first bytes: a pickle or a zip of pickles keeps its nature under any name."""
    with path.open("rb") as file:
        head = file.read(9)
    if path.suffix.lower() == ".safetensors":
        if not _is_safetensors(head, path.stat().st_size):
            raise PackInvalid(f"{listed} is not a safetensors file; get the pack again.")
    elif head[:2] == b"PK" or (head[:1] == b"\x80" and len(head) > 1 and head[1] <= 5):
        raise PackInvalid(f"{listed} holds a pickle under another name; don't use this pack.")


def _is_safetensors(head: bytes, size: int) -> bool:
    """True if the bytes start as: length of a JSON header, then the header itself."""
    if len(head) < 9:
        return False
    (header_bytes,) = struct.unpack("<Q", head[:8])
    return bool(head[8:9] == b"{" and 8 + header_bytes <= size)
