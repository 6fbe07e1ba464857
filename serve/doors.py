"""What somebody should know at the start of how the HTTP port is open. Decides nothing."""

from __future__ import annotations

from serve.settings import Settings
from workspace.disk import is_open_to_others

_PLAIN = "Anybody on the network can read along: no TLS, see docs/access.md"
_BESIDE = (
    "Not only the proxies reach this port, and it has no TLS: bind it to an address that nobody "
    "else reaches, see docs/access.md"
)
_ONLY_SAID = (
    "`http.public_url` is https, but the port has no TLS and no proxy is trusted: what browsers "
    "send crosses in the open, or all callers share one address; see docs/access.md"
)
_KEY = "Other accounts may read or change the TLS key: chmod 600, see docs/access.md"


def warnings(settings: Settings) -> list[str]:
    """Say what is open; each is one line for whoever starts the appliance."""
    found = []
    if settings.tls_certificate is None:
        if not settings.is_loopback:
            found.append(_BESIDE if settings.trusted_proxies else _PLAIN)
        if settings.public_url.lower().startswith("https://") and not settings.trusted_proxies:
            found.append(_ONLY_SAID)
    if settings.tls_key is not None and is_open_to_others(settings.tls_key):
        found.append(_KEY)
    return found
