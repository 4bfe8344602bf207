"""A trace that begins at a submission goes on in the handler, through the queue."""

from __future__ import annotations

import json
import threading

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace import SpanKind, StatusCode

import stook
from stook.core.policy import RetryPolicy
from stook.telemetry import spans as own
from tests.cli.conftest import until


@pytest.fixture
def recorded(monkeypatch):
    """What is recorded while a test runs; without the one provider that a process may have."""
    exporter = InMemorySpanExporter()

    def use(sampler=None):
        provider = TracerProvider(sampler=sampler) if sampler else TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
        monkeypatch.setattr(trace, "get_tracer", lambda name, *_: provider.get_tracer(name))

    use()

    def found(name=None):
        return [span for span in exporter.get_finished_spans() if name in (None, span.name)]

    found.use = use
    found.wait = lambda name, count: until(lambda: len(found(name)) >= count, f"{count} spans {name}")
    return found


def ids_of(batch_id, count):
    return {f"{batch_id[:-8]}{index:08x}" for index in range(count)}


def test_attempts_of_a_batch_are_linked_to_its_submission(app_on_either, recorded):
    app, seen = app_on_either, []

    @app.task("t", max_attempts=1)
    async def handler(item):
        seen.append(trace.get_current_span().get_span_context().span_id)

    with app.working():
        batch = handler.map([1, 2, 3])
        batch.wait(timeout=60)
    recorded.wait("process t", 3)
    (sent,) = recorded("send t")
    assert sent.kind is SpanKind.PRODUCER
    assert sent.attributes["messaging.batch.message_count"] == 3
    assert sent.attributes["stook.batch.id"] == batch.id
    attempts = recorded("process t")
    assert len(attempts) == 3
    for span in attempts:
        assert span.kind is SpanKind.CONSUMER
        assert span.parent is None
        assert span.context.trace_id != sent.context.trace_id
        assert [link.context.span_id for link in span.links] == [sent.context.span_id]
        assert (span.attributes["stook.attempt"], span.attributes["stook.batch.id"]) == (1, batch.id)
        assert span.attributes["messaging.system"] == "stook"
        assert span.attributes["messaging.operation.type"] == "process"
        assert span.attributes["stook.outcome"] == "succeeded"
    assert {span.attributes["messaging.message.id"] for span in attempts} == ids_of(batch.id, 3)
    assert sorted(seen) == sorted(span.context.span_id for span in attempts), "the handler runs within its span"


def test_a_single_is_one_trace_with_its_submitters(app_on_either, recorded):
    app = app_on_either

    @app.task("t")
    async def handler(item):
        with trace.get_tracer("mine").start_as_current_span("inside"):
            return item

    with app.working():
        with trace.get_tracer("mine").start_as_current_span("outside"):
            executions = [handler.submit(n) for n in range(2)]
        for one in executions:
            one.result(timeout=60)
    recorded.wait("process t", 2)
    (outside,), sent, inside = recorded("outside"), recorded("send t"), recorded("inside")
    attempts = recorded("process t")
    assert {span.context.trace_id for span in (*sent, *attempts, *inside)} == {outside.context.trace_id}
    assert {span.parent.span_id for span in sent} == {outside.context.span_id}
    assert {span.parent.span_id for span in attempts} == {span.context.span_id for span in sent}
    assert {span.parent.span_id for span in inside} == {span.context.span_id for span in attempts}
    assert {span.attributes["messaging.message.id"] for span in sent} == {one.id for one in executions}


def test_each_retry_is_a_span_and_failures_are_exceptions(app, recorded):
    @app.task("t", max_attempts=2, retry=RetryPolicy(delays=(0.01,)))
    async def handler(item):
        raise ValueError("no way")

    with app.working():
        handler.map([1]).wait(timeout=60)
    recorded.wait("process t", 2)
    attempts = recorded("process t")
    assert [span.attributes["stook.attempt"] for span in attempts] == [1, 2]
    for span in attempts:
        assert span.status.status_code is StatusCode.ERROR
        (event,) = span.events
        assert event.name == "exception"
        assert (event.attributes["exception.type"], event.attributes["exception.message"]) == ("ValueError", "no way")
        assert "test_spans.py" in event.attributes["exception.stacktrace"]
        assert span.attributes["error.type"] == "handler_error"


def test_threads_run_within_their_spans(app, recorded):
    seen = {}

    @app.task("t")
    def handler(item):
        seen[threading.get_ident()] = trace.get_current_span().get_span_context().span_id
        return item

    with app.working(concurrency=1):
        handler.map([1]).wait(timeout=60)
    recorded.wait("process t", 1)
    (span,) = recorded("process t")
    assert list(seen.values()) == [span.context.span_id]


def test_a_group_is_one_span_linked_to_each_batch(app, recorded):
    seen = []

    @app.task("t", batch=stook.BatchConfig(size=4, timeout=5))
    async def handler(items):
        seen.append(trace.get_current_span().get_span_context().span_id)
        return items

    batches = [handler.map([1, 2]) for _ in range(2)]
    with app.working():
        for one in batches:
            one.wait(timeout=60)
    recorded.wait("process t", 1)
    (span,) = recorded("process t")
    assert span.attributes["messaging.batch.message_count"] == 4
    sent = {one.context.span_id for one in recorded("send t")}
    assert {link.context.span_id for link in span.links} == sent
    assert len(sent) == 2
    assert seen == [span.context.span_id]


def test_a_group_that_raises_has_its_exception(app, recorded):
    @app.task("t", max_attempts=1, batch=stook.BatchConfig(size=2, timeout=1))
    def handler(items):
        raise ValueError("all of them")

    with app.working():
        handler.map([1, 2]).wait(timeout=60)
    recorded.wait("process t", 1)
    assert recorded("process t")[0].events[0].attributes["exception.message"] == "all of them"


def test_what_is_not_sampled_at_submission_makes_no_span_object(app, recorded, monkeypatch):
    recorded.use(ParentBased(ALWAYS_OFF))

    def never(*_):
        pytest.fail("an object for an attempt that nobody records")

    monkeypatch.setattr(own, "spans_of", never)

    @app.task("t")
    async def handler(item):
        return item

    with app.working():
        assert handler.map([1, 2]).wait(timeout=60).counters.succeeded == 2
    assert recorded() == []


def test_without_a_provider_nothing_is_stored_and_nothing_made(app, monkeypatch):
    made = []
    monkeypatch.setattr(own, "_SliceSpans", lambda *_: made.append(1))

    @app.task("t")
    async def handler(item):
        return item

    with app.working():
        batch = handler.map([1, 2])
        batch.wait(timeout=60)
    assert made == []


def test_a_worker_without_a_provider_makes_none(app, recorded, monkeypatch):
    @app.task("t")
    async def handler(item):
        return item

    batch = handler.map([1, 2])
    assert len(recorded("send t")) == 1
    monkeypatch.setattr(trace, "get_tracer_provider", trace.ProxyTracerProvider)
    monkeypatch.setattr(own, "_SliceSpans", lambda *_: pytest.fail("an object for what nobody records"))
    with app.working():
        assert batch.wait(timeout=60).counters.succeeded == 2


def test_a_trace_is_no_metadata(app, recorded):
    seen = []

    @app.task("t")
    async def handler(item, ctx: stook.Context):
        seen.append(ctx.metadata)

    with app.working():
        batch = handler.map([1], metadata={"a": 1})
        batch.wait(timeout=60)
    assert seen == [{"a": 1}]
    assert json.loads(batch.show().metadata) == {"a": 1}
