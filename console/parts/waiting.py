"""What waits for somebody's yes: models, campaigns and images, and accounts and keys of an admin's.

A card's value names the item, and for an account or a key also what was shown of it, so that a yes
counts for exactly that (`per_1:creator+reviewer`).
"""

from __future__ import annotations

from collections.abc import Iterable

from console.client import Api, ApiProblem, Json
from console.parts import roles
from console.parts.cards import choice, choices, portrait
from console.parts.html import day, text
from console.texts import NAMELESS

_PATHS = {"mdl": "models", "cmp": "campaigns", "img": "images"}
_ACCOUNTS = {"per": ("people", "roles"), "key": ("keys", "scopes")}
CHOOSE = "Choose what you answer first."
NOT_DECLINED = {
    "mdl": "A model is declined by revoking it, on its page.",
    "per": "An account that should not be is ended by an admin.",
    "key": "A key that should not be is revoked by an admin.",
}


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
    found += [{**image, "kind": "image"} for image in images]
    for kind in ("people", "keys"):
        accounts = await _allowed(api, f"/v1/admin/{kind}")
        waits = (one for one in accounts if one.get("status") == "awaiting_confirmation")
        found += [{**one, "kind": kind} for one in waits]
    return found


def drawn(waiting: Iterable[Json]) -> str:
    """Cards to choose one from; empty when nothing waits."""
    cards = [_card(item) for item in waiting]
    return choices("waiting", "What waits for an answer", cards, [], several=False) if cards else ""


def path_of(item_id: str, verb: str) -> str:
    """The route that answers for an item; empty where there is none (a model is not declined)."""
    named = (item_id or "").partition(":")[0]
    prefix = named.partition("_")[0]
    if prefix in _ACCOUNTS and verb == "approve":
        return f"/v1/admin/{_ACCOUNTS[prefix][0]}/{named}/confirm"
    if prefix not in _PATHS or (prefix == "mdl" and verb == "decline"):
        return ""
    return f"/v1/{_PATHS[prefix]}/{named}/{verb}"


def body_of(item_id: str) -> Json:
    """What is sent with the answer: for an account or a key, what is confirmed."""
    named, _, shown = (item_id or "").partition(":")
    prefix = named.partition("_")[0]
    return {_ACCOUNTS[prefix][1]: shown.split("+")} if prefix in _ACCOUNTS else {}


def why_not(item_id: str) -> str:
    """Why an item can't be answered so."""
    return NOT_DECLINED.get((item_id or "").partition("_")[0], CHOOSE)


def _card(item: Json) -> str:
    since = f"<small>Since {text(day(item.get('created_at')))}</small>"
    if item["kind"] == "model":
        name = str(item.get("name") or NAMELESS)
        line = f"<span>A new model waits for a second person</span>{since}"
        return choice("waiting", str(item["id"]), portrait(item), name, line, False)
    if item["kind"] == "campaign":
        line = f"<span>Campaign with {text(item.get('model') or NAMELESS)}</span>{since}"
        return choice("waiting", str(item["id"]), "", str(item.get("name")), line, False)
    if item["kind"] in {"people", "keys"}:
        return _account_card(item, since)
    image_id = str(item.get("image_id"))
    picture = (
        f'<span class="hm-portrait"><img src="/v1/images/{text(image_id)}?format=jpeg" '
        'loading="lazy" alt="The picture that waits"></span>'
    )
    return choice("waiting", image_id, picture, "Picture", since, False)


def _account_card(item: Json, since: str) -> str:
    """An account or a key that an admin made: what it would open stands on the card."""
    person = item["kind"] == "people"
    may = item.get("roles" if person else "scopes") or []
    words = roles.roles(may) if person else roles.scopes(may)
    what = "New account" if person else "New API key"
    line = f"<span>{what}: {text(words)}</span>{since}"
    name = str(item.get("name" if person else "label") or item.get("id"))
    value = f"{item.get('id')}:{'+'.join(str(one) for one in may)}"
    return choice("waiting", value, "", name, line, False)


async def _allowed(api: Api, path: str, **query: int) -> list[Json]:
    """A list of the service, or nothing where this person may not see it."""
    try:
        return await api.items(path, **query)
    except ApiProblem as found:
        if found.status == 403:
            return []
        raise
