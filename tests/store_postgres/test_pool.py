"""Connections are taken in turn, made when needed, replaced when they die."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from stook.store.postgres.pool import Pool


class Connection:
    def __init__(self):
        self.said = []
        self.closed = False
        self.deaf = False
        self.hears = asyncio.Event()
        self.hears.set()

    async def execute(self, sql):
        await self.hears.wait()
        if self.deaf:
            raise ConnectionResetError
        self.said.append(sql)

    async def fetch(self, sql, *params):
        self.said.append((sql, *params))

    def get_server_pid(self):
        return id(self)

    def is_closed(self):
        return self.closed

    def terminate(self):
        self.closed = True

    async def close(self, timeout):
        self.closed = True


@pytest.fixture
def made():
    return []


@pytest.fixture
def pool(made):
    async def connect():
        made.append(Connection())
        return made[-1]

    return Pool(connect, 2)


async def test_one_after_another_is_one_connection(pool, made):
    for _ in range(3):
        async with pool.connection() as found:
            assert found is made[0]
    assert len(made) == 1


async def test_never_more_than_its_size_and_in_the_order_of_asking(pool, made):
    order, inside, most = [], 0, 0

    async def use(number):
        nonlocal inside, most
        async with pool.connection():
            inside += 1
            most = max(most, inside)
            order.append(number)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*map(use, range(10)))
    assert (most, len(made), order) == (2, 2, list(range(10)))


async def test_an_error_rolls_back_and_a_dead_connection_is_replaced(pool, made):
    with pytest.raises(KeyError):
        async with pool.connection():
            raise KeyError
    assert made[0].said == ["rollback"]
    with pytest.raises(KeyError):
        async with pool.connection() as found:
            found.deaf = True
            raise KeyError
    assert made[0].closed
    async with pool.connection() as found:
        assert found is made[1]


@pytest.mark.parametrize("error", [KeyError, asyncio.CancelledError])
async def test_whoever_is_cancelled_while_an_error_is_rolled_back_does_not_go_on_from_it(pool, made, error):
    under_way = asyncio.Event()

    async def go_on():
        with contextlib.suppress(KeyError):
            async with pool.connection() as found:
                found.hears.clear()
                under_way.set()
                raise error
        await asyncio.Event().wait()

    task = asyncio.create_task(go_on())
    await under_way.wait()
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=5)
    task.cancel()
    assert done
    assert task.cancelled()
    assert made[0].closed


async def test_whoever_is_cancelled_while_waiting_takes_nobodys_turn(pool):
    release = asyncio.Event()

    async def hold():
        async with pool.connection():
            await release.wait()

    holders = [asyncio.create_task(hold()) for _ in range(2)]
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(hold()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    release.set()
    waiting[1].cancel()
    await asyncio.gather(*holders, waiting[2])
    async with pool.connection(), pool.connection():
        pass


async def test_a_connection_that_cannot_be_made_leaves_the_turn_to_the_next(made):
    async def refuse():
        made.append(None)
        raise ConnectionRefusedError

    pool = Pool(refuse, 1)
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            async with pool.connection():
                pass
    assert len(made) == 3


async def test_closing_closes_what_is_idle_and_cuts_what_is_busy(pool, made):
    async with pool.connection(), pool.connection():
        pass
    async with pool.connection() as busy:
        await pool.close()
        assert busy.closed
        assert made[-1].said == [("select pg_cancel_backend(pid) from unnest($1::integer[]) pid", [id(busy)])]
    assert all(one.closed for one in made)
