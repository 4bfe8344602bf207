"""Both signatures: fixed vectors, and a library that others verify with."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from stook.webhooks.endpoint_secret import library_form, new_secret
from stook.webhooks.signing import Outgoing, StandardScheme, VellumScheme

SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of the published vectors
OLD = "fedcba9876543210fedcba9876543210"
SENT = Outgoing(
    "POST",
    "https://hooks.example.com/in?x=1",
    b'{"id":"evt-1","type":"test"}',
    "evt-1",
    1_750_000_000,
    [SECRET],
)
secrets_ = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=16, max_size=64)


def test_vector_of_the_plain_scheme():
    assert VellumScheme().headers(SENT) == {
        "X-Vellum-Timestamp": "1750000000",
        "X-Vellum-Signature": "64c96afcd531e6eccc0409bfcc2794c1189ac52dfcab73009704e3f6541b1145",
    }


def test_vector_of_the_plain_scheme_without_a_body():
    bare = SENT._replace(method="GET", url="https://hooks.example.com/", body=b"")
    assert VellumScheme().headers(bare)["X-Vellum-Signature"] == (
        "c083457d81060ded529c241daf89d93a5c105b81173c19e075d685029610c100"
    )


def test_vector_of_the_standard_scheme():
    assert StandardScheme().headers(SENT) == {
        "webhook-id": "evt-1",
        "webhook-timestamp": "1750000000",
        "webhook-signature": "v1,XyHwfH9aiZPtdFPAGVMHcrcpFx/bfeKFa2HRDM0Nr/A=",
    }


def test_while_a_secret_rotates_both_sign():
    both = SENT._replace(secrets=[OLD, SECRET])
    new, old = StandardScheme().headers(both)["webhook-signature"].split(" ")
    assert old == StandardScheme().headers(SENT)["webhook-signature"]
    assert new == StandardScheme().headers(SENT._replace(secrets=[OLD]))["webhook-signature"]
    plain = VellumScheme().headers(both)
    assert plain["X-Vellum-Signature-Previous"] == VellumScheme().headers(SENT)["X-Vellum-Signature"]
    assert plain["X-Vellum-Signature"] == VellumScheme().headers(SENT._replace(secrets=[OLD]))["X-Vellum-Signature"]
    assert "X-Vellum-Signature-Previous" not in VellumScheme().headers(SENT)


@given(
    secret=secrets_ | st.builds(new_secret),
    event=st.text(st.sampled_from("abcdef0123456789_-"), min_size=1, max_size=40),
    body=st.text(max_size=200),
    timestamp=st.integers(0, 4_000_000_000),
)
def test_a_library_signs_the_same(secret, event, body, timestamp):
    sent = SENT._replace(
        event_id=event, body=body.encode(errors="surrogatepass"), timestamp=timestamp, secrets=[secret]
    )
    # It relabels what it is given as UTC: a local time would be signed as another one.
    when = datetime.fromtimestamp(timestamp, UTC)
    assert StandardScheme().headers(sent)["webhook-signature"] == Webhook(library_form(secret)).sign(event, when, body)


@given(new=secrets_, old=secrets_, body=st.dictionaries(st.text(max_size=5), st.integers(), max_size=3))
def test_a_library_verifies_with_either_secret_and_with_no_third(new, old, body):
    raw = str(body).replace("'", '"').encode()
    now = int(datetime.now(UTC).timestamp())
    sent = SENT._replace(body=raw, timestamp=now, secrets=[new, old])
    headers = dict(StandardScheme().headers(sent))
    for secret in (new, old):
        Webhook(library_form(secret)).verify(raw, headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(library_form(new + old + "!")).verify(raw, headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(library_form(new)).verify(raw + b" ", headers, json_parse=False)


@given(
    secret=secrets_,
    url=st.sampled_from(["https://h.example/", "http://h.example/ä?b".encode().decode()]),
    body=st.binary(),
)
def test_a_receiver_of_the_plain_scheme_computes_the_same(secret, url, body):
    made = VellumScheme().headers(SENT._replace(secrets=[secret], url=url, body=body))
    message = b"\n".join([made["X-Vellum-Timestamp"].encode(), b"POST", url.encode(), body])
    assert made["X-Vellum-Signature"] == hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


@given(st.binary(), secrets_)
def test_signatures_are_of_whole_length(body, secret):
    sent = SENT._replace(body=body, secrets=[secret])
    assert len(VellumScheme().headers(sent)["X-Vellum-Signature"]) == 64
    assert len(base64.b64decode(StandardScheme().headers(sent)["webhook-signature"].removeprefix("v1,"))) == 32
