"""The keys of hosted code go with the host that gave them, also when it could not take them back."""

from __future__ import annotations

import os
import subprocess

import pytest

from stook.core.hosted import key_name
from stook.engine import process
from stook.engine.hosted_keys import revoke_orphans
from stook.engine.keys import Keys
from stook.store.script.orchestrator_row import Program, forget_program, see_program

ONE = "0192f0c1-7b7e-7000-8a2b-3c4d00000000"


def program(name, host="elsewhere/boot", mark="1:1"):
    return Program(name, host, mark, "0", 1)


@pytest.fixture
def keys(store):
    return Keys(store)


async def live(keys):
    return {one.name for one in await keys.list("p") if one.revoked_at is None}


async def give(keys, *hosts):
    for host in hosts:
        await keys.create("p", key_name(ONE, host), ["read"])
    for name in ("mine", f"deployment {ONE}", "deployment of mine"):
        await keys.create("p", name, ["read"])
    return {"mine", f"deployment {ONE}", "deployment of mine"}


async def test_of_a_killed_process_of_this_machine_they_go_at_once(store, keys):
    child = subprocess.Popen(["sleep", "100"])
    try:
        await store.write(see_program, program("killed", process.host(), process.process(child.pid)))
        await store.write(see_program, program("lives", process.host(), process.process(os.getpid())))
        others = await give(keys, "killed", "lives")
        assert await revoke_orphans(store) == 0
        child.kill()
        child.wait()
        assert await revoke_orphans(store) == 1
        assert await live(keys) == others | {key_name(ONE, "lives")}
        assert await revoke_orphans(store) == 0
    finally:
        child.kill()
        child.wait()


async def test_of_another_machine_they_go_when_it_is_silent_for_long_or_has_said_goodbye(store, keys):
    for name in ("silent", "speaks", "gone"):
        await store.write(see_program, program(name))
    others = await give(keys, "silent", "speaks", "gone")
    store.clock.advance(110)
    await store.write(see_program, program("speaks"))
    await store.write(forget_program, "gone")
    assert await revoke_orphans(store) == 1
    store.clock.advance(20)
    assert await revoke_orphans(store) == 1
    assert await live(keys) == others | {key_name(ONE, "speaks")}
