"""Spans by OpenTelemetry, named as its conventions for messaging have it: `send TASK` at submission, `process TASK` for
each attempt, a child of a single's `send` and a root with a link to a batch's."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, Final

import msgspec
from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.trace import Link, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from stook.core.ids import execution_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

    from stook.core.outcome import Trouble
    from stook.core.work import Slice

__all__ = ["current", "sent", "span_of_group", "spans_of", "within"]

_W3C: Final = TraceContextTextMapPropagator()
_decode: Final = msgspec.json.Decoder(dict[str, str]).decode


def _tracer() -> Tracer:
    """Asked for anew: whose provider it is may be settled after stook was imported."""
    return trace.get_tracer("stook")


class _Sent:
    def __init__(self, span: Span) -> None:
        self._span = span
        self.trace: str | None = None
        if span.is_recording() and span.get_span_context().trace_flags.sampled:
            self.trace = msgspec.json.encode(current()).decode()

    def stored(self, made_id: str, items: int | None) -> None:
        self._span.set_attribute("messaging.message.id" if items == 1 else "stook.batch.id", made_id)
        if items is not None:
            self._span.set_attribute("messaging.batch.message_count", items)


@contextlib.contextmanager
def sent(task: str) -> Iterator[_Sent]:
    attributes = _attributes("send", task)
    with _tracer().start_as_current_span(f"send {task}", kind=SpanKind.PRODUCER, attributes=attributes) as span:
        yield _Sent(span)


@contextlib.contextmanager
def within(headers: Mapping[str, str]) -> Iterator[None]:
    token = contexts.attach(_W3C.extract(dict(headers)))
    try:
        yield
    finally:
        contexts.detach(token)


def current() -> dict[str, str]:
    carrier: dict[str, str] = {}
    _W3C.inject(carrier)
    return carrier


def spans_of(piece: Slice) -> _SliceSpans | None:
    origin = _origin(piece)
    return None if origin is None or not _is_recorded() else _SliceSpans(piece, *origin)


def span_of_group(pieces: Sequence[Slice], size: int) -> _GroupSpan | None:
    if not _is_recorded():
        return None
    links: dict[str, Link] = {}
    for piece in pieces:
        origin = _origin(piece)
        if origin is not None and piece.trace is not None:
            links[piece.trace] = Link(origin[0])
    return _GroupSpan(pieces[0], size, list(links.values())) if links else None


def _is_recorded() -> bool:
    """Without a provider every span is one that records nothing: none is made."""
    return not isinstance(trace.get_tracer_provider(), (trace.NoOpTracerProvider, trace.ProxyTracerProvider))


def _origin(piece: Slice) -> tuple[trace.SpanContext, Context] | None:
    """What the submission's span was."""
    if piece.trace is None:
        return None
    try:
        found = _W3C.extract(_decode(piece.trace), context=contexts.Context())
    except msgspec.DecodeError:
        return None
    span = trace.get_current_span(found).get_span_context()
    return (span, found) if span.is_valid else None


class _SliceSpans:
    """`begun` holds the spans of attempts that run here."""

    def __init__(self, piece: Slice, origin: trace.SpanContext, parent: Context) -> None:
        self._piece = piece
        self._tracer = _tracer()
        self._context = parent if piece.single else contexts.Context()
        self._links = [] if piece.single else [Link(origin)]
        self._attributes = _attributes("process", piece.task) | {
            "stook.queue": piece.policy.queue,
            "stook.attempt": piece.attempt,
            "stook.batch.id": execution_id(piece.batch_id, 0),
        }
        self._begun: dict[int, Span] = {}

    def begin(self, offset: int) -> None:
        span = self._start(offset)
        self._begun[offset] = span
        contexts.attach(trace.set_span_in_context(span))

    def end(self, offset: int, trouble: Trouble | None, took: int) -> None:
        span = self._begun.pop(offset, None)
        now = time.time_ns()
        if span is None:
            if trouble is None and not took:
                return  # it never began: its lease was lost before
            if trouble is not None and trouble.kind not in ("failed", "lost"):
                return
            span = self._start(offset, now - took)
        if span.is_recording():
            _conclude(span, trouble)
        span.end(now)

    def _start(self, offset: int, at: int | None = None) -> Span:
        made = execution_id(self._piece.batch_id, self._piece.first + offset)
        return self._tracer.start_span(
            f"process {self._piece.task}",
            context=self._context,
            kind=SpanKind.CONSUMER,
            links=self._links,
            attributes=self._attributes | {"messaging.message.id": made},
            start_time=at,
        )


def _conclude(span: Span, trouble: Trouble | None) -> None:
    if trouble is None:
        span.set_attribute("stook.outcome", "succeeded")
        return
    span.set_attribute("stook.outcome", trouble.kind)
    if trouble.kind in ("failed", "lost"):
        span.add_event(
            "exception",
            {
                "exception.type": trouble.type,
                "exception.message": trouble.message,
                "exception.stacktrace": trouble.traceback,
            },
        )
        span.set_attribute("error.type", trouble.code or trouble.type)
        span.set_status(Status(StatusCode.ERROR, trouble.message))


class _GroupSpan:
    def __init__(self, piece: Slice, size: int, links: Sequence[Link]) -> None:
        self._span = _tracer().start_span(
            f"process {piece.task}",
            context=contexts.Context(),
            kind=SpanKind.CONSUMER,
            links=links,
            attributes=_attributes("process", piece.task)
            | {"stook.queue": piece.policy.queue, "messaging.batch.message_count": size},
        )

    def begin(self) -> None:
        contexts.attach(trace.set_span_in_context(self._span))

    def end(self, error: BaseException | None) -> None:
        if error is not None:
            self._span.record_exception(error)
            self._span.set_status(Status(StatusCode.ERROR, str(error)))
        self._span.end()


def _attributes(operation: str, task: str) -> dict[str, Any]:
    return {
        "messaging.system": "stook",
        "messaging.operation.type": operation,
        "messaging.operation.name": operation,
        "messaging.destination.name": task,
    }
