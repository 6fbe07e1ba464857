"""Two workspaces: every route of the OpenAPI document with every id of the other one.

The questions are made from the document itself: each id in a path, in a query and in a body, with
the id of each kind of thing that the other workspace has. A route or an id of a new kind that
nothing here knows is an error, not a gap. `strangers` says what was answered wrongly; `timing` says
whether the time of a 404 tells if the id exists elsewhere.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import re
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from serve.callers.scopes import SCOPES
from tests import test_role_matrix as matrix
from tests.role_table import BODIES, LINK, PUBLIC, TABLE
from tests.service import Service
from tests.talents import person_in

NO_IDS = frozenset({"kind", "name", "idempotency-key", "retention_url"})  # words, not things
# What a name in a query or a body is an id of, where the name does not say so.
NAMED = {"campaign": "campaign_id", "image": "picture_id", "subject": "model_id"}
VALID: dict[str, dict[str, Any]] = {  # bodies that would be taken if the ids in them were ours
    "POST /v1/generations": {"tool": "editorial", "prompt": "a park at noon"},
    "POST /v1/generations/{generation_id}/refine": {},
    "POST /v1/admin/break-glass": {"reason": "a reason", "minutes": 1},
}
URLS = ("status_url", "cancel_url", "events_url")
NEEDS = {  # field of a body -> what must come along
    "model_id": {"prompt": "$model at noon"},
    "product_ids": {"prompt": "$product at noon"},
    "picture_id": {"tool": "background_swap", "prompt": "a beach"},
    "image": {"tool": "background_swap", "prompt": "a beach"},
}


@dataclass(frozen=True)
class Question:
    """One request with an id of the other workspace in one place."""

    line: str  # "METHOD /path/{id}"
    place: str  # "path", "query name" or "body name"
    ids: dict[str, str]
    body: Any = None
    query: str = ""
    same_as: tuple[Any, str] | None = None  # body and query with an id that nothing has


def questions(
    document: dict[str, Any], theirs: dict[str, str], own: dict[str, str], seed: int = 1
) -> Iterator[Question]:
    """Every question to ask; `theirs` and `own` are one thing of each kind, by parameter name."""
    nowhere = unknown(theirs, random.Random(seed))
    own = {**nowhere, **own}
    kinds = {kind for kind in theirs if kind not in NO_IDS}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            line = f"{method.upper()} {path}"
            if TABLE[line] in (LINK, PUBLIC):
                continue  # nobody's workspace; `test_role_matrix` asks them with wrong links
            names = [name for name in re.findall(r"\{(\w+)\}", path) if name not in NO_IDS]
            for name in names:
                assert name in theirs, f"{line}: make an object for {name}"
                for kind in sorted(kinds):  # its own kind, and every other one in its place
                    ids = {**own, name: theirs[kind]}
                    yield Question(line, f"path {name}={kind}", ids, BODIES.get(line))
            if len(names) > 1:
                yield Question(line, "path, all", theirs, BODIES.get(line))
            yield from _in_query(line, operation, theirs, own, nowhere)
            yield from _in_body(line, operation, document, theirs, own, nowhere)


def _in_query(
    line: str,
    operation: dict[str, Any],
    theirs: dict[str, str],
    own: dict[str, str],
    nowhere: dict[str, str],
) -> Iterator[Question]:
    for parameter in operation.get("parameters", ()):
        name = NAMED.get(parameter["name"], parameter["name"])
        if parameter["in"] == "query" and (name.endswith("_id") or name in theirs):
            assert name in theirs, f"{line}: make an object for {name}"
            query = f"{parameter['name']}={theirs[name]}"
            missing = f"{parameter['name']}={nowhere[name]}"
            yield Question(line, f"query {parameter['name']}", own, None, query, (None, missing))


def _in_body(
    line: str,
    operation: dict[str, Any],
    document: dict[str, Any],
    theirs: dict[str, str],
    own: dict[str, str],
    nowhere: dict[str, str],
) -> Iterator[Question]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return
    for name in _fields(content["schema"], document):
        kind = NAMED.get(name, name.removesuffix("s"))
        if not kind.endswith("_id"):
            continue
        assert kind in theirs, f"{line}: make an object for {name} of its body"
        body, missing = (
            {
                **BODIES.get(line, {}),
                **VALID.get(line, {}),
                **(NEEDS.get(name, {}) if line.startswith("POST /v1/generations") else {}),
                name: [one] if name.endswith("s") else one,
            }
            for one in (theirs[kind], nowhere[kind])
        )
        yield Question(line, f"body {name}", own, body, "", (missing, ""))


def _fields(schema: dict[str, Any], document: dict[str, Any]) -> set[str]:
    """Names of the fields of a body, also of alternatives."""
    if "$ref" in schema:
        return _fields(document["components"]["schemas"][schema["$ref"].split("/")[-1]], document)
    found = set(schema.get("properties", ()))
    for one in schema.get("anyOf", ()):
        found |= _fields(one, document)
    return found


def strangers(
    service: Service, asker: matrix.Asker, asked: list[Question], theirs: dict[str, str]
) -> list[str]:
    """Ask as somebody of another workspace; every answer that is more than 404, in words.

    An id in a query or a body may be answered otherwise, if an id that nothing has is answered
    with the very same words.
    """
    return asyncio.run(_strangers(service, asker, asked, theirs))


async def _strangers(
    service: Service, asker: matrix.Asker, asked: list[Question], theirs: dict[str, str]
) -> list[str]:
    wrong = []
    known = [one.encode() for name, one in theirs.items() if name not in NO_IDS]
    for question in asked:
        answer = await _ask(service, asker, question)
        fine = answer.status == 404
        if not fine and question.same_as is not None:
            body, query = question.same_as
            missing = await _ask(service, asker, replace(question, body=body, query=query))
            fine = _said(answer) == _said(missing)
        told = any(one in answer.body + answer.headers for one in known)
        if not fine or told:
            wrong.append(f"{question.line} ({question.place}): {answer.status} {answer.code}")
    return wrong


def _said(answer: matrix.Answer) -> tuple[int, object]:
    """What an answer says, without what is new in every answer."""
    shown = json.loads(answer.body)
    new = {"request_id"} if answer.status >= 400 else {"id", *URLS, "seed", "position"}
    return answer.status, {name: one for name, one in shown.items() if name not in new}


async def _ask(service: Service, asker: matrix.Asker, question: Question) -> matrix.Answer:
    line = question.line + (f"?{question.query}" if question.query else "")
    return await matrix.answer_to(service, asker, line, question.body, question.ids)


@dataclass
class Timing:
    """What the times of two kinds of 404 are like; seconds where no unit is named."""

    elsewhere: list[float] = field(default_factory=list)  # the id exists in another workspace
    nowhere: list[float] = field(default_factory=list)

    def report(self) -> dict[str, float]:
        """Welch's t-test on the faster half of each: what takes longer is the machine, not us.

        With Yuen's error for trimmed means, because where a half ends is left to chance, too.
        """
        halves = [_faster_half(self.elsewhere), _faster_half(self.nowhere)]
        means, errors = [mean for mean, _ in halves], [error for _, error in halves]
        difference, error = means[0] - means[1], math.sqrt(sum(errors)) or 1e-12
        t = difference / error
        return {
            "samples": len(self.elsewhere),
            "mean_us": round(means[1] * 1e6, 1),
            "difference_us": round(difference * 1e6, 2),
            "within_us": round(1.96 * error * 1e6, 2),  # half of the 95 % interval
            "t": round(t, 2),
            # Samples are many, so that Student's distribution is the normal one.
            "p": round(math.erfc(abs(t) / math.sqrt(2)), 4),
        }


def _faster_half(samples: list[float]) -> tuple[float, float]:
    """Mean of the lower half, and the square of its standard error."""
    kept = sorted(samples)[: len(samples) // 2 + 1]
    levelled = [*kept, *[kept[-1]] * (len(samples) - len(kept))]
    squares = (len(samples) - 1) * statistics.variance(levelled)
    return statistics.fmean(kept), squares / (len(kept) * (len(kept) - 1))


def timing(
    service: Service, asker: matrix.Asker, theirs: dict[str, str], rounds: int, seed: int
) -> dict[str, Timing]:
    """Ask each route with an id in its path for what exists elsewhere, and for what never did.

    In process, so that no network hides a difference; both kinds in random order, one right after
    the other. The key "all" has every route, each sample less its own route's mean.
    """
    lines = [
        line
        for line, who in TABLE.items()
        if matrix.names_an_id(line) and who not in (LINK, PUBLIC) and "candidate_id" not in line
    ]
    return asyncio.run(_timing(service, asker, lines, theirs, rounds, random.Random(seed)))


async def _timing(
    service: Service,
    asker: matrix.Asker,
    lines: list[str],
    theirs: dict[str, str],
    rounds: int,
    chance: random.Random,
) -> dict[str, Timing]:
    nowhere = unknown(theirs, chance)
    found = {line: Timing() for line in lines}
    for number in range(-2, rounds):  # the first two rounds only warm up
        for line in lines:
            halves = [(theirs, found[line].elsewhere), (nowhere, found[line].nowhere)]
            chance.shuffle(halves)
            for ids, samples in halves:
                started = time.perf_counter()
                answer = await matrix.answer_to(service, asker, line, BODIES.get(line), ids)
                seconds = time.perf_counter() - started
                assert answer.status == 404, f"{line}: {answer.status} {answer.code}"
                if number >= 0:
                    samples.append(seconds)
    return {**found, "all": _pooled(found)}


def _pooled(found: dict[str, Timing]) -> Timing:
    pooled = Timing()
    means = {line: statistics.median([*one.elsewhere, *one.nowhere]) for line, one in found.items()}
    for line, one in found.items():
        pooled.elsewhere += [sample - means[line] for sample in one.elsewhere]
        pooled.nowhere += [sample - means[line] for sample in one.nowhere]
    return pooled


def unknown(theirs: dict[str, str], chance: random.Random) -> dict[str, str]:
    """Ids of the same forms that nothing has; words stay."""
    return {name: one if name in NO_IDS else _like(one, chance) for name, one in theirs.items()}


def _like(identifier: str, chance: random.Random) -> str:
    """Another id of the same form that nothing has."""
    kind, _, rest = identifier.partition("_")
    letters = "0123456789abcdefghjkmnpqrstvwxyz"
    return f"{kind}_{''.join(chance.choice(letters) for _ in rest)}"


def stranger(service: Service, name: str) -> tuple[matrix.Asker, dict[str, str]]:
    """A key with every scope in a workspace of its own, and what it has there."""
    place = service.other(name)
    client = service.client_of(place)
    model_id = str(person_in(service.services.registry.store(place.id), "Own"))
    made = client.post("/v1/generations", json={"tool": "editorial", "prompt": "a park"}).json()
    own = {"model_id": model_id, "generation_id": str(made["id"])}
    return matrix.by_key(service, place.id, SCOPES, name), own
