"""How many event streams may be open, of a caller and of a workspace; what ended is free again."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest

from serve.api import events
from serve.callers import streams
from serve.callers.streams import Streams
from tests.service import Service
from workspace.errors import RateLimited


def test_a_caller_and_a_workspace_hold_so_many_streams_and_no_more() -> None:
    counted = Streams()
    ends = [counted.take("house", "key one") for _ in range(streams.PER_CALLER)]
    with pytest.raises(RateLimited):
        counted.take("house", "key one")
    for number in range(streams.PER_WORKSPACE - streams.PER_CALLER):
        counted.take("house", f"key {number % 100 + 2}")
    with pytest.raises(RateLimited):
        counted.take("house", "key new")
    counted.take("another house", "key one")()
    ends[0]()
    ends[0]()  # a second time is no other one
    counted.take("house", "key one")
    with pytest.raises(RateLimited):
        counted.take("house", "key new")


def test_one_caller_can_not_take_all_connections(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def short(*_: Any) -> Any:
        yield ": nothing\n\n"

    monkeypatch.setattr(events, "_read", lambda *_: None)
    monkeypatch.setattr(events, "_stream", short)
    monkeypatch.setattr(streams, "PER_WORKSPACE", 2)
    counted: Streams = service.app.state.streams
    ask = "/v1/generations/gen_any/events"
    for _ in range(3):  # each ends, so that none counts against the next
        assert service.client.get(ask).status_code == 200
    with ExitStack() as stack:
        for _ in range(2):
            stack.callback(counted.take(service.workspace.id, "somebody"))
        refused = service.client.get(ask)
        assert refused.status_code == 429 and refused.json()["code"] == "rate_limited"
        assert refused.headers["retry-after"] == "5"
    assert service.client.get(ask).status_code == 200
