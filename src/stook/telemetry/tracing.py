"""Spans, where somebody records them. OpenTelemetry is never imported from here: whoever wants spans has imported it,
and set up a provider, so without that nothing costs anything."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from stook.core.work import Slice
    from stook.engine.publishing import Published
    from stook.worker.spans import GroupSpan, SliceSpans

__all__ = ["Tracing", "called_with", "carried", "publishing"]


def is_traced() -> bool:
    return "opentelemetry.trace" in sys.modules


@contextlib.contextmanager
def publishing(task: str) -> Iterator[Published | None]:
    """Implements `stook.engine.publishing.Publishing`."""
    if not is_traced():
        yield None
        return
    from stook.telemetry.spans import sent  # noqa: PLC0415 - see above

    with sent(task) as published:
        yield published


def called_with(headers: Mapping[str, str]) -> AbstractContextManager[None]:
    """The caller's trace, as the headers of its request have it, is the current one while the context is open."""
    if "traceparent" not in headers or not is_traced():
        return contextlib.nullcontext()
    from stook.telemetry.spans import within  # noqa: PLC0415

    return within(headers)


def carried() -> dict[str, str]:
    """Headers that carry the current trace to a server."""
    if not is_traced():
        return {}
    from stook.telemetry.spans import current  # noqa: PLC0415

    return current()


class Tracing:
    """Implements `stook.worker.spans.Spans`."""

    def of(self, piece: Slice) -> SliceSpans | None:
        if piece.trace is None or not is_traced():
            return None
        from stook.telemetry.spans import spans_of  # noqa: PLC0415

        return spans_of(piece)

    def of_group(self, pieces: Sequence[Slice], size: int) -> GroupSpan | None:
        if not is_traced() or all(piece.trace is None for piece in pieces):
            return None
        from stook.telemetry.spans import span_of_group  # noqa: PLC0415

        return span_of_group(pieces, size)
