"""Keep a replica's sockets on loopback when the whole cluster is this one machine.

NOTE: every Ray Serve 2.60 replica opens a gRPC port for calls from other deployments on all
interfaces. It asks for the cluster's token, but nothing of ours uses it, and an appliance on one
machine should offer nothing to the network but its HTTP port. Ray has no setting for it, so the
function that binds the port is wrapped here; the version of Ray is pinned. On several nodes
(the node's address is not 127.0.0.1) nothing is changed.
"""

from __future__ import annotations

from typing import Any

LOOPBACK = "127.0.0.1"
_ANYWHERE = "[::]:0"


def keep_to_loopback() -> None:
    """Bind this process's later gRPC ports to loopback. Call it in a replica's constructor."""
    import ray
    from ray.serve._private import replica

    if ray.util.get_node_ip_address() != LOOPBACK:
        return
    bind = replica.add_port_to_grpc_server

    def bind_to_loopback(server: Any, address: str) -> Any:
        return bind(server, f"{LOOPBACK}:0" if address == _ANYWHERE else address)

    replica.add_port_to_grpc_server = bind_to_loopback
