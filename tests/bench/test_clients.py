"""Several clients at once are counted together, and one that fails is heard of."""

from __future__ import annotations

import asyncio

import pytest

from bench.clients import rate_of_processes, rate_of_senders


def test_senders_share_the_parts_and_each_part_is_sent_once():
    sent: list[list[int]] = [[], []]

    def sender(place):
        async def send(part):
            await asyncio.sleep(0)
            sent[place] += part

        return send

    parts = [[number, number + 1] for number in range(0, 20, 2)]
    assert asyncio.run(rate_of_senders(parts, [sender(0), sender(1)])) > 0
    assert sorted(sent[0] + sent[1]) == list(range(20))
    assert all(sent)


def test_processes_begin_together_and_are_counted_together():
    async def client(start):
        await start()
        return 5

    assert rate_of_processes(10, 2, client) > 0
    with pytest.raises(RuntimeError, match="10 of 12 items"):
        rate_of_processes(12, 2, client)


def test_a_process_that_fails_ends_the_measurement(capfd):
    async def client(start):
        await start()
        raise ValueError("no database")

    with pytest.raises(RuntimeError, match="0 of 2 items"):
        rate_of_processes(2, 2, client)
    assert "no database" in capfd.readouterr().err
