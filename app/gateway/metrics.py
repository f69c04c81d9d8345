"""What Prometheus is told, at `/metrics` on the gateway's address."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

if TYPE_CHECKING:
    from app.protocol.message import Message


class Metrics:
    """One registry a process. Containers whose `enable_metrics` is off are not in the first three."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._messages = Counter(
            "console_messages",
            "Frames seen, by direction and message type.",
            ["direction", "type"],
            registry=self.registry,
        )
        self._seen: dict[tuple[str, str], int] = defaultdict(int)
        self._waited: dict[str, Histogram] = {}  # `labels` costs more than `observe`
        self._errors = Counter(
            "console_message_errors", "Frames that carry an error.", registry=self.registry
        )
        self._processing = Histogram(
            "console_processing_seconds",
            "From a request to its answer.",
            ["type"],
            registry=self.registry,
            buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300),
        )
        self._commit_seconds = Histogram(
            "console_commit_seconds",
            "From taking a batch of records until it is committed: what recording adds to a message.",
            registry=self.registry,
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 30),
        )
        self._batch_rows = Histogram(
            "console_batch_rows",
            "Records in a batch.",
            registry=self.registry,
            buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
        )
        self._dropped = Counter(
            "console_messages_dropped",
            "Messages of containers that were dropped while the spool was filling up, by type.",
            ["type"],
            registry=self.registry,
        )
        self._loop_lag = Histogram(
            "console_loop_lag_seconds",
            "How much later than due the event loop comes to what is due.",
            registry=self.registry,
            buckets=(0.001, 0.003, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.3, 0.5, 1, 3, 10),
        )
        self.away = Gauge(
            "console_database_away", "1 while the database does not answer.", registry=self.registry
        )
        self.spooled = Gauge(
            "console_spool_bytes", "Records waiting on disk, in bytes.", registry=self.registry
        )
        self.waiting = Gauge("console_records_waiting", "Records not committed yet.", registry=self.registry)
        self.callers = Gauge("console_callers", "Callers connected.", registry=self.registry)
        self.containers = Gauge(
            "console_containers_held", "Containers held by lease.", registry=self.registry
        )

    def message(self, message: Message, *, counted: bool) -> None:
        """Count a message of a container that takes part in metrics."""
        if not counted:
            return
        self._seen[message.direction, message.message_type] += 1
        if message.error:
            self._errors.inc()
        if message.processing_time is not None:
            kind = message.message_type
            waited = self._waited.get(kind) or self._waited.setdefault(kind, self._processing.labels(kind))
            waited.observe(message.processing_time / 1000)

    def dropped(self, message: Message) -> None:
        """Count a message that is neither recorded nor delivered."""
        self._dropped.labels(message.message_type).inc()

    def committed(self, rows: int, seconds: float) -> None:
        """Note a batch of records."""
        self._batch_rows.observe(rows)
        self._commit_seconds.observe(seconds)

    def late(self, seconds: float, beat: float) -> None:
        """Note how late a sample of the event loop was; those due while it stood still were late, too."""
        while True:
            self._loop_lag.observe(max(seconds, 0.0))
            seconds -= beat
            if seconds <= 0:
                return

    def text(self) -> bytes:
        """Return everything in the text format of Prometheus."""
        for key, count in self._seen.items():  # a dictionary's sum costs a tenth of a counter's, each time
            self._messages.labels(*key).inc(count)
        self._seen.clear()
        return generate_latest(self.registry)
