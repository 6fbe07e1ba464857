"""Settings -> the root key of a home: what the command line and the composition root share.

The unseal key is taken out of the environment once, before any other process is started, so that no
replica inherits it. A passphrase is asked for only where a person sits at a terminal; else it comes
from the file that HOUSEMODEL_PASSPHRASE_FILE names, or the appliance starts locked.
"""

from __future__ import annotations

import getpass
import sys

from serve.settings import Settings, take_unseal_key
from workspace.errors import ApplianceLocked, InvalidRequest
from workspace.keys import decode_key
from workspace.registry import Registry
from workspace.unseal import KeySource, Unseal, read_passphrase


def source_of(settings: Settings) -> KeySource:
    """Describe where the root key of this home comes from; asks nobody and reads no secret."""
    return KeySource(
        Unseal(
            settings.unseal,
            settings.home,
            settings.root_key_file,
            settings.unseal_command,
            settings.unseal_timeout_seconds,
        )
    )


def open_source(settings: Settings, create: bool = False, may_wait: bool = False) -> KeySource:
    """Find the secret that opens the home.

    Args:
        create: Make the root key of a new home.
        may_wait: Without a passphrase, go on locked instead of refusing.

    Raises:
        Locked: there is no secret, or it does not open the home.
    """
    source = source_of(settings)
    if settings.unseal == "environment":
        given = take_unseal_key()
        key = decode_key(given) if given else None
        if key is not None:
            if create or not source.is_new:
                source.give_key(key)
        elif not may_wait or source.is_new:
            raise ApplianceLocked("HOUSEMODEL_UNSEAL_KEY holds no key of 32 bytes.")
    elif settings.unseal == "passphrase":
        words = _passphrase(settings, source.is_new)
        if words is not None:
            if create or not source.is_new:
                source.give_passphrase(words)
        elif not may_wait or source.is_new:
            raise ApplianceLocked(
                "Nobody is there to type the passphrase. Name a file with it: "
                "HOUSEMODEL_PASSPHRASE_FILE."
            )
    if create:
        source.create()
    return source


def open_registry(settings: Settings, create: bool = False) -> Registry:
    """Open the home's registry with its root key.

    Raises:
        Locked: the root key can't be had.
    """
    return Registry(settings.home, open_source(settings, create), settings.tombstones)


def _passphrase(settings: Settings, is_new: bool) -> str | None:
    if settings.passphrase_file is not None:
        return read_passphrase(settings.passphrase_file)
    return ask_passphrase(is_new) if sys.stdin is not None and sys.stdin.isatty() else None


def ask_passphrase(is_new: bool) -> str:
    """Ask the person at the terminal; twice for a new passphrase.

    Raises:
        InvalidRequest: the two were not the same.
    """
    words = getpass.getpass("New passphrase: " if is_new else "Passphrase: ")
    if is_new and getpass.getpass("The same once more: ") != words:
        raise InvalidRequest("The two passphrases are not the same.")
    return words
