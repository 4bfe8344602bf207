"""One attempt, against real sockets."""

from __future__ import annotations

import asyncio

import pytest
from standardwebhooks.webhooks import Webhook

from stook import __version__
from stook.webhooks.endpoint_secret import new_secret
from tests.webhooks.receiver import Receiver, answered, closed_port
from tests.webhooks.sending import BODY, KEY, SHORT, letter, send_to, sending

# ------------------------------------------------------------------------------------------------------ what is sent


def test_the_request_is_what_was_promised():
    tried, receiver = send_to(
        lambda *_: answered("200 OK", b"thanks"), changes={"attempt": 3, "auth": ("X-Key", "hush")}
    )
    (request,) = receiver.requests
    assert request.line == "POST /in HTTP/1.1"
    assert request.body == BODY
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == f"stook/{__version__}"
    assert request.headers["x-attempt"] == "3"
    assert request.headers["x-key"] == "hush"
    assert request.headers["webhook-timestamp"] == request.headers["x-vellum-timestamp"]
    assert len(request.headers["x-vellum-signature"]) == 64
    Webhook(KEY).verify(request.body, request.headers)
    assert "transfer-encoding" not in request.headers
    assert (tried.code, tried.error, tried.answer, tried.retry_after) == (200, None, b"thanks", None)
    assert 0 < tried.duration < 15_000_000


def test_what_is_recorded_holds_no_secret():
    tried, receiver = send_to(lambda *_: answered("200 OK"), changes={"auth": ("Authorization", "Bearer hush")})
    assert receiver.requests[0].headers["authorization"] == "Bearer hush"
    assert tried.headers["Authorization"] == "***"
    assert tried.headers["webhook-signature"] == receiver.requests[0].headers["webhook-signature"]
    assert "hush" not in repr(tried)
    assert KEY not in repr(tried)


def test_each_attempt_has_the_time_of_its_own_and_a_fresh_signature():
    times = iter([1_750_000_000_999_999] * 2 + [1_750_000_060_000_000] * 2)

    async def main(sender):
        async with Receiver() as receiver:
            for attempt in (1, 2):
                await sender.send(letter(receiver.url(), attempt=attempt))
            return receiver.requests

    first, second = sending(main, clock=lambda: next(times))
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == "evt_1"
    assert [one.headers["webhook-timestamp"] for one in (first, second)] == ["1750000000", "1750000060"]
    for name in ("webhook-signature", "x-vellum-signature"):
        assert first.headers[name] != second.headers[name]


def test_both_secrets_sign_while_one_replaces_the_other():
    other = new_secret()
    _, receiver = send_to(lambda *_: answered("200 OK"), changes={"secrets": [other, KEY]})
    (request,) = receiver.requests
    Webhook(KEY).verify(request.body, request.headers)
    Webhook(other).verify(request.body, request.headers)
    assert request.headers["x-vellum-signature"] != request.headers["x-vellum-signature-previous"]


def test_a_connection_is_used_again():
    async def main(sender):
        async with Receiver() as receiver:
            tried = [await sender.send(letter(receiver.url())) for _ in range(3)]
            return [one.error for one in tried], receiver.connections

    assert sending(main) == ([None] * 3, 1)


def test_a_connection_that_the_receiver_closed_meanwhile_is_no_failure():
    """It answers the first request and closes; it reads the next one of the same connection and hangs up on it."""

    async def main(sender):
        def answer(request, _writer):
            first_of_its_connection = sum(one.connection == request.connection for one in receiver.requests) == 1
            return answered("200 OK") if first_of_its_connection else None

        async with Receiver(answer) as receiver:
            tried = [await sender.send(letter(receiver.url())) for _ in range(2)]
            return [one.error for one in tried], [one.connection for one in receiver.requests]

    assert sending(main) == ([None, None], [1, 1, 2])


def test_proxies_of_the_environment_are_not_asked(monkeypatch):
    with closed_port() as port:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        tried, _ = send_to(lambda *_: answered("200 OK"))
    assert tried.error is None


# ------------------------------------------------------------------------------------------------------ what comes back


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "299 Odd"])
def test_every_2xx_is_a_success(status):
    tried, _ = send_to(lambda *_: answered(status))
    assert (tried.code, tried.error) == (int(status[:3]), None)


