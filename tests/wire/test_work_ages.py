"""Workers and servers of different ages: what one does not know, the other does without."""

from __future__ import annotations

import msgspec

from stook.core.extras import ItemExtras
from stook.core.memo import Memo
from stook.core.outcome import Settlement, Trouble
from stook.core.policy import TaskPolicy
from stook.core.wait import Wait
from stook.core.work import Claimed, Slice
from stook.wire.work import SettleWork, pack, packed_work, unpack, unpacked_work

NEW_IN_SLICES = ("lane", "project", "window_closes_in", "extras", "memos", "memo_blobs", "queue", "waited")
NEW_IN_TROUBLES = ("waits", "memos", "forget")


def piece(**options):
    words = {"offsets": [0, 1], "payload": b"[1,2]", "task": "t", "attempt": 1, "round": 1, "priority": 0}
    times = {"policy": TaskPolicy(), "created_at": 1, "lease_until": 2}
    return Slice(token=1, batch_id=b"b" * 16, first=0, **words, **times, **options)


def test_all_of_a_slice_arrives():
    own = {1: ItemExtras(timeout=0.5, metadata={"big": 2**80}, parent="p", tags=("a",), kind="cron", name="n")}
    sent = piece(
        lane="l",
        project="p",
        window_closes_in=1.5,
        extras=own,
        memos={0: [Memo("k", "step", b"1")]},
        metadata={"m": 1},
        queue="q",
        waited=7,
    )
    [found] = unpacked_work(packed_work(Claimed([sent]), "mark"))[0].slices
    assert found == msgspec.structs.replace(sent, memo_blobs=[], blobs=[])


def test_a_new_worker_takes_what_an_old_server_gives():
    new = msgspec.msgpack.decode(packed_work(Claimed([piece()]), "mark"))
    del new["extras"]
    for one in new["claimed"]["slices"]:
        for name in NEW_IN_SLICES:
            del one[name]
    claimed, mark = unpacked_work(msgspec.msgpack.encode(new))
    assert mark == "mark"
    assert (claimed.slices[0].memos, dict(claimed.slices[0].extras), claimed.slices[0].lane) == ({}, {}, "")


def test_a_new_server_takes_what_an_old_worker_says():
    new = msgspec.msgpack.decode(pack(SettleWork([Settlement(1, b"b", (), [], (), [Trouble(0, "released")])])))
    for name in NEW_IN_TROUBLES:
        del new["settlements"][0]["troubles"][0][name]
    [found] = unpack(msgspec.msgpack.encode(new), SettleWork).settlements[0].troubles
    assert found == Trouble(0, "released")


def test_a_suspension_arrives_as_it_was():
    trouble = Trouble(0, "suspended", waits=(Wait("k", "sleep", seconds=1.0, code="c"),), forget=("a",))
    sent = SettleWork([Settlement(1, b"b", [], [], [], [trouble])])
    assert unpack(pack(sent), SettleWork).settlements[0].troubles == [trouble]
