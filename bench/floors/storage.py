"""How fast the databases are by themselves: claim a slice, settle it, counters in the same transaction, no handlers.

`copy_rows` is the bulk load of a queue that writes a row per job, at its fastest.
"""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

import asyncpg

from bench.floors.blocks import CLAIM, CLOSED, SCHEMA, SEGMENT, SETTLE, SLICE, encoded, joined, load
from bench.probe import Ask, Figures, answer, result, row

if TYPE_CHECKING:
    from collections.abc import Iterator

RESULTS = joined([json.dumps(result(row(index))).encode() for index in range(SLICE)])
STATES = b"\1" * SLICE


async def copy_rows(ask: Ask) -> Figures:
    connection = await asyncpg.connect(ask.target)
    await connection.execute(
        "CREATE TABLE job (id bigint PRIMARY KEY, queue text, state text, priority int, created_at timestamptz"
        " DEFAULT now(), payload bytea); CREATE INDEX job_ready ON job (queue, priority, id) WHERE state = 'queued'"
    )
    start = time.perf_counter()
    payloads = (payload for part in encoded(ask.n) for payload in part)
    records = [(index, "bench", "queued", 0, payload) for index, payload in enumerate(payloads)]
    columns = ["id", "queue", "state", "priority", "payload"]
    await connection.copy_records_to_table("job", records=records, columns=columns)
    taken = time.perf_counter() - start
    await connection.close()
    return {"rate": ask.n / taken}


async def postgres(ask: Ask) -> Figures:
    connection = await asyncpg.connect(ask.target)
    await connection.execute(SCHEMA)
    await load(connection, ask.n, encoded(ask.n))
    await connection.execute("ANALYZE")
    claim, settle = await connection.prepare(CLAIM), await connection.prepare(SETTLE)
    start = time.perf_counter()
    token = uuid.uuid4()
    while (slice_ := await claim.fetchrow(SLICE, token)) is not None:
        await settle.fetch(token, slice_["low"], slice_["high"], SLICE, STATES, RESULTS)
        token = uuid.uuid4()
    taken = time.perf_counter() - start
    assert await connection.fetchval(CLOSED) == 1
    await connection.close()
    return {"rate": ask.n / taken}


def sqlite(ask: Ask) -> Figures:
    database = sqlite3.connect(ask.target, isolation_level=None)
    database.executescript(
        """
        PRAGMA journal_mode = wal; PRAGMA synchronous = full;
        CREATE TABLE batch (id BLOB PRIMARY KEY, total INT, succeeded INT, settled INT, state TEXT) WITHOUT ROWID;
        CREATE TABLE chunk (batch_id BLOB, first INT, payloads BLOB, PRIMARY KEY (batch_id, first)) WITHOUT ROWID;
        CREATE TABLE state (batch_id BLOB, first INT, states BLOB, PRIMARY KEY (batch_id, first)) WITHOUT ROWID;
        CREATE TABLE segment (id INTEGER PRIMARY KEY, batch_id BLOB, rank INT, next INT, stop INT);
        CREATE INDEX segment_ready ON segment (rank) WHERE next < stop;
        CREATE TABLE lease (token BLOB PRIMARY KEY, batch_id BLOB, low INT, high INT, expires_at INT) WITHOUT ROWID;
        CREATE TABLE outcome (batch_id BLOB, settle INT, low INT, high INT, states BLOB, results BLOB,
            PRIMARY KEY (batch_id, settle)) WITHOUT ROWID;
        CREATE INDEX outcome_of_item ON outcome (batch_id, low);
        """
    )
    batch = uuid.uuid4().bytes
    with transaction(database):
        database.execute("INSERT INTO batch VALUES (?, ?, 0, 0, 'running')", (batch, ask.n))
        chunks = ((batch, number * SLICE, joined(items)) for number, items in enumerate(encoded(ask.n)))
        database.executemany("INSERT INTO chunk VALUES (?, ?, ?)", chunks)
        states = ((batch, first, bytes(SLICE)) for first in range(0, ask.n, SLICE))
        database.executemany("INSERT INTO state VALUES (?, ?, ?)", states)
        segments = ((batch, first, first, min(first + SEGMENT, ask.n)) for first in range(0, ask.n, SEGMENT))
        database.executemany("INSERT INTO segment (batch_id, rank, next, stop) VALUES (?, ?, ?, ?)", segments)
    start = time.perf_counter()
    while claim_and_settle(database):
        pass
    taken = time.perf_counter() - start
    assert database.execute(CLOSED).fetchone() == (1,)
    database.close()
    return {"rate": ask.n / taken}


def claim_and_settle(database: sqlite3.Connection) -> bool:
    """Two transactions, both synced to disk, as a claim and its settling are; False once nothing is left."""
    token = uuid.uuid4().bytes
    with transaction(database):
        moved = database.execute(
            "UPDATE segment SET next = min(next + ?, stop) WHERE id ="
            " (SELECT id FROM segment WHERE next < stop ORDER BY rank LIMIT 1) RETURNING batch_id, next",
            (SLICE,),
        ).fetchone()
        if moved is None:
            return False
        batch, high = moved
        low = high - SLICE
        database.execute("INSERT INTO lease VALUES (?, ?, ?, ?, 0)", (token, batch, low, high))
        database.execute("SELECT payloads FROM chunk WHERE batch_id = ? AND first = ?", (batch, low)).fetchone()
    with transaction(database):
        assert database.execute("DELETE FROM lease WHERE token = ?", (token,)).rowcount == 1
        (base,) = database.execute(
            "UPDATE batch SET succeeded = succeeded + ?1, settled = settled + ?1,"
            " state = CASE WHEN settled + ?1 = total THEN 'succeeded' ELSE state END"
            " WHERE id = ?2 RETURNING settled - ?1",
            (SLICE, batch),
        ).fetchone()
        database.execute("UPDATE state SET states = ? WHERE batch_id = ? AND first = ?", (STATES, batch, low))
        outcome = (batch, base, low, high, STATES, RESULTS)
        database.execute("INSERT INTO outcome VALUES (?, ?, ?, ?, ?, ?)", outcome)
    return True


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


if __name__ == "__main__":
    answer({"copy_rows": copy_rows, "postgres": postgres, "sqlite": sqlite})
