"""Everything that is kept about one person, as a zip: for the person who asks for a copy.

    about.json        name, status, checks, until when it is kept
    photos/           both reference photos, as they are stored
    consents.json     every version: terms, boxes that were ticked, by whom and when
    evidence/         the signed forms, as they came
    uses.json         what was made and published, for what; requests with their own words
    images.json       every picture, and images/ with the marked files, if they are asked for
    audit.jsonl       every entry of the audit log about the person
    README.txt        what the files are, and what is not among them

Built in memory, never on disk; audited before the first byte leaves. What no longer opens is named
in about.json. The face measures are described, not handed out: they can be computed from the
photos, and who holds a copy of them can recognise the person.
"""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from compliance import audit, consent, ledger, retention
from compliance.retention import RetentionRules
from identity import likeness
from serve.line import gallery
from serve.wire import present
from workspace.errors import Fault, NotFound, PayloadTooLarge, TooMany
from workspace.rows import Row
from workspace.store import WorkspaceStore
from workspace.types import AssetId, Caller, ModelId

MAX_BYTES = 256 << 20  # of all files; it is built in memory, one at a time
_BUILDING = threading.Lock()
_WAIT_SECONDS = 5  # then the next one is told to come again; threads are for everybody
_Opened = TypeVar("_Opened")
_SUFFIXES = {
    "application/pdf": "pdf",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/heic": "heic",
}
_README = """Everything that this appliance keeps about one person.

about.json      name, status, checks of the photos, and until when it is kept
photos          the two reference photos
consents.json   every version of the consent: terms, ticked boxes, by whom and when
evidence        the signed forms, as they were handed in
uses.json       pictures that were made and published, and the requests with their words
images.json     every picture that is kept; the files are in images if they were asked for
audit.jsonl     every entry of the audit log about the person, one per line

Not in here: the measures of the face (a row of numbers, computed from the photos), because whoever
has them can recognise you. They are kept encrypted, and destroyed together with the photos.
Pictures that were published are outside of this appliance; uses.json says where.
"""


@dataclass(slots=True)
class _Zip:
    """The files so far, their size, and what could not be opened."""

    files: dict[str, bytes] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)
    size: int = 0

    def add(self, name: str, content: bytes) -> None:
        self.size += len(content)
        if self.size > MAX_BYTES:
            raise PayloadTooLarge("It is too large; ask for it without the pictures.")
        self.files[name] = content

    def opened(self, what: str, act: Callable[[], _Opened]) -> _Opened | None:
        """Go on without what is damaged; a copy with a gap that is named is better than none."""
        try:
            return act()
        except (Fault, NotFound):
            self.damaged.append(what)
            return None

    def put(self, name: str, act: Callable[[], bytes]) -> None:
        """Add a file that may be damaged."""
        content = self.opened(name, act)
        if content is not None:
            self.add(name, content)

    def as_bytes(self, made_at: datetime) -> bytes:
        written, stamp = io.BytesIO(), made_at.timetuple()[:6]
        with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in self.files.items():
                archive.writestr(zipfile.ZipInfo(name, stamp), content, zipfile.ZIP_DEFLATED)
        return written.getvalue()


def build(
    store: WorkspaceStore,
    model_id: ModelId,
    rules: RetentionRules,
    caller: Caller,
    now: datetime,
    with_images: bool = False,
) -> bytes:
    """Write the zip.

    Args:
        with_images: The pictures themselves, too, each with its marks.

    Raises:
        NotFound: this workspace has no such model.
        PayloadTooLarge: it is more than fits into memory; try it without the pictures.
        TooMany: another one is being built.
        StorageFull, Unavailable: it could not be audited, so nothing leaves.
    """
    if not store.count("models", "id = ?", (model_id,)):
        raise NotFound("There is no such model.")
    audit.append(store, "subject.exported", model_id, caller.actor, now, images=with_images)
    if not _BUILDING.acquire(timeout=_WAIT_SECONDS):
        raise TooMany("Another export is being built.", (), _WAIT_SECONDS)
    try:
        return _gathered(store, model_id, rules, now, with_images).as_bytes(now)
    finally:
        _BUILDING.release()


