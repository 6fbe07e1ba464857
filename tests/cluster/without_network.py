"""Run inside a network namespace of its own: starts the appliance, uses it, ends it, and counts.

    unshare --user --map-root-user --net python -m tests.cluster.without_network HOME

The namespace has loopback and nothing else, so whatever is meant for another machine finds no
route, and the kernel counts that (`OutNoRoutes`), for every process in it. Everything counts: also
the `connect` of a datagram socket, which sends nothing by itself, because it is how a look-up of a
name begins. Look-ups that a resolver on loopback would pass on are counted at its port. Prints one
JSON line: what was made, and the attempts by kind.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import signal
import socket
import struct
import sys
from pathlib import Path

import httpx

from tests.cluster.started import Started
from tests.line import free_port

_SET_FLAGS, _UP_AND_RUNNING = 0x8914, 0x1 | 0x40  # SIOCSIFFLAGS, IFF_UP | IFF_RUNNING


def raise_loopback() -> None:
    """Bring `lo` up: a new namespace has it, but down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh", b"lo", _UP_AND_RUNNING))


def attempts() -> dict[str, int]:
    """How often something in this namespace wanted to reach another machine."""
    names, values = (
        line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if "Ip:" in line
    )
    version_6 = dict(line.split() for line in Path("/proc/net/snmp6").read_text().splitlines())
    version_4 = dict(zip(names, values, strict=True))
    return {"v4": int(version_4["OutNoRoutes"]), "v6": int(version_6["Ip6OutNoRoutes"])}


class Resolver:
    """Stands where a resolver on this machine would stand, answers nothing, counts what comes."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("0.0.0.0", 53))  # of this namespace: 127.0.0.1 and 127.0.0.53, too
        self._socket.setblocking(False)

    def asked(self) -> int:
        """How many look-ups have come since the last call."""
        found = 0
        with contextlib.suppress(BlockingIOError):
            while self._socket.recv(4096):
                found += 1
        return found


def the_counter_counts() -> bool:
    """Whether this kernel counts an attempt: one datagram to a documentation address (RFC 5737)."""
    before = attempts()["v4"]
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with contextlib.closing(probe), contextlib.suppress(OSError):
        probe.connect(("192.0.2.1", 9))
    return attempts()["v4"] == before + 1


def main() -> None:
    home = Path(sys.argv[1])
    raise_loopback()
    resolver, counts = Resolver(), the_counter_counts()
    before = attempts()
    # The first start fills the demo workspace by the real job: enrolment, products, pictures.
    started = Started(home, free_port(), home.with_suffix(".txt"))
    try:
        told = look(started)
    finally:
        started.stop(signal.SIGINT)
    after = attempts()
    print(
        json.dumps(
            {
                **told,
                "counter_counts": counts,
                "attempts": {
                    **{version: after[version] - before[version] for version in after},
                    "names": resolver.asked(),
                },
                "exit": started.process.returncode,
            }
        )
    )


def look(started: Started) -> dict[str, object]:
    """Use the appliance as far as a visitor without an account can; say what it was."""
    started.wait_for("Stop:")
    ready = httpx.get(f"{started.base_url}/readyz", timeout=30).json()
    page = httpx.get(f"{started.base_url}/sign-in", timeout=30)
    metrics = httpx.get(f"{started.base_url}/metrics", timeout=30).text
    return {
        "pack": ready["pack"],
        "page": page.status_code,
        "generations": [line for line in metrics.splitlines() if "generations" in line],
    }


if __name__ == "__main__":
    main()
