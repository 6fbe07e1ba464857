"""Flatlay to Catalog's shot list and board, and the requests of the background swap page."""

from __future__ import annotations

import asyncio
from typing import Any

from console.client import ApiProblem, Json
from console.pages import flatlay, swap
from console.parts.board import Board, Shot


class Service:
    """A service that takes requests, refuses some, and finishes what is asked about."""

    def __init__(self, refuse: str = "") -> None:
        self.refuse = refuse
        self.bodies: list[Json] = []

    async def post(self, path: str, body: Json, key: str = "") -> Json:
        if self.refuse and self.refuse in body["prompt"]:
            raise ApiProblem(429, "queue_full", "The queue is full", "", "Try later.", "")
        self.bodies.append(body)
        return {"id": f"gen_{len(self.bodies)}", "status": "queued"}

    async def get(self, path: str, **query: Any) -> Json:
        k = int(path.rsplit("_", 1)[1])
        image = {"id": f"img_{k}", "width": 96, "height": 128, "seed": k}
        asked = self.bodies[k - 1]
        return {**asked, "id": f"gen_{k}", "status": "completed", "images": [image]}

    async def items(self, path: str, **query: Any) -> list[Json]:
        return [await self.get(f"gen_{k}") for k in range(len(self.bodies), 0, -1)]


def shots(*names: str) -> list[Shot]:
    return [
        Shot(product, product.title(), name, flatlay.body_of("", product, name, "3:4", "p", "c"))
        for product in ("shirt", "skirt")
        for name in names
    ]


def empty_board() -> Board:
    return Board(*range(8))


def drawn(board: Board, values: list[Any], name: str) -> Any:
    return values[board.outputs.index(getattr(board, name))]


def test_every_shot_of_every_product_is_asked_for_and_shown_by_product() -> None:
    board, service = empty_board(), Service()
    values = asyncio.run(board.start(shots("front", "walking"), service))  # type: ignore[arg-type]
    assert [body["metadata"]["shot"] for body in service.bodies] == ["front", "walking"] * 2
    page = drawn(board, values, "pictures")
    assert page.count("<section") == 2 and page.count("<figure") == 4
    assert "Download all (2)" in page and "01_shirt_front" in page
    assert drawn(board, values, "progress") == ""


def test_a_refused_shot_says_why_and_can_be_tried_again() -> None:
    board, service = empty_board(), Service(refuse="walking")
    values = asyncio.run(board.start(shots("front", "walking"), service))  # type: ignore[arg-type]
    page = drawn(board, values, "pictures")
    assert page.count("<figure") == 2 and "walking: The queue is full" in page
    assert drawn(board, values, "again")["visible"] is True
    service.refuse = ""
    again = board.repeat(values[0], drawn(board, values, "lines"), service)  # type: ignore[arg-type]
    values = asyncio.run(again)
    assert drawn(board, values, "pictures").count("<figure") == 4
    assert drawn(board, values, "again")["visible"] is False


def test_a_reload_finds_the_batch_by_its_name() -> None:
    board, service = empty_board(), Service()
    first = asyncio.run(board.start(shots("front"), service))  # type: ignore[arg-type]
    names = {"shirt": "Shirt", "skirt": "Skirt"}
    batch = drawn(board, first, "address")
    found = asyncio.run(board.found(batch, names, service))  # type: ignore[arg-type]
    assert drawn(board, found, "pictures") == drawn(board, first, "pictures")
    other = asyncio.run(board.found("b_other", names, service))  # type: ignore[arg-type]
    assert "hm-empty" in drawn(board, other, "pictures")


def test_a_shot_list_has_each_shot_once_and_own_lines_keep_their_words() -> None:
    listed = flatlay.shot_list(["Walking", "Front"], "on a beach\n\n  on a beach \nat dusk")
    assert [name for name, _ in listed] == ["Front", "Walking", "on a beach", "at dusk"]
    studio = flatlay.body_of("mdl_1", "prd_1", listed[0][1], "3:4", "p", "c")
    assert studio["prompt"].startswith("$model wearing $product") and "studio" in studio["prompt"]
    own = flatlay.body_of("", "prd_1", "on a beach", "3:4", "p", "c")
    assert own["prompt"] == "$product, catalog, on a beach"
    assert flatlay.body_of("", "prd_1", "$product on a hook", "", "p", "c")["prompt"] == (
        "$product on a hook"
    )


def test_the_swap_sends_the_photo_and_never_a_model() -> None:
    body = swap.body_of("pic_1", " a beach ", 2, "7", "p", "c")
    assert body["picture_id"] == "pic_1" and body["seed"] == 7 and body["prompt"] == "a beach"
    assert "model_id" not in body and "seed" not in swap.body_of("pic_1", "x", 1, "", "p", "c")
    assert "closed" in swap.CLOSED
