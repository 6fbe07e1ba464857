"""The ordered schema history of both kinds of database.

Rules: a migration that was released never changes; a change is a new function below. Times are
ISO-8601 text in UTC. `sealed` columns hold JSON sealed under the row's own key; names, prompts
and photos are never plain columns. `SCHEMA_VERSION` is bound into every seal: raise it only
together with a migration that seals all rows again.
"""

from __future__ import annotations

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

SCHEMA_VERSION = 1

STORE = Migrations("store")
CONTROL = Migrations("control")

_STORE_TABLES = (
    "CREATE TABLE object_keys (object_id TEXT PRIMARY KEY, wrapped BLOB NOT NULL) WITHOUT ROWID",
    """CREATE TABLE models (
        id TEXT PRIMARY KEY, status TEXT NOT NULL CHECK (status IN ('draft', 'building',
        'needs_attention', 'ready', 'suspended', 'expired', 'revoked', 'erased')),
        kind TEXT NOT NULL DEFAULT 'real_person', version INTEGER NOT NULL DEFAULT 1,
        created_at TEXT NOT NULL, updated_at TEXT, sealed BLOB NOT NULL)""",
    """CREATE TABLE consents (
        id TEXT PRIMARY KEY, model_id TEXT NOT NULL, version INTEGER NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('active', 'expired', 'suspended', 'revoked')),
        starts_at TEXT NOT NULL, expires_at TEXT NOT NULL, created_at TEXT NOT NULL,
        sealed BLOB NOT NULL, UNIQUE (model_id, version))""",
    """CREATE TABLE products (
        id TEXT PRIMARY KEY, category TEXT, created_at TEXT NOT NULL, sealed BLOB NOT NULL)""",
    """CREATE TABLE generations (
        id TEXT PRIMARY KEY, status TEXT NOT NULL CHECK (status IN ('queued', 'running',
        'completed', 'refused', 'failed', 'cancelled')), tool TEXT NOT NULL, model_id TEXT,
        n INTEGER NOT NULL DEFAULT 1, created_at TEXT NOT NULL, updated_at TEXT, actor TEXT,
        priority INTEGER NOT NULL DEFAULT 0, compat_key TEXT, cost INTEGER NOT NULL DEFAULT 1,
        not_before TEXT, lease_until TEXT, lease_owner TEXT, fence INTEGER NOT NULL DEFAULT 0,
        attempts INTEGER NOT NULL DEFAULT 0, cancel_requested INTEGER NOT NULL DEFAULT 0,
        step INTEGER NOT NULL DEFAULT 0, steps INTEGER NOT NULL DEFAULT 0, error_code TEXT,
        finished_at TEXT, sealed BLOB NOT NULL)""",
    "CREATE INDEX generations_by_status ON generations (status, priority, created_at)",
    "CREATE INDEX generations_by_model ON generations (model_id)",
    "CREATE INDEX generations_by_time ON generations (created_at)",
    """CREATE TABLE images (
        id TEXT PRIMARY KEY, generation_id TEXT NOT NULL, k INTEGER NOT NULL, model_id TEXT,
        seed INTEGER NOT NULL, created_at TEXT NOT NULL, sealed BLOB NOT NULL,
        UNIQUE (generation_id, k))""",
    "CREATE INDEX images_by_model ON images (model_id)",
    "CREATE INDEX images_by_time ON images (created_at)",
    """CREATE TABLE assets (
        id TEXT PRIMARY KEY, kind TEXT NOT NULL, owner_id TEXT NOT NULL, media_type TEXT NOT NULL,
        size INTEGER NOT NULL, created_at TEXT NOT NULL, sealed BLOB NOT NULL)""",
    "CREATE INDEX assets_by_owner ON assets (owner_id, kind)",
    """CREATE TABLE idempotency (
        key TEXT PRIMARY KEY, route TEXT NOT NULL, fingerprint TEXT NOT NULL, resource_id TEXT,
        created_at TEXT NOT NULL)""",
    """CREATE TABLE audit (
        seq INTEGER PRIMARY KEY, at TEXT NOT NULL, action TEXT NOT NULL, actor TEXT NOT NULL,
        object_id TEXT NOT NULL, facts TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL,
        mac TEXT NOT NULL)""",
    "CREATE INDEX audit_by_object ON audit (object_id)",
    """CREATE TRIGGER audit_keeps_entries BEFORE DELETE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    """CREATE TRIGGER audit_keeps_words BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    """CREATE TRIGGER audit_grows_at_its_end BEFORE INSERT ON audit
        WHEN NEW.seq <> (SELECT COALESCE(MAX(seq), 0) + 1 FROM audit)
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    "CREATE TABLE meta (id TEXT PRIMARY KEY, sealed BLOB NOT NULL)",
)

_CONTROL_TABLES = (
    """CREATE TABLE workspaces (
        id TEXT PRIMARY KEY, name_hash TEXT NOT NULL UNIQUE, plan TEXT NOT NULL,
        locked INTEGER NOT NULL DEFAULT 0, created_at TEXT NOT NULL, wrapped_key BLOB,
        sealed BLOB NOT NULL)""",
    """CREATE TABLE api_keys (
        id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL, hash TEXT NOT NULL UNIQUE,
        scopes TEXT NOT NULL, created_at TEXT NOT NULL, expires_at TEXT, last_used_at TEXT,
        revoked_at TEXT, sealed BLOB)""",
    "CREATE INDEX api_keys_by_workspace ON api_keys (workspace_id)",
    """CREATE TABLE sessions (
        id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, workspace_id TEXT NOT NULL,
        scopes TEXT NOT NULL, created_at TEXT NOT NULL, expires_at TEXT NOT NULL)""",
    """CREATE TABLE sign_ins (
        hash TEXT PRIMARY KEY, workspace_id TEXT NOT NULL, scopes TEXT NOT NULL,
        expires_at TEXT NOT NULL, used_at TEXT)""",
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value)",
)


_MODELS_AWAITING_APPROVAL = (
    """CREATE TABLE models_anew (
        id TEXT PRIMARY KEY, status TEXT NOT NULL CHECK (status IN ('draft', 'building',
        'needs_attention', 'awaiting_approval', 'ready', 'suspended', 'expired', 'revoked',
        'erased')),
        kind TEXT NOT NULL DEFAULT 'real_person', version INTEGER NOT NULL DEFAULT 1,
        created_at TEXT NOT NULL, updated_at TEXT, sealed BLOB NOT NULL)""",
    "INSERT INTO models_anew SELECT * FROM models",
    "DROP TABLE models",
    "ALTER TABLE models_anew RENAME TO models",
)

_USE_TABLES = (
    # What was made of a person outlives the pictures: pay is owed, and uses are shown, after them.
    """CREATE TABLE uses (
        id TEXT PRIMARY KEY, generation_id TEXT NOT NULL, model_id TEXT NOT NULL,
        consent_id TEXT NOT NULL, made_at TEXT NOT NULL, sealed BLOB NOT NULL)""",
    "CREATE INDEX uses_by_model ON uses (model_id, made_at)",
    """CREATE TABLE publications (
        id TEXT PRIMARY KEY, image_id TEXT NOT NULL, model_id TEXT NOT NULL,
        published_at TEXT NOT NULL, sealed BLOB NOT NULL)""",
    "CREATE INDEX publications_by_model ON publications (model_id, published_at)",
    """CREATE TABLE image_approvals (
        id TEXT PRIMARY KEY, model_id TEXT NOT NULL, status TEXT NOT NULL CHECK (status IN
        ('pending', 'approved', 'declined')), created_at TEXT NOT NULL, decided_at TEXT,
        sealed BLOB NOT NULL)""",
    "CREATE INDEX image_approvals_by_model ON image_approvals (model_id, status)",
    """CREATE TABLE campaigns (
        id TEXT PRIMARY KEY, model_id TEXT NOT NULL, status TEXT NOT NULL CHECK (status IN
        ('pending', 'approved', 'declined')), created_at TEXT NOT NULL, decided_at TEXT,
        sealed BLOB NOT NULL)""",
    "CREATE INDEX campaigns_by_model ON campaigns (model_id, status)",
    # By image id: the perceptual hash and the watermark's id, both sealed.
    """CREATE TABLE fingerprints (
        id TEXT PRIMARY KEY, created_at TEXT NOT NULL, sealed BLOB NOT NULL)""",
    """CREATE TABLE audit_checkpoints (
        seq INTEGER PRIMARY KEY, at TEXT NOT NULL, head TEXT NOT NULL, signature TEXT NOT NULL)""",
)

_PASSING_TABLES = (
    # What is kept for a while only: swept when `expires_at` is past (serve/work/upkeep.py).
    # An enrolment that somebody has begun; `owner` is the actor, nobody else may open it.
    """CREATE TABLE drafts (
        id TEXT PRIMARY KEY, owner TEXT NOT NULL, created_at TEXT NOT NULL,
        expires_at TEXT NOT NULL, sealed BLOB NOT NULL)""",
    "CREATE INDEX drafts_by_owner ON drafts (owner)",
    # A photo of the caller's own, for Model Background Swap.
    """CREATE TABLE pictures (
        id TEXT PRIMARY KEY, created_at TEXT NOT NULL, expires_at TEXT NOT NULL,
        sealed BLOB NOT NULL)""",
    # A fictional person that nobody has promoted to a custom model yet.
    """CREATE TABLE candidates (
        id TEXT PRIMARY KEY, owner TEXT NOT NULL, created_at TEXT NOT NULL,
        expires_at TEXT NOT NULL, sealed BLOB NOT NULL)""",
)

# Lists end with what they are sorted by, so that no page sorts or opens more than it shows: a
# workspace may hold ten thousand custom models and a hundred thousand images.
_LIST_INDEXES = (
    "CREATE INDEX models_by_time ON models (created_at, id)",
    "CREATE INDEX models_by_status ON models (status)",
    "CREATE INDEX consents_by_end ON consents (status, expires_at)",
    "CREATE INDEX products_by_time ON products (created_at, id)",
    "DROP INDEX generations_by_time",
    "CREATE INDEX generations_by_time ON generations (created_at, id)",
    "DROP INDEX generations_by_model",
    "CREATE INDEX generations_by_model ON generations (model_id, created_at, id)",
    "CREATE INDEX generations_by_state ON generations (status, created_at, id)",
    "CREATE INDEX generations_by_tool ON generations (tool, created_at, id)",
    "CREATE INDEX generations_by_tool_state ON generations (tool, status, created_at, id)",
    "DROP INDEX images_by_model",
    "CREATE INDEX images_by_model ON images (model_id, created_at, id)",
    "CREATE INDEX assets_by_kind ON assets (kind, owner_id)",
    "CREATE INDEX publications_by_image ON publications (image_id)",
    "CREATE INDEX image_approvals_by_state ON image_approvals (status, created_at, id)",
)

_PEOPLE_TABLES = (
    """CREATE TABLE people (
        id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL, hash TEXT NOT NULL UNIQUE,
        roles TEXT NOT NULL, created_at TEXT NOT NULL, disabled_at TEXT, sealed BLOB)""",
    "CREATE INDEX people_by_workspace ON people (workspace_id)",
    """CREATE TABLE talent_links (
        id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL, hash TEXT NOT NULL UNIQUE,
        model_id TEXT NOT NULL, created_at TEXT NOT NULL, expires_at TEXT NOT NULL,
        revoked_at TEXT, sealed BLOB)""",
    """CREATE TABLE break_glass (
        id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL, hash TEXT NOT NULL UNIQUE,
        actor TEXT NOT NULL, model_id TEXT NOT NULL, created_at TEXT NOT NULL,
        expires_at TEXT NOT NULL, sealed BLOB)""",
)


@STORE(name="001_first_tables")  # type: ignore[untyped-decorator]
def _first_store_tables(db: Database) -> None:
    for statement in _STORE_TABLES:
        db.execute(statement)


@STORE(name="002_uses_and_approvals")  # type: ignore[untyped-decorator]
def _add_uses(db: Database) -> None:
    for statement in (*_MODELS_AWAITING_APPROVAL, *_USE_TABLES):
        db.execute(statement)


@STORE(name="003_drafts_pictures_candidates")  # type: ignore[untyped-decorator]
def _add_what_passes(db: Database) -> None:
    for statement in _PASSING_TABLES:
        db.execute(statement)


@STORE(name="004_lists_at_size")  # type: ignore[untyped-decorator]
def _index_lists(db: Database) -> None:
    for statement in _LIST_INDEXES:
        db.execute(statement)


@CONTROL(name="001_first_tables")  # type: ignore[untyped-decorator]
def _first_control_tables(db: Database) -> None:
    for statement in _CONTROL_TABLES:
        db.execute(statement)


@CONTROL(name="002_sealed_rights")  # type: ignore[untyped-decorator]
def _seal_rights(db: Database) -> None:
    """Every right is sealed from here on; those from before have no seal and are made anew."""
    for table in ("sessions", "sign_ins", "api_keys"):
        db.execute(f"DELETE FROM {table}")
    for table in ("sessions", "sign_ins"):
        db.execute(f"ALTER TABLE {table} ADD COLUMN sealed BLOB")


@CONTROL(name="003_people")  # type: ignore[untyped-decorator]
def _add_people(db: Database) -> None:
    for statement in _PEOPLE_TABLES:
        db.execute(statement)
