"""One private Ray node for one appliance: loopback only, no dashboard, own folder, own token.

`ray.init()` would also start a dashboard, an autoscaler and a log monitor (170 MiB), bind some of
its ports to every interface, and print to the terminal. The node is therefore put together from
Ray's own parts; the version of Ray is pinned, and `tests/cluster` holds this file to what it says.
On a cluster (KubeRay) this file is not used.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"
LOGICAL_CPUS = 16  # Ray places replicas by this number; threads are set per replica


def start_node(folder: Path, object_store_mib: int) -> Any:
    """Start Ray's processes and connect to them.

    Args:
        folder: An existing private folder with a short path (sockets have 107 characters).
        object_store_mib: Shared memory for what crosses between processes.

    Returns:
        The node; `disconnect` and then `end_node` stop it.
    """
    import ray
    from ray import serve as ray_serve  # it sets the level of its own log when it is imported
    from ray._private import ray_constants
    from ray._private.node import Node
    from ray._private.parameter import RayParams

    class PrivateNode(Node):  # type: ignore[misc]
        def start_api_server(self, **_: Any) -> None:
            """Leave the dashboard out: nothing of ours asks it anything."""

    # NOTE: Ray replaces 127.0.0.1 by the machine's address unless this constant is off. Processes
    # that Ray starts read it from the environment; here ray may have been imported before.
    ray_constants.ENABLE_RAY_CLUSTER = False
    for name in ("ray", ray_serve.__name__):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    parameters = RayParams(
        node_ip_address=LOOPBACK,
        num_cpus=LOGICAL_CPUS,
        num_gpus=0,
        object_store_memory=object_store_mib << 20,
        temp_dir=str(folder),
        include_dashboard=False,
        include_log_monitor=False,
        no_monitor=True,
        dashboard_agent_listen_port=0,
    )
    node = PrivateNode(parameters, head=True, shutdown_at_exit=False, spawn_reaper=True)
    try:
        ray.init(
            address=node.address,
            namespace="housemodel",
            configure_logging=False,
            log_to_driver=False,
        )
    except BaseException:
        end_node(node)
        raise
    return node


def disconnect() -> None:
    """Leave the node; its processes run on."""
    import ray

    ray.shutdown()


def end_node(node: Any) -> None:
    """End Ray's processes and with them everything that they started."""
    node.kill_all_processes(check_alive=False, allow_graceful=True, wait=True)
