"""What makes two requests with the same `Idempotency-Key` the same request.

The route with its ids, and the body: JSON as it was sent (fields that were left out are not part
of it), a form by its fields and the hashes of its files.
"""

from __future__ import annotations

import hashlib

from fastapi import Request
from pydantic import BaseModel

from serve.idempotency import Once
from serve.wire.forms import Form
from workspace.rows import canonical_json


def of_json(key: str | None, request: Request, body: BaseModel) -> Once:
    """Describe a request with a JSON body."""
    sent = body.model_dump(mode="json", exclude_unset=True)
    return Once(key, _route(request), canonical_json(sent))


def of_form(key: str | None, request: Request, form: Form) -> Once:
    """Describe a request with a multipart body."""
    digest = hashlib.sha256(canonical_json(dict(form.fields)).encode())
    for name in sorted(form.files):
        for content in form.files[name]:
            digest.update(f"\n{name}\n{hashlib.sha256(content).hexdigest()}".encode())
    return Once(key, _route(request), digest.hexdigest())


def of_nothing(key: str | None, request: Request) -> Once:
    """Describe a request without a body."""
    return Once(key, _route(request), "")


def _route(request: Request) -> str:
    return f"{request.method} {request.url.path}"
