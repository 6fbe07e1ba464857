"""Gradio's HTML document made ours: no trace of other sites, our icon and script in its head.

Gradio puts social-media cards that point elsewhere into every page, and adds what is passed to it
as `head` only after the page has started; our script has to be there before the first component.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

Message: TypeAlias = MutableMapping[str, Any]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

_CARDS = re.compile(r'<meta\s+(?:property="og:|name="twitter:)[^>]*>\s*')


def ours(document: str, head: str) -> str:
    """Take the social-media cards out and put `head` where a head ends."""
    return _CARDS.sub("", document).replace("</head>", head + "</head>", 1)


def rewriting(send: Send, head: str) -> Send:
    """Wrap `send` so that an HTML answer goes out as `ours`; anything else goes through."""
    start: list[Message] = []
    body = bytearray()

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start" and _is_html(message):
            start.append(message)
        elif message["type"] == "http.response.body" and start:
            body.extend(message.get("body", b""))
            if not message.get("more_body"):
                await _finish(send, start[0], bytes(body), head)
        else:
            await send(message)

    return wrapped


async def _finish(send: Send, start: Message, body: bytes, head: str) -> None:
    told = ours(body.decode("utf-8"), head).encode("utf-8")
    kept = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
    length = (b"content-length", str(len(told)).encode())
    await send({**start, "headers": [*kept, length]})
    await send({"type": "http.response.body", "body": told})


def _is_html(message: Message) -> bool:
    return any(
        name.lower() == b"content-type" and bytes(value).startswith(b"text/html")
        for name, value in message.get("headers", [])
    )
