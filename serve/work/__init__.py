"""What the worker behind the queue does besides rendering: leases, recovery, builds, sweeps."""
