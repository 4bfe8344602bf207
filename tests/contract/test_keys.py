"""API keys: shown once, known by digest, revoked at once, and one first key however many ask."""

from __future__ import annotations

import asyncio

import pytest

from stook.core.errors import Conflict, NotFound, OptionError
from stook.engine.keys import Keys
from stook.store.script.key import create_first_key


@pytest.fixture
def keys(store, runner):
    found = Keys(store)
    yield found
    runner.run(found.close())


async def stored(store):
    (rows,) = await store.tables.fetch("select * from api_key")
    return rows


async def test_a_key_is_found_by_its_secret_alone(store, keys):
    made, secret = await keys.create("p", "ci", ["submit", "read"])
    other, _ = await keys.create("p", "other", ["read"])
    assert secret.startswith(f"stk_{made.id}_")
    assert len(bytes.fromhex(secret.rpartition("_")[2])) * 8 >= 160
    assert (made.project, made.name, made.scopes) == ("p", "ci", ("read", "submit"))
    assert (made.created_at, made.revoked_at, made.last_used_at) == (store.clock.now, None, None)
    found = await keys.find(secret)
    assert (found.id, found.scopes) == (made.id, made.scopes)
    for wrong in (
        secret[:-1],
        secret + "0",
        secret.replace(made.id, other.id),
        secret.upper(),
        f"stk_{made.id}_",
        "",
        "nonsense",
        "stk__",
        "stk_\0_x",
        "\ud800",
    ):
        assert await keys.find(wrong) is None, wrong


async def test_no_secret_is_stored(store, keys):
    _, secret = await keys.create("p", "ci", ["read"])
    await keys.find(secret)
    text = repr(await stored(store))
    assert secret not in text
    assert secret.rpartition("_")[2] not in text


async def test_the_keys_of_a_project_are_listed_in_their_order_and_no_others(store, keys):
    made = []
    for number in range(3):
        store.clock.advance(1)
        made.append((await keys.create("p", f"k{number}", ["read"]))[0])
    await keys.create("q", "theirs", ["read"])
    assert await keys.list("p") == made
    assert await keys.list("nobody's") == []


async def test_a_revoked_key_opens_nothing_at_once(store, keys):
    made, secret = await keys.create("p", "ci", ["admin"])
    assert await keys.find(secret) is not None
    store.clock.advance(1)
    revoked = await keys.revoke("p", made.id)
    assert revoked.revoked_at == store.clock.now
    assert await keys.find(secret) is None
    store.clock.advance(1)
    assert (await keys.revoke("p", made.id)).revoked_at == revoked.revoked_at, "twice is once"
    assert [one.revoked_at for one in await keys.list("p")] == [revoked.revoked_at]
    with pytest.raises(Conflict, match="revoked"):
        await keys.rotate("p", made.id)


async def test_a_foreign_key_is_not_there(store, keys):
    made, secret = await keys.create("p", "ci", ["admin"])
    for project, key_id in (("q", made.id), ("p", "nobody")):
        with pytest.raises(NotFound, match="no such key"):
            await keys.revoke(project, key_id)
        with pytest.raises(NotFound, match="no such key"):
            await keys.rotate(project, key_id)
    assert await keys.find(secret) is not None


async def test_a_rotated_key_has_a_new_secret_and_the_old_one_its_overlap(store, keys):
    made, first = await keys.create("p", "ci", ["read"])
    rotated, second = await keys.rotate("p", made.id, overlap=60)
    assert (rotated.id, rotated.scopes) == (made.id, made.scopes)
    fresh = Keys(store)
    assert [(await fresh.find(one)).id for one in (first, second)] == [made.id] * 2
    await fresh.close()
    store.clock.advance(60)
    fresh = Keys(store)
    assert await fresh.find(first) is None
    assert (await fresh.find(second)).id == made.id
    await fresh.close()


async def test_without_overlap_the_old_secret_is_good_no_more(store, keys):
    made, first = await keys.create("p", "ci", ["read"])
    assert await keys.find(first) is not None
    _, second = await keys.rotate("p", made.id)
    assert await keys.find(first) is None
    _, third = await keys.rotate("p", made.id, overlap=60)
    assert await keys.find(second) is not None
    await keys.rotate("p", made.id, overlap=60)
    assert await keys.find(second) is None, "only the last secret overlaps"
    assert await keys.find(third) is not None


async def test_revoking_ends_an_overlap_too(store, keys):
    made, first = await keys.create("p", "ci", ["read"])
    _, second = await keys.rotate("p", made.id, overlap=60)
    await keys.revoke("p", made.id)
    assert [await keys.find(one) for one in (first, second)] == [None, None]


@pytest.mark.parametrize("overlap", [-1, float("nan"), float("inf"), 1e12, True])
async def test_an_overlap_that_cannot_be_changes_nothing(store, keys, overlap):
    made, secret = await keys.create("p", "ci", ["read"])
    with pytest.raises(OptionError, match="overlap"):
        await keys.rotate("p", made.id, overlap=overlap)
    assert await keys.find(secret) is not None


