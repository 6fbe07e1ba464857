"""`/v1/products`: garment photos."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import Field

from identity.photos import decode, kind_of
from serve import idempotency
from serve.api import once
from serve.api.access import PAGE, Cursor, Key, Limit, Visit, allowed
from serve.idempotency import Once
from serve.line import cutout, products, rules
from serve.problems import documented
from serve.wire import forms, paging, schema, views
from workspace.errors import NotFound
from workspace.rows import Row
from workspace.types import ProductId

router = APIRouter(prefix="/v1/products", tags=["products"])
Reader = Annotated[Visit, allowed("generate", "models:read")]
Writer = Annotated[Visit, allowed("generate", "models:write")]
_FIELDS = {
    "name": {"type": "string", "maxLength": 120},
    "category": {"type": "string", "maxLength": 64, "description": "For example `shirt`."},
}


Category = Annotated[str, Field(max_length=64, pattern=r"^[a-z0-9_-]*$")]
_PREVIEW_SIDE = 900  # pixels of the picture that shows what was cut out


class ProductFields(schema.Body):
    name: schema.Name
    category: Category = ""


class ProductChange(schema.Body):
    name: schema.Name | None = None
    category: Category | None = None


@router.post(
    "",
    status_code=201,
    summary="Add a garment photo",
    responses=documented(401, 403, 409, 413, 415, 422, 429, 500, 503, 507),
    openapi_extra=forms.described({"photo": "JPEG, PNG, WEBP or HEIC"}, _FIELDS, ("photo", "name")),
)
async def create(
    request: Request, response: Response, visit: Writer, key: Key = None
) -> views.ProductView:
    """Decode the photo, drop its metadata and seal it as a new product."""
    uploads = forms.uploads_of(request)
    async with uploads.form(request, frozenset({"photo"}), frozenset(_FIELDS)) as form:
        fields = forms.parse(ProductFields, form)
        sent = once.of_form(key, request, form)
        photo = form.file("photo")
        made = await uploads.work(lambda: _add(visit, fields, photo, sent))
    response.headers["Location"] = f"/v1/products/{made.id}"
    return made


def _add(visit: Visit, fields: ProductFields, photo: bytes, sent: Once) -> views.ProductView:
    visit.still()
    services, store, now = visit.services, visit.store, visit.now()
    known = idempotency.find(store, sent, now)
    if known is None:
        pixels = decode(photo, services.limits.photos)
        services.parts.safety.check_product(pixels)
        plan = rules.plan_of(services.plans, store.workspace)
        media_type = f"image/{str(kind_of(photo)).lower()}"
        marks = services.parts.marker.read(photo, media_type)
        origin = (photo, media_type) if marks and marks.state == "valid" else None
        known = idempotency.once(
            store,
            sent,
            now,
            lambda: products.add(
                store, plan, pixels, fields.name, fields.category, visit.caller, now, origin
            ),
        )
    return views.ProductView.model_validate(products.get(store, known))


def _show(row: Row) -> views.ProductView:
    return views.ProductView.model_validate(products.of_row(row))


@router.get("", summary="Products, newest first", responses=documented(401, 403, 422, 500, 503))
def listing(
    visit: Reader, limit: Limit = PAGE, cursor: Cursor = None
) -> views.Page[views.ProductView]:
    """List the workspace's products."""
    return paging.page(visit.store, "products", limit, cursor, _show)


@router.get("/{product_id}", summary="One product", responses=documented(401, 403, 404, 500, 503))
def one(product_id: str, visit: Reader) -> views.ProductView:
    """Show one product."""
    return views.ProductView.model_validate(products.get(visit.store, product_id))


@router.get(
    "/{product_id}/photo",
    summary="Its photo",
    response_class=Response,
    responses={
        200: {"content": {"image/png": {}}, "description": "The photo, without metadata."},
        **documented(401, 403, 404, 500, 503),
    },
)
def photo(product_id: str, visit: Reader) -> Response:
    """Open the sealed photo."""
    return Response(products.open_photo(visit.store, product_id), media_type="image/png")


@router.get(
    "/{product_id}/cutout",
    summary="The garment without its background",
    response_class=Response,
    responses={
        200: {"content": {"image/png": {}}, "description": "The garment, clear around it."},
        **documented(401, 403, 404, 500, 503),
    },
)
def without_ground(product_id: str, visit: Reader) -> Response:
    """Show what packs will see; 404 where `background_removed` is false."""
    outline = products.open_outline(visit.store, product_id)
    if outline is None:
        raise NotFound("There is no such product, or its background was not removed.")
    photo = products.read_photo(visit.store, product_id)
    shown = cutout.as_png(photo, outline[..., 0], _PREVIEW_SIDE)
    return Response(shown, media_type="image/png")


@router.patch(
    "/{product_id}",
    summary="Rename it, or say what it is",
    responses=documented(401, 403, 404, 422, 500, 503, 507),
)
def change(product_id: str, body: ProductChange, visit: Writer) -> views.ProductView:
    """Change name or category; what is left out stays."""
    store, now = visit.store, visit.now()
    products.change(store, product_id, body.name, body.category, visit.caller, now)
    return views.ProductView.model_validate(products.get(store, product_id))


@router.delete(
    "/{product_id}",
    status_code=204,
    summary="Erase a product",
    responses=documented(401, 403, 404, 500, 503, 507),
)
def erase(product_id: str, visit: Writer) -> None:
    """Destroy the photo's and the name's keys; generations that wait for it will fail."""
    store = visit.store
    with store.transaction():
        products.destroy(store, ProductId(product_id), visit.caller, visit.now())
        idempotency.forget(store, product_id)