@pytest.mark.parametrize("code", [300, 304, 400, 401, 404, 410, 429, 500, 503])
def test_all_else_is_a_failure(code):
    tried, _ = send_to(lambda *_: answered(f"{code} No", b"why"))
    assert (tried.code, tried.error) == (code, "http_status")
    assert tried.answer == (b"" if code == 304 else b"why")


def test_a_redirect_is_not_followed():
    async def main(sender):
        async with Receiver() as elsewhere:
            async with Receiver(lambda *_: answered("307 Go", location=elsewhere.url())) as receiver:
                tried = await sender.send(letter(receiver.url()))
            return tried.code, tried.error, elsewhere.connections

    assert sending(main) == (307, "http_status", 0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        (" 7 ", 7.0),
        ("Fri, 13 Feb 2009 23:32:30 GMT", 60.0),
        ("Fri, 13 Feb 2009 23:32:30 -0000", 60.0),
        ("Fri, 13 Feb 2009 23:30:00 GMT", 0.0),
        ("-5", None),
        ("soon", None),
        ("99999999999999999999", None),
        ("nan", None),
    ],
)
def test_retry_after(text, seconds):
    tried, _ = send_to(lambda *_: answered("503 No", retry_after=text), clock=lambda: 1_234_567_890_000_000)
    assert tried.retry_after == seconds


def test_of_a_long_answer_the_beginning_is_kept_and_the_rest_not_waited_for():
    ended = asyncio.Event()

    async def endless(_request, writer):
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        try:
            while True:
                writer.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
                await writer.drain()
        finally:
            ended.set()

    async def main(sender):
        async with Receiver(endless) as receiver:
            tried = await sender.send(letter(receiver.url()))
            await ended.wait()  # it was hung up on
            return tried

    tried = sending(main)
    assert (tried.code, tried.error, tried.answer) == (200, None, b"x" * 2048)


async def _hang(_request, _writer):
    await asyncio.Event().wait()


async def _drip(_request, writer):
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


async def _drip_headers(_request, writer):
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"x: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


async def _continue(_request, writer):
    while True:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("answer", [_hang, _drip, _drip_headers, _continue])
def test_whoever_takes_too_long_is_cut_off(answer):
    async def main(sender):
        async with Receiver(answer) as receiver:
            return await sender.send(letter(receiver.url()))

    tried = sending(main, limits=SHORT)
    assert (tried.code, tried.error) == (None, "timeout: not done within 0.05 s")
    assert 50_000 <= tried.duration < 10_000_000


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfew",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000,
        b"",
    ],
    ids=["ssh", "short", "headers", "nothing"],
)
def test_what_is_no_answer_is_a_protocol_error(raw):
    def answer(_request, writer):
        writer.write(raw)

    tried, _ = send_to(answer)
    assert tried.code is None
    assert tried.error.startswith("protocol_error: ")


def test_a_port_that_nobody_listens_on():
    async def main(sender):
        with closed_port() as port:
            return await sender.send(letter(f"http://127.0.0.1:{port}/"))

    assert sending(main).error.startswith("connect_failed: ")


def test_a_header_that_no_server_of_http_would_take_is_recorded_and_raises_nothing():
    tried, _ = send_to(lambda *_: answered("200 OK"), changes={"auth": ("X-Key", "a\r\nb")})
    assert tried.error.startswith("protocol_error: ")


def test_an_endpoint_that_this_server_cannot_serve_is_recorded():
    tried, _ = send_to(lambda *_: answered("200 OK"), changes={"schemes": ["unknown"]})
    assert tried.error.startswith("invalid_endpoint: schemes: there is no webhook scheme 'unknown'")
    tried, _ = send_to(lambda *_: answered("200 OK"), changes={"url": "ftp://h/"})
    assert tried.error.startswith("invalid_endpoint: url: ")


def test_a_mistake_of_stooks_own_is_recorded_too_and_logged(caplog):
    async def broken(_host, _port):
        raise ZeroDivisionError

    async def main(sender):
        return await sender.send(letter("http://h.example/"))

    assert sending(main, resolve=broken).error == "internal_error: ZeroDivisionError, see the server's log"
    assert "an attempt to deliver evt_1 failed unexpectedly" in caplog.text
