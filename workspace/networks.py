"""Networks that may call: how they are written, and whether an address is in one of them. Pure.

A network is written as CIDR (`10.20.0.0/16`, `2001:db8::/32`) or as one address. An IPv4 address
inside IPv6 (`::ffff:10.0.0.1`) counts as IPv4. What is no address is in no network.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from workspace.errors import AddressNotAllowed, InvalidRequest

MOST = 64  # networks of one list
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def clean(written: Iterable[str], pointer: str = "/networks") -> tuple[str, ...]:
    """Write networks in their one form, each once, in their order.

    Raises:
        InvalidRequest: one can't be read, or there are too many.
    """
    found: dict[str, None] = {}
    for text in written:
        try:
            found[str(ipaddress.ip_network(text.strip()))] = None
        except ValueError as error:
            words = "A network is written like 10.20.0.0/16, 2001:db8::/32 or 10.0.0.7."
            raise InvalidRequest(words, (), None, pointer) from error
    if len(found) > MOST:
        raise InvalidRequest(f"A list has {MOST} networks at most.", (), None, pointer)
    return tuple(found)


def address_of(text: str) -> Address | None:
    """Read an address; None for what is none."""
    try:
        found = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def throttle_key(text: str) -> str:
    """What is counted where a throttle counts by address.

    Of IPv6 the /64, because every customer of a provider has one of them at least, with as many
    addresses as they like to call from. What is no address stands for itself.
    """
    found = address_of(text)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
    return text if found is None else str(found)


def holds(networks: Iterable[str], address: str) -> bool:
    """Tell whether one of the networks holds the address."""
    found = address_of(address)
    return found is not None and any(found in ipaddress.ip_network(each) for each in networks)


def check(networks: Iterable[str], address: str) -> None:
    """Let an address pass; an empty list lets every address pass.

    Raises:
        AddressNotAllowed: it is in none of them.
    """
    listed = tuple(networks)
    if listed and not holds(listed, address):
        raise AddressNotAllowed("This address is not in a network that may call.")
