"""What is done to a whole batch takes no more statements for a million items than for a thousand."""

from __future__ import annotations

import time

from stook.core.retry_scope import RetryScope
from stook.store.script.delete import delete
from stook.store.script.pause import pause, resume
from stook.store.script.retry import retry
from stook.store.script.stop import cancel
from tests.contract.batches import (
    batch_of,
    drain,
)
from tests.contract.million import MILLION, submitted

SLOW = 3.0
"""Seconds a set-based verb may take on a machine that is busy with other things; bench/ holds it to its budget."""


async def verbs(store, batch_id, took):
    """Everything an operator does to a whole batch; what each asked of the database."""
    asked = {}

    async def measured(name, verb, *arguments, **options):
        begun = time.perf_counter()
        answer = await store.write(verb, batch_id, *arguments, **options)
        took[name] = time.perf_counter() - begun
        asked[name] = dict(store.statements)
        return answer

    total = (await batch_of(store, batch_id)).total
    await measured("pause", pause, reason="")
    await measured("resume", resume, ramp=False)
    await measured("cancel", cancel, hard=False, reason="")
    assert (await batch_of(store, batch_id)).ended == "cancelled"
    assert await measured("retry cancelled", retry, RetryScope(states=("cancelled",))) == total
    await measured("cancel hard", cancel, hard=True, reason="")
    await failed_behind_its_back(store, batch_id)
    assert await measured("retry failed", retry, RetryScope()) == total
    assert (await batch_of(store, batch_id)).failed == 0
    await store.write(cancel, batch_id, hard=True, reason="")
    await failed_behind_its_back(store, batch_id)
    assert await measured("probe", retry, RetryScope(), probe=10) == 10
    await measured("cancel the probe", cancel, hard=False, reason="")
    await measured("delete", delete)
    return asked


async def failed_behind_its_back(store, batch_id):
    """All items of an ended batch become failed ones: to fail a million one by one would take the test a minute."""
    failed = ("update batch set failed = total, cancelled = 0, ended = 'failed' where id = {id}",)
    if store.kind == "sqlite":
        import sqlite3

        connection = sqlite3.connect(store.store.path, isolation_level=None)
        literal_id = f"x'{batch_id.hex()}'"
        fives = "cast(replace(hex(zeroblob(length(states))), '00', x'05') as blob)"
        states = f"update state set states = {fives} where batch_id = {literal_id}"
        for statement in (states, *failed):
            connection.execute(statement.format(id=literal_id))
        connection.close()
        return
    literal_id = f"'\\x{batch_id.hex()}'"
    states = f"update state set states = decode(repeat('05', length(states)), 'hex') where batch_id = {literal_id}"
    for statement in (states, *failed):
        await store.tables.connection.execute(statement.format(id=literal_id))


async def test_what_is_done_to_a_million_takes_as_many_statements_as_to_a_thousand(store):
    store.audited = False
    small, large = await submitted(store, 1000), await submitted(store, MILLION)
    took: dict[str, float] = {}
    expected = await verbs(store, small, {})
    assert await verbs(store, large, took) == expected
    print(store.kind, {name: f"{seconds:.3f}" for name, seconds in took.items()})
    assert {name: seconds for name, seconds in took.items() if seconds > SLOW} == {}
    assert await drain(store) == 0
