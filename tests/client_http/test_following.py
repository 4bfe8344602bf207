"""A followed stream as the server may end it: by a word, in silence, or in the middle of one."""

from __future__ import annotations

import contextlib

import pytest

from stook.client import calls
from stook.client.address import Address
from stook.client.connection import Connection
from stook.client.following import follow, stream_rows
from stook.client.request import Answer
from stook.client.stepping import Stepping
from stook.client.transport import Lost
from stook.core.errors import NotFound, StoreError, StoreUnavailable
from stook.server.sse import BEAT, RETRY, frame

ID = "0192f0c1-7b7e-7000-8a2b-3c4d00000000"
BUSY = b'{"error":{"code":"store_unavailable","message":"the disk is away"}}'


class Stream:
    def __init__(self, status, pieces):
        self.status, self._pieces = status, pieces

    async def pieces(self):
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    async def whole(self):
        return Answer(self.status, {}, b"".join(self._pieces))


class Scripted:
    """Each connection is a list of pieces, or an answer's status with its body."""

    def __init__(self, *connections):
        self.connections = list(connections)
        self.asked = []
        self.now = 0.0

    @contextlib.asynccontextmanager
    async def stream(self, request, silence):
        self.asked.append((dict(request.headers).get(b"last-event-id"), dict(request.query), silence))
        found = self.connections.pop(0)
        if isinstance(found, Exception):
            if found.quiet:
                self.now += silence
            raise found
        status, pieces = found if isinstance(found, tuple) else (200, found)
        yield Stream(status, pieces)

    async def sleep(self, seconds):
        self.now += seconds


def connected(transport):
    return Connection(transport, Address("http://s", None), patience=20, clock=lambda: transport.now, draw=lambda: 0.0)


def events(transport, until=None):
    def request(cursor):
        return calls.follow_batch(ID, cursor, settled=True)

    async def pages():
        async for event in follow(connected(transport), request, until=until):
            yield [(event.name, event.data)]

    return list(Stepping().iterate(pages()))


def test_it_goes_on_from_the_last_whole_frame():
    transport = Scripted(
        [frame("snapshot", b"0", 0), frame("settled", b"1", 5), BEAT, frame("settled", b"2", 9)[:-3], Lost("reset")],
        Lost("refused"),
        [RETRY],
        (503, [BUSY]),
        [frame("error", BUSY)],
        [frame("snapshot", b"3", 5), frame("settled", b"2", 9), frame("end", b"4", 9), frame("settled", b"x", 10)],
    )
    assert events(transport) == [
        ("snapshot", b"0"), ("settled", b"1"), ("snapshot", b"3"), ("settled", b"2"), ("end", b"4"),
    ]  # fmt: skip
    assert [one[0] for one in transport.asked] == [None, b"5", b"5", b"5", b"5", b"5"]


def test_what_will_not_pass_is_raised():
    gone = b'{"error":{"code":"not_found","message":"it was deleted"}}'
    for connection, kind in (
        ([frame("snapshot", b"0", 0), frame("error", gone)], NotFound),
        ((404, [gone]), NotFound),
        ((500, [b'{"error":{"code":"internal_error","message":"oh"}}']), StoreError),
    ):
        with pytest.raises(kind):
            events(Scripted(connection))


def test_patience_ends_and_what_was_the_matter_is_said():
    with pytest.raises(StoreUnavailable, match="http://s: the disk is away"):
        events(Scripted(*[(503, [BUSY])] * 50))
    with pytest.raises(StoreUnavailable, match="http://s: no answer: refused"):
        events(Scripted(*[Lost("refused")] * 50))
    # Progress renews it.
    step = [[frame("settled", b"1", 1)], *[Lost("refused")] * 6]
    transport = Scripted(*step * 9, [frame("end", b"", 1)])
    assert len(events(transport)) == 10
    assert transport.now > 20


def test_until_is_kept_in_silence():
    transport = Scripted([frame("snapshot", b"0", 0), Lost("reset")], *[Lost("silent", quiet=True)] * 9)
    assert events(transport, until=30.0) == [("snapshot", b"0")]
    assert 30 <= transport.now <= 30.2
    assert transport.asked[0][2] == 30


def test_a_line_that_was_cut_is_no_row():
    def row(index):
        return (
            b'{"id":"%s","batch_id":"%s","index":%d,"key":null,"state":"queued","input":%d,"result":null,"error":null,'
            b'"attempts":0,"round":1,"duration":null,"finished_at":null,"settle":null}\n'
            % (ID.encode(), ID.encode(), index, index)
        )

    transport = Scripted([row(0) + row(1)[:70], row(1)[70:], row(2)[:-1], Lost("reset")], [row(2) + row(3)])

    async def pages():
        async for page in stream_rows(connected(transport), ID, "input", 0):
            yield [one.index for one in page]

    assert list(Stepping().iterate(pages())) == [0, 1, 2, 3]
    assert [one[1]["after"] for one in transport.asked] == ["0", "2"]
