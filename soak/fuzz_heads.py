"""Bad heads: what goes before a body, or lies about it; and what is no HTTP at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from soak.fuzz_case import JSON, LINES, Case, call
from soak.fuzz_values import TEXTS

if TYPE_CHECKING:
    import random

    from soak.fuzz_case import World

__all__ = ["head_case"]

_GARBAGE: Final = (
    b"",
    b"\r\n\r\n",
    b"\0\0\0\0",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\nhost: x\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"GET http://other.example/api/v1/batches HTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET /api/v1/batches HTTP/1.1\r\n\r\n",
    b"GET /%00%ff%zz HTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET //api//v1//batches HTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET /../../etc/passwd HTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: x\r\nbad header: 1\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: x\r\nx: a\0b\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: x\r\n folded\r\n\r\n",
    b"GET / HTTP/1.1\nhost: x\n\n",
    b"GET / HTTP/1.1\r\nhost: x\r\n" + b"".join(b"h%d: 1\r\n" % number for number in range(3000)) + b"\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n",
    b"CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET /readyz HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: x\r\n\r\n",
    b"GET /readyz HTTP/1.1\r\nhost: x\r\nupgrade: h2c\r\nconnection: upgrade, http2-settings\r\n\r\n",
)
_LENGTHS: Final = ("-1", "+5", "5, 5", "5, 6", "0x5", "5.0", "", " ", "9" * 30, "1e3", "٣", "99999999999")
_CHUNKED: Final = (
    b"5\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhel",
    b"zz\r\nhello\r\n0\r\n\r\n",
    b"-5\r\nhello\r\n0\r\n\r\n",
    b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    b"5;ext=" + b"e" * 100_000 + b"\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhelloXX0\r\n\r\n",
    b"5\nhello\n0\n\n",
    b"0\r\n\r\n",
    b"0\r\ntrailer: 1\r\nanother: 2\r\n\r\n",
    b"0\r\n" + b"t: 1\r\n" * 5000 + b"\r\n",
    b"1\r\n1\r\n" * 2000 + b"0\r\n\r\n",
)
_ASKED: Final = {
    "range": ("bytes=0-10", "bytes=-1", "bytes=5-1", "items=0-", "bytes=0-0,1-1," * 200, "x", "bytes=" + "9" * 400),
    "if-none-match": ("*", '""', 'W/"x"', '"a",' * 3000, "x", "\xff", '"\\"', ","),
    "if-match": ("*", '"x"'),
    "if-modified-since": ("Mon, 99 Foo 9999 99:99:99 GMT", "x"),
    "last-event-id": ("0", "-1", "1", "9" * 30, str(2**63), "x", "", "\xff", "1.5", "1e3", "٣", " 1 ", "0" * 18),
    "authorization": (
        "",
        "Bearer",
        "Bearer ",
        "Basic x:y",
        "Bearer stk_",
        "Bearer stk_a_b",
        "Bearer " + "x" * 9000,
        "\xff",
    ),
    "expect": ("100-continue", "200-ok", "", "100-continue, 100-continue"),
    "accept": ("", "text/html", "*/*;q=0", "x" * 5000),
    "accept-encoding": ("gzip", "identity;q=0", "*;q=0", "x"),
    "content-type": (
        "",
        ";",
        "application/json; charset=utf-16",
        "application/json;" * 500,
        "\xff/\xff",
        "text/csv; header=absent",
    ),
    "x-request-id": ("", "a b", "x" * 300, "\xff", "ok-1"),
    "host": ("", "\xff", "a" * 5000, "[::1", "x:99999999"),
    "connection": ("close", "keep-alive, x", "upgrade"),
    "transfer-encoding": ("gzip", "identity", "chunked, chunked", "x"),
    "cookie": ("a=b" * 3000,),
}


def head_case(dice: random.Random, world: World) -> Case:
    match dice.randrange(5):
        case 0:
            data = dice.choice(_GARBAGE)
            return Case(what="garbage", data=data, ends="half")
        case 1:
            return _length(dice, world)
        case 2:
            return _chunks(dice, world)
        case _:
            return _asked(dice, world)


def _start(world: World, name: str) -> str:
    secret = world.keys["admin"]
    return (
        f"POST /api/v1/batches?task={world.task}&name={name} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {secret}\r\n"
        f"content-type: {LINES}\r\n"
    )


def _length(dice: random.Random, world: World) -> Case:
    name = world.name()
    count = dice.choice((1, 1, 2))
    lengths = "".join(f"content-length: {dice.choice(_LENGTHS)}\r\n" for _ in range(count)).encode()
    if dice.random() < 0.2:
        lengths += b"transfer-encoding: chunked\r\n"
    data = (
        _start(world, name).encode()
        + lengths
        + b"\r\n"
        + dice.choice((b"", b"1\n2\n3\n", b"5\r\n1\n2\n3\r\n0\r\n\r\n"))
    )
    return Case(what="content-length", data=data, ends="half", creates=name)


def _chunks(dice: random.Random, world: World) -> Case:
    name = world.name()
    expect = dice.choice(("", "", "expect: 100-continue\r\n"))
    head = f"{_start(world, name)}transfer-encoding: chunked\r\n{expect}\r\n".encode()
    return Case(
        what="chunks", data=head + dice.choice(_CHUNKED), ends=dice.choice(("half", "half", "cut")), creates=name
    )


def _asked(dice: random.Random, world: World) -> Case:
    header = dice.choice(sorted(_ASKED))
    value = dice.choice(_ASKED[header]) if dice.random() < 0.9 else dice.choice(TEXTS)[:2000]
    value = value.encode(errors="surrogatepass").decode("latin-1").replace("\0", "").replace("\r", "").replace("\n", "")
    batch = dice.choice(world.ids["batch"])
    places = ("", "/states", "/results", "/executions", "/follow", "/why", "/failures")
    target, streams = f"/api/v1/batches/{batch}{dice.choice(places)}", False
    if header == "last-event-id" or target.endswith("/follow"):
        target, streams = dice.choice((f"/api/v1/batches/{batch}/follow", "/api/v1/follow")), True
    secret = None if header == "authorization" else world.keys["admin"]
    headers = {header: value}
    if header in ("expect", "content-type", "transfer-encoding"):
        made = world.name()
        body = b'{"task":"%s","items":[1],"name":"%s"}' % (world.task.encode(), made.encode())
        given = {"content-type": JSON} | headers
        return call(header, "POST", "/api/v1/batches", secret, body, given, ends="half", creates=made)
    if dice.random() < 0.15:
        headers[header.upper()] = value
    return call(header, "GET", target, secret, b"", headers, streams=streams)
