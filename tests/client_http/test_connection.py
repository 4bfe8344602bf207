"""Requests are sent again while that may help, with pauses, and never for longer than patience lasts."""

from __future__ import annotations

import pytest

from stook.client.address import Address
from stook.client.connection import Connection
from stook.client.request import Answer, Request
from stook.client.stepping import Stepping
from stook.client.transport import Lost
from stook.core.errors import Conflict, InputError, StoreUnavailable

BUSY = Answer(503, {"retry-after": "3"}, b'{"error":{"code":"overloaded","message":"busy","hint":"later"}}')
FINE = Answer(200, {}, b"fine")


class Scripted:
    """A transport whose answers are given; it sleeps by moving its clock."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.sent = []
        self.slept = []
        self.silences = []

    def clock(self):
        return sum(self.slept)

    async def send(self, request, silence):
        self.sent.append(request)
        self.silences.append(silence)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Lost) and answer.quiet:
            self.slept.append(silence)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def sleep(self, seconds):
        self.slept.append(seconds)


def request(**given):
    return Request(method="POST", path="/x", read=lambda answer: answer.content, **given)


def send(transport, asked, patience=60.0):
    connection = Connection(
        transport, Address("http://s", None), patience=patience, clock=transport.clock, draw=lambda: 0.0
    )
    return Stepping().call(connection.send(asked))


def test_lost_ones_are_sent_again():
    transport = Scripted(Lost("reset"), Lost("refused"), FINE)
    assert send(transport, request()) == b"fine"
    assert (len(transport.sent), transport.slept) == (3, [0.05, 0.1])
    assert len({id(one) for one in transport.sent}) == 1  # with the same Idempotency-Key


def test_the_server_says_when():
    transport = Scripted(BUSY, Answer(429, {"retry-after": "7"}, b""), BUSY, FINE)
    assert send(transport, request()) == b"fine"
    assert transport.slept == [3, 7, 3]


def test_patience_ends():
    transport = Scripted(BUSY)
    with pytest.raises(StoreUnavailable, match=r"http://s: busy \(later\)"):
        send(transport, request(), patience=10)
    assert transport.slept == [3, 3, 3]
    transport = Scripted(Lost("refused"))
    with pytest.raises(StoreUnavailable, match="http://s: no answer: refused"):
        send(transport, request(), patience=10)
    assert 5 < sum(transport.slept) <= 10


def test_a_silent_host_costs_patience_once():
    """What was spent waiting for an answer is spent: not a try of full length after it."""
    transport = Scripted(Lost("nothing heard", quiet=True))
    with pytest.raises(StoreUnavailable, match="it may be slow or gone"):
        send(transport, request())
    assert transport.clock() <= 60
    transport = Scripted(Lost("refused"), Lost("nothing heard", quiet=True))
    with pytest.raises(StoreUnavailable):
        send(transport, request(), patience=20)
    assert transport.silences[0] == 60
    assert transport.silences[1] < 20
    assert transport.clock() <= 21


def test_what_must_not_be_sent_twice_is_not():
    for answer in (Lost("reset"), BUSY):
        transport = Scripted(answer)
        with pytest.raises(StoreUnavailable):
            send(transport, request(repeatable=False))
        assert len(transport.sent) == 1


def test_a_no_that_stays_a_no_is_not_asked_again():
    for answer, kind in (
        (Answer(400, {}, b'{"error":{"code":"input_error","message":"bad"}}'), InputError),
        (Answer(409, {}, b'{"error":{"code":"conflict","message":"no"}}'), Conflict),
    ):
        transport = Scripted(answer)
        with pytest.raises(kind):
            send(transport, request())
        assert len(transport.sent) == 1


def test_a_first_request_that_is_still_being_worked_on_is_waited_for():
    busy = Answer(409, {"retry-after": "2"}, b'{"error":{"code":"conflict","message":"being worked on"}}')
    transport = Scripted(Lost("reset"), busy, FINE)
    assert send(transport, request()) == b"fine"
    assert transport.slept == [0.05, 2]


def test_a_delete_whose_answer_was_lost_has_been_done():
    gone = Answer(404, {}, b'{"error":{"code":"not_found","message":"no such batch"}}')
    delete = Request(method="DELETE", path="/batches/x", read=lambda _: None)
    assert send(Scripted(Lost("reset"), gone), delete) is None
    with pytest.raises(Exception, match="no such batch"):
        send(Scripted(gone), delete)
