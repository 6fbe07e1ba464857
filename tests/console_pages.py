"""What tests need to look into the console: a request of the browser's, a page's own events."""

from __future__ import annotations

import asyncio
import inspect
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from serve.callers import auth, people
from serve.callers.roles import ROLE_SCOPES
from serve.services import utc_now
from workspace import sealing

PASSWORD = "correct horse battery"


def asked_by(session: str = "", host: str = "studio.test:8000") -> Any:
    """A request as Gradio hands it to a page: headers and cookies are what the console reads."""
    cookies = {"hm_session": session, "other": "1"} if session else {}
    return SimpleNamespace(headers={"host": host}, cookies=cookies)


def loads_of(blocks: gr.Blocks) -> dict[str, Any]:
    """Every page's load event, by the page's address."""
    return {
        page: blocks.fns[number]
        for page, parts in blocks.get_config_file()["page"].items()
        for number in parts["dependencies"]
        if any(event == "load" for _, event in blocks.fns[number].targets)
        and blocks.fns[number].fn is not None
    }


def run(event: Any, request: Any, *values: Any) -> list[Any]:
    """Run an event's function and answer one value for each of its outputs."""
    given = list(values) + [""] * (len(event.inputs) - len(values))
    found = event.fn(*given, request)
    answer = asyncio.run(found) if inspect.isawaitable(found) else found
    return list(answer) if len(event.outputs) != 1 else [answer]


def everybody(service: Any, place: str) -> dict[str, Any]:
    """Role -> the request of somebody who has that role alone, signed in; `place` tells them apart.

    Passwords are cheap to check here: their cost is tested elsewhere.
    """
    registry, found = service.services.registry, {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealing, "PASSWORD_MEMORY_KIB", 64)
        for role in ROLE_SCOPES:
            name = f"{role}@{place}"
            people.add(registry, service.workspace.id, name, [role], PASSWORD, utc_now())
            session = auth.sign_in_person(registry, name, PASSWORD, utc_now(), 1)
            found[role] = asked_by(session)
    return found
