"""onnxruntime as this product uses it: offline, on a few threads that sleep while they wait.

The only importer of onnxruntime. NOTE: since 1.31 its Linux builds, too, report to the maker: when
it is imported it makes a device id and a database under `~/.cache`, and when a session is opened
it looks up `mobile.events.data.microsoft.com`. The variable below must be set before the import;
`tests/cluster/test_zero_egress.py` counts what would leave.
"""

from __future__ import annotations

import os
from typing import Any

SILENT = "ORT_DISABLE_TELEMETRY"


def runtime() -> Any:
    """Import onnxruntime without its telemetry."""
    os.environ[SILENT] = "1"
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime


def options(threads: int) -> Any:
    """Make options of a session.

    Args:
        threads: For one network; more than two gain nothing for networks of this size.
    """
    made = runtime().SessionOptions()
    made.intra_op_num_threads = threads
    made.inter_op_num_threads = 1
    made.log_severity_level = 3
    # Waiting threads sleep: spinning would take the cores that the diffusion replica draws with.
    made.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return made
