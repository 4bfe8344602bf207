"""Bad streams of items: lines, tables and Parquet, compressed or not, cut, damaged, or much bigger inside."""

from __future__ import annotations

import csv
import gzip
import io
from functools import cache
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.parquet
import zstandard

from soak.fuzz_case import HANG, JSON, LINES, call, query_text
from soak.fuzz_values import JUNK, TEXTS

if TYPE_CHECKING:
    import random

    from soak.fuzz_case import Case, World

__all__ = ["stream_case"]

TABLE: Final = "text/csv"
PARQUET: Final = "application/vnd.apache.parquet"
_BOMB: Final = 64 * 2**20
_ENCODINGS: Final = (
    "",
    "identity",
    "gzip",
    "zstd",
    "gzip, gzip",
    "br",
    "deflate",
    "GZIP",
    "x-gzip",
    "\xff",
    "zstd;q=1",
)


def stream_case(dice: random.Random, world: World) -> Case:
    """Half of them to a new batch, half to an open one."""
    kind = dice.choice((LINES, LINES, TABLE, PARQUET))
    body = _content(dice, kind)
    if dice.random() < 0.4:
        body = _damaged(dice, body)
    encoding = dice.choice(_ENCODINGS) if dice.random() < 0.6 else ""
    data = _packed(dice, body, encoding)
    headers = {
        "content-type": kind if dice.random() < 0.95 else dice.choice((JSON, "text/plain", LINES, TABLE, PARQUET))
    }
    if encoding:
        headers["content-encoding"] = encoding
    if dice.random() < 0.3:
        headers["idempotency-key"] = f"s{dice.randrange(8)}"
    words: list[tuple[str, str | bytes]] = []
    creates = None
    if dice.random() < 0.5:
        creates = world.name()
        words += [("task", world.task), ("name", creates)]
        if dice.random() < 0.2:
            words.append(("open", dice.choice(("true", "false", "1", "yes"))))
        if dice.random() < 0.2:
            words.append(
                ("metadata", dice.choice(('{"a":1}', "[]", "{", '{"a":"\\ud800"}', "9" * 3000, '{"a":' * 300)))
            )
        if dice.random() < 0.2:
            words.append(("dedupe_key", dice.choice(("id", "a.b.c", "", "\0", "é"))))
        path = "/api/v1/batches"
    else:
        headers.pop("idempotency-key", None)
        words.append(("offset", dice.choice(("0", "1", "3", "100000", "-1", str(2**32), "x", ""))))
        path = f"/api/v1/batches/{dice.choice(world.ids['batch'])}/items"
    if dice.random() < 0.3:
        words.append(("key", dice.choice(("id", "n", "missing", "a..b", "\ud800", "x" * 600))))
    return call(
        f"{kind} {encoding or 'plain'} to {'a batch' if creates is None else 'a new batch'}",
        "POST",
        f"{path}?{query_text(words)}",
        world.secret(dice),
        data,
        headers,
        creates=creates,
        ends=dice.choices(("whole", "half", "cut"), (8, 1, 1))[0],
        patience=HANG,
    )


def _content(dice: random.Random, kind: str) -> bytes:
    rows = dice.choice((0, 1, 3, 50, 3000))
    if kind == PARQUET:
        return _parquet(rows, dice.choice(("none", "snappy", "gzip", "zstd")))
    if kind == TABLE:
        out = io.StringIO()
        writer = csv.writer(out, lineterminator=dice.choice(("\n", "\r\n", "\r")))
        head = dice.choice((["id", "n"], ["id", "id"], ["", ""], ["id"], [], ["é", "\ufeffn"]))
        writer.writerow(head)
        for number in range(rows):
            row = [number, dice.choice(TEXTS) if dice.random() < 0.01 else "x"]
            writer.writerow(row if dice.random() < 0.99 else row[: dice.randrange(3)] + ["more"] * dice.randrange(3))
        text = out.getvalue()
        if dice.random() < 0.2:
            text += dice.choice(('"never closed,', '"a""b', "x" * 300_000, '"' + "\n" * 5000))
        return text.encode(errors="surrogatepass")
    lines = [b'{"id":"%d","n":%d}' % (number, number) for number in range(rows)]
    for _ in range(dice.choice((0, 0, 1, 3))):
        lines.insert(dice.randrange(len(lines) + 1), str(dice.choice(JUNK)).encode(errors="surrogatepass"))
    if dice.random() < 0.1:
        lines.append(b'"' + b"z" * dice.choice((70_000, 2**21, 20 * 2**20)) + b'"')
    return dice.choice((b"\n", b"\r\n", b"\n\n", b"\r")).join(lines)


@cache
def _parquet(rows: int, compression: str) -> bytes:
    table = pa.table({"id": [str(number) for number in range(rows)], "n": list(range(rows)), "x": [None] * rows})
    out = io.BytesIO()
    pyarrow.parquet.write_table(table, out, compression=compression)
    return out.getvalue()


def _damaged(dice: random.Random, body: bytes) -> bytes:
    place = dice.randrange(len(body) + 1)
    match dice.randrange(5):
        case 0:
            return body[:place]
        case 1:
            return body[:place] + dice.randbytes(dice.randint(1, 20)) + body[place:]
        case 2:
            spoilt = bytearray(body)
            for _ in range(dice.randint(1, 10)):
                if spoilt:
                    spoilt[dice.randrange(len(spoilt))] = dice.randrange(256)
            return bytes(spoilt)
        case 3:
            return body[place:]
        case _:
            return dice.randbytes(dice.choice((1, 4, 100, 5000)))


def _packed(dice: random.Random, body: bytes, encoding: str) -> bytes:
    if dice.random() < 0.1:
        return body if dice.random() < 0.5 else _bomb(encoding, dice.choice((b"\0", b"\n", b" ", b"[", b"9")))
    match encoding.lower():
        case "gzip" | "x-gzip":
            packed = gzip.compress(body, 1)
        case "gzip, gzip":
            packed = gzip.compress(gzip.compress(body, 1), 1)
        case "zstd":
            packed = zstandard.compress(body, 1)
        case _:
            return body
    if dice.random() < 0.3:
        packed = _damaged(dice, packed)
    if dice.random() < 0.1:
        packed += dice.choice((packed, b"trailing", b"\0" * 100))
    return packed


@cache
def _bomb(encoding: str, letter: bytes) -> bytes:
    """A little that becomes a lot, in one piece."""
    if encoding == "zstd":
        return zstandard.compress(letter * _BOMB, 1)
    return gzip.compress(letter * _BOMB, 9)
