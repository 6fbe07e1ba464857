"""A small service that answers as the API promises, in memory, for tests of the console.

It keeps what it was asked (`calls`) so that a test can look. No photos are checked and nothing is
rendered: pictures are plain colours.
"""

from __future__ import annotations

import io
import itertools
import json
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from PIL import Image

SESSION = "test-session"
BOXES = [
    {
        "id": f"box_{k}",
        "text": f"Attestation number {k}: I have the consent.",
        "sha256": f"{k}" * 64,
    }
    for k in (1, 2, 3)
]


class FakeService:
    """State and routes of the service; `app` is what the console is mounted in."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Any]] = []
        self.models: dict[str, dict[str, Any]] = {}
        self.products: dict[str, dict[str, Any]] = {}
        self.generations: dict[str, dict[str, Any]] = {}
        self.refuse: dict[str, tuple[int, dict[str, Any]]] = {}
        self.scopes = ["generate", "models:read", "models:write", "images:read"]
        self._numbers = itertools.count(1)
        self.app = FastAPI(openapi_url=None)
        self.app.add_api_route("/v1/{rest:path}", self._v1, methods=["GET", "POST", "PATCH"])

    def id_of(self, prefix: str) -> str:
        return f"{prefix}_{next(self._numbers):020d}"

    def add_model(self, name: str, status: str = "ready", **more: Any) -> str:
        model_id = self.id_of("mdl")
        self.models[model_id] = {
            **{"id": model_id, "name": name, "gender": "female", "status": status, "checks": []},
            **{"version": 1, "consent_expires_at": "2027-11-22T23:59:59Z"},
            **more,
        }
        return model_id

    def add_product(self, name: str) -> str:
        product_id = self.id_of("prd")
        self.products[product_id] = {"id": product_id, "name": name, "category": "top"}
        return product_id

    async def _v1(self, request: Request, rest: str) -> Response:
        if request.cookies.get("hm_session") != SESSION:
            return _problem(401, "unauthenticated", "Sign-in needed", "Sign in again.")
        if request.method != "GET" and request.headers.get("X-Housemodel-Console") != "1":
            return _problem(403, "refused", "Not allowed", "Send the header.")
        body = await _body_of(request)
        self.calls.append((request.method, "/v1/" + rest, body))
        if rest in self.refuse:
            status, found = self.refuse[rest]
            return JSONResponse(found, status)
        parts = rest.split("/")
        answer = getattr(self, f"_{parts[0]}")(request.method, parts[1:], body)
        if isinstance(answer, Response):
            return answer
        return JSONResponse(answer, 202 if request.method == "POST" else 200)

    def _account(self, *_: Any) -> Any:
        return {"scopes": self.scopes, "name": "Cleo <b>", "roles": ["creator"]}

    def _capabilities(self, *_: Any) -> Any:
        pack = {"name": "mannequin", "default_aspect_ratio": "3:4", "summary": "Synthetic."}
        return {
            **{"tools": ["editorial", "flatlay_to_catalog"], "packs": [pack]},
            **{"aspect_ratios": ["3:4", "1:1"], "purposes": ["ecommerce_pdp", "lookbook"]},
            **{"channels": ["web", "print"], "limits": {"max_products": 1}},
            **{"custom_models": True, "attestations": BOXES},
        }

    def _guidelines(self, *_: Any) -> Any:
        topic = {"topic": "framing", "text": "Head to toe.", "good": ["Feet"], "bad": ["Cropped"]}
        photos = [
            {"kind": "full_body", "title": "Full-body shot", "topics": [topic]},
            {"kind": "close_up", "title": "Close-up shot", "topics": [topic]},
        ]
        return {
            **{"version": "2026-11", "title": "Adding Model Guidelines", "intro": "Two photos."},
            **{"photos": photos, "attestations": BOXES},
            "purposes": [{"id": "lookbook", "label": "Lookbooks"}],
            "channels": [{"id": "web", "label": "Web shop"}],
            "retention_policy_url": "/policy",
        }

    def _photos(self, _method: str, _parts: list[str], body: Any) -> Any:
        checks = [
            {"code": "sharpness", "photo": kind, "status": "pass", "measured": 140, "threshold": 60}
            | {"hint": "Sharp enough."}
            for kind in ("full_body", "close_up")
            if kind in body
        ]
        return JSONResponse({"usable": True, "checks": checks})

    def _models(self, method: str, parts: list[str], body: Any) -> Any:
        if method == "POST" and not parts:
            return {"id": self.add_model(body["name"], "building"), "status": "building"}
        if not parts:
            return {"items": list(self.models.values()), "next_cursor": None}
        model = self.models.get(parts[0])
        if model is None:
            return _problem(404, "not_found", "There is nothing under this id", "Check the id.")
        if parts[1:2] == ["photos"]:
            return _picture((200, 150, 120))
        if parts[1:] == ["consents"]:
            terms = {"purposes": ["lookbook"], "expires_at": "2027-11-22T23:59:59Z"}
            return {"items": [{"version": 1, "status": "active", "terms": terms}]}
        if parts[1:] == ["revoke"]:
            model["status"], model["name"] = "revoked", None
            return {"model_id": parts[0], "destroyed": {"photos": 2}}
        if method == "PATCH":
            model.update(body)
        return model

    def _products(self, method: str, parts: list[str], body: Any) -> Any:
        if method == "POST":
            return self.products[self.add_product(body["name"])]
        if parts:
            return _picture((40, 80, 160))
        return {"items": list(self.products.values()), "next_cursor": None}

    def _generations(self, method: str, parts: list[str], body: Any) -> Any:
        if method == "POST" and not parts:
            made = self.id_of("gen")
            self.generations[made] = {
                **{"id": made, "status": "queued", "position": 0, "images": [], "error": None},
                **{"progress": {"step": 0, "steps": 4}, "created_at": "2026-11-22T10:00:00Z"},
                **body,
            }
            return {"id": made, "status": "queued", "position": 0}
        if not parts:
            return {"items": list(reversed(self.generations.values())), "next_cursor": None}
        generation = self.generations[parts[0]]
        if parts[1:] == ["cancel"]:
            generation["status"] = "cancelled"
        return generation

    def finish(self, generation_id: str) -> None:
        """Let a generation be done, with as many pictures as were asked for."""
        generation = self.generations[generation_id]
        generation["status"] = "completed"
        generation["images"] = [
            {"id": self.id_of("img"), "width": 96, "height": 128, "seed": 7 + k}
            | {"identity_score": 0.71, "product_score": None}
            for k in range(generation["n"])
        ]

    def _images(self, *_: Any) -> Any:
        return _picture((120, 160, 140))


async def _body_of(request: Request) -> Any:
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/"):
        form = await request.form()
        return {
            name: value if isinstance(value, str) else f"{value.size} bytes"
            for name, value in form.items()
        }
    return json.loads(await request.body() or b"{}")


def _problem(status: int, code: str, title: str, remedy: str) -> JSONResponse:
    body = {"code": code, "title": title, "remedy": remedy, "status": status}
    return JSONResponse({**body, "detail": "", "request_id": "req_1"}, status)


def _picture(colour: tuple[int, int, int]) -> Response:
    buffer = io.BytesIO()
    Image.new("RGB", (96, 128), colour).save(buffer, "PNG")
    return Response(buffer.getvalue(), media_type="image/png")
