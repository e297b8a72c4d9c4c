"""Metrics for Prometheus: what came in, what is waiting, how long it takes, what went out."""

from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily

from cipa.serve.queue import Queue
from cipa.serve.records import WAITING
from cipa.serve.settings import Metrics

SECONDS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800)
"""Bounds of the histogram of studies."""


class Meters:
    """All metrics of one node, in a registry of their own."""

    def __init__(self, queue: Queue) -> None:
        """Create them; those of the queue are counted when they are asked for."""
        self.registry = CollectorRegistry()
        self.objects = self._counter("objects_received", "Objects by C-STORE status or HTTP", "status")
        self.bytes = self._counter("bytes_received", "Bytes of new objects")
        self.associations = self._counter("associations", "Associations by outcome", "outcome")
        self.studies = self._counter("studies_ended", "Turns of studies by outcome", "outcome")
        self.deliveries = self._counter(
            "deliveries", "Attempts to deliver by outcome", "destination", "outcome"
        )
        self.commitments = self._counter("commitments", "Storage commitment requests")
        self.restarts = self._counter(
            "worker_restarts", "Times that the worker ended before its study was done"
        )
        self.seconds = Histogram(
            "cipa_study_seconds", "Seconds of a study's turn", buckets=SECONDS, registry=self.registry
        )
        self.registry.register(_QueueCollector(queue))

    def serve(self, settings: Metrics) -> Any:
        """Answer HTTP requests for /metrics on a thread; returns the server and its thread, None for no port.

        Raises:
            OSError: the port is taken.
        """
        if settings.port is None:
            return None
        return start_http_server(settings.port, settings.address, self.registry)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"cipa_{name}", meaning, labels, registry=self.registry)


class _QueueCollector:
    """Counts studies, deliveries and bytes of the queue when Prometheus asks."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Give the gauges."""
        counts = self.queue.counts()
        studies = GaugeMetricFamily("cipa_studies", "Studies by state", labels=["state"])
        for state in (*WAITING, "done", "held"):
            studies.add_metric([state], counts[state])
        yield studies
        results = GaugeMetricFamily("cipa_results", "Results for destinations by state", labels=["state"])
        for one in ("waiting", "accepted", "dead"):
            results.add_metric([one], counts[one])
        yield results
        yield GaugeMetricFamily(
            "cipa_spool_bytes", "Bytes of received objects in the spool", self.queue.bytes
        )
