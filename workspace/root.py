"""Which root key is in force in one home, and what follows when another process replaces it.

`control.db` keeps a word sealed under the root key (`meta.root_check`). It tells a wrong key from
damaged rows, and it changes with every rotation: who finds it changed reads the root key again.

Rules: ask `seals()` for every piece of work, inside of the transaction that writes what it sealed;
then no row is ever written under a key that is not in force any more. The key before is kept for
some seconds, for rows that were read just before the rotation; then it leaves memory.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from workspace.control import ControlSeals
from workspace.database import Database, transaction
from workspace.errors import Locked, SealBroken

_CHECK = "root_check"  # of control.db's table meta
_FORMER_SECONDS = 10.0


class RootKeys(Protocol):
    """Where root keys come from; `workspace.unseal.KeySource` is the real one."""

    def candidates(self) -> Sequence[bytes]:
        """Give the root keys that may be in force."""
        ...

    def settle(self, in_force: bytes) -> None:
        """Learn which of them is."""
        ...


class OneKey:
    """A root key that never changes; for tests and tools."""

    def __init__(self, root_key: bytes) -> None:
        self._key = root_key

    def candidates(self) -> Sequence[bytes]:
        return (self._key,)

    def settle(self, in_force: bytes) -> None:
        """Nothing to do."""


class Root:
    """The root key of an open home.

    Args:
        source: Gives the keys that may be in force.
        control: The home's `control.db`.
        candidates: What it gave a moment ago; None to ask it.

    Raises:
        Locked: none of them is the one that this home was made with.
    """

    def __init__(
        self, source: RootKeys, control: Database, candidates: Sequence[bytes] | None = None
    ) -> None:
        self._source = source
        self._control = control
        self._seen: bytes = b""
        self._seals: ControlSeals | None = None
        self._former: tuple[float, ControlSeals] | None = None
        with control.lock:
            self.key = self._find(candidates)

    def seals(self) -> ControlSeals:
        """The seals of the key in force now.

        Raises:
            Locked: the root key was replaced, and the new one can't be read here.
        """
        with self._control.lock:
            if self._seals is None or self._stored() != self._seen:
                self.key = self._find()
            assert self._seals is not None
            return self._seals

    def opened(self, opens: Callable[[ControlSeals], Any]) -> Any:
        """Open a row that was read a moment ago, perhaps before the key was replaced.

        Raises:
            SealBroken: it was changed or damaged.
        """
        seals = self.seals()
        try:
            return opens(seals)
        except SealBroken:
            former = self._recent()
            if former is None:
                raise
        return opens(former)

    def become(self, root_key: bytes) -> None:
        """Put another root key in force; part of the transaction that seals everything again."""
        seals = ControlSeals(root_key)
        sealed = seals.seal("meta", _CHECK, {})
        self._control.execute("UPDATE meta SET value = ? WHERE key = ?", [sealed, _CHECK])

    def _find(self, candidates: Sequence[bytes] | None = None) -> bytes:
        """Read the keys again and take the one that opens the check."""
        for key in self._source.candidates() if candidates is None else candidates:
            seals = ControlSeals(key)
            if self._fits(seals):
                break
        else:
            raise Locked("This root key is not the one that this home was made with.")
        if self._seals is not None:
            self._former = time.monotonic() + _FORMER_SECONDS, self._seals
        self._seals = seals
        self._source.settle(key)
        return key

    def _fits(self, seals: ControlSeals) -> bool:
        with transaction(self._control):
            stored = self._stored()
            if stored is None:  # a new home
                sealed = seals.seal("meta", _CHECK, {})
                self._control.execute("INSERT INTO meta VALUES (?, ?)", [_CHECK, sealed])
                self._seen = sealed
                return True
        with contextlib.suppress(SealBroken):
            seals.open("meta", _CHECK, stored)
            self._seen = stored
            return True
        return False

    def _stored(self) -> Any:
        sql = "SELECT value FROM meta WHERE key = ?"
        row = self._control.execute(sql, [_CHECK]).fetchone()
        return row[0] if row is not None else None

    def _recent(self) -> ControlSeals | None:
        if self._former is not None and time.monotonic() > self._former[0]:
            self._former = None
        return self._former[1] if self._former else None
