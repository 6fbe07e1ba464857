"""How the root key is come by: it lies in a file, or a secret that is kept elsewhere unseals it.

    file         `root.key`, mode 0600, or a mounted secret
    environment  an unseal key (32 bytes) that the start takes out of its environment
    passphrase   an unseal key that Argon2id makes of words
    command      an unseal key that a program prints: the client of a KMS, HSM or secret store

Except for `file`, the root key is random and lies sealed under the unseal key in `root.sealed`, so
that a new passphrase, or another method, touches nothing else. While the root key is replaced, the
new one lies beside the old one (`.next`) until `control.db` says which of them is in force.

Rules: a program runs as an argument list, never through a shell, within a time limit, and what it
prints is neither logged nor shown. No secret is in any error or in a repr. Nothing here reads the
environment or asks a person; who does hands the secret over.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from workspace import envelope, sealing
from workspace.disk import disk_errors, make_private_folder, sync_folder, write_private
from workspace.errors import ApplianceLocked, Conflict, HousemodelError, InvalidRequest
from workspace.keys import decode_key, load_root_key, read_private

Method = Literal["file", "environment", "passphrase", "command"]
METHODS: tuple[Method, ...] = get_args(Method)
MIN_PASSPHRASE = 12  # characters
_ENVELOPE = "root.sealed"


@dataclass(frozen=True, slots=True)
class Unseal:
    """Which method a home is unsealed by.

    Args:
        home: The home folder; `root.sealed` lies in it.
        key_file: For `file`.
        command: For `command`: program and arguments; it prints 64 hexadecimal digits or base64.
        timeout_seconds: How long the program may take.
    """

    method: Method
    home: Path
    key_file: Path
    command: tuple[str, ...] = ()
    timeout_seconds: float = 20.0

    @property
    def path(self) -> Path:
        """Where the root key lies, sealed or not."""
        return self.key_file if self.method == "file" else self.home / _ENVELOPE


class KeySource:
    """Gives the root key of one home, as often as it is asked; the unseal key stays in memory."""

    def __init__(self, how: Unseal) -> None:
        self.how = how
        self._secret: bytes | None = None

    @property
    def waits(self) -> bool:
        """Whether somebody has to hand over a secret first."""
        return self.how.method in ("environment", "passphrase") and self._secret is None

    @property
    def is_new(self) -> bool:
        """Whether this home has no root key yet, so that the next one made is its first."""
        return not self.how.path.exists() and not (self.how.home / "control.db").exists()

    @property
    def secret(self) -> bytes | None:
        """The unseal key that was handed over, for the process that holds the home."""
        return self._secret

    def give_passphrase(self, words: str) -> None:
        """Take the passphrase.

        Raises:
            ApplianceLocked: it opens nothing.
            InvalidRequest: it is too short for a new home.
        """
        self._expect("passphrase")
        if self.is_new:
            if len(words) < MIN_PASSPHRASE:
                raise InvalidRequest(f"A passphrase has {MIN_PASSPHRASE} characters or more.")
            cost = envelope.Cost.new()
            self._secret = cost.stretch(words)
            self._create(cost)
            return
        kept = envelope.read(self.how.path, self.how.method)
        self._try(kept.cost.stretch(words) if kept.cost else b"")

    def give_key(self, unseal_key: bytes) -> None:
        """Take the unseal key itself, 32 bytes.

        Raises:
            ApplianceLocked: it opens nothing.
        """
        if self.how.method == "file":
            raise InvalidRequest("This home is unsealed by its key file.")
        if self.is_new:
            self._expect("environment")
            self._secret = unseal_key
            self._create(None)
            return
        self._try(unseal_key)

    def hold(self, unseal_key: bytes) -> None:
        """Take an unseal key that nothing is sealed under yet, for `keep`."""
        self._secret = unseal_key

    def create(self) -> None:
        """Make the root key of a new home, where the method needs no secret of somebody.

        Raises:
            Locked: the home has a control store, but its root key is gone.
        """
        if self.how.method == "file":
            load_root_key(self.how.key_file, create=True)
        elif self.is_new and self.how.method == "command":
            self._create(None)

    def candidates(self) -> tuple[bytes, ...]:
        """Read the root keys that may be in force: the present one, and a next one if there is.

        Raises:
            Locked: none can be read; the message says what to do.
        """
        found: list[bytes] = []
        problem: HousemodelError = ApplianceLocked("There is no root key in this home.")
        for path in (self.how.path, self._next):
            if path != self.how.path and not path.exists():
                continue
            try:
                found.append(self._read(path))
            except HousemodelError as error:
                problem = error if path == self.how.path else problem
        if not found:
            raise problem
        return tuple(found)

    def stage(self) -> bytes:
        """Put a new root key beside the present one; one that a crash left there is used again.

        Raises:
            Fault: there is no place for it.
        """
        if self._next.exists():
            with contextlib.suppress(HousemodelError):
                return self._read(self._next)
            self._next.unlink()
        root_key = sealing.new_key()
        self._write(self._next, root_key, self._cost())
        return root_key

    def settle(self, in_force: bytes) -> None:
        """Let the next key take the place of the present one, if it is the one in force."""
        with contextlib.suppress(HousemodelError, FileNotFoundError):
            if self._next.exists() and self._read(self._next) == in_force:
                with disk_errors():
                    self._next.replace(self.how.path)
                    sync_folder(self.how.path.parent)

    def keep(self, root_key: bytes, words: str = "") -> None:
        """Keep an existing root key by this method from now on; for a change of method or words.

        Args:
            words: The new passphrase, for that method.
        """
        cost = None
        if self.how.method == "passphrase":
            if len(words) < MIN_PASSPHRASE:
                raise InvalidRequest(f"A passphrase has {MIN_PASSPHRASE} characters or more.")
            cost = envelope.Cost.new()
            self._secret = cost.stretch(words)
        self._write(self.how.path, root_key, cost)

    def forget_file(self) -> None:
        """Remove what this method kept, after another has taken over."""
        with contextlib.suppress(FileNotFoundError), disk_errors():
            self.how.path.unlink()

    @property
    def _next(self) -> Path:
        return self.how.path.with_name(f"{self.how.path.name}.next")

    def _expect(self, method: Method) -> None:
        if self.how.method != method:
            raise InvalidRequest(f"This home is unsealed by {self.how.method}, not by {method}.")

    def _create(self, cost: envelope.Cost | None) -> None:
        make_private_folder(self.how.home)
        self._write(self.how.path, sealing.new_key(), cost)

    def _try(self, unseal_key: bytes) -> None:
        before, self._secret = self._secret, unseal_key
        try:
            self.candidates()
        except HousemodelError:
            self._secret = before
            raise

    def _cost(self) -> envelope.Cost | None:
        if self.how.method == "file":
            return None
        return envelope.read(self.how.path, self.how.method).cost

    def _read(self, path: Path) -> bytes:
        if self.how.method == "file":
            return load_root_key(path, create=False)
        return envelope.read(path, self.how.method).open(self._unseal_key())

    def _write(self, path: Path, root_key: bytes, cost: envelope.Cost | None) -> None:
        if self.how.method == "file":
            content = root_key.hex().encode() + b"\n"
        else:
            content = envelope.sealed(self.how.method, cost, self._unseal_key(), root_key)
        write_private(path, content)

    def _unseal_key(self) -> bytes:
        if self.how.method == "command":
            return _asked(self.how.command, self.how.timeout_seconds)
        if self._secret is None:
            raise ApplianceLocked(f"The {_NEEDED[self.how.method]} is not there yet.")
        return self._secret

    def __repr__(self) -> str:
        return f"KeySource({self.how.method})"


_NEEDED = {"environment": "unseal key", "passphrase": "passphrase"}


def read_passphrase(path: Path) -> str:
    """Read a passphrase from a file that only its owner can read; line ends are no part of it.

    Raises:
        Locked: it is missing, or open to others.
    """
    return read_private(path).decode("utf-8", "replace").strip("\r\n")


@contextlib.contextmanager
def held(home: Path) -> Iterator[None]:
    """Keep rotation of keys, backups and restores of one home from running at the same time.

    Raises:
        Conflict: one of them runs.
    """
    import fcntl

    make_private_folder(home / "run")
    descriptor = os.open(home / "run" / "keys", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict("A backup or a rotation of keys runs on this home; wait for it.") from (
                error
            )
        yield
    finally:
        os.close(descriptor)


def _asked(command: tuple[str, ...], timeout_seconds: float) -> bytes:
    """Run the program that prints the unseal key."""
    if not command:
        raise ApplianceLocked("No command is configured; see [keys] unseal_command.")
    try:
        # Its error output is dropped: nobody knows what a client prints about the key.
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=timeout_seconds,
            check=False,
        )
    except FileNotFoundError as error:
        raise ApplianceLocked("The unseal command is not there.") from error
    except subprocess.TimeoutExpired:
        # NOTE: no `from`: the exception holds what was printed so far.
        raise ApplianceLocked("The unseal command took too long.") from None
    except OSError as error:
        raise ApplianceLocked("The unseal command can't be run.") from error
    if done.returncode != 0:
        raise ApplianceLocked(f"The unseal command failed with status {done.returncode}.")
    key = decode_key(done.stdout[:4096])
    if key is None:
        raise ApplianceLocked("The unseal command printed no key of 32 bytes.")
    return key
