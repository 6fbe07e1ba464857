"""`POST /unlock`: hand the appliance the secret that its root key is sealed under.

Whoever has that secret may do this; no account can be asked while nothing can be opened. Wrong
secrets are throttled. On an appliance that is unlocked the route looks at nothing and says so.
"""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from serve.api.access import address_of
from serve.forwarded import was_forwarded
from serve.problems import documented
from workspace.errors import InvalidRequest
from workspace.keys import decode_key

router = APIRouter(tags=["unlock"])
Words = Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class UnlockRequest(BaseModel):
    """One of the two."""

    model_config = ConfigDict(extra="forbid")

    passphrase: Words | None = Field(None, description="For a home that words unseal.")
    unseal_key: Words | None = Field(
        None, description="32 bytes as 64 hexadecimal digits or base64, for the other methods."
    )

    def key(self) -> bytes | None:
        """The unseal key, if that was sent.

        Raises:
            InvalidRequest: not one of the two was sent, or it is no key.
        """
        if (self.passphrase is None) == (self.unseal_key is None):
            raise InvalidRequest("Send either `passphrase` or `unseal_key`.")
        if self.unseal_key is None:
            return None
        key = decode_key(self.unseal_key.encode(errors="replace"))
        if key is None:
            raise InvalidRequest("This is no key of 32 bytes.", (), None, "/unseal_key")
        return key


class UnlockView(BaseModel):
    status: Literal["unlocked"] = "unlocked"


class Unlocking(Protocol):
    """What opens the home; only a locked appliance has it (`serve/locked.py`)."""

    async def unlock(self, asked: UnlockRequest, address: str) -> None:
        """Open the home, or raise."""
        ...


@router.post(
    "/unlock",
    summary="Unlock an appliance that started locked",
    responses=documented(403, 409, 422, 429, 500, 503, 507),
)
async def unlock(body: UnlockRequest, request: Request) -> UnlockView:
    """Open the home with its passphrase or unseal key; until then everything answers `locked`."""
    unlocking: Unlocking | None = getattr(request.app.state, "unlocking", None)
    if unlocking is not None:
        await unlocking.unlock(body, _from(request))
    return UnlockView()


def _from(request: Request) -> str:
    """Where it comes from; what a proxy passed on does not count as the machine itself."""
    address = address_of(request)
    passed_on = was_forwarded(request.scope["headers"])
    return f"{address} by proxy" if passed_on and address in ("127.0.0.1", "::1") else address
