"""Spans that leave real processes over OTLP, and reach a receiver of ours."""

from __future__ import annotations

import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider

import stook
from stook.core.errors import ConfigError
from stook.telemetry.exporting import wanted
from tests.cli.conftest import Cli, until
from tests.serving.programs import programs

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{SPAN}-01"
TASKS = """
from stook import App

app = App("tasks")


@app.task("double", max_attempts=1)
async def double(item: dict) -> int:
    return item["n"] * 2


@app.task("halve", max_attempts=1)
def halve(item: dict) -> float:
    if item["n"] == 13:
        raise ValueError("unlucky")
    return item["n"] / 2
"""


@pytest.fixture
def receiver():
    """What an OpenTelemetry collector would have heard: (service, span) pairs."""
    heard = []

    class Take(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            assert self.path == "/v1/traces"
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                (service,) = [
                    one.value.string_value for one in resource.resource.attributes if one.key == "service.name"
                ]
                heard.extend((service, span) for scope in resource.scope_spans for span in scope.spans)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Take)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    heard_url = f"http://127.0.0.1:{server.server_address[1]}"
    yield heard, heard_url
    server.shutdown()
    server.server_close()


@pytest.fixture
def run(tmp_path):
    cli = Cli(tmp_path)
    (tmp_path / "tasks.py").write_text(TASKS)
    cli.environment["STOOK_SYNCHRONOUS"] = "off"
    with programs(cli) as made:
        yield made


def submitted(client, task, numbers, **headers):
    body = {"task": task, "items": [{"n": n} for n in numbers]}
    batch = client.post("/api/v1/batches", json=body, headers=headers).json()["id"]
    until(lambda: client.get(f"/api/v1/batches/{batch}").json()["finished_at"] is not None, "the end")
    return batch


def named(heard, name):
    return [span for _, span in heard if span.name == name]


def value(span, key):
    (found,) = [one.value for one in span.attributes if one.key == key]
    return found.string_value or found.int_value


def test_up_exports_by_the_standard_variables(run, receiver):
    heard, url = receiver
    up = run.server("up", "tasks.py", OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_SERVICE_NAME="shop")
    with run.client(up, up.ready["key"]) as client:
        batch = submitted(client, "double", range(3), traceparent=TRACEPARENT)
        single = client.post(
            "/api/v1/executions?wait=30",
            json={"task": "double", "payload": {"n": 1}},
            headers={"traceparent": TRACEPARENT, "idempotency-key": "k"},
        )
        assert single.status_code == 201
    assert up.ended(signal.SIGTERM) == 0
    assert {service for service, _ in heard} == {"shop"}
    sent = {
        value(span, "stook.batch.id"): span for span in named(heard, "send double") if b"batch.id" in str(span).encode()
    }
    of_batch = sent[batch]
    assert (of_batch.trace_id.hex(), of_batch.parent_span_id.hex()) == (TRACE, SPAN)
    attempts = named(heard, "process double")
    assert len(attempts) == 4
    linked = [span for span in attempts if span.links]
    assert {span.links[0].span_id for span in linked} == {of_batch.span_id}
    assert {span.links[0].trace_id.hex() for span in linked} == {TRACE}
    assert {value(span, "stook.batch.id") for span in linked} == {batch}
    (of_single,) = [span for span in attempts if not span.links]
    assert of_single.trace_id.hex() == TRACE
    assert value(of_single, "messaging.message.id") == single.json()["id"]


def test_a_worker_over_http_and_child_processes(run, receiver):
    heard, url = receiver
    serve = run.server("serve", OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_SERVICE_NAME="server")
    worker = run.worker(
        *("tasks.py:halve", "--server", serve.url, "--processes", "1"),
        STOOK_KEY=serve.ready["key"],
        OTEL_EXPORTER_OTLP_ENDPOINT=url,
        OTEL_SERVICE_NAME="box",
    )
    with run.client(serve, serve.ready["key"]) as client:
        submitted(client, "halve", [12, 13])
    assert worker.ended(signal.SIGTERM) == 0
    assert serve.ended(signal.SIGTERM) == 0
    (sent,) = named(heard, "send halve")
    attempts = {value(span, "stook.outcome"): span for service, span in heard if service == "box"}
    assert {span.links[0].span_id for span in attempts.values()} == {sent.span_id}
    assert set(attempts) == {"succeeded", "failed"}
    (event,) = attempts["failed"].events
    said = {one.key: one.value.string_value for one in event.attributes}
    assert (said["exception.type"], said["exception.message"]) == ("ValueError", "unlucky")
    for span in attempts.values():
        assert 0 <= span.end_time_unix_nano - span.start_time_unix_nano < 60e9


def test_the_client_carries_its_callers_trace(run, receiver):
    heard, url = receiver
    up = run.server("up", "tasks.py", OTEL_EXPORTER_OTLP_ENDPOINT=url)
    with (
        stook.Client(up.url, key=up.ready["key"]) as client,
        TracerProvider().get_tracer("mine").start_as_current_span("mine") as mine,
    ):
        client.submit("double", {"n": 1}).result(timeout=60)
    assert up.ended(signal.SIGTERM) == 0
    assert {service for service, _ in heard} == {"stook"}
    trace_id = trace.format_trace_id(mine.get_span_context().trace_id)
    assert {span.trace_id.hex() for _, span in heard} == {trace_id}
    assert {span.name for _, span in heard} == {"send double", "process double"}


def test_a_program_with_a_provider_of_its_own_keeps_it(run, receiver):
    heard, url = receiver
    own = (
        "from opentelemetry import trace\nfrom opentelemetry.sdk.trace import TracerProvider\n"
        "trace.set_tracer_provider(TracerProvider())\n"
    )
    (run.cli.folder / "tasks.py").write_text(own + TASKS)
    up = run.server("up", "tasks.py", OTEL_EXPORTER_OTLP_ENDPOINT=url)
    with run.client(up, up.ready["key"]) as client:
        submitted(client, "double", range(3))
    assert up.ended(signal.SIGTERM) == 0
    assert heard == []


@pytest.mark.parametrize(
    ("environ", "answer"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "x"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, True),
    ],
    ids=str,
)
def test_when_spans_are_wanted(environ, answer):
    assert wanted(environ) is answer


@pytest.mark.parametrize(
    "environ",
    [{"OTEL_TRACES_EXPORTER": "jaeger"}, {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}],
    ids=str,
)
def test_what_there_is_not_is_refused(environ):
    with pytest.raises(ConfigError):
        wanted(environ)
