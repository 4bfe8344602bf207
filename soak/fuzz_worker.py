"""Bad words of workers: MessagePack that is almost right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from soak.fuzz_case import call
from soak.fuzz_values import TEXTS

if TYPE_CHECKING:
    import random

    from soak.fuzz_case import Case, World

__all__ = ["worker_case"]

MSGPACK: Final = "application/msgpack"
_ODD: Final[tuple[Any, ...]] = (
    None, True, -1, 0, 0.5, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1, -(2**63), 1e308, float("nan"), float("inf"),
    b"", b"\xff" * 100, "", [], {}, [[]] * 50, {"a": 1}, [None] * 1000,
)  # fmt: skip


def worker_case(dice: random.Random, world: World) -> Case:
    task: dict[str, Any] = {"name": world.task, "queue": "default", "policy": {}, "schema": None}
    settlement = {"token": 1, "offsets": [0], "results": [b"1"], "durations": [1]}
    line = b'[{"line":1,"at":1,"level":"info","logger":"x","message":"y"}]'
    part = {"offset": 0, "part": 0, "last": 1, "lines": 1, "dropped": 0, "body": line}
    shapes: dict[str, dict[str, Any]] = {
        "logs": {"logs": [{"token": 1, "batch_id": bytes(16), "parts": [part]}]},
        "seen": {"worker": "w", "host": "h", "process": "1", "tasks": [task]},
        "claim": {
            "request": "r",
            "worker": "w",
            "tasks": ["none"],
            "items": 10,
            "idle": True,
            "lease": 5.0,
            "slices": 5,
        },
        "wait": {"tasks": ["none"], "timeout": 0.05},
        "settle": {"settlements": [settlement]},
        "renew": {"tokens": [1, 2], "lease": 0.0},
        "gone": {"worker": "w"},
    }
    which = dice.choice(sorted(shapes))
    made = shapes[which]
    for _ in range(dice.choice((0, 1, 1, 2))):
        _spoil(dice, made)
    if which == "wait" and made.get("timeout") not in (0, 0.05, 0.5, -1):
        made["timeout"] = 0.05 if dice.random() < 0.5 else dice.choice((float("nan"), 1e308, "x", None))
    body = msgspec.msgpack.encode(made)
    if dice.random() < 0.2:
        place = dice.randrange(len(body))
        body = dice.choice(
            (body[:place], body[place:], body + b"\0", b"\xc1", b"\x91" * 50_000, b"\xdd\xff\xff\xff\xff")
        )
    kind = MSGPACK if dice.random() < 0.95 else dice.choice(("application/json", "", "x"))
    secret = world.keys["worker"] if dice.random() < 0.9 else world.secret(dice)
    return call(f"worker/{which}", "POST", f"/api/v1/worker/{which}", secret, body, {"content-type": kind})


def _spoil(dice: random.Random, made: dict[str, Any]) -> None:
    """Somewhere in it."""
    name = dice.choice(sorted(made)) if made else "x"
    inside = made.get(name)
    if isinstance(inside, list) and inside and isinstance(inside[0], dict) and dice.random() < 0.7:
        _spoil(dice, inside[0])
        return
    match dice.randrange(6):
        case 0:
            made.pop(name, None)
        case 1:
            made[dice.choice(TEXTS[:20]).encode(errors="replace").decode()] = 1
        case _:
            made[name] = dice.choice(_ODD) if dice.random() < 0.7 else dice.choice(TEXTS[:14])
