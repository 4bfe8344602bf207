"""The body of a new batch: a JSON object whose lists of strings may be long, decoded as it comes in.

Strings are found in bulk: a piece of the body is cut behind its last `",` and decoded as one list. Only where that
fails (the end of the list, or what is no string) is it looked at token by token.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from stook.server.dialects.kernel.refusals import KernelRefusal, bad_request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Taker = Callable[[Sequence[str | msgspec.Raw]], None]

__all__ = ["Pieces", "read_members"]

PIECE: Final = 256 * 1024
MEMBER_BYTES: Final = 1024 * 1024
"""What any other member may have."""
_SPACE: Final = re.compile(rb"[ \t\r\n]*")
_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},]|"', re.DOTALL)
_SCALAR: Final = re.compile(rb"[^,\]} \t\r\n]+")
_strings: Final = msgspec.json.Decoder(list[str])
_raws: Final = msgspec.json.Decoder(list[msgspec.Raw])
_anything: Final = msgspec.json.Decoder()


class Pieces(Protocol):
    """A body as it comes in."""

    @property
    def received(self) -> int:
        """Bytes so far."""
        ...

    async def piece(self) -> bytes:
        """None at the end."""
        ...


async def read_members(body: Pieces, limit: int, lists: Mapping[str, Taker]) -> dict[str, Any]:
    """The members of the object, but for `lists`: each of these is handed over in portions, as strings, or as JSON
    where not all of the portion are strings; one that is no list at all is among the members. 400 for what is no JSON
    object, 413 beyond `limit` bytes."""
    return await _Reader(body, limit, lists).members()


class _Reader:
    def __init__(self, body: Pieces, limit: int, lists: Mapping[str, Taker]) -> None:
        self._body = body
        self._limit = limit
        self._lists = lists
        self._rest = bytearray()
        self._ended = False

    async def members(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if await self._next() != b"{":
            raise bad_request("the body is no JSON object")
        self._take(1)
        mark = await self._next()
        while mark != b"}":
            if mark != b'"':
                raise _malformed("a name in quotes is missing")
            name = str(_decoded(await self._string()))
            if await self._next() != b":":
                raise _malformed("a colon is missing")
            self._take(1)
            mark = await self._next()
            if mark == b"[" and name in self._lists:
                found.pop(name, None)
                await self._list(self._lists[name])
            else:
                found[name] = _decoded(await self._value(mark))
            mark = await self._next()
            if mark == b",":
                self._take(1)
                mark = await self._next()
                if mark != b'"':
                    raise _malformed("a name in quotes is missing")
            elif mark != b"}":
                raise _malformed("a comma or a closing brace is missing")
        self._take(1)
        if await self._next():
            raise _malformed("something stands behind it")
        return found

    async def _list(self, take: Taker) -> None:
        self._take(1)
        wanted, first = PIECE, True
        while True:
            while len(self._rest) < wanted and await self._more():
                pass
            taken = self._strings(take) or self._exactly(take, first=first)
            if taken is None:
                return
            first = first and not taken
            if not taken and self._ended:
                raise _malformed("a list has no end")
            wanted = PIECE if taken else 2 * len(self._rest)

    def _strings(self, take: Taker) -> bool:
        """In bulk. Where this can be decoded it is what stands there, for a JSON text is read from left to right in one
        way only."""
        end = self._rest.rfind(b'",')
        if end < 0:
            return False
        try:
            strings = _strings.decode(b"[%b]" % bytes(self._rest[: end + 1]))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False
        if not strings:
            return False
        take(strings)
        self._take(end + 2)
        return True

    def _exactly(self, take: Taker, *, first: bool) -> bool | None:
        """None: the list has ended. False: more of it is needed."""
        depth, comma = 0, -1
        for token in _TOKEN.finditer(bytes(self._rest)):
            match token[0]:
                case b"[" | b"{":
                    depth += 1
                case b"]" if not depth:
                    end = token.start()
                    self._hand(take, end, may_be_empty=first and comma < 0)
                    self._take(end + 1)
                    return None
                case b"]" | b"}":
                    depth -= 1
                    if depth < 0:
                        raise _malformed("a brace is closed that was not opened")
                case b"," if not depth:
                    comma = token.start()
                case b'"':
                    break  # a string whose end is not here yet
                case _:
                    pass
        if comma < 0:
            return False
        self._hand(take, comma, may_be_empty=False)
        self._take(comma + 1)
        return True

    def _hand(self, take: Taker, end: int, *, may_be_empty: bool) -> None:
        text = bytes(self._rest[:end])
        if not text.strip():
            if may_be_empty:
                return
            raise _malformed("something is missing at a comma of a list")
        joined = b"[%b]" % text
        try:
            take(_strings.decode(joined))
        except (msgspec.DecodeError, UnicodeDecodeError):
            try:
                elements = _raws.decode(joined)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise _malformed(str(error)) from None
            take(elements)

    async def _next(self) -> bytes:
        """The first byte that is no space, which stays; none at the end."""
        while True:
            blank = _SPACE.match(self._rest)
            if blank is not None and blank.end():
                self._take(blank.end())
            if self._rest:
                return bytes(self._rest[:1])
            if not await self._more():
                return b""

    async def _string(self) -> bytes:
        while (found := _STRING.match(self._rest)) is None:
            await self._need()
        return self._took(found.end())

    async def _value(self, mark: bytes) -> bytes:
        if mark == b'"':
            return await self._string()
        if mark in (b"{", b"["):
            while (end := _closed(self._rest)) is None:
                await self._need()
            return self._took(end)
        while ((found := _SCALAR.match(self._rest)) is None or found.end() == len(self._rest)) and not self._ended:
            await self._need()
        if found is None:
            raise _malformed("a value is missing")
        return self._took(found.end())

    async def _need(self) -> None:
        """More of a member that is not long."""
        if len(self._rest) > MEMBER_BYTES:
            raise bad_request(f"a member of the body has more than {MEMBER_BYTES} bytes")
        if not await self._more() and bytes(self._rest[:1]) in (b'"', b"{", b"["):
            raise _malformed("it ends too early")

    async def _more(self) -> bool:
        data = await self._body.piece()
        self._ended = not data
        if self._body.received > self._limit:
            raise KernelRefusal(413, "request_too_large", f"the body has more than {self._limit} bytes")
        self._rest += data
        return bool(data)

    def _take(self, count: int) -> None:
        del self._rest[:count]

    def _took(self, count: int) -> bytes:
        taken = bytes(self._rest[:count])
        self._take(count)
        return taken


def _closed(text: bytearray) -> int | None:
    """Behind the end of the list or object that `text` begins with."""
    depth = 0
    for token in _TOKEN.finditer(bytes(text)):
        match token[0]:
            case b"[" | b"{":
                depth += 1
            case b"]" | b"}":
                depth -= 1
                if not depth:
                    return token.end()
            case b'"':
                return None
            case _:
                pass
    return None


def _decoded(text: bytes) -> Any:
    try:
        return _anything.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(str(error)) from None


def _malformed(what: str) -> KernelRefusal:
    return bad_request(f"the body is no valid JSON: {what}")
