"""Prometheus figures of the gateway: requests, refusals, generations. No ids, no names.

Each application has its own registry, so that several can live in one process (tests, demo).
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """What `/metrics` shows."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "housemodel_http_requests_total",
            "Finished requests.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "housemodel_http_request_seconds",
            "Time from the request to the end of its answer.",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._generations = Gauge(
            "housemodel_generations",
            "Generations of all unlocked workspaces by status.",
            ("status",),
            registry=self._registry,
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one finished request; `route` is the template, never the path."""
        known = method if method in ("GET", "POST", "PATCH", "DELETE", "PUT", "HEAD") else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(known, route).observe(seconds)

    def show(self, generations: dict[str, int]) -> bytes:
        """Write the text that Prometheus reads.

        Args:
            generations: Status -> how many.
        """
        for status, count in generations.items():
            self._generations.labels(status).set(count)
        return generate_latest(self._registry)
