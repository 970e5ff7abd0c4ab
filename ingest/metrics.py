"""``/healthz``, ``/readyz`` and ``/metrics`` of a running collector, for monitors on the same machine.

Counters are read when asked for; serving takes a thread of its own and nothing from the
pump. Names follow Prometheus: ``tillwatch_…_total`` counts, everything else is a gauge.
"""

import ipaddress
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from ingest.errors import UsageError
from ingest.health import Trouble, Watchman

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

REQUEST_SECONDS = 5.0
_PUMPED = {
    "bytes_read": "bytes read from the port",
    "bytes_forwarded": "bytes that a relay passed on",
    "bytes_not_forwarded": "bytes that a relay could not pass on",
    "bytes_lost": "bytes that were passed on and not recorded",
    "reconnects": "how often the port came back",
    "stolen": "reads that another program took",
}
_HEARD = {
    "frames": "frames recorded",
    "noise_bytes": "bytes that were no frame",
    "rejects": "frames that could not be made safe",
    "duplicates": "frames that came again",
    "acks": "frames acknowledged",
    "naks": "frames refused",
    "unrecorded": "records that no segment took",
}
_COMMITTED = {
    "records": "records on the disk",
    "batches": "batches synced",
    "failures": "batches that the disk refused",
    "bugs": "faults of ours that were caught",
}


def is_loopback(address: str) -> bool:
    """Whether ``HOST:PORT`` is reached from this machine alone; a name other than localhost may be anybody's."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Server:
    """Serves until closed.

    Args:
        watchman: looks at the collector.
        address: ``HOST:PORT``; port 0 takes a free one.

    Raises:
        UsageError: somebody else has that address, or it is none of ours.
    """

    def __init__(self, watchman: Watchman, address: str) -> None:
        host, _, port = address.rpartition(":")
        pages: dict[str, Callable[[], tuple[int, str, str]]] = {
            "/healthz": lambda: _verdict(watchman.is_alive()),
            "/readyz": lambda: _verdict(watchman.is_ready()),
            "/metrics": lambda: (200, "text/plain; version=0.0.4; charset=utf-8", exposition(watchman)),
        }

        class Handler(BaseHTTPRequestHandler):
            timeout = REQUEST_SECONDS

            def do_GET(self) -> None:
                page = pages.get(self.path.partition("?")[0])
                status, kind, body = page() if page else (404, "text/plain", f"there are {', '.join(pages)}\n")
                data = body.encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name in the library
                """Say nothing: who asks is no event of the collector's."""

        try:
            self._server = ThreadingHTTPServer((host, int(port)), Handler)
        except (OSError, OverflowError) as wrong:
            why = wrong.strerror if isinstance(wrong, OSError) else "no such port"
            raise UsageError(
                f"health.listen: {address}: {why}", hint="give another port, or stop what has it"
            ) from None
        self._server.daemon_threads = True
        self.address = f"{host}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer nobody any more."""
        self._server.shutdown()
        self._server.server_close()


def _verdict(troubles: list[Trouble]) -> tuple[int, str, str]:
    told = [{"code": each.code, "line": each.line, "said": each.said} for each in troubles]
    document = json.dumps({"ok": not told, "troubles": told}, ensure_ascii=False)
    return 503 if told else 200, "application/json; charset=utf-8", document + "\n"


def exposition(watchman: Watchman) -> str:
    """The page `/metrics`."""
    from prometheus_client import generate_latest

    return generate_latest(_Registry(watchman)).decode()


class _Registry:
    """The collector's counters as a registry of prometheus_client sees them."""

    def __init__(self, watchman: Watchman) -> None:
        self._watchman = watchman

    def collect(self) -> "Iterator[Metric]":
        """Every metric with its samples now."""
        from prometheus_client.core import CounterMetricFamily as Counter
        from prometheus_client.core import GaugeMetricFamily as Gauge

        lines = self._watchman.lines
        for name, meaning in _PUMPED.items():
            metric = Counter(f"tillwatch_{name}", meaning, labels=("line", "side"))
            for line in lines:
                for side in line.sides:
                    metric.add_metric((line.name, side.role), getattr(side.pumped, name))
            yield metric
        for name, meaning in _HEARD.items():
            metric = Counter(f"tillwatch_{name}", meaning, labels=("line", "direction"))
            for line in lines:
                for stream in line.streams:
                    metric.add_metric((line.name, stream.direction), getattr(stream.heard, name))
            yield metric
        is_open = Gauge("tillwatch_port_open", "1 = the port is open", labels=("line", "side"))
        errors = Counter("tillwatch_driver_errors", "what the driver counted", labels=("line", "side", "kind"))
        for line in lines:
            for side in line.sides:
                is_open.add_metric((line.name, side.role), float(side.port is not None))
                for kind, count in side.driver_errors.items():
                    errors.add_metric((line.name, side.role, kind), count)
        yield from (is_open, errors)
        committed = self._watchman.committer.committed
        for name, meaning in _COMMITTED.items():
            yield Counter(f"tillwatch_spool_{name}", meaning, value=getattr(committed, name))
        yield Gauge("tillwatch_spool_backlog_records", "records that wait for the disk", value=committed.backlog)
        yield Gauge(
            "tillwatch_spool_disk_used_ratio", "the spool's disk, 0 to 1", value=self._watchman.disk_percent() / 100
        )
        troubles = Gauge("tillwatch_trouble", "1 for each thing that is wrong", labels=("code", "line", "severity"))
        for severity, found in (
            ("critical", self._watchman.is_ready()),
            ("warning", self._watchman.alarms()),
        ):
            for trouble in found:
                troubles.add_metric((trouble.code, trouble.line, severity), 1)
        yield troubles
