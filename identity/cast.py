"""A cast: rendered adults who do not exist, shipped with a pack that can't draw people from words.

`load_cast` reads their table; `choose` picks those closest to a description; `Cast.picture` reads
one of their two pictures and holds it to the pack's digest. A description is one of
`compliance/synthetic.py`. Which of them a workspace has used already is for `candidates.py` to say.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from compliance.synthetic import Attributes
from workspace.errors import NotFound, PackInvalid
from workspace.types import Gender, PhotoKind

# How much a difference counts; less than 1 is a matter of chance (see `choose`).
WEIGHTS = {
    "age": 3.0,
    "skin": 3.0,
    "hair": 2.0,
    "hair_colour": 2.0,
    "build": 1.5,
    "eyes": 1.0,
    "features": 0.8,
}
_SEEN = 6.0  # what somebody who was offered or used before is further away
_SINGLE = ("age", "skin", "hair", "hair_colour", "eyes", "build")


@dataclass(frozen=True, slots=True)
class Fictional:
    """One person of the cast, in the words of a description."""

    id: str
    gender: Gender
    attributes: dict[str, tuple[str, ...]]

    def differs(self, wanted: Attributes) -> tuple[str, ...]:
        """Name what is not as it was asked for."""
        return tuple(
            name
            for name, values in wanted.items()
            if not set(values) <= set(self.attributes.get(name, ()))
        )


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody who comes with a pack."""

    pack: str  # its name; ids are unique within a pack
    people: tuple[Fictional, ...]
    folder: Path
    files: Mapping[str, str]  # of the pack: path -> sha256

    def picture(self, person_id: str, kind: PhotoKind) -> bytes:
        """Read one of a person's two pictures (JPEG).

        Raises:
            NotFound: there is no such person.
            PackInvalid: the file is missing or was changed.
        """
        if person_id not in {person.id for person in self.people}:
            raise NotFound("Nobody of the cast has this id.")
        path = f"people/{person_id}_{kind}.jpg"
        try:
            content = (self.folder / path).read_bytes()
        except OSError as error:
            raise PackInvalid("A picture of the pack's cast is missing.") from error
        if hashlib.sha256(content).hexdigest() != self.files.get(path):
            raise PackInvalid("A picture of the pack's cast was changed.")
        return content

    def has(self, name: str, value: str) -> bool:
        """Tell whether anybody is as a description may ask."""
        return any(value in person.attributes.get(name, ()) for person in self.people)


def load_cast(pack: str, folder: Path, table: str, files: Mapping[str, str]) -> Cast:
    """Read the table of a pack's cast, and hold it to the pack's digest.

    Raises:
        PackInvalid: it is missing, was changed, or does not say what is needed.
    """
    try:
        content = (folder / table).read_bytes()
        if hashlib.sha256(content).hexdigest() != files[table]:
            raise PackInvalid("The table of the pack's cast was changed.")
        people = tuple(_person(raw) for raw in tomllib.loads(content.decode())["people"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PackInvalid("The table of the pack's cast can't be read.") from error
    kinds = ("full_body", "close_up")
    listed = all(f"people/{person.id}_{kind}.jpg" in files for person in people for kind in kinds)
    if not people or len({person.id for person in people}) < len(people) or not listed:
        raise PackInvalid("The pack's cast is not complete.")
    return Cast(pack, people, folder, dict(files))


def choose(
    cast: Sequence[Fictional],
    gender: Gender,
    wanted: Attributes,
    n: int,
    seed: int,
    taken: Collection[str] = (),
    seen: Collection[str] = (),
) -> tuple[Fictional, ...]:
    """Pick the people of a gender who are closest to a description. Pure.

    The seed decides among those who are about equally close, and never for somebody whose age or
    skin is another one.

    Args:
        n: How many; fewer come where there are fewer.
        taken: Ids that are never picked: they are models of the workspace now.
        seen: Ids that are picked only when nobody else comes near.
    """
    free = [one for one in cast if one.gender is gender and one.id not in taken]

    def far(one: Fictional) -> float:
        missing = sum(
            WEIGHTS.get(name, 1.0) * len(set(values) - set(one.attributes.get(name, ())))
            for name, values in wanted.items()
        )
        return missing + _chance(seed, one.id) + (_SEEN if one.id in seen else 0.0)

    return tuple(sorted(free, key=far)[:n])


def _chance(seed: int, person_id: str) -> float:
    """A number from 0 to 1 that is the same for the same seed and person."""
    digest = hashlib.sha256(f"{seed} {person_id}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


def _person(raw: Mapping[str, object]) -> Fictional:
    features = raw.get("features", [])
    if not isinstance(features, list) or not str(raw["id"]).isalnum():
        raise ValueError("a person has an id and a list of features")
    attributes: dict[str, tuple[str, ...]] = {name: (str(raw[name]),) for name in _SINGLE}
    attributes["features"] = tuple(str(feature) for feature in features)
    return Fictional(str(raw["id"]), Gender(str(raw["gender"])), attributes)