def _gathered(
    store: WorkspaceStore,
    model_id: ModelId,
    rules: RetentionRules,
    now: datetime,
    with_images: bool,
) -> _Zip:
    out = _Zip()
    out.add("README.txt", _README.encode())
    _photos(store, model_id, out)
    _consents(store, model_id, now, out)
    requests = _requests(store, model_id, out)
    _images(store, model_id, with_images, out)
    known = ledger.read(store, model_id)
    uses = {
        "uses": [asdict(one) for one in known.uses],
        "publications": [asdict(one) for one in known.publications],
    }
    out.add("uses.json", _json({**uses, "requests": requests}))
    out.damaged += known.damaged
    out.add("audit.jsonl", _audit(store, model_id))
    about: dict[str, Any] = {"model": _model(store, model_id, now, out)}
    about["retention"] = _retention(store, model_id, rules, out)
    about["face_measures"] = bool(store.assets.owned_by(model_id, likeness.VECTOR))
    about["damaged"] = sorted(set(out.damaged))
    out.add("about.json", _json(about))
    return out


def _model(
    store: WorkspaceStore, model_id: ModelId, now: datetime, out: _Zip
) -> dict[str, Any] | None:
    shown = out.opened(model_id, partial(present.model, store, model_id, now))
    return shown.model_dump(mode="json") if shown else None


def _photos(store: WorkspaceStore, model_id: ModelId, out: _Zip) -> None:
    sql = "SELECT id, kind, media_type FROM assets WHERE owner_id = ? ORDER BY created_at, rowid"
    for number, row in enumerate(store.db.query(sql, [model_id]), 1):
        suffix = _SUFFIXES.get(row["media_type"], "bin")
        read = partial(store.assets.get, AssetId(row["id"]))
        if row["kind"] == likeness.EVIDENCE:
            out.put(f"evidence/{number}.{suffix}", read)
        elif row["kind"] in likeness.PHOTOS:
            out.put(f"photos/{row['kind']}.{suffix}", read)


def _consents(store: WorkspaceStore, model_id: ModelId, now: datetime, out: _Zip) -> None:
    sql = "SELECT id FROM consents WHERE model_id = ? ORDER BY version"
    ids = [row["id"] for row in store.db.query(sql, [model_id])]
    found = [out.opened(given, partial(consent.version, store, given)) for given in ids]
    shown = [present.consent(one, now).model_dump(mode="json") for one in found if one]
    out.add("consents.json", _json(shown))


def _requests(store: WorkspaceStore, model_id: ModelId, out: _Zip) -> list[dict[str, Any]]:
    wanted = ("status", "created_at", "finished_at", "actor")
    return [
        {"id": row.id, **{name: row.columns[name] for name in wanted}, **row.private["asked"]}
        for row in _rows(store, "generations", model_id, "created_at", out)
    ]


def _images(store: WorkspaceStore, model_id: ModelId, with_files: bool, out: _Zip) -> None:
    listed = _rows(store, "images", model_id, "created_at", out)
    out.add("images.json", _json([{"id": r.id, **r.columns, **r.private} for r in listed]))
    for row in listed if with_files else ():
        marked = out.opened(row.id, partial(gallery.open_picture, store, row.id))
        if marked is not None:
            out.add(f"images/{row.id}.png", marked.data)


def _retention(
    store: WorkspaceStore, model_id: ModelId, rules: RetentionRules, out: _Zip
) -> dict[str, Any] | None:
    if out.opened("retention", partial(retention.is_gone, store, model_id)) is not False:
        return None
    known = out.opened("retention", partial(retention.standing, store, model_id, rules))
    return asdict(known) if known else None


def _audit(store: WorkspaceStore, model_id: ModelId) -> bytes:
    own = {model_id}
    for table in ("consents", "generations", "images", "uses", "publications", "campaigns"):
        rows = store.db.query(f"SELECT id FROM {table} WHERE model_id = ?", [model_id])
        own |= {row["id"] for row in rows}
    lines = (
        line
        for line in audit.export(store)
        if (entry := json.loads(line))["object_id"] in own
        or entry["facts"].get("model_id") == model_id
    )
    return "".join(f"{line}\n" for line in lines).encode()


def _rows(store: WorkspaceStore, table: str, model_id: ModelId, order: str, out: _Zip) -> list[Row]:
    raws = list(store.raw(table, "model_id = ?", (model_id,), order))
    found = [out.opened(raw["id"], partial(store.open, table, raw)) for raw in raws]
    return [row for row in found if row is not None]


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str).encode()
