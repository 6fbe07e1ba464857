"""Who may do what: every route with the scopes that open it. Read by a person, held by a test.

A line is the scopes of which a caller needs one; `anyone` is anybody who is signed in, `public`
needs no sign-in, `link` is a secret address that a person got. `+glass`: an admin too, while a
break-glass grant for this model is open.
"""

from __future__ import annotations

PUBLIC, ANYONE, LINK, GLASS = "public", "anyone", "link", "+glass"

TABLE: dict[str, str] = {
    # machines that watch, signing in, pages for everybody
    "GET /healthz": PUBLIC,
    "GET /readyz": PUBLIC,
    "GET /metrics": PUBLIC,
    "GET /policy": PUBLIC,
    "GET /sign-in": PUBLIC,
    "POST /sign-in": PUBLIC,
    "POST /sign-out": PUBLIC,
    "GET /sign-in/provider": PUBLIC,
    "GET /sign-in/provider/back": PUBLIC,
    "POST /unlock": PUBLIC,
    # what everybody may know who is signed in
    "GET /v1/account": ANYONE,
    "POST /v1/account/password": ANYONE,
    "GET /v1/capabilities": ANYONE,
    "GET /v1/guidelines": ANYONE,
    "GET /v1/guidelines/pictures/{name}": ANYONE,
    "GET /v1/policy": ANYONE,
    "GET /v1/erasure-key": ANYONE,
    "POST /v1/verify": ANYONE,
    # the appliance and its accounts
    "PATCH /v1/policy": "consents:write admin",
    "GET /v1/admin/workspace": "admin",
    "GET /v1/admin/pack": "admin",
    "GET /v1/admin/engines": "admin",
    "GET /v1/admin/nodes": "admin",
    "GET /v1/admin/packs": "admin",
    "GET /v1/admin/people": "admin consents:write audit:read",
    "POST /v1/admin/people": "admin",
    "PATCH /v1/admin/people/{person_id}": "admin",
    "DELETE /v1/admin/people/{person_id}": "admin",
    "POST /v1/admin/people/{person_id}/confirm": "consents:write",
    "GET /v1/admin/keys": "admin consents:write audit:read",
    "POST /v1/admin/keys": "admin",
    "DELETE /v1/admin/keys/{key_id}": "admin",
    "POST /v1/admin/keys/{key_id}/confirm": "consents:write",
    "GET /v1/admin/break-glass": "admin",
    "POST /v1/admin/break-glass": "admin",
    "GET /v1/break-glass": "consents:write audit:read",
    "DELETE /v1/break-glass/{grant_id}": "consents:write admin",
    # custom models: likenesses
    "POST /v1/photos/check": "models:write",
    "GET /v1/drafts": "models:write",
    "PUT /v1/drafts/enrolment": "models:write",
    "DELETE /v1/drafts/enrolment": "models:write",
    "PUT /v1/drafts/enrolment/files/{kind}": "models:write",
    "GET /v1/drafts/enrolment/files/{kind}": "models:write",
    "DELETE /v1/drafts/enrolment/files/{kind}": "models:write",
    "GET /v1/models/synthetic": "models:write",
    "POST /v1/models/synthetic": "models:write",
    "GET /v1/models/synthetic/candidates": "models:write",
    "GET /v1/models/synthetic/candidates/{candidate_id}": "models:write",
    "DELETE /v1/models/synthetic/candidates/{candidate_id}": "models:write",
    "GET /v1/models/synthetic/candidates/{candidate_id}/photos/{kind}": "models:write",
    "POST /v1/models/synthetic/candidates/{candidate_id}/close-up": "models:write",
    "POST /v1/models/synthetic/candidates/{candidate_id}/promote": "models:write",
    "POST /v1/models": "models:write",
    "GET /v1/models": "models:read",
    "GET /v1/models/{model_id}": "models:read",
    "PATCH /v1/models/{model_id}": "models:write",
    "DELETE /v1/models/{model_id}": "models:write consents:write",
    "GET /v1/models/{model_id}/photos/{kind}": f"models:read {GLASS}",
    # consent: who agreed to what
    "GET /v1/models/{model_id}/images": "images:read",
    "GET /v1/models/{model_id}/revoke": "models:write consents:write",
    "POST /v1/models/{model_id}/approve": "consents:write",
    "POST /v1/models/{model_id}/revoke": "models:write consents:write",
    "POST /v1/models/{model_id}/suspend": "models:write consents:write",
    "POST /v1/models/{model_id}/resume": "models:write consents:write",
    "GET /v1/models/{model_id}/consents": "models:read",
    "POST /v1/models/{model_id}/consents": "models:write consents:write",
    "GET /v1/models/{model_id}/campaigns": "models:read generate consents:write",
    "POST /v1/models/{model_id}/campaigns": "generate models:write consents:write",
    "POST /v1/campaigns/{campaign_id}/approve": "consents:write",
    "POST /v1/campaigns/{campaign_id}/decline": "consents:write",
    "GET /v1/models/{model_id}/erasure-certificate": "models:read consents:write audit:read",
    "GET /v1/models/{model_id}/retention": "models:read consents:write audit:read",
    "PATCH /v1/models/{model_id}/retention": "consents:write",
    # products
    "POST /v1/pictures": "generate",
    "GET /v1/pictures": "generate",
    "GET /v1/pictures/{picture_id}": "generate",
    "GET /v1/pictures/{picture_id}/photo": "generate",
    "GET /v1/pictures/{picture_id}/figure": "generate",
    "DELETE /v1/pictures/{picture_id}": "generate",
    "POST /v1/products": "generate models:write",
    "GET /v1/products": "generate models:read",
    "GET /v1/products/{product_id}": "generate models:read",
    "GET /v1/products/{product_id}/photo": "generate models:read",
    "PATCH /v1/products/{product_id}": "generate models:write",
    "GET /v1/products/{product_id}/cutout": "generate models:read",
    "DELETE /v1/products/{product_id}": "generate models:write",
    # generations and their images
    "POST /v1/generations": "generate",
    "GET /v1/generations": "generate images:read",
    "GET /v1/generations/{generation_id}": "generate images:read",
    "GET /v1/generations/{generation_id}/events": "generate images:read",
    "POST /v1/generations/{generation_id}/refine": "generate",
    "POST /v1/generations/{generation_id}/cancel": "generate",
    "GET /v1/images/{image_id}": "images:read",
    "GET /v1/images/{image_id}/manifest": "images:read",
    "GET /v1/approvals": "review consents:write",
    "POST /v1/images/{image_id}/approve": "review consents:write",
    "POST /v1/images/{image_id}/decline": "review consents:write",
    "POST /v1/images/{image_id}/publications": "review",
    "GET /v1/images/{image_id}/publications": "images:read review consents:write audit:read",
    # what was made of a person, what was done, and who may tell the person
    "GET /v1/models/{model_id}/ledger": "consents:write audit:read",
    "GET /v1/models/{model_id}/statement": "consents:write audit:read",
    "GET /v1/models/{model_id}/export": "consents:write",
    "GET /v1/exports/processing-record": "consents:write audit:read",
    "GET /v1/exports/dpia": "consents:write audit:read",
    "GET /v1/audit": "audit:read",
    "GET /v1/audit/search": "audit:read",
    "GET /v1/audit/verify": "audit:read",
    "GET /v1/audit/checkpoints": "audit:read",
    "GET /v1/models/{model_id}/talent-links": "consents:write",
    "POST /v1/models/{model_id}/talent-links": "consents:write",
    "DELETE /v1/models/{model_id}/talent-links/{link_id}": "consents:write",
    # the person's own page: nobody else's, and no key or role opens it
    "GET /talent/{token}": LINK,
    "POST /talent/{token}/open": LINK,
    "GET /talent/{token}/images/{image_id}": LINK,
    "GET /talent/{token}/certificate": LINK,
    "POST /talent/{token}/answer": LINK,
    "POST /talent/{token}/pause": LINK,
    "POST /talent/{token}/resume": LINK,
    "POST /talent/{token}/withdraw": LINK,
}

