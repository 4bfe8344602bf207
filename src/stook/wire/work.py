"""What workers and servers say to each other, in MessagePack: the shapes of `stook.core.work` and what is around."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec

from stook.core.extras import read_extras, write_extras
from stook.core.log import AttemptLogs
from stook.core.outcome import Settlement
from stook.core.payload import encode as encode_json
from stook.core.policy import TaskPolicy
from stook.core.work import Claimed, Remember

__all__ = [
    "LONGEST_WAIT",
    "MSGPACK",
    "ClaimWork",
    "KeepLogs",
    "RememberWork",
    "Remembered",
    "RenewLeases",
    "SeeCron",
    "SeeOn",
    "SeeTask",
    "SeeWorker",
    "SettleWork",
    "WaitForWork",
    "Waited",
    "Work",
    "WorkerGone",
    "pack",
    "packed_work",
    "unpack",
    "unpacked_work",
]

T = TypeVar("T")
MSGPACK: Final = "application/msgpack"
LONGEST_WAIT: Final = 30.0
"""Seconds that a request for news may stay open."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Tasks = Annotated[list[Annotated[str, msgspec.Meta(max_length=512)]], msgspec.Meta(max_length=1000)]
Token = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class ClaimWork(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`stook.core.work.Claim`. Asked again with the same `request`, because the answer did not come, it is answered
    with the same slices."""

    request: Name
    worker: Name
    tasks: Tasks
    items: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    idle: bool
    lease: Annotated[float, msgspec.Meta(ge=0.1, le=86_400)]
    slices: Annotated[int, msgspec.Meta(ge=1, le=100_000)]
    hurried: bool = False


class Work(msgspec.Struct):
    """`metadata` and `extras` hold those of each slice as JSON, which knows integers of any size; none for `{}`. `mark`
    is where the server's notifications were before it looked. An older server sends no `extras`."""

    claimed: Claimed
    metadata: list[bytes]
    mark: str
    extras: list[bytes] = []


class WaitForWork(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`since` is the mark of a claim: what this server heard after it is news. That of another one means nothing."""

    tasks: Tasks
    since: Annotated[str, msgspec.Meta(max_length=100)] = ""
    timeout: Annotated[float, msgspec.Meta(ge=0, le=LONGEST_WAIT)]


class Waited(msgspec.Struct):
    news: bool
    """Work may have become claimable."""


class SettleWork(msgspec.Struct, forbid_unknown_fields=True):
    settlements: list[Settlement]


class KeepLogs(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What executions that go on have said. Of tokens that are not live any more it is left out."""

    logs: list[AttemptLogs]


class RememberWork(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What executions that go on remember. Of tokens that are not live any more nothing is written."""

    writes: Annotated[list[Remember], msgspec.Meta(max_length=10_000)]


class Remembered(msgspec.Struct):
    lost: list[int]
    """Tokens that were not live any more."""


class RenewLeases(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`lease` in seconds; 0 only looks for what was cancelled or lost."""

    tokens: Annotated[list[Token], msgspec.Meta(max_length=100_000)]
    lease: Annotated[float, msgspec.Meta(ge=0, le=86_400)]


class SeeCron(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag="cron"):
    """As `core.triggers.Cron`; `payload` is JSON."""

    name: str
    expr: str
    tz: str
    payload: bytes
    priority: int
    missed: Literal["one", "skip", "all"]
    overlap: Literal["allow", "skip", "queue"]


class SeeOn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag="on"):
    """As `core.triggers.On`; `when` is a condition as `core.when` stores it."""

    event: str
    when: str | None
    fields: list[str] | None


class SeeTask(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`schema` is the JSON schema of the payload; None: any JSON. `triggers` are what starts it beside calls, `app` is
    whose task it is; with neither, nothing is said of them."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
    queue: str
    policy: TaskPolicy
    schema: bytes | None
    triggers: Annotated[list[SeeCron | SeeOn], msgspec.Meta(max_length=1000)] = msgspec.field(default_factory=list)
    invocable: bool = True
    app: str = ""


class SeeWorker(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`host` and `process` as in `stook.engine.process`: whoever finds the process gone takes back what it held.
    `known` are all tasks that the code of its apps has."""

    worker: Name
    host: Annotated[str, msgspec.Meta(max_length=512)]
    process: Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{0,8}:[0-9a-z?]{1,24}$")]
    tasks: Annotated[list[SeeTask], msgspec.Meta(max_length=1000)]
    known: Annotated[list[str], msgspec.Meta(max_length=10_000)] = msgspec.field(default_factory=list)


class WorkerGone(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    worker: Name


_encoder: Final = msgspec.msgpack.Encoder(enc_hook=list)
"""What it does not know is a range of offsets."""
_decoders: Final[dict[Any, msgspec.msgpack.Decoder[Any]]] = {}


def pack(made: Any) -> bytes:
    return _encoder.encode(made)


def unpack(raw: bytes, kind: type[T]) -> T:
    """`msgspec.ValidationError` for another shape, `msgspec.DecodeError` for what is no MessagePack."""
    if kind not in _decoders:
        _decoders[kind] = msgspec.msgpack.Decoder(kind)
    found: T = _decoders[kind].decode(raw)
    return found


def packed_work(claimed: Claimed, mark: str) -> bytes:
    metadata = [encode_json(one.metadata) if one.metadata else b"" for one in claimed.slices]
    extras = [(write_extras(one.extras) or "").encode() for one in claimed.slices]
    bare = [msgspec.structs.replace(one, metadata={}, extras={}) for one in claimed.slices]
    return pack(Work(msgspec.structs.replace(claimed, slices=bare), metadata, mark, extras))


def unpacked_work(raw: bytes) -> tuple[Claimed, str]:
    """And its mark."""
    work = unpack(raw, Work)
    for one, text in zip(work.claimed.slices, work.metadata, strict=True):
        if text:
            one.metadata = msgspec.json.decode(text)
    for one, text in zip(work.claimed.slices, work.extras, strict=False):
        if text:
            one.extras = read_extras(text.decode(), one.offsets)
    return work.claimed, work.mark
