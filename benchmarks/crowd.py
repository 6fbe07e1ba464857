"""Many clients at once against one appliance, each doing what a tool or a page of the console does.

    watchers    look: lists, single things, pictures as files and as pages show them
    makers      ask for pictures and follow the event stream to their end
    cancellers  ask for a picture and take it back
    enrollers   enrol a person, wait until the model is ready, and erase it

Of 16 clients, 11 watch, two make, two cancel, one enrols. A client waits a little between two
steps: `think` seconds on average, makers and cancellers twice as long, enrollers ten times. It
takes a 429 with Retry-After for what it is and waits; every other answer that is not a success is a
failure, and so is a connection that breaks. It measures from sending to the last byte, in its own
process: the crowd's own work is part of what it measures.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from serve.showcase.samples import SamplePerson, people

PASSING = "Somebody"  # name of a model that its client erases again
PAGE = 24  # as pages of the console ask
POLL_SECONDS = 0.5
_LISTS = ("models", "generations", "products", "pictures", "approvals", "audit", "audit/search")
# Of 16 clients; the others only look. Behind it: how much longer than `think` it waits.
_ROLES = {0: "enroller", 1: "maker", 9: "maker", 2: "canceller", 10: "canceller"}
_PATIENCE = {"enroller": 10.0, "maker": 2.0, "canceller": 2.0, "watcher": 1.0}


@dataclass
class Seen:
    """What the crowd saw; times in seconds since the start, and in seconds."""

    answers: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    held_back: int = 0  # 429 with Retry-After
    failures: list[str] = field(default_factory=list)  # route and code, never content
    done: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    lags: list[float] = field(default_factory=list)  # how late the crowd's own clock was


class HeldBack(Exception):
    """The service asked to come again later."""


class Failed(Exception):
    """An answer that no client should get."""


class Crowd:
    """So many clients with one API key; `run` returns when the time is over."""

    def __init__(self, base_url: str, headers: dict[str, str], clients: int, think: float) -> None:
        self.seen = Seen()
        self._base_url, self._headers = base_url, headers
        self._clients, self._think = clients, think
        self._ends = 0.0
        self._began = 0.0
        self._boxes: list[dict[str, str]] = []

    async def run(self, seconds: float) -> Seen:
        """Send all clients in, spread over the first seconds, and wait for the end."""
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=self._clients * 2)
        async with httpx.AsyncClient(
            base_url=self._base_url, headers=self._headers, timeout=60.0, limits=limits
        ) as http:
            self._boxes = (await http.get("/v1/capabilities")).json()["attestations"]
            self._began = time.monotonic()
            self._ends = self._began + seconds
            work = [self._client(http, number) for number in range(self._clients)]
            await asyncio.gather(self._watch_own_clock(), *work)
        return self.seen

    async def _client(self, http: httpx.AsyncClient, number: int) -> None:
        rng = random.Random(number)
        role = _ROLES.get(number % 16, "watcher")
        pause = self._think * _PATIENCE[role]
        step: Callable[[_Visit], Awaitable[None]] = getattr(_Visit, role)
        visit = _Visit(self, http, rng, people()[number % len(people())], self._boxes)
        await asyncio.sleep(rng.uniform(0, max(pause, 0.1)))
        while time.monotonic() < self._ends:
            try:
                await step(visit)
                self.seen.done[role] += 1
            except HeldBack as word:
                self.seen.held_back += 1
                await asyncio.sleep(min(float(str(word)), self._ends - time.monotonic() + 0.1))
            except (Failed, httpx.HTTPError, KeyError, ValueError) as error:
                told = str(error) if isinstance(error, Failed) else _place(error)
                self.seen.failures.append(f"{role}: {told}")
                await asyncio.sleep(1.0)
            await asyncio.sleep(rng.expovariate(1 / pause) if pause else 0)

    async def _watch_own_clock(self) -> None:
        while time.monotonic() < self._ends:
            due = time.monotonic() + 0.05
            await asyncio.sleep(0.05)
            self.seen.lags.append(time.monotonic() - due)

    def note(self, route: str, began: float) -> None:
        """Keep how long one answer took."""
        now = time.monotonic()
        self.seen.answers[route].append((now - self._began, now - began))


@dataclass
class _Visit:
    """One client."""

    crowd: Crowd
    http: httpx.AsyncClient
    rng: random.Random
    person: SamplePerson
    boxes: list[dict[str, str]]
    known: dict[str, list[Any]] = field(default_factory=dict)  # last page of each list

    async def watcher(self) -> None:
        """Open one list or one thing of a list that was seen."""
        name = self.rng.choice(_LISTS)
        shown = await self.get(f"/v1/{name}", f"GET /v1/{name}", limit=PAGE)
        self.known[name] = shown["items"]
        if not shown["items"] or name.startswith(("audit", "approvals", "pictures")):
            return
        one = self.rng.choice(shown["items"])
        await self.get(f"/v1/{name}/{one['id']}", f"GET /v1/{name}/{{id}}")
        if name == "models" and one["status"] == "ready":
            await self.get(f"/v1/models/{one['id']}/images", "GET /v1/models/{id}/images")
            await self.get(
                f"/v1/models/{one['id']}/photos/close_up", "GET /v1/models/{id}/photos", raw=True
            )
        elif name == "products":
            await self.get(f"/v1/products/{one['id']}/photo", "GET /v1/products/photo", raw=True)
        elif name == "generations" and one["images"]:
            url = one["images"][0]["url"]
            await self.get(url, "GET /v1/images/{id} as PNG", raw=True)
            await self.get(url, "GET /v1/images/{id} as pages show it", raw=True, format="jpeg")

    async def maker(self) -> None:
        """Ask for a picture and follow its events until `done`."""
        made = await self._ask()
        began = time.monotonic()
        async with self.http.stream("GET", made["events_url"]) as answer:
            if answer.status_code != 200:
                raise Failed(f"events: {answer.status_code}")
            first, ended = True, ""
            async for line in answer.aiter_lines():
                if first:
                    self.crowd.note("first event of a stream", began)
                    first = False
                if line.startswith("data:") and ended == "done":
                    done = json.loads(line[5:])
                    break
                ended = line[7:] if line.startswith("event: ") else ended
            else:
                return  # the time is over, or it was erased
        if done["status"] != "completed":
            raise Failed(f"a generation ended as {done['status']} {(done['error'] or {})['code']}")
        self.crowd.note("a picture, from asking to done", began)
        await self.get(done["images"][0]["url"], "GET /v1/images/{id} as PNG", raw=True)

    async def canceller(self) -> None:
        """Ask for a picture and take it back, at once or a little later."""
        made = await self._ask()
        await asyncio.sleep(self.rng.uniform(0, 1.0))
        await self.send("POST", made["cancel_url"], "POST /v1/generations/{id}/cancel")

    async def enroller(self) -> None:
        """Enrol a person, wait for the model, and erase it."""
        data = {
            "name": PASSING,
            "gender": self.person.gender,
            "attestations": json.dumps(
                [{"id": b["id"], "sha256": b["sha256"]} for b in self.boxes]
            ),
            "allow_duplicate": "true",
        }
        files = {
            "full_body": ("full_body.jpg", self.person.full_body.read_bytes(), "image/jpeg"),
            "close_up": ("close_up.jpg", self.person.close_up.read_bytes(), "image/jpeg"),
        }
        made = await self.send("POST", "/v1/models", "POST /v1/models", data=data, files=files)
        url, status = f"/v1/models/{made['id']}", "building"
        while status == "building":
            await asyncio.sleep(POLL_SECONDS)
            status = (await self.get(url, "GET /v1/models/{id}"))["status"]
        if status != "ready":
            raise Failed(f"a model ended as {status}")
        await self.send("DELETE", url, "DELETE /v1/models/{id}")

    async def _ask(self) -> Any:
        models = await self.get("/v1/models", "GET /v1/models", limit=100)
        kept = [one["id"] for one in models["items"] if one["name"] not in (None, PASSING)]
        products = await self.get("/v1/products", "GET /v1/products", limit=PAGE)
        body = {
            "tool": "editorial",
            "prompt": "$model wearing $product, half body, in a park",
            "model_id": self.rng.choice(kept),
            "product_ids": [self.rng.choice(products["items"])["id"]],
            "n": 1,
            "seed": self.rng.randrange(2**32),
        }
        return await self.send("POST", "/v1/generations", "POST /v1/generations", json=body)

    async def get(self, url: str, route: str, raw: bool = False, **params: Any) -> Any:
        """Get something; bytes with `raw`. 404 of what was erased meanwhile is no failure."""
        return await self.send("GET", url, route, raw, params=params or None)

    async def send(self, method: str, url: str, route: str, raw: bool = False, **more: Any) -> Any:
        began = time.monotonic()
        answer = await self.http.request(method, url, **more)
        if answer.status_code == 429:
            if "retry-after" not in answer.headers:
                raise Failed(f"{route}: 429 without Retry-After")
            raise HeldBack(answer.headers["retry-after"])
        if answer.status_code == 404 and method == "GET" and "{id}" in route:
            return {"status": "erased", "items": []}
        if not answer.is_success:
            code = answer.json().get("code", "") if "json" in answer.headers["content-type"] else ""
            raise Failed(f"{route}: {answer.status_code} {code}")
        self.crowd.note(route, began)
        return answer.content if raw else answer.json()


def _place(error: Exception) -> str:
    """What broke and on which route; never an address with an id or a key in it."""
    request = getattr(error, "_request", None)
    where = "" if request is None else f" of {request.method} {request.url.path.split('/')[2:3]}"
    return f"{type(error).__name__}{where}"
