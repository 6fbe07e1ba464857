"""TLS for the HTTP port: the certificate of the configuration, read again when its files change.

Rules: TLS 1.2 or newer; both files are PEM, the key without a passphrase. A pair that can't be used
stops the start; one that comes later is not taken, and the one in force stays. No client
certificate is asked for: callers show a key or a session. Knows no services.
"""

from __future__ import annotations

import logging
import re
import ssl
from pathlib import Path
from typing import Any

from workspace.disk import is_open_to_others
from workspace.errors import InvalidRequest

_FIRST = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_log = logging.getLogger("housemodel.tls")


class Certificate:
    """One certificate with its key, as the server shows it.

    `context` is the server's for good; what a connection shows is chosen when it comes. To load
    another pair into a context that is in use would leave the one before there where the new key is
    of another kind: OpenSSL keeps one for each.

    Raises:
        InvalidRequest: the files can't be read, or do not belong together.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = (certificate, key)
        self._seen = self._stamps()
        try:
            self.context = self._shown = self._loaded()
        except (OSError, ValueError) as error:  # OSError: ssl's own errors, too
            raise InvalidRequest(
                "The TLS certificate or its key can't be used: two PEM files that belong together, "
                "the key without a passphrase."
            ) from error
        self.context.sni_callback = self._choose  # asked for clients that name no host, too

    def renew(self) -> bool:
        """Take the files again if they have changed; connections that are open stay as they are.

        Returns:
            Whether another certificate is shown from now on.
        """
        stamps = self._stamps()
        if stamps == self._seen:
            return False
        self._seen = stamps
        try:
            self._shown = self._loaded()
        except (OSError, ValueError):
            _log.error("the changed TLS certificate can't be used; the one before stays")
            return False
        _log.info("a changed TLS certificate is in use")
        return True

    def _loaded(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(*self._files, password=_no_passphrase)
        if is_open_to_others(self._files[1]):
            _log.warning("other accounts may read or change the TLS key: chmod 600")
        return context

    def _choose(self, connection: Any, name: str | None, context: ssl.SSLContext) -> None:
        connection.context = self._shown

    def _stamps(self) -> tuple[tuple[int, int, int], ...]:
        found = []
        for path in self._files:
            try:
                stat = path.stat()
                found.append((stat.st_mtime_ns, stat.st_size, stat.st_ino))
            except OSError:
                found.append((0, 0, 0))
        return tuple(found)


def certificate_of(certificate: Path | None, key: Path | None) -> Certificate | None:
    """The certificate that is configured, or None.

    Raises:
        InvalidRequest: it can't be used.
    """
    return Certificate(certificate, key) if certificate is not None and key is not None else None


def trusting(certificate: Path | None) -> ssl.SSLContext | bool:
    """What a client on this machine trusts: exactly the configured certificate, whatever its name.

    The certificate names the public host and not the loopback address that is asked here, so that
    the name is not compared; nobody else has its key. Of a chain the first one counts and not
    those who issued it: they vouch for others, too.

    Raises:
        InvalidRequest: the file can't be read, or holds no certificate.
    """
    if certificate is None:
        return True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        first = _FIRST.search(certificate.read_text(encoding="latin-1"))
        if first is None:
            raise ValueError("no certificate")
        context.load_verify_locations(cadata=first.group())
    except (OSError, ValueError) as error:  # OSError: ssl's own errors, too
        raise InvalidRequest("The TLS certificate can't be read.") from error
    return context


def _no_passphrase() -> str:
    """Answer instead of OpenSSL, which would ask on the terminal."""
    raise ValueError("the key has a passphrase")
