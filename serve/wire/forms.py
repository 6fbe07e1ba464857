"""Multipart bodies, read into memory and never into a temporary file.

Starlette's own form reader spools files larger than 1 MiB to the disk in clear, which this product
must not do: photos exist in clear only in memory. The whole body is bounded by the middleware
(`middleware.py`), in size and time; here the number of parts and the size of text fields are. At
most `UPLOADS_AT_ONCE` bodies are read and used at a time, and a few of one workspace, so memory
stays bounded and one slow caller does not keep the others waiting. Text is UTF-8, whatever else a
caller may name.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio
from fastapi import Request
from pydantic import BaseModel, ValidationError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from serve.problems import invalid
from workspace.errors import InvalidRequest

UPLOADS_AT_ONCE = 8  # bodies in memory
WORK_AT_ONCE = 4  # threads that decode and check photos
UPLOADS_OF_ONE = 3  # bodies in memory, of one workspace
MAX_FILES = 12
MAX_FIELDS = 24
MAX_FIELD_BYTES = 64 * 1024
Result = TypeVar("Result")
Fields = TypeVar("Fields", bound=BaseModel)


class _MemoryParser(MultiPartParser):
    # NOTE: a size that the body limit never lets a file reach, so nothing is spooled.
    spool_max_size = 1 << 40


@dataclass(frozen=True, slots=True)
class Form:
    """What was sent: text fields by name, files by name (several may share one)."""

    fields: Mapping[str, str]
    files: Mapping[str, tuple[bytes, ...]]

    def file(self, name: str) -> bytes:
        """Return the one file of this name.

        Raises:
            InvalidRequest: it is missing or there are several.
        """
        found = self.files.get(name, ())
        if len(found) != 1:
            what = "is missing" if not found else "was sent more than once"
            raise InvalidRequest(f"The file `{name}` {what}.", (), None, f"/{name}")
        return found[0]


class Uploads:
    """Lets a few requests at a time hold a multipart body, and fewer work on one."""

    def __init__(self) -> None:
        self._places = anyio.Semaphore(UPLOADS_AT_ONCE)
        self._own: dict[str, anyio.Semaphore] = {}  # workspace -> its places
        self._threads = anyio.CapacityLimiter(WORK_AT_ONCE)

    async def work(self, act: Callable[[], Result]) -> Result:
        """Run something that decodes photos in a thread, a few at a time."""
        return await anyio.to_thread.run_sync(act, limiter=self._threads)

    @asynccontextmanager
    async def form(
        self, request: Request, files: frozenset[str], fields: frozenset[str]
    ) -> AsyncIterator[Form]:
        """Read the body; the place is kept until the block ends.

        Args:
            files: Names that may be files; others are refused.
            fields: Names that may be text fields; others are refused.

        Raises:
            InvalidRequest: not multipart, damaged, or a part that nobody asked for.
        """
        workspace = str(request.state.caller.workspace_id)
        own = self._own.setdefault(workspace, anyio.Semaphore(UPLOADS_OF_ONE))
        async with own, self._places:
            yield await _read(request, files, fields)


def uploads_of(request: Request) -> Uploads:
    """Find the application's upload places."""
    uploads: Uploads = request.app.state.uploads
    return uploads


def parse(kind: type[Fields], form: Form) -> Fields:
    """Read the text fields into a wire type.

    Raises:
        InvalidRequest: a field is missing, unknown or wrong; its pointer says which.
    """
    try:
        return kind.model_validate(dict(form.fields))
    except ValidationError as error:
        located = [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
        raise invalid(located) from error


async def _read(request: Request, files: frozenset[str], fields: frozenset[str]) -> Form:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data":
        raise InvalidRequest("Send this as multipart/form-data.")
    if options.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"utf8"):
        raise InvalidRequest("Text fields are UTF-8.")  # other codecs can be slow or raise
    parser = _MemoryParser(
        request.headers,
        request.stream(),
        max_files=MAX_FILES,
        max_fields=MAX_FIELDS,
        max_part_size=MAX_FIELD_BYTES,
    )
    try:
        data = await parser.parse()
    except MultiPartException as error:
        raise InvalidRequest("The multipart body can't be read or has too many parts.") from error
    try:
        return await _sorted(data, files, fields)
    finally:
        await data.close()


async def _sorted(data: FormData, files: frozenset[str], fields: frozenset[str]) -> Form:
    texts: dict[str, str] = {}
    found: dict[str, list[bytes]] = {}
    for name, value in data.multi_items():
        if isinstance(value, UploadFile):
            _known(name, files)
            found.setdefault(name, []).append(await value.read())
        else:
            _known(name, fields)
            if name in texts:
                raise InvalidRequest("A field was sent more than once.", (), None, f"/{name}")
            texts[name] = value
    return Form(texts, {name: tuple(some) for name, some in found.items()})


def _known(name: str, allowed: frozenset[str]) -> None:
    if name not in allowed:
        shown = name[:64].replace("~", "~0").replace("/", "~1")
        raise InvalidRequest(
            "A part of the body has a name or kind that this route does not take.",
            (),
            None,
            f"/{shown}",
        )


def described(
    files: Mapping[str, str], fields: Mapping[str, dict[str, Any]], required: tuple[str, ...]
) -> dict[str, Any]:
    """Describe a multipart body for a route's OpenAPI entry.

    Args:
        files: File name -> what it is; a name that ends with `[]` may come several times.
        fields: Text field -> its JSON schema.
    """
    properties: dict[str, Any] = {}
    for name, description in files.items():
        binary = {"type": "string", "format": "binary"}
        several = name.endswith("[]")
        schema: dict[str, Any] = {"type": "array", "items": binary} if several else dict(binary)
        properties[name.removesuffix("[]")] = {**schema, "description": description}
    properties |= fields
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    }
