"""Metrics for Prometheus: requests and latencies of this process; from the database the rest."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from store.counters import COUNTERS
from store.queue_state import QueueState
from store.tally import Key

_LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)  # seconds
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

JobCounts = Iterable[tuple[str, str, int]]  # kind, state, number of jobs


class Metrics:
    """The metrics of one app. Each app has a registry of its own, so that two apps in one process do not mix.

    Args:
        count_jobs: Counts the jobs by kind and state; called at each reading.
        read_queues: Reads the state of the queues; called at each reading.
        read_counters: Reads the counters of the whole service; called at each reading.
    """

    def __init__(
        self,
        count_jobs: Callable[[], JobCounts],
        read_queues: Callable[[], Iterable[QueueState]],
        read_counters: Callable[[], Mapping[Key, float]],
    ) -> None:
        self.registry = CollectorRegistry()
        self.count_jobs, self.read_queues = count_jobs, read_queues
        self._requests = Counter(
            "unteachable_requests", "Answered requests", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "unteachable_request_seconds",
            "Time to answer",
            ["method", "route"],
            buckets=_LATENCY_BUCKETS,
            registry=self.registry,
        )
        self.registry.register(_JobCollector(count_jobs))
        self.registry.register(_QueueCollector(read_queues))
        self.registry.register(_CounterCollector(read_counters))

    def observe_request(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request.

        Args:
            method: The HTTP method; an unknown one is counted as "other".
            route: The path template of the route.
            status: The status code.
            seconds: The time from the request to the end of its response.
        """
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def text(self) -> bytes:
        """All metrics in the text format of Prometheus."""
        return generate_latest(self.registry)


class _JobCollector(Collector):
    def __init__(self, count_jobs: Callable[[], JobCounts]) -> None:
        self._count_jobs = count_jobs

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return [_empty_job_gauge()]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        gauge = _empty_job_gauge()
        for kind, state, count in self._count_jobs():
            gauge.add_metric([kind, state], count)
        yield gauge


def _empty_job_gauge() -> GaugeMetricFamily:
    return GaugeMetricFamily("unteachable_jobs", "Jobs by kind and state", labels=["kind", "state"])


class _QueueCollector(Collector):
    def __init__(self, read_queues: Callable[[], Iterable[QueueState]]) -> None:
        self._read_queues = read_queues

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return _empty_queue_gauges()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        waiting, running, oldest, workers = gauges = _empty_queue_gauges()
        for queue in self._read_queues():
            waiting.add_metric([queue.name], queue.waiting)
            running.add_metric([queue.name], queue.running)
            oldest.add_metric([queue.name], queue.oldest_seconds)
            workers.add_metric([queue.name], queue.workers)
        return gauges


def _empty_queue_gauges() -> tuple[GaugeMetricFamily, ...]:
    return (
        GaugeMetricFamily("unteachable_queue_waiting_jobs", "Jobs that a worker could claim", labels=["queue"]),
        GaugeMetricFamily("unteachable_queue_running_jobs", "Jobs that a worker has claimed", labels=["queue"]),
        GaugeMetricFamily(
            "unteachable_queue_oldest_seconds", "Time since the oldest waiting job was requested", labels=["queue"]
        ),
        GaugeMetricFamily("unteachable_queue_workers", "Live workers that take jobs of the queue", labels=["queue"]),
    )


class _CounterCollector(Collector):
    def __init__(self, read_counters: Callable[[], Mapping[Key, float]]) -> None:
        self._read_counters = read_counters

    def describe(self) -> Iterable[CounterMetricFamily]:
        return _empty_counters().values()

    def collect(self) -> Iterable[CounterMetricFamily]:
        families = _empty_counters()
        for (name, *labels), value in self._read_counters().items():
            if name in families:  # else it is of a later version
                families[name].add_metric(labels, value)
        return families.values()


def _empty_counters() -> dict[str, CounterMetricFamily]:
    return {
        kind.name: CounterMetricFamily(f"unteachable_{kind.name}", kind.text, labels=kind.labels) for kind in COUNTERS
    }
