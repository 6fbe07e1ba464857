"""Two workspaces, every role and scope, every route: who may do what. `role_table.py` is the table.

A route without a line fails, and so does a line that the service does not keep to. One test
asks everything as an admin and as an auditor and searches every byte that comes back for a person.
`python -m tests.test_role_matrix` writes docs/roles.md.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from identity import likeness
from serve.callers import auth, people
from serve.callers.roles import ROLE_SCOPES, is_blind
from serve.callers.scopes import SCOPES
from serve.services import utc_now
from tests import role_objects as objects_of
from tests.role_table import ANYONE, BODIES, GLASS, LINK, PUBLIC, TABLE, may
from tests.service import EVERYTHING, Service
from workspace import sealing
from workspace.types import ModelId

PAGE = Path(__file__).resolve().parents[1] / "docs" / "roles.md"
PASSWORD = "correct horse battery"
PROMPT = "$model on a zebra crossing at quarter past nine"
NAME = "Quirina Canary"


@dataclass(frozen=True)
class Asker:
    """Somebody who calls: their headers, and the scopes that they should have."""

    name: str
    headers: dict[str, str]
    scopes: frozenset[str] | None  # None: nobody


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: bytes

    @property
    def code(self) -> str:
        try:
            return str(json.loads(self.body)["code"])
        except (ValueError, KeyError, TypeError):
            return ""

    @property
    def is_let_in(self) -> bool:
        """Neither signed out nor short of a scope; what the route itself says is its own matter."""
        return self.status != 401 and (self.status, self.code) != (403, "scope_missing")


def routes(service: Service) -> list[str]:
    """Every operation, as the OpenAPI document and the router have them."""
    paths = service.app.openapi()["paths"]
    return [f"{method.upper()} {path}" for path, methods in paths.items() for method in methods]


def names_an_id(line: str) -> bool:
    """Whether a route is about one thing of a workspace, and not only about a kind or a word."""
    return bool(set(re.findall(r"\{(\w+)\}", line)) - {"kind", "name"})


Question = tuple[Asker, str, Any]  # who, "METHOD /path/{id}", body


def ask(service: Service, asker: Asker, line: str, ids: dict[str, str], body: Any = None) -> Answer:
    """Ask one thing."""
    return ask_all(service, [(asker, line, body)], ids)[0]


def ask_all(service: Service, questions: list[Question], ids: dict[str, str]) -> list[Answer]:
    """Speak ASGI to the application, in one loop: a client library would cost more."""

    async def all_of_them() -> list[Answer]:
        return [await answer_to(service, *question, ids) for question in questions]

    return asyncio.run(asyncio.wait_for(all_of_them(), 60))


async def answer_to(
    service: Service, asker: Asker, line: str, body: Any, ids: dict[str, str]
) -> Answer:
    """Ask one thing; a query may follow the path."""
    method, template = line.split(" ", 1)
    template, _, query = template.partition("?")
    path = re.sub(r"\{(\w+)\}", lambda found: ids.get(found[1], f"x_{found[1][:8]}"), template)
    content = json.dumps(body).encode() if body is not None else b""
    headers = {"host": "testserver", "x-housemodel-console": "1", **asker.headers}
    headers |= {"content-type": "application/json"} if content else {}
    scope = {
        **{"type": "http", "method": method, "path": path, "raw_path": path.encode()},
        **{"headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()]},
        **{"query_string": query.encode(), "root_path": "", "scheme": "http"},
        **{"http_version": "1.1"},
        **{"server": ("testserver", 80), "client": ("10.0.0.1", 1), "state": {}},
        **{"asgi": {"version": "3.0", "spec_version": "2.4"}, "extensions": {}},
    }
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await service.app(scope, receive, send)
    return Answer(
        sent[0]["status"],
        b"".join(message.get("body", b"") for message in sent),
        repr(sent[0].get("headers")).encode(),
    )


def by_key(service: Service, workspace: str, scopes: frozenset[str], name: str) -> Asker:
    registry = service.services.registry
    _, secret = auth.create_key(registry, workspace, scopes, utc_now())  # type: ignore[arg-type]
    return Asker(name, {"authorization": f"Bearer {secret}"}, scopes)


def by_name(service: Service, workspace: Any, role: str) -> Asker:
    registry, name = service.services.registry, f"{role}@matrix"
    people.add(registry, workspace.id, name, [role], PASSWORD, utc_now())
    session = auth.sign_in_person(registry, name, PASSWORD, utc_now(), 1, workspace.name)
    return Asker(role, {"cookie": f"{auth.COOKIE}={session}"}, ROLE_SCOPES[role])


@pytest.fixture(scope="module")
def cheap() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealing, "PASSWORD_MEMORY_KIB", 64)
        yield


@pytest.fixture(scope="module")
def askers(service: Service, cheap: None) -> list[Asker]:
    """Every role as a person, and nobody; `tests/whole` adds a key of every scope."""
    place = service.other("matrix-house")
    return [*(by_name(service, place, role) for role in ROLE_SCOPES), Asker("nobody", {}, None)]


@pytest.fixture(scope="module")
def objects(service: Service) -> dict[str, str]:
    """One object of each kind in the workspace `atelier`, by the name of its path parameter."""
    return objects_of.every_kind(service, PROMPT)


def test_every_route_has_a_line_and_every_line_a_route(service: Service) -> None:
    there = set(routes(service))
    assert not there - TABLE.keys(), "write a line into tests/role_table.py"
    assert not TABLE.keys() - there, "there is no such route any more"
    for line, who in TABLE.items():
        words = set(who.split())
        assert words <= SCOPES | {PUBLIC, ANYONE, LINK, GLASS} and words, line
        if " /v1/" in line:
            assert not words & {PUBLIC, LINK}, line


def test_each_caller_gets_through_exactly_where_the_table_says(
    service: Service, askers: list[Asker], objects: dict[str, str]
) -> None:
    person = Asker("a talent link", {"authorization": f"Bearer {objects['token']}"}, None)
    assert not let_in_wrongly(service, [*askers, person])


def let_in_wrongly(service: Service, askers: list[Asker]) -> list[str]:
    """Ask every closed route as each of them; name each answer that the table does not have."""
    closed = [line for line, who in TABLE.items() if who not in (PUBLIC, LINK)]
    questions: list[Question] = [(asker, line, None) for line in closed for asker in askers]
    wrong = []
    for (asker, line, _), answer in zip(
        questions, ask_all(service, questions, {"kind": "close_up"}), strict=True
    ):
        expected = asker.scopes is not None and may(asker.scopes, TABLE[line])
        if answer.is_let_in != expected or (asker.scopes is None and answer.status != 401):
            wrong.append(f"{line} as {asker.name}: {answer.status} {answer.code}")
    return wrong


def test_ids_of_another_workspace_are_not_found_whoever_asks(
    service: Service, askers: list[Asker], objects: dict[str, str]
) -> None:
    place = service.other("stranger-house")
    stranger = by_key(service, place.id, SCOPES, "stranger")
    before = service.client.get(f"/v1/models/{objects['model_id']}").json()
    questions: list[Question] = [
        (asker, line, BODIES.get(line))
        for line, who in TABLE.items()
        if names_an_id(line) and who != LINK
        for asker in (stranger, *askers)
        if asker.scopes and may(asker.scopes, who)
    ]
    wrong = [
        f"{line} as {asker.name}: {answer.status} {answer.code}"
        for (asker, line, _), answer in zip(
            questions, ask_all(service, questions, objects), strict=True
        )
        if answer.status != 404
    ]
    assert not wrong and len(questions) > 100
    assert service.client.get(f"/v1/models/{objects['model_id']}").json() == before


def test_a_talent_link_opens_its_own_page_and_no_role_opens_it(
    service: Service, askers: list[Asker], objects: dict[str, str]
) -> None:
    nobody = askers[-1]
    page = ask(service, nobody, "GET /talent/{token}", objects)
    assert page.status == 200 and NAME.encode() not in page.body
    own = by_key(service, service.workspace.id, SCOPES, "own")
    wrong = {**objects, "token": "x" * 43}
    links = [line for line, who in TABLE.items() if who == LINK]
    questions: list[Question] = [(asker, line, None) for line in links for asker in (nobody, own)]
    answers = ask_all(service, questions, wrong)
    assert {answer.status for answer in answers} == {404}
    assert len({answer.body for answer in answers}) == 1


def test_the_objects_are_there_for_their_own_workspace(
    service: Service, objects: dict[str, str]
) -> None:
    """Or the test above would be content with ids of nothing."""
    own = by_key(service, service.workspace.id, SCOPES, "own")
    missing = {"GET /v1/models/{model_id}/erasure-certificate"}  # nobody is erased
    # Its maker's alone, whatever the scopes: the candidate here is another key's.
    hidden = {line for line in TABLE if "{candidate_id}" in line}
    shown = [line for line in TABLE if line.startswith("GET /v1") and names_an_id(line)]
    theirs = ask_all(service, [(own, line, None) for line in shown if line in hidden], objects)
    assert [answer.status for answer in theirs] == [404, 404]
    shown = [line for line in shown if line not in hidden]
    questions: list[Question] = [(own, line, None) for line in shown if line not in missing]
    answers = ask_all(service, questions, objects)
    failed = [line for (_, line, _), a in zip(questions, answers, strict=True) if a.status != 200]
    assert not failed, failed
    for line in TABLE:
        for name in re.findall(r"\{(\w+)\}", line) if names_an_id(line) else ():
            assert name in objects or TABLE[line] == LINK, f"{line}: make an object for {name}"


@pytest.mark.parametrize("role", ["admin", "auditor"])
def test_the_blind_see_no_likeness_whatever_they_ask(
    role: str,
    service: Service,
    objects: dict[str, str],
    cheap: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    model_id = ModelId(objects["model_id"])
    called = service.client.get(f"/v1/models/{model_id}").json()["name"]
    service.client.patch(f"/v1/models/{model_id}", json={"name": NAME})
    hidden = {
        "a photo": likeness.photo(service.store, model_id, "close_up")[0],
        "another photo": likeness.photo(service.store, model_id, "full_body")[0],
        "an image": service.client.get(f"/v1/images/{objects['image_id']}").content,
        "the product's photo": service.client.get(
            f"/v1/products/{objects['product_id']}/photo"
        ).content,
        "the name": NAME.encode(),
        "the prompt": PROMPT.removeprefix("$model").encode(),
    }
    caplog.set_level(logging.DEBUG)
    blind = by_name(service, service.workspace, role)
    questions: list[Question] = [
        (blind, line, body)
        for line in TABLE
        if not line.startswith(("DELETE", "POST /sign-out", "POST /v1/account"))
        for body in (None, BODIES.get(line, {}))
    ]
    seen = {
        f"{line}{' with body' if body is not None else ''}": answer.headers + answer.body
        for (_, line, body), answer in zip(
            questions, ask_all(service, questions, objects), strict=True
        )
    }
    service.client.patch(f"/v1/models/{model_id}", json={"name": called})
    seen["the log"] = caplog.text.encode()
    assert len(seen) > len(TABLE)
    found = [
        f"{what} in {where}"
        for where, shown in seen.items()
        for what, content in hidden.items()
        if any(part in shown for part in parts_of(content))
    ]
    assert not found
    own = by_key(service, service.workspace.id, EVERYTHING, "own")  # the search itself can find
    photo = ask(service, own, "GET /v1/models/{model_id}/photos/{kind}", objects).body
    assert any(part in photo for part in parts_of(hidden["a photo"]))


def parts_of(content: bytes) -> list[bytes]:
    """Pieces that would give a copy away, whole or cut; a short text is its own piece."""
    if len(content) < 400:
        return [content]
    step = max(1, len(content) // 16)
    return [content[at : at + 48] for at in range(step, len(content) - 48, step)]


def test_roles_that_should_be_blind_are(service: Service) -> None:
    assert is_blind(ROLE_SCOPES["admin"]) and is_blind(ROLE_SCOPES["auditor"])
    for line, who in TABLE.items():
        if re.search(r"/photos/|/photo$|GET /v1/images/\{image_id\}(/manifest)?$", line):
            for role in ("admin", "auditor"):
                assert not may(ROLE_SCOPES[role], who), line
        if line.startswith("GET /v1/generations") or line == "GET /v1/models":
            assert not may(ROLE_SCOPES["admin"], who), line


def test_a_session_of_two_roles_has_both_and_nothing_more(service: Service, cheap: None) -> None:
    place, registry = service.other("both-house"), service.services.registry
    people.add(registry, place.id, "both", ["auditor", "reviewer"], PASSWORD, utc_now())
    session = auth.sign_in_person(registry, "both", PASSWORD, utc_now(), 1, "both-house")
    both = Asker("both", {"cookie": f"{auth.COOKIE}={session}"}, None)
    shown = json.loads(ask(service, both, "GET /v1/account", {}).body)
    assert set(shown["scopes"]) == {"audit:read", "models:read", "images:read", "review"}


def rendered() -> str:
    """The table as a page."""
    head = [*ROLE_SCOPES, "any of these scopes"]
    lines = [
        "# Roles: who may do what",
        "",
        "Written by `python -m tests.test_role_matrix`; `tests/test_role_matrix.py` holds every",
        "route to it. A person has roles, an API key (a service) names scopes. Ids of another",
        "workspace are not found, whoever asks. `+glass`: an admin too, while a break-glass grant",
        "for this model is open (`POST /v1/admin/break-glass`, with a reason, an hour at most).",
        "",
        "| role | scopes |",
        "|---|---|",
        *(
            f"| {role} | {' '.join(f'`{scope}`' for scope in sorted(scopes))} |"
            for role, scopes in ROLE_SCOPES.items()
        ),
        "",
        f"| route | {' | '.join(head)} |",
        f"|---|{'---|' * len(head)}",
    ]
    for line, who in TABLE.items():
        marks = ["yes" if who != LINK and may(ROLE_SCOPES[r], who) else "" for r in ROLE_SCOPES]
        if GLASS in who.split():
            marks[[*ROLE_SCOPES].index("admin")] = "glass"
        shown = who if who in (PUBLIC, ANYONE, LINK) else " ".join(f"`{w}`" for w in who.split())
        lines.append(f"| `{line}` | {' | '.join([*marks, shown])} |")
    return "\n".join(lines) + "\n"


def test_the_page_of_roles_is_this_table() -> None:
    assert PAGE.read_text() == rendered(), "run: python -m tests.test_role_matrix"


if __name__ == "__main__":
    PAGE.write_text(rendered())
