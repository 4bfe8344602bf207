"""What a server's HTTP side does. One line of work per request; items and bytes are added once per body."""

from __future__ import annotations

from collections import Counter as Tally
from typing import TYPE_CHECKING, Final

from prometheus_client import Counter, Gauge, Histogram

from stook.telemetry.distribution import LATENCIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prometheus_client import CollectorRegistry

    from stook.core.outcome import Settlement
    from stook.core.work import Slice

__all__ = ["HttpFigures"]

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class HttpFigures:
    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"stook_{name}", text, labels, registry=registry)

        self.in_flight = Gauge("stook_http_requests_in_flight", "Requests under way.", registry=registry)
        self.followers = Gauge("stook_http_followers", "Answers of server-sent events under way.", registry=registry)
        self.uploads = Gauge("stook_http_uploads", "Streamed bodies that are being read.", registry=registry)
        self._requests = Histogram(
            "stook_http_request_seconds",
            "How long requests took until their answer began.",
            ("route", "method", "status"),
            buckets=LATENCIES,
            registry=registry,
        )
        self._refusals = counter("http_refusals", "Answers that said no, by the code of the error.", "code")
        self.received_bytes = counter("http_received_bytes", "Bytes of bodies that were read.")
        self.submitted = counter("http_submitted_items", "Items that submissions brought, as they were read.")
        self.claimed = counter("http_claimed_items", "Items handed to workers over HTTP.")
        self._settled = counter("http_settled_items", "Outcomes that workers sent over HTTP.", "outcome")
        self.replays = counter("http_replays", "Answers given again for an Idempotency-Key.")

    def answered(self, route: str, method: str, status: int, seconds: float, refused: str | None) -> None:
        """`route` is the template of its path. What a client made up is no label."""
        known = method if method in METHODS else "other"
        self._requests.labels(route, known, f"{status // 100}xx").observe(seconds)
        if refused is not None:
            self._refusals.labels(refused).inc()

    def gave(self, slices: Sequence[Slice]) -> None:
        self.claimed.inc(sum(len(one.offsets) for one in slices))

    def took(self, settlements: Sequence[Settlement]) -> None:
        kinds: Tally[str] = Tally()
        for one in settlements:
            kinds["succeeded"] += len(one.offsets)
            kinds.update(trouble.kind for trouble in one.troubles)
        for kind, count in kinds.items():
            self._settled.labels(kind).inc(count)
