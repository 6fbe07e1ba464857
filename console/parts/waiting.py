"""What waits for somebody's yes: models of the two-person rule, campaigns, single images."""

from __future__ import annotations

from collections.abc import Iterable

from console.client import Api, ApiProblem, Json
from console.parts.cards import choice, choices, portrait
from console.parts.html import day, text
from console.texts import NAMELESS

_PATHS = {"mdl": "models", "cmp": "campaigns", "img": "images"}


async def listed(api: Api) -> list[Json]:
    """Everything that waits, as far as this person may see it; each with `kind`.

    Raises:
        ApiProblem: the service failed, or the session has ended.
    """
    models = await _allowed(api, "/v1/models", limit=100)
    found = [
        {**model, "kind": "model"} for model in models if model.get("status") == "awaiting_approval"
    ]
    for model in models:
        asked = await _allowed(api, f"/v1/models/{model.get('id')}/campaigns")
        found += [
            {**each, "kind": "campaign", "model": model.get("name")}
            for each in asked
            if each.get("status") == "pending"
        ]
    images = await _allowed(api, "/v1/approvals", limit=100)
    return [*found, *({**image, "kind": "image"} for image in images)]


def drawn(waiting: Iterable[Json]) -> str:
    """Cards to choose one from; empty when nothing waits."""
    cards = [_card(item) for item in waiting]
    return choices("waiting", "What waits for an answer", cards, [], several=False) if cards else ""


def path_of(item_id: str, verb: str) -> str:
    """The route that answers for an item; empty where there is none (a model is not declined)."""
    prefix = (item_id or "").partition("_")[0]
    if prefix not in _PATHS or (prefix == "mdl" and verb == "decline"):
        return ""
    return f"/v1/{_PATHS[prefix]}/{item_id}/{verb}"


def _card(item: Json) -> str:
    since = f"<small>Since {text(day(item.get('created_at')))}</small>"
    if item["kind"] == "model":
        name = str(item.get("name") or NAMELESS)
        line = f"<span>A new model waits for a second person</span>{since}"
        return choice("waiting", str(item["id"]), portrait(item), name, line, False)
    if item["kind"] == "campaign":
        line = f"<span>Campaign with {text(item.get('model') or NAMELESS)}</span>{since}"
        return choice("waiting", str(item["id"]), "", str(item.get("name")), line, False)
    image_id = str(item.get("image_id"))
    picture = (
        f'<span class="hm-portrait"><img src="/v1/images/{text(image_id)}?format=jpeg" '
        'loading="lazy" alt="The picture that waits"></span>'
    )
    return choice("waiting", image_id, picture, "Picture", since, False)


async def _allowed(api: Api, path: str, **query: int) -> list[Json]:
    """A list of the service, or nothing where this person may not see it."""
    try:
        return await api.items(path, **query)
    except ApiProblem as found:
        if found.status == 403:
            return []
        raise
