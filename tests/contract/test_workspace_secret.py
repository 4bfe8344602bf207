"""With what workflows of a project sign: one secret after the other, none lost between them."""

from __future__ import annotations

from stook.engine.workspace_secrets import WorkspaceSecrets
from stook.store.script.workspace_secret import drop_workspace_secret, put_workspace_secret, read_workspace_secret
from tests.contract.moving_clock import SECOND


async def current(store, project="default"):
    found = await store.read(read_workspace_secret, project)
    return None if found is None else found.current


async def test_one_counts_until_the_next_does(store):
    assert await current(store) is None
    await store.write(put_workspace_secret, "default", b"one", 0)
    assert await current(store) == b"one"
    assert await current(store, "else") is None
    made = await store.write(put_workspace_secret, "default", b"two", 10 * SECOND)
    assert (made.from_at, made.current) == (store.clock.now + 10 * SECOND, b"one")
    store.clock.advance(9)
    assert await current(store) == b"one"
    await store.write(put_workspace_secret, "default", b"three", 10 * SECOND)
    store.clock.advance(9)
    assert await current(store) == b"one", "the second never counted"
    store.clock.advance(1)
    assert await current(store) == b"three"
    await store.write(put_workspace_secret, "else", b"other", 5 * SECOND)
    assert await current(store, "else") is None, "there was none before"
    await store.write(drop_workspace_secret, "default")
    assert await current(store) is None
    store.clock.advance(5)
    assert await current(store, "else") == b"other"


class Turned:
    def seal(self, secret):
        return secret[::-1]

    def open(self, sealed):
        return sealed[::-1]


async def test_it_is_sealed_where_it_rests(store):
    there = WorkspaceSecrets(store, Turned())
    await there.put("default", "secret", 0)
    assert await current(store) == b"terces"
    assert await there.current("default") == "secret"
    await there.drop("default")
    assert await there.current("default") == "secret", "what was said a moment ago"
    assert await WorkspaceSecrets(store, Turned()).current("default") is None
    assert await there.show("default") is None
