"""The block storage without the product: tables, two hot statements, a bulk load. No retries, limits or failures.

batch ─┬─ chunk    500 payloads a row, written once
       ├─ state    a byte an item
       ├─ segment  5,000 items and a cursor: the queue
       ├─ lease    a claimed slice
       └─ outcome  500 results a row, written once
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import msgspec

from bench.probe import row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import asyncpg

__all__ = ["CLAIM", "CLOSED", "SCHEMA", "SEGMENT", "SETTLE", "SLICE", "encoded", "joined", "load"]

SLICE = 500
SEGMENT = 5000

SCHEMA = """
CREATE TABLE batch (
    id uuid PRIMARY KEY, total int, succeeded int DEFAULT 0, settled int DEFAULT 0, state text DEFAULT 'running');
CREATE TABLE chunk (batch_id uuid, first int, payloads bytea, PRIMARY KEY (batch_id, first));
CREATE TABLE state (batch_id uuid, first int, states bytea, PRIMARY KEY (batch_id, first)) WITH (fillfactor = 50);
CREATE TABLE segment (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, batch_id uuid, rank bigint, next int, stop int);
CREATE INDEX segment_ready ON segment (rank) WHERE next < stop;
CREATE TABLE lease (token uuid PRIMARY KEY, batch_id uuid, low int, high int, expires_at timestamptz);
CREATE TABLE outcome (
    batch_id uuid, settle int, low int, high int, states bytea, results bytea, PRIMARY KEY (batch_id, settle));
CREATE INDEX outcome_of_item ON outcome (batch_id, low);
"""

CLAIM = """
WITH ready AS (
    SELECT id FROM segment WHERE next < stop ORDER BY rank LIMIT 1 FOR UPDATE SKIP LOCKED
), moved AS (
    UPDATE segment SET next = least(next + $1, stop) FROM ready WHERE segment.id = ready.id
    RETURNING segment.batch_id, segment.next AS high
), leased AS (
    INSERT INTO lease SELECT $2, batch_id, high - $1, high, now() + interval '60 s' FROM moved
    RETURNING batch_id, low, high
)
SELECT low, high, payloads FROM leased JOIN chunk ON chunk.batch_id = leased.batch_id AND chunk.first = leased.low
"""

SETTLE = """
WITH freed AS (
    DELETE FROM lease WHERE token = $1 RETURNING batch_id
), counted AS (
    UPDATE batch SET succeeded = succeeded + $4, settled = settled + $4,
        state = CASE WHEN settled + $4 = total THEN 'succeeded' ELSE state END
    FROM freed WHERE batch.id = freed.batch_id RETURNING batch.id, settled - $4 AS base
), marked AS (
    UPDATE state SET states = $5 FROM freed WHERE state.batch_id = freed.batch_id AND state.first = $2
)
INSERT INTO outcome SELECT id, base, $2, $3, $5, $6 FROM counted
"""

CLOSED = "SELECT count(*) FROM batch WHERE state = 'succeeded'"


def encoded(n: int) -> Iterator[list[bytes]]:
    """Every payload as JSON, slice by slice. `n` must be a multiple of the slice: nothing here handles a rest."""
    assert n % SLICE == 0, f"{n} is no multiple of {SLICE}"
    encode = msgspec.json.Encoder().encode
    for first in range(0, n, SLICE):
        yield [encode(row(index)) for index in range(first, first + SLICE)]


def joined(items: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(items) + b"]"


async def load(connection: asyncpg.Connection, n: int, slices: Iterator[list[bytes]]) -> None:
    """One batch of `n` items, in one transaction."""
    batch = uuid.uuid4()
    chunks = [(batch, number * SLICE, joined(items)) for number, items in enumerate(slices)]
    segments = [(batch, first, first, min(first + SEGMENT, n)) for first in range(0, n, SEGMENT)]
    async with connection.transaction():
        await connection.execute("INSERT INTO batch (id, total) VALUES ($1, $2)", batch, n)
        await connection.copy_records_to_table("chunk", records=chunks)
        states = [(batch, first, bytes(SLICE)) for _, first, _ in chunks]
        await connection.copy_records_to_table("state", records=states)
        await connection.copy_records_to_table(
            "segment", records=segments, columns=["batch_id", "rank", "next", "stop"]
        )
