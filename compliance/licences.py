"""Licences of weights: a pack that is not free for commercial use needs a recorded contract.

`[[licences]] commercial` in a pack's manifest is `yes`, `no` or `revenue_limit`. For the last two
somebody states, with a contract's reference and a name, that the licence allows this use. The
statement is sealed in `control.db` and bound to the weights and to every licence text: other
weights, or another text, need another statement. It is audited in every workspace that is open.

Without it the appliance does not start with such a pack (`require`), and nothing is drawn with it.
It reads no contract and gives no advice; it makes sure that somebody answered for it.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime

from compliance import audit
from workspace.database import transaction
from workspace.errors import InvalidRequest, LicenceNotAcknowledged, Locked, SealBroken
from workspace.registry import Registry
from workspace.rows import canonical_json
from workspace.types import PackLicence, PackSummary

ACTOR = "command_line"
_LONGEST = 200  # characters of a reference and of a name
_HASH = "pack licence v1"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Who answered for the licence of a pack."""

    pack: str
    version: str
    terms: str  # `fingerprint` of weights and licences
    contract: str
    by: str
    at: datetime


def contract_needed(pack: PackSummary) -> tuple[PackLicence, ...]:
    """The licences that do not allow commercial use by themselves."""
    return tuple(licence for licence in pack.licences if licence.commercial != "yes")


def shown(pack: PackSummary) -> tuple[dict[str, str], ...]:
    """The licences of a pack in the words of its manifest, as plain JSON."""
    return tuple(
        {"spdx": one.spdx, "covers": one.covers, "commercial": one.commercial}
        for one in pack.licences
    )


def fingerprint(pack: PackSummary) -> str:
    """Name the weights together with every licence text, by one SHA-256."""
    words = canonical_json([pack.digest, [asdict(licence) for licence in pack.licences]])
    return hashlib.sha256(words.encode()).hexdigest()


def acknowledge(
    registry: Registry, pack: PackSummary, contract: str, by: str, now: datetime
) -> Acknowledgement:
    """Record that a contract covers the use of a pack.

    Args:
        registry: Of the appliance.
        pack: Which pack, verified.
        contract: Reference of the contract, as the company files it.
        by: Who states it.
        now: The present time in UTC.

    Raises:
        InvalidRequest: a word is empty or too long, or the pack needs no contract.
        SealBroken: nothing is recorded where it can't be audited.
    """
    if not contract_needed(pack):
        raise InvalidRequest("This pack is free for commercial use; it needs no contract.")
    contract, by = _checked(contract, "contract"), _checked(by, "by")
    made = Acknowledgement(pack.name, pack.version, fingerprint(pack), contract, by, now)
    for workspace in registry.list():
        with suppress(Locked):
            store = registry.store(workspace.id)
            audit.append(
                store,
                "pack.licence_acknowledged",
                pack.name,
                ACTOR,
                now,
                version=pack.version,
                weights_digest=pack.digest,
                terms=made.terms,
                contract=store.keyed_hash(_HASH, contract),
                by=store.keyed_hash(_HASH, by),
            )
    key = _key(made.terms)
    with transaction(registry.control):
        sealed = registry.seal("meta", key, {**asdict(made), "at": now.isoformat()})
        registry.control.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [key, sealed])
    return made


def find(registry: Registry, pack: PackSummary) -> Acknowledgement | None:
    """Look up the statement for these weights and these licence texts.

    Raises:
        SealBroken: it was made or changed without the root key.
    """
    key = _key(fingerprint(pack))
    for row in registry.control.query("SELECT value FROM meta WHERE key = ?", [key]):
        kept = registry.open("meta", key, row["value"])
        return Acknowledgement(**{**kept, "at": datetime.fromisoformat(kept["at"])})
    return None


def require(registry: Registry, pack: PackSummary) -> None:
    """Refuse a pack whose licence needs a contract that nobody recorded.

    Raises:
        LicenceNotAcknowledged: names the first such licence.
    """
    needed = contract_needed(pack)
    if not needed:
        return
    with suppress(SealBroken):  # whoever can't be believed has acknowledged nothing
        if find(registry, pack) is not None:
            return
    how = "in part" if needed[0].commercial == "revenue_limit" else "by contract"
    raise LicenceNotAcknowledged(
        f"{needed[0].covers}: {needed[0].spdx} allows commercial use only {how}."
    )


def _key(terms: str) -> str:
    return f"pack_licence/{terms}"


def _checked(words: str, name: str) -> str:
    words = words.strip()
    if not words or len(words) > _LONGEST or not words.isprintable():
        raise InvalidRequest(f"`{name}` has 1 to {_LONGEST} printable characters.")
    return words