# The least that each route with an id needs to get as far as looking for what the id names.
BODIES: dict[str, dict[str, object]] = {
    "POST /v1/models/synthetic/candidates/{candidate_id}/promote": {"name": "Other"},
    "PATCH /v1/admin/people/{person_id}": {"roles": ["auditor"]},
    "POST /v1/admin/people/{person_id}/confirm": {"roles": ["auditor"]},
    "POST /v1/admin/keys/{key_id}/confirm": {"scopes": ["audit:read"]},
    "PATCH /v1/models/{model_id}": {"name": "Other"},
    "PATCH /v1/models/{model_id}/retention": {"purpose_met_at": "2027-01-01T00:00:00Z"},
    "PATCH /v1/products/{product_id}": {"name": "Other"},
    "POST /v1/models/{model_id}/consents": {"attestations": []},
    "POST /v1/models/{model_id}/campaigns": {"name": "spring"},
    "POST /v1/generations/{generation_id}/refine": {},
    "POST /v1/images/{image_id}/publications": {
        "purpose": "ecommerce_pdp",
        "channel": "web",
        "territories": ["EU"],
    },
}


def may(scopes: frozenset[str], line: str) -> bool:
    """Tell whether a caller with these scopes gets through a line of the table."""
    words = set(line.split())
    return bool(words & {PUBLIC, ANYONE}) or not scopes.isdisjoint(words)
