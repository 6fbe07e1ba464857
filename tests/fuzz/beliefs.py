"""What a request may be refused for although its shape fits the OpenAPI document.

A schema says what a body looks like, never what it means. Schemathesis expects that whatever fits
the schema is taken; each line here names an operation where that can't be, and why. An operation
without a line that refuses what fits its schema is a finding: its schema promises too much.
"""

from __future__ import annotations

# Codes that speak of meaning wherever they come: no schema knows faces, words or photos.
MEANT = frozenset(
    {
        "attestation_missing",
        "content_refused",
        "image_check_failed",
        "model_revoked",
        "payload_too_large",  # a limit on bytes
        "prompt_unresolved_placeholder",
        "unsupported_image",
    }
)
CURSOR = "only cursors that a list gave out"
PRINTABLE = "a name is printable text, and not only spaces"
# Operation -> why `invalid_request` (422) may come of what fits the schema.
BECAUSE: dict[str, str] = {
    "POST /sign-in": "one of three ways to sign in, and form bodies of five fields",
    "POST /unlock": "exactly one of two secrets, and a key of 32 bytes",
    "GET /v1/models": CURSOR,
    "GET /v1/pictures": CURSOR,
    "GET /v1/products": CURSOR,
    "GET /v1/generations": CURSOR,
    "GET /v1/approvals": CURSOR,
    "GET /v1/audit": CURSOR,
    "GET /v1/audit/search": CURSOR,
    "GET /v1/models/{model_id}/images": CURSOR,
    "GET /v1/models/{model_id}/campaigns": CURSOR,
    "GET /v1/models/{model_id}/ledger": "a period that no calendar has",
    "GET /v1/models/{model_id}/statement": "a period that no calendar has",
    "POST /v1/admin/keys": "networks that there are",
    "POST /v1/admin/break-glass": PRINTABLE,
    "POST /v1/admin/people": "names and passwords have rules of their own",
    "PATCH /v1/admin/people/{person_id}": "passwords have rules of their own",
    "POST /v1/account/password": "passwords have rules of their own",
    "PATCH /v1/policy": "a reason for no label, an address that is one",
    "PATCH /v1/models/{model_id}": PRINTABLE,
    "PATCH /v1/products/{product_id}": PRINTABLE,
    "POST /v1/products": PRINTABLE,
    "POST /v1/photos/check": "one photo or both, not none",
    "POST /v1/pictures": "attestations are JSON inside of a field",
    "POST /v1/models": "attestations and consent are JSON inside of a field",
    "POST /v1/models/synthetic": "only what /v1/models/synthetic offers",
    "POST /v1/models/synthetic/candidates/{candidate_id}/promote": PRINTABLE,
    "POST /v1/models/{model_id}/consents": "consent terms have rules between each other",
    "POST /v1/models/{model_id}/campaigns": PRINTABLE,
    "POST /v1/generations": "tools, packs and consents have rules between fields",
    "POST /v1/generations/{generation_id}/refine": "tools and packs have rules between fields",
    "POST /v1/images/{image_id}/publications": "uses that a consent could name",
    "PUT /v1/drafts/enrolment": "only the caller's own draft",
    "PUT /v1/drafts/enrolment/files/{kind}": "evidence is a PDF or a photo",
}


def may_refuse(operation: str, code: str) -> bool:
    """Tell whether a refusal of what fits the schema is foreseen."""
    return code in MEANT or (code == "invalid_request" and operation in BECAUSE)
