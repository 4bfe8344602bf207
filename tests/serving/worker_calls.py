"""The worker protocol by hand, request by request."""

from __future__ import annotations

import msgspec

from stook.core.outcome import Settlement
from stook.core.work import Settled
from stook.wire.work import MSGPACK, ClaimWork, RenewLeases, SettleWork, pack, unpack, unpacked_work

__all__ = ["WorkerCalls", "counters", "refused", "submitted"]


def submitted(served, count=3, client=None, **options):
    """The id of a batch of task t."""
    body = {"task": "t", "items": list(range(count))} | options
    answer = (client or served.client).post("/api/v1/batches", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def counters(served, batch):
    return served.client.get(f"/api/v1/batches/{batch}").json()["counters"]


class WorkerCalls:
    """As one worker of the project of `client`'s key."""

    def __init__(self, client, worker="w"):
        self.client, self.worker, self.mark = client, worker, ""

    def post(self, path, made):
        content = made if isinstance(made, bytes) else pack(made)
        return self.client.post(f"/api/v1/worker/{path}", content=content, headers={"content-type": MSGPACK})

    def asked(self, request="r", **options):
        words = {"tasks": ["t"], "items": 100, "idle": True, "lease": 60.0, "slices": 16}
        return ClaimWork(request=request, worker=self.worker, **(words | options))

    def claim(self, request="r", **options):
        answer = self.post("claim", self.asked(request, **options))
        assert answer.status_code == 200, answer.text
        claimed, self.mark = unpacked_work(answer.content)
        return claimed

    def settle(self, *settlements):
        answer = self.post("settle", SettleWork(list(settlements)))
        assert answer.status_code == 200, answer.text
        return unpack(answer.content, Settled)

    def succeed(self, piece):
        done = [b"%d" % offset for offset in piece.offsets]
        return self.settle(Settlement(piece.token, piece.batch_id, piece.offsets, done, [1] * len(done)))

    def renew(self, *tokens, lease=60.0):
        return self.post("renew", RenewLeases(tokens=list(tokens), lease=lease))


def refused(answer, status):
    assert answer.status_code == status, answer.text
    return msgspec.json.decode(answer.content)["error"]
