"""What needs no server: times, states, errors, forms."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.deployment import DeploymentState
from stook.core.hosted_reason import HostedReason
from stook.core.states import BatchState, State
from stook.server.dialects.kernel.deploy_form import read_form
from stook.server.dialects.kernel.reasons import batch_reason, reason_in_words
from stook.server.dialects.kernel.refusals import KernelRefusal, refusal_in_words
from stook.server.dialects.kernel.shown import deployment_status
from stook.server.dialects.kernel.since import read_since
from stook.server.dialects.kernel.states import batch_status, invocation_states, invocation_status
from stook.server.multipart import Part
from stook.server.refusal import STATUS, Refusal

NOW = 1_800_000_000_000_000
HOUR = 3_600_000_000


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("1h30m", HOUR * 3 // 2),
        ("1.5h", HOUR * 3 // 2),
        ("5m", HOUR // 12),
        ("5s", 5_000_000),
        ("250ms", 250_000),
        ("3us", 3),
        ("3µs", 3),
        ("2000ns", 2),
        ("0", 0),
    ],
)
def test_since_may_be_a_span(text, ago):
    assert read_since(text, NOW) == NOW - ago


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2025-01-02", 1_735_776_000_000_000),
        ("2025-01-02T03:04", 1_735_787_040_000_000),
        ("2025-01-02T03:04:05", 1_735_787_045_000_000),
        ("2025-01-02T03:04:05.678", 1_735_787_045_678_000),
        ("2025-01-02T03:04:05.678901234Z", 1_735_787_045_678_901),
        ("2025-01-02T03:04:05+02:00", 1_735_779_845_000_000),
        ("2025-01-02T03:04:05 02:00", 1_735_779_845_000_000),
    ],
)
def test_since_may_be_a_moment(text, at):
    assert read_since(text, NOW) == at


@pytest.mark.parametrize("text", ["", None])
def test_no_since_is_none(text):
    assert read_since(text, NOW) is None


@pytest.mark.parametrize("text", ["-5m", "1d", "5", "soon", "2025-13-01", "2025-01-02T25:00", "1h 5m", "9" * 80, "٣m"])
def test_anything_else_is_400(text):
    with pytest.raises(KernelRefusal) as refused:
        read_since(text, NOW)
    assert refused.value.status == 400


@given(st.text(max_size=40))
def test_no_text_breaks_since(text):
    try:
        read_since(text, NOW)
    except KernelRefusal as refused:
        assert refused.status == 400  # noqa: PT017 - either is right


def test_every_state_of_an_execution_has_a_word():
    shown = {(state.name, begun): invocation_status(state, begun=begun) for state in State for begun in (False, True)}
    assert shown == {
        ("queued", False): "queued",
        ("queued", True): "running",
        ("scheduled", False): "queued",
        ("scheduled", True): "running",
        **{(one, begun): "running" for one in ("running", "suspended", "cancelling") for begun in (False, True)},
        **{("succeeded", begun): "succeeded" for begun in (False, True)},
        **{(one, begun): "failed" for one in ("failed", "cancelled", "expired") for begun in (False, True)},
    }


def test_a_filter_finds_exactly_what_is_shown_so():
    for word in ("queued", "running", "succeeded", "failed"):
        states, begun = invocation_states(word)
        for state in State:
            # What has ended is begun or not; what runs has begun.
            for one in (True,) if state in (State.running, State.cancelling, State.suspended) else (False, True):
                found = state in states and begun in (None, one)
                assert found == (invocation_status(state, begun=one) == word), (word, state, one)


def test_every_state_of_a_batch_has_a_word():
    def shown(state, *, begun=False, succeeded=0, failed=0):
        return batch_status(BatchState(state), begun=begun, succeeded=succeeded, failed=failed)

    assert [shown(one) for one in ("open", "queued", "paused")] == ["queued"] * 3
    assert [shown(one, begun=True) for one in ("open", "queued", "paused")] == ["running"] * 3
    assert [shown(one) for one in ("running", "cancelling")] == ["running"] * 2
    for one in ("succeeded", "partially_failed", "failed"):
        assert shown(one) == one
    for one in ("cancelled", "expired"):
        assert shown(one, succeeded=2, failed=1) == "partially_failed"
        assert shown(one, failed=3) == "failed"
        assert shown(one, succeeded=3) == "succeeded"


def test_every_state_of_a_deployment_has_a_word():
    assert [deployment_status(one) for one in DeploymentState] == [
        *("queued", "in_progress", "running", "stopped", "failed")
    ]


def test_every_reason_has_words():
    words = [reason_in_words(one, 900.0) for one in HostedReason]
    assert len(set(words)) == len(words)
    assert reason_in_words(HostedReason.timed_out, 900.0) == "timed out after 900 seconds"


def test_a_batch_that_was_stopped_always_says_why():
    assert batch_reason(BatchState.cancelled, None) == "cancelled"
    assert batch_reason(BatchState.expired, "its deadline was over") == "its deadline was over"
    assert {batch_reason(one, "paused") for one in (BatchState.paused, BatchState.succeeded)} == {None}


@pytest.mark.parametrize("code", sorted(STATUS))
def test_every_error_of_the_server_has_a_status_and_a_code_of_the_dialect(code):
    worded = refusal_in_words(Refusal(STATUS[code], code, "it went wrong", hint="do otherwise"))
    assert worded.status in (400, 401, 403, 404, 405, 413, 429, 500, 501, 529)
    said = msgspec.json.decode(worded.body())
    assert said["code"]
    assert said["code"] not in ("sdk_upgrade_required", "sdk_update_required")
    assert said["message"] == "it went wrong: do otherwise"


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (401, "unauthorized", "unauthorized"),
        (403, "forbidden", "forbidden"),
        (408, "sender_gone", "bad_request"),
        (413, "body_too_large", "request_too_large"),
        (415, "unsupported_media_type", "bad_request"),
        (503, "overloaded", "internal_error"),
        (409, "key_conflict", "idempotency_key_reused"),
    ],
)
def test_codes_of_the_edge(status, code, words):
    assert refusal_in_words(Refusal(status, code, "no")).said.code == words


def test_nobody_is_told_to_wait_longer_than_clients_do():
    refusal = Refusal(503, "overloaded", "no", headers={"retry-after": "3600", "accept-post": "x"})
    assert refusal_in_words(refusal).headers == {"retry-after": "60"}


def field(name, text, media_type=""):
    return Part(name, None, media_type, text.encode())


FILE = Part("file", "a.zip", "application/zip", path=Path("a.zip"))
ENTRY = field("entrypoint_rel_path", "main.py")


def test_a_form_with_a_file_in_any_order():
    given = [field("env_vars[A]", "1"), field("env_vars[B]", ""), FILE, field("force", "true"), ENTRY]
    for parts in (given, given[::-1]):
        form = read_form(parts)
        assert (form.file, form.source) == (Path("a.zip"), None)
        assert (form.entrypoint, form.version, form.force) == ("main.py", "latest", True)
        assert form.env == {"A": "1", "B": ""}


@pytest.mark.parametrize(
    "parts",
    [
        [
            field("source[type]", "github"),
            field("source[url]", "https://github.com/a/b"),
            field("source[ref]", "main"),
            field("source[entrypoint]", "src/app.ts"),
            field("source[auth][method]", "github_token"),
            field("source[auth][token]", "t"),
        ],
        [
            field(
                "source",
                '{"type": "github", "url": "https://github.com/a/b", "ref": "main", "entrypoint": "src/app.ts",'
                ' "auth": {"method": "github_token", "token": "t"}}',
                "application/json",
            )
        ],
    ],
)
def test_a_form_with_a_repository_in_either_encoding(parts):
    form = read_form([*parts, field("version", "v1")])
    assert (form.entrypoint, form.version, form.file) == ("src/app.ts", "v1", None)
    assert (form.source.url, form.source.ref, form.source.auth.token) == ("https://github.com/a/b", "main", "t")
    assert "t" not in repr(form.source.auth).replace("Auth", "")


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([], "either file"),
        ([ENTRY], "either file"),
        ([FILE], "entrypoint_rel_path"),
        ([FILE, ENTRY, field("source", '{"type":"github","url":"u","ref":"r","entrypoint":"e"}')], "either file"),
        ([FILE, ENTRY, field("force", "perhaps")], "force"),
        ([FILE, ENTRY, field("region", "eu")], "region"),
        ([FILE, ENTRY, field("env_vars[A=B]", "1")], "env_vars"),
        ([field("file", "PK"), ENTRY], "file"),
        ([field("source", "[]")], "source"),
        ([field("source[type]", "gitlab")], "source"),
        ([field("source[type]", "github")], "source"),
    ],
)
def test_a_form_that_cannot_be(parts, words):
    with pytest.raises(KernelRefusal) as refused:
        read_form(parts)
    assert refused.value.status == 400
    assert words in refused.value.said.message
