"""Gradio's HTML document made ours: no trace of other sites, our head, the bar of whoever looks.

Gradio puts social-media cards that point elsewhere into every page, and adds what is passed to it
as `head` only after the page has started; our script has to be there before the first component.
The same document serves everybody, so what differs by caller is put in on its way out.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

Message: TypeAlias = MutableMapping[str, Any]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Bar: TypeAlias = Callable[[str], str]  # the page that is marked -> the top bar

_CARDS = re.compile(r'<meta\s+(?:property="og:|name="twitter:)[^>]*>\s*')
_BAR = re.compile(r"\\u003c!--hm-bar:([a-z-]*)--\\u003e")  # as Gradio writes it into its script
_GZIP_LEVEL = 5


def ours(document: str, head: str, bar: Bar) -> str:
    """Take the social-media cards out, put `head` where a head ends and the bar where it goes."""
    clean = _CARDS.sub("", document).replace("</head>", head + "</head>", 1)
    return _BAR.sub(lambda found: _in_script(bar(found.group(1))), clean)


def rewriting(send: Send, head: str, bar: Bar, zipped: bool) -> Send:
    """Wrap `send` so that an HTML answer goes out as `ours`; anything else goes through.

    Args:
        zipped: Whether the browser takes gzip.
    """
    start: list[Message] = []
    body = bytearray()

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start" and _is_html(message):
            start.append(message)
        elif message["type"] == "http.response.body" and start:
            body.extend(message.get("body", b""))
            if not message.get("more_body"):
                told = ours(body.decode("utf-8"), head, bar).encode("utf-8")
                await _finish(send, start[0], told, zipped)
        else:
            await send(message)

    return wrapped


def _in_script(html: str) -> str:
    """HTML as the inside of a JSON string in a script element."""
    escaped = json.dumps(html)[1:-1]
    for sign, code in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("'", "\\u0027")):
        escaped = escaped.replace(sign, code)
    return escaped


async def _finish(send: Send, start: Message, told: bytes, zipped: bool) -> None:
    headers = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
    if zipped:
        told = gzip.compress(told, _GZIP_LEVEL)
        headers += [(b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")]
    headers.append((b"content-length", str(len(told)).encode()))
    await send({**start, "headers": headers})
    await send({"type": "http.response.body", "body": told})


def _is_html(message: Message) -> bool:
    return any(
        name.lower() == b"content-type" and bytes(value).startswith(b"text/html")
        for name, value in message.get("headers", [])
    )
