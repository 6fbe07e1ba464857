"""`/v1/generations`: ask, look, cancel, refine, follow."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.alike import drawn_alike
from tests.service import Service, wait
from workspace.types import RGB

URL = "/v1/generations"
SWAP = {"tool": "background_swap"}


@pytest.fixture(scope="module")
def product(service: Service) -> str:
    return service.product("red-tee")


@pytest.fixture
def held(service: Service) -> Iterator[threading.Event]:
    """The engine waits in the middle of rendering until this is set."""
    service.settle()
    service.diffusion.gate = threading.Event()
    yield service.diffusion.gate
    service.diffusion.gate.set()
    service.diffusion.gate = None


def ask(product: str, **changes: Any) -> dict[str, Any]:
    return {"tool": "editorial", "prompt": "$product, studio", "product_ids": [product], **changes}


def pixels_of(file: bytes) -> RGB:
    """Pixels, not files: the marks around them carry ids of their own."""
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_model_wearing_product_gives_scored_images_of_the_person(
    service: Service, product: str
) -> None:
    model = service.model()
    done = service.generate(
        **ask(product, prompt="$model wearing $product", model_id=model, n=2, seed=42)
    )
    assert done["status"] == "completed" and done["error"] is None
    assert done["progress"]["step"] == done["progress"]["steps"] > 0
    first, second = done["images"]
    assert (first["seed"], second["seed"]) == (42, 43)
    assert first["identity_score"] > 0.55 and 0 <= first["product_score"] <= 1
    assert first["consent_id"].startswith("cns_") and first["model_version"] == 1
    assert first["weights_digest"] and first["engine"] == "numpy"
    assert set(first["timings"]) == {"queued", "render", "total"}
    picture = Image.open(io.BytesIO(service.client.get(first["url"]).content))
    assert picture.size == (first["width"], first["height"]) == (192, 256)


def test_the_202_is_ready_made_for_what_comes_next(service: Service, product: str) -> None:
    answer = service.client.post(URL, json=ask(product))
    made = answer.json()
    assert answer.status_code == 202 and answer.headers["location"] == made["status_url"]
    assert set(made) == {"id", "status", "position", "status_url", "cancel_url", "events_url"}
    assert wait(service.client, made["status_url"], "queued", "running")["status"] == "completed"


def test_the_same_seed_gives_the_same_image_and_another_seed_another(
    service: Service, product: str
) -> None:
    def picture(**changes: Any) -> RGB:
        done = service.generate(**ask(product, **changes))
        return pixels_of(service.client.get(done["images"][-1]["url"]).content)

    once = picture(seed=5)
    assert drawn_alike(once, picture(seed=5)) and drawn_alike(once, picture(seed=4, n=2))
    assert not drawn_alike(once, picture(seed=6))


def test_a_seed_that_was_not_given_is_told_and_can_be_used_again(
    service: Service, product: str
) -> None:
    first = service.generate(**ask(product))
    again = service.generate(**ask(product, seed=first["seed"]))
    files = [service.client.get(one["images"][0]["url"]).content for one in (first, again)]
    assert drawn_alike(*map(pixels_of, files))


@pytest.mark.parametrize(
    ("changes", "status", "code", "pointer"),
    [
        (SWAP | {"prompt": "$model here"}, 403, "tool_not_allowed_for_model", "/prompt"),
        (SWAP | {"model_id": "mdl_x"}, 403, "tool_not_allowed_for_model", "/model_id"),
        (SWAP | {"image": "img_x"}, 422, "invalid_request", "/tool"),
        ({"prompt": "$model wearing $product"}, 422, "prompt_unresolved_placeholder", "/prompt"),
        ({"product_ids": []}, 422, "prompt_unresolved_placeholder", "/prompt"),
        ({"prompt": "$jacket"}, 422, "prompt_unresolved_placeholder", "/prompt"),
        ({"prompt": ""}, 422, "invalid_request", "/prompt"),
        ({"prompt": "x" * 2001}, 422, "invalid_request", "/prompt"),
        ({"n": 5}, 422, "invalid_request", "/n"),
        ({"n": 0}, 422, "invalid_request", "/n"),
        ({"seed": 2**32}, 422, "invalid_request", "/seed"),
        ({"seed": -1}, 422, "invalid_request", "/seed"),
        ({"aspect_ratio": "99:1"}, 422, "invalid_request", "/aspect_ratio"),
        ({"tool": "watermark_removal"}, 422, "invalid_request", "/tool"),
        ({"sead": 3}, 422, "invalid_request", "/sead"),
        ({"territories": []}, 422, "invalid_request", "/territories"),
        ({"metadata": {"k": "v" * 300}}, 422, "invalid_request", "/metadata/k"),
        ({"model_id": "mdl_nothere"}, 404, "not_found", None),
        ({"product_ids": ["prd_nothere"]}, 404, "not_found", "/product_ids/0"),
    ],
)  # fmt: skip
def test_refusals_have_their_code_and_pointer(
    service: Service,
    product: str,
    changes: dict[str, Any],
    status: int,
    code: str,
    pointer: str | None,
) -> None:
    before = service.store.count("generations")
    answer = service.client.post(URL, json=ask(product, **changes))
    assert code_of(answer) == (status, code)
    assert answer.json().get("pointer") == pointer
    assert service.store.count("generations") == before


def test_background_swap_refuses_a_model_whatever_else_is_wrong(service: Service) -> None:
    wrong = {"tool": "background_swap", "prompt": "$model $unknown", "product_ids": ["prd_none"]}
    assert code_of(service.client.post(URL, json=wrong)) == (403, "tool_not_allowed_for_model")
    starter = service.client_of(service.other("swap-starter", "starter"))
    assert code_of(starter.post(URL, json=wrong)) == (403, "tool_not_allowed_for_model")


def test_a_starter_workspace_has_no_custom_models(service: Service) -> None:
    starter = service.client_of(service.other("starter", "starter"))
    body = {"tool": "editorial", "prompt": "$model", "model_id": service.model()}
    assert code_of(starter.post(URL, json=body)) == (403, "plan_excludes_custom_models")


def test_another_workspaces_ids_are_not_found(service: Service, product: str) -> None:
    done = service.generate(**ask(product))
    stranger = service.client_of(service.other("stranger"))
    image, base = done["images"][0], f"{URL}/{done['id']}"
    for url in (base, f"{base}/events", image["url"]):
        assert code_of(stranger.get(url)) == (404, "not_found")
    for url in (f"{base}/cancel", f"{base}/refine"):
        assert code_of(stranger.post(url, json={})) == (404, "not_found")
    for changes in ({}, {"model_id": service.model(), "prompt": "$model", "product_ids": []}):
        assert code_of(stranger.post(URL, json=ask(product, **changes))) == (404, "not_found")


def test_an_idempotency_key_gives_the_same_generation_once(service: Service, product: str) -> None:
    headers = {"Idempotency-Key": "order-17"}
    first = service.client.post(URL, json=ask(product), headers=headers)
    again = service.client.post(URL, json=ask(product), headers=headers)
    assert first.json()["id"] == again.json()["id"] and again.status_code == 202
    other = service.client.post(URL, json=ask(product, n=2), headers=headers)
    assert code_of(other) == (409, "idempotency_conflict")
    stranger = service.client_of(service.other("same-key"))
    elsewhere = stranger.post(URL, json={"tool": "editorial", "prompt": "a hat"}, headers=headers)
    assert elsewhere.status_code == 202
    assert "order-17" not in str(list(service.store.db.query("SELECT * FROM idempotency")))


def test_many_requests_with_one_key_at_once_make_one_generation(
    service: Service, product: str
) -> None:
    answers: list[Any] = []

    def send() -> None:
        client = service.client_of()
        headers = {"Idempotency-Key": "stampede"}
        answers.append(client.post(URL, json=ask(product, seed=1), headers=headers))

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_a_running_generation_can_be_cancelled(
    service: Service, product: str, held: threading.Event
) -> None:
    made = service.client.post(URL, json=ask(product)).json()
    wait(service.client, made["status_url"], "queued")
    waiting = service.client.post(URL, json=ask(product, aspect_ratio="1:1")).json()
    assert waiting["position"] == 0
    assert service.client.post(waiting["cancel_url"]).json()["status"] == "cancelled"
    service.client.post(made["cancel_url"])
    held.set()
    done = wait(service.client, made["status_url"], "running")
    assert (done["status"], done["images"]) == ("cancelled", [])
    assert service.client.post(made["cancel_url"]).json()["status"] == "cancelled"


def test_refining_keeps_everything_but_the_changes(service: Service, product: str) -> None:
    old = service.generate(**ask(product, seed=9, metadata={"sku": "AB-12"}))
    answer = service.client.post(f"{URL}/{old['id']}/refine", json={"prompt": "$product at dusk"})
    assert answer.status_code == 202
    new = wait(service.client, answer.json()["status_url"], "queued", "running")
    assert new["refined_from"] == old["id"] and new["prompt"] == "$product at dusk"
    for kept in ("seed", "product_ids", "metadata", "aspect_ratio", "tool", "purpose"):
        assert new[kept] == old[kept]
    refused = service.client.post(f"{URL}/{old['id']}/refine", json={"tool": "background_swap"})
    assert code_of(refused) == (422, "invalid_request")


def test_refining_takes_the_model_away_where_it_is_given_as_null(service: Service) -> None:
    old = service.generate(tool="editorial", prompt="$model", model_id=service.model("amara"))
    url, client = f"{URL}/{old['id']}/refine", service.client
    kept = client.post(url, json={"seed": 3, "product_ids": []}).json()
    assert client.get(kept["status_url"]).json()["model_id"] == old["model_id"]
    assert code_of(client.post(url, json={"model_id": None}))[0] == 422  # `$model` is still there
    without = {"model_id": None, "campaign": None, "prompt": "a wall"}
    gone = client.post(url, json=without).json()
    assert client.get(gone["status_url"]).json()["model_id"] is None


def test_the_list_pages_through_everything_newest_first(service: Service, product: str) -> None:
    client = service.client_of(service.other("pages"))
    ids = [
        client.post(URL, json={"tool": "editorial", "prompt": f"hat {k}"}).json()["id"]
        for k in range(5)
    ]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = client.get(URL, params=params).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ids[::-1]
    assert code_of(client.get(URL, params={"cursor": "nonsense"})) == (422, "invalid_request")
    assert code_of(client.get(URL, params={"limit": 101})) == (422, "invalid_request")


def test_scopes_are_asked_for(service: Service, product: str) -> None:
    reader = service.client_of(scopes=frozenset({"images:read"}))
    answer = reader.post(URL, json=ask(product))
    assert code_of(answer) == (403, "scope_missing") and "generate" in answer.json()["detail"]
    assert reader.get(URL).status_code == 200
    admin = service.client_of(scopes=frozenset({"admin"}))
    assert code_of(admin.get(URL)) == (403, "scope_missing")


def events(text: str) -> list[tuple[str, Any]]:
    found = []
    for block in text.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "event" in lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


def test_events_tell_the_whole_story_and_end(service: Service, product: str) -> None:
    service.diffusion.pause_seconds = 0.03
    made = service.client.post(URL, json=ask(product)).json()
    answer = service.client.get(made["events_url"])
    service.diffusion.pause_seconds = 0.0
    assert answer.headers["content-type"].startswith("text/event-stream")
    seen = events(answer.text)
    statuses = [body["status"] for name, body in seen if name == "status"]
    steps = [body["step"] for name, body in seen if name == "progress"]
    assert statuses[-1] == "completed" and steps == sorted(steps) and steps[-1] == 3
    assert seen[-1][0] == "done" and len(seen[-1][1]["images"]) == 1


def test_a_late_listener_gets_the_end_at_once(service: Service, product: str) -> None:
    done = service.generate(**ask(product))
    seen = events(service.client.get(done["events_url"]).text)
    assert [name for name, _ in seen] == ["status", "progress", "done"]
    assert seen[-1][1]["id"] == done["id"]
    assert service.services.dispatcher.news.listeners() == 0


def test_images_come_in_the_format_that_was_asked_for(service: Service, product: str) -> None:
    url = service.generate(**ask(product))["images"][0]["url"]
    get = service.client.get
    png = get(url)
    assert png.headers["content-type"] == "image/png" and png.headers["cache-control"] == "no-store"
    for name in ("png", "jpeg", "webp"):
        by_query = get(url, params={"format": name})
        by_header = get(url, headers={"Accept": f"text/html, image/{name};q=0.9, */*;q=0.1"})
        assert by_query.headers["content-type"] == by_header.headers["content-type"]
        assert Image.open(io.BytesIO(by_query.content)).format == name.upper()
    both = get(url, params={"format": "webp"}, headers={"Accept": "image/jpeg"})
    assert both.headers["content-type"] == "image/webp"
    assert code_of(get(url, params={"format": "tiff"})) == (422, "invalid_request")
    pixels = np.asarray(Image.open(io.BytesIO(png.content)))
    again = np.asarray(Image.open(io.BytesIO(get(url, params={"format": "png"}).content)))
    assert np.array_equal(pixels, again)
