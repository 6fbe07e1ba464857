"""What a first start puts into the demo workspace, by doing the real job once.

Two sample people are enrolled, the sample products added, one Editorial and one Flatlay to
Catalog generation rendered, all through the HTTP API with idempotency keys: a start that was cut
off goes on where it stopped, and later starts find the work done.
"""

from __future__ import annotations

from collections.abc import Callable

import httpx

from serve.showcase import samples, walk
from workspace.errors import HousemodelError

NAME = "demo"
PLAN = "enterprise"
SEED = 7


def fill(client: httpx.Client, say: Callable[[str], None]) -> None:
    """Fill the workspace of `client`'s key; does nothing where that was done already.

    A workspace that somebody uses may refuse a step (a sample person is there already, the plan is
    full, a boundary was set): that is said, and the appliance goes on without.

    Args:
        say: receives one line per step, for the terminal.
    """
    try:
        _fill(client, say)
    except HousemodelError as error:
        say(f"the demo workspace stays as it is: {error.detail or error.title}")


def _fill(client: httpx.Client, say: Callable[[str], None]) -> None:
    if walk.checked(client.get("/v1/generations", params={"limit": 2}))["items"][1:]:
        return
    models = []
    for person in samples.people()[:2]:
        say(f"enrolling {person.name} from two photos")
        models.append(walk.enrol(client, person, f"demo-model-{person.name}"))
    garments = []
    for product in samples.products():
        garments.append(walk.add_product(client, product, f"demo-product-{product.name}"))
    say(f"added {len(garments)} products")
    say("rendering an Editorial image")
    walk.generate(client, editorial(models[0], garments[0]), "demo-editorial")
    say("rendering a Flatlay to Catalog image")
    walk.generate(client, flatlay(models[1], garments[1]), "demo-flatlay")


def editorial(model: str, product: str) -> dict[str, object]:
    """The demo's Editorial request, as any internal tool would send it."""
    return _request("editorial", "half body, in a park", model, product)


def flatlay(model: str, product: str) -> dict[str, object]:
    """The demo's Flatlay to Catalog request."""
    return _request("flatlay_to_catalog", "full body, plain studio background", model, product)


def _request(tool: str, scene: str, model: str, product: str) -> dict[str, object]:
    return {
        "tool": tool,
        "prompt": f"$model wearing $product, {scene}",
        "model_id": model,
        "product_ids": [product],
        "n": 1,
        "seed": SEED,
    }
