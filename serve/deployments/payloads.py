"""What crosses Ray, as bytes: a JSON header and raw arrays behind it. No pickle is opened.

The bytes are always sealed before they are handed to Ray (`handles.py`, `replica.py`): its object
store may spill to disk. Pure: no I/O, no keys.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workspace.errors import SealBroken
from workspace.types import RGB, Embedding, Face, References, RenderJob

_LENGTH = struct.Struct(">I")
_DTYPES = {"uint8": np.uint8, "float32": np.float32}

JOBS = "housemodel render jobs v1"
FACE_IMAGE = "housemodel face image v1"
FACES = "housemodel faces v1"
EMBEDDING = "housemodel embedding v1"
JUDGED_IMAGE = "housemodel judged image v1"
JUDGEMENT = "housemodel judgement v1"


def picture_label(job_id: str) -> str:
    """Name the place of one rendered picture, so that two pictures can't change places."""
    return f"housemodel rendered picture v1 {job_id}"


def pack(header: dict[str, Any], arrays: Sequence[NDArray[Any]] = ()) -> bytes:
    """Join a JSON header and arrays of uint8 or float32."""
    shapes = [[array.dtype.name, *array.shape] for array in arrays]
    head = json.dumps({"h": header, "a": shapes}, ensure_ascii=False).encode()
    bodies = [np.ascontiguousarray(array).data for array in arrays]
    return b"".join([_LENGTH.pack(len(head)), head, *bodies])


def unpack(data: bytes) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """Take apart what `pack` joined; the arrays are views of `data` and can't be written.

    Raises:
        SealBroken: the bytes are not in that form.
    """
    try:
        (length,) = _LENGTH.unpack_from(data)
        end = _LENGTH.size + length
        head = json.loads(data[_LENGTH.size : end])
        arrays = []
        for name, *shape in head["a"]:
            count = int(np.prod(shape, dtype=np.int64))
            array = np.frombuffer(data, dtype=_DTYPES[name], count=count, offset=end)
            arrays.append(array.reshape(shape))
            end += array.nbytes
        if end != len(data):
            raise ValueError("bytes left over")
        return head["h"], arrays
    except (ValueError, KeyError, TypeError, struct.error) as error:
        raise SealBroken("A message between two parts of the service is damaged.") from error


def pack_jobs(jobs: Sequence[RenderJob]) -> bytes:
    """Join render jobs; a reference that several jobs share is sent once."""
    arrays: list[RGB] = []
    places: dict[int, int] = {}

    def place(picture: RGB | None) -> int | None:
        if picture is None:
            return None
        if id(picture) not in places:
            places[id(picture)] = len(arrays)
            arrays.append(picture)
        return places[id(picture)]

    rows = []
    for job in jobs:
        refs = job.references
        row = {name: getattr(job, name) for name in _JOB_FIELDS}
        row["close_up"], row["full_body"] = place(refs.close_up), place(refs.full_body)
        row["products"] = [place(product) for product in refs.products]
        rows.append(row)
    return pack({"jobs": rows}, arrays)


_JOB_FIELDS = ("job_id", "prompt", "seed", "width", "height", "steps")


def unpack_jobs(data: bytes) -> tuple[RenderJob, ...]:
    """Give back the jobs.

    Raises:
        SealBroken: the bytes are not in that form.
    """
    header, arrays = unpack(data)

    def picture(place: int | None) -> RGB | None:
        return None if place is None else arrays[place]

    try:
        return tuple(
            RenderJob(
                **{name: row[name] for name in _JOB_FIELDS},
                references=References(
                    close_up=picture(row["close_up"]),
                    full_body=picture(row["full_body"]),
                    products=tuple(arrays[place] for place in row["products"]),
                ),
            )
            for row in header["jobs"]
        )
    except (KeyError, IndexError, TypeError) as error:
        raise SealBroken("A message between two parts of the service is damaged.") from error


def face_to_json(face: Face) -> dict[str, Any]:
    """Say where a face is, as JSON values."""
    return asdict(face)


def face_from_json(values: dict[str, Any]) -> Face:
    """Give back the face that `face_to_json` described."""
    left, top, right, bottom = values["box"]
    points = tuple((float(x), float(y)) for x, y in values["landmarks"])
    return Face((left, top, right, bottom), points, values["score"])


def pack_embedding(embedding: Embedding) -> bytes:
    """Join an embedding and the id of its encoder."""
    return pack({"encoder_id": embedding.encoder_id}, [embedding.vector.astype(np.float32)])


def unpack_embedding(data: bytes) -> Embedding:
    """Give back the embedding.

    Raises:
        SealBroken: the bytes are not in that form.
    """
    header, arrays = unpack(data)
    return Embedding(arrays[0].copy(), header["encoder_id"])
