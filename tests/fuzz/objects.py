"""Things that exist in a service, for whoever asks at random: one of each kind, made on demand."""

from __future__ import annotations

from collections import Counter
from typing import Any

from serve.callers import auth
from tests import role_objects
from tests.service import Service, sample, sample_product
from tests.talents import person_in

AGAIN = 4  # times that a thing of one kind is made after it was destroyed
# What ends what: operation -> the kind that is gone after a 2xx or 3xx.
ENDS = {
    "DELETE /v1/models/{model_id}": "model_id",
    "POST /v1/models/{model_id}/revoke": "model_id",
    "POST /talent/{token}/withdraw": "model_id",
    "DELETE /v1/products/{product_id}": "product_id",
    "DELETE /v1/pictures/{picture_id}": "picture_id",
    "DELETE /v1/models/synthetic/candidates/{candidate_id}": "candidate_id",
    "POST /v1/models/synthetic/candidates/{candidate_id}/promote": "candidate_id",
}


class Objects:
    """One id of each kind."""

    def __init__(self, service: Service, known: dict[str, str] | None = None) -> None:
        self._service = service
        self._known = dict(known or role_objects.every_kind(service))
        self._made: Counter[str] = Counter()
        registry, own = service.services.registry, service.workspace.id
        keys = {str(key["id"]) for key in auth.list_keys(registry, own)}
        self._ours = keys - {self._known["key_id"]}  # those that the asking is done with

    def one(self, kind: str, otherwise: Any) -> Any:
        """The id of something that exists, or what was there before."""
        return self._known.get(kind, otherwise)

    def spared(self, name: str, value: Any) -> Any:
        """Another id, where it is that of a key that the asking is done with."""
        return self._known[name] if name == "key_id" and value in self._ours else value

    def photo(self, name: str) -> bytes:
        """A photo that belongs into a field of this name."""
        if name in ("full_body", "close_up"):
            return bytes(getattr(sample("kenji"), name).read_bytes())
        return bytes(sample_product("red-tee").photo.read_bytes())

    def destroyed_by(self, operation: str, status: int) -> None:
        """Make what was destroyed anew, a few times."""
        kind = ENDS.get(operation)
        if kind is None or status >= 400 or self._made[kind] >= AGAIN:
            return
        self._made[kind] += 1
        if kind == "model_id":
            name = f"Again{self._made[kind]}"
            self._known[kind] = str(person_in(self._service.store, name))
        elif kind == "product_id":
            self._service.client = self._service.client_of()  # whoever asks may revoke any key
            self._known[kind] = self._service.product()
        elif kind == "picture_id":
            self._known[kind] = role_objects.own_photo(self._service)
        else:
            self._known[kind] = role_objects.somebodys_candidate(self._service)
