"""What roles and scopes mean, in words that whoever hands them out understands."""

from __future__ import annotations

ROLES: tuple[tuple[str, str, str], ...] = (
    ("creator", "Creator", "Makes custom models and pictures."),
    ("reviewer", "Reviewer", "Looks at pictures, lets them out, notes where they were published."),
    ("legal", "Legal", "Decides about consents, approvals and new accounts; makes no picture."),
    ("auditor", "Auditor", "Reads the audit log and what was paid; sees no picture."),
    ("admin", "Admin", "Runs the workspace: people, keys, engines; sees no picture and no face."),
)
SCOPES: tuple[tuple[str, str, str], ...] = (
    ("models:read", "See models", "Custom models and products, with their photos."),
    ("models:write", "Make models", "Enrol, change and erase custom models."),
    ("generate", "Make pictures", "Ask for pictures and follow them."),
    ("images:read", "Fetch pictures", "Download what was made."),
    ("review", "Review pictures", "Let pictures out, note where they were published."),
    ("consents:write", "Decide about consents", "Record, approve, suspend, revoke."),
    ("audit:read", "Read the audit log", "The log, the ledger and statements of pay."),
    ("admin", "Run the workspace", "People, keys, engines. No picture and no face."),
)


def roles(codes: object) -> str:
    """Roles as a list of words."""
    return _named(ROLES, codes)


def scopes(codes: object) -> str:
    """Scopes as a list of words."""
    return _named(SCOPES, codes)


def _named(table: tuple[tuple[str, str, str], ...], codes: object) -> str:
    names = {code: name for code, name, _ in table}
    listed = codes if isinstance(codes, list | tuple) else ()
    return ", ".join(names.get(str(code), str(code)) for code in listed)