@pytest.mark.parametrize(
    ("project", "name", "scopes", "said"),
    [
        ("p", "ci", ["read", "write"], "'write' is no scope"),
        ("p", "ci", [], "without scopes"),
        ("p", "ci", "read", "not a list"),
        ("p", "", ["read"], "name is empty"),
        ("", "ci", ["read"], "project is empty"),
        ("p", "a\0b", ["read"], "NUL"),
    ],
)
async def test_what_cannot_be_is_said_and_nothing_is_made(store, keys, project, name, scopes, said):
    with pytest.raises(OptionError, match=said):
        await keys.create(project, name, scopes)
    assert await stored(store) == []


async def test_last_use_is_noted_once_a_minute(store, keys):
    _, secret = await keys.create("p", "ci", ["read"])
    noted = []
    for seconds in (0, 30, 40, 10):
        store.clock.advance(seconds)
        fresh = Keys(store)
        await fresh.find(secret)
        await fresh.close()
        (row,) = await keys.list("p")
        noted.append(round((store.clock.now - row.last_used_at) / 1_000_000))
    assert noted == [0, 30, 0, 10]


async def test_a_failed_try_is_no_use(store, keys):
    _, secret = await keys.create("p", "ci", ["read"])
    await keys.find(secret + "x")
    await keys.close()
    assert [one.last_used_at for one in await keys.list("p")] == [None]


# ------------------------------------------------------------------------------------------------------------ caching


class Counting:
    """A store whose readings of keys are counted."""

    def __init__(self, store):
        self.store = store
        self.reads = 0

    def __getattr__(self, name):
        return getattr(self.store, name)

    async def read(self, verb, *args, **options):
        self.reads += 1
        return await self.store.read(verb, *args, **options)

    def mark(self):
        return self.store.store.mark()

    async def wait(self, topics, timeout, since):
        return await self.store.store.wait(topics, timeout, since)


async def test_a_key_that_was_found_is_not_read_again_for_a_while(store, keys):
    _, secret = await keys.create("p", "ci", ["read"])
    counting = Counting(store)
    cached = Keys(counting)
    await cached.find(secret)
    await cached.close()  # its last use is noted: nothing is written from here on
    counting.reads = 0
    for _ in range(50):
        assert await cached.find(secret) is not None
        assert await cached.find(secret + "x") is None
    assert counting.reads <= 2
    await cached.close()


async def test_a_change_by_others_of_this_process_is_heard_before_the_second_is_over(store, keys):
    made, secret = await keys.create("p", "ci", ["read"])
    cached = Keys(Counting(store))
    assert await cached.find(secret) is not None
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await keys.revoke("p", made.id)
    while await cached.find(secret) is not None:
        await asyncio.sleep(0)
    assert loop.time() - begun < 0.5
    await cached.close()


# ---------------------------------------------------------------------------------------------------------- the first


async def test_the_first_key_is_made_once(store, keys):
    secret = await keys.ensure_first(None)
    found = await keys.find(secret)
    assert (found.project, found.scopes) == ("default", ("admin",))
    assert await keys.ensure_first(None) is None
    await keys.revoke("default", found.id)
    assert await keys.ensure_first(None) is None, "the first key, not the first that is good"


async def test_keys_of_other_projects_are_not_the_first(store, keys):
    await keys.create("p", "ci", ["admin"])
    assert await keys.ensure_first(None) is not None


async def test_where_somebody_made_a_key_already_there_is_no_first(store, keys):
    await keys.create("default", "mine", ["read"])
    assert await keys.ensure_first(None) is None


@pytest.mark.parametrize(
    "chosen", ["stk_mine_correct-horse", "correct horse".replace(" ", "-"), "stk_first_" + "a" * 40]
)
async def test_the_first_key_can_be_chosen(store, keys, chosen):
    assert await keys.ensure_first(chosen) == chosen
    found = await keys.find(chosen)
    assert found.scopes == ("admin",)
    assert await keys.find(chosen + "x") is None
    assert await keys.ensure_first(chosen) is None
    rotated, secret = await keys.rotate("default", found.id)
    assert (await keys.find(secret)).id == rotated.id == found.id
    assert await keys.find(chosen) is None


@pytest.mark.parametrize("chosen", ["", "short", "with a space in it", "x" * 513, "täglich-neu"])
async def test_a_chosen_key_that_no_header_can_hold_is_refused(store, keys, chosen):
    with pytest.raises(OptionError, match="chosen"):
        await keys.ensure_first(chosen)
    assert await stored(store) == []


async def test_of_twenty_who_ask_at_once_one_gets_the_first_key(store):
    asked = [
        store.store.write(create_first_key, f"k{number}", "default", "first", ("admin",), bytes([number]) * 32)
        for number in range(20)
    ]
    made = [one for one in await asyncio.gather(*asked) if one is not None]
    assert len(made) == 1
    assert [row[0] for row in await stored(store)] == [made[0].id]
