"""Bad requests to every route of the served document: ids, query words and JSON bodies that are almost right."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from soak.fuzz_case import HANG, JSON, call, query_text
from soak.fuzz_values import Raw, junk, text, value_of, written

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from soak.fuzz_case import Case, World

__all__ = ["route_case"]

STREAM: Final = "text/event-stream"
_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_WAITS: Final = {"wait": (0, 0.05, 0.2, -1, 61, Raw("1e999"), "x", Raw("NaN"))}
"""Words that make an answer wait, as it may."""
_TYPES: Final = (
    JSON,
    JSON,
    JSON,
    JSON,
    JSON,
    "",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
)


def route_case(dice: random.Random, world: World) -> Case:
    path = dice.choice(sorted(world.document["paths"]))
    operations = world.document["paths"][path]
    method = dice.choice(sorted(operations))
    operation = operations[method]
    wrong = dice.choice((0.0, 0.05, 0.3))
    target = _PARAMETER.sub(lambda found: _id(dice, world, found[1], wrong), path)
    words = _words(dice, world, operation.get("parameters", ()), wrong)
    headers: dict[str, str] = {}
    body, creates = b"", None
    content = operation.get("requestBody", {}).get("content", {})
    if content:
        kind = JSON if JSON in content else next(iter(content))
        body, creates = _body(dice, world, content[kind].get("schema", {}), operation["operationId"], wrong)
        headers["content-type"] = kind if kind != JSON else dice.choice(_TYPES) if dice.random() < 0.1 else JSON
        if headers["content-type"] == "multipart/form-data":
            headers["content-type"], body = _multipart(dice, body)
    if dice.random() < 0.1:
        method = dice.choice(("get", "post", "put", "patch", "delete", "head", "options", "trace", "propfind", "x"))
    if dice.random() < 0.15 and method not in ("get", "head"):
        headers["idempotency-key"] = dice.choice(
            (f"k{dice.randrange(5)}", "", "a" * 256, "a" * 5000, "\xff\xfe", "é\xa0")
        )
    streams = any(STREAM in answer.get("content", {}) for answer in operation["responses"].values())
    if words:
        target = f"{target}?{query_text(words)}"
    secret = world.secret(dice)
    return call(
        f"{method.upper()} {path}",
        method.upper(),
        target,
        secret,
        body,
        headers,
        streams=streams,
        creates=creates,
        patience=HANG + 1,
    )


def _id(dice: random.Random, world: World, name: str, wrong: float) -> str:
    known = [*world.ids.get(name, ()), *world.ids.get("batch", ())]
    if known and dice.random() >= max(wrong, 0.05):
        found = dice.choice(world.ids.get(name) or known) if dice.random() < 0.9 else dice.choice(known)
        if dice.random() >= 0.1:
            return found
        place = dice.randrange(len(found))
        return f"{found[:place]}{dice.choice('0fzA-%2f')}{found[place + 1 :]}".replace("%", "%25")
    return query_text([("", text(dice))])[1:] or "%20"


def _words(
    dice: random.Random, world: World, parameters: Sequence[Mapping[str, Any]], wrong: float
) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    shapes = world.document["components"]["schemas"]
    for one in parameters:
        if one["in"] != "query" or not (one["required"] or dice.random() < 0.4):
            continue
        name = one["name"]
        if name in _WAITS:
            value: Any = dice.choice(_WAITS[name])
        elif name in ("after", "since") and dice.random() < 0.7:
            value = _cursor(dice, world)
        elif name in world.known and dice.random() < 0.7:
            value = dice.choice(world.known[name])
        else:
            value = value_of(dice, one["schema"], shapes, wrong, world.known)
        found.append((name, value if isinstance(value, str) else written(value)))
        if dice.random() < wrong / 4:
            found.append(found[-1])
    if dice.random() < wrong / 2:
        found.append((text(dice)[:2000], text(dice)[:2000]))
    return [(name, value[:20_000]) for name, value in found]


def _cursor(dice: random.Random, world: World) -> str:
    found = str(dice.choice(world.cursors))
    match dice.randrange(5):
        case 0:
            return found
        case 1:
            return found[: dice.randrange(len(found) + 1)]
        case 2:
            return found + dice.choice(("0", " ", "\0", "é", "-"))
        case 3:
            return str(dice.choice((-1, 0, 1, 2**31, 2**32, 2**62, 2**63, 2**64, 10**18, 10**19)))
        case _:
            return text(dice)


def _body(
    dice: random.Random, world: World, schema: Mapping[str, Any], operation: str, wrong: float
) -> tuple[bytes, str | None]:
    creates = None
    value = value_of(dice, schema, world.document["components"]["schemas"], wrong, world.known | _WAITS)
    if operation == "create_batch" and isinstance(value, dict):
        creates = value["name"] = world.name()
    data = (written(value) if schema.get("format") != "binary" else str(value)).encode(errors="surrogatepass")
    return (_damaged(dice, data) if dice.random() < wrong else data), creates


def _damaged(dice: random.Random, data: bytes) -> bytes:
    place = dice.randrange(len(data) + 1)
    match dice.randrange(7):
        case 0:
            return data[:place]
        case 1:
            return data[:place] + bytes([dice.randrange(256)]) + data[place + 1 :]
        case 2:
            return (
                data[:place]
                + dice.choice((b"\xff\xfe", b"\xed\xa0\x80", b"\0", b"\xf8\x88\x80\x80\x80"))
                + data[place:]
            )
        case 3:
            return b"\xef\xbb\xbf" + data
        case 4:
            return data + data
        case 5:
            return data.decode(errors="replace").encode("utf-16")
        case _:
            return str(junk(dice)).encode(errors="surrogatepass")


def _multipart(dice: random.Random, body: bytes) -> tuple[str, bytes]:
    mark = dice.choice(("mark", "-" * 70, "m" * 300))
    part = b'--%s\r\ncontent-disposition: form-data; name="f"; filename="x.csv"\r\n\r\n%s\r\n' % (mark.encode(), body)
    end = b"--%s--\r\n" % mark.encode() if dice.random() < 0.5 else b""
    return f"multipart/form-data; boundary={mark}", part + end
