"""Spans on their way out of a command: by the environment variables that OpenTelemetry has for it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from typing import TYPE_CHECKING, Final

from stook.core.errors import ConfigError, MissingExtra

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["exporting", "wanted"]

_PLACES: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SPOKEN: Final = "http/protobuf"


def wanted(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the environment asks for spans. `ConfigError` for what there is not."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = environ.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if exporter == "none" or not (exporter or any(environ.get(name) for name in _PLACES)):
        return False
    if exporter not in ("", "otlp"):
        raise ConfigError(f"OTEL_TRACES_EXPORTER={exporter!r} is not 'otlp' or 'none'", hint="unset it, or set up a "
                          "provider in a module of yours")  # fmt: skip
    protocol = next((environ[name] for name in _PROTOCOLS if environ.get(name)), _SPOKEN)
    if protocol != _SPOKEN:
        raise ConfigError(f"the protocol {protocol!r} of OTEL_EXPORTER_OTLP_PROTOCOL is not {_SPOKEN!r}")
    return True


@contextlib.contextmanager
def exporting(environ: Mapping[str, str] = os.environ) -> Iterator[None]:
    """With a provider that exports over OTLP, where the environment asks for it and the program has set up none; what
    was recorded is sent before the context is left."""
    if not wanted(environ):
        yield
        return
    if importlib.util.find_spec("opentelemetry") is None or importlib.util.find_spec("opentelemetry.sdk") is None:
        raise MissingExtra(
            "OTEL_… asks for spans, and OpenTelemetry is not installed", hint="pip install 'stook[otel]'"
        )
    from opentelemetry import trace  # noqa: PLC0415 - an extra, and slow to load
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        yield  # the program's own
        return
    named = Resource.create({SERVICE_NAME: "stook"}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=named)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()
