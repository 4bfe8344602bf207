"""Payloads: strings that hold JSON, within a limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import msgspec

from stook.core.payload import Invalid, check_many
from stook.server.dialects.kernel.refusals import Detail, KernelRefusal

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Payloads", "check_payload"]

_TOLD: Final = 100
"""So many bad ones are named."""


def check_payload(text: str, most: int) -> bytes:
    """As it was given. 400 for what is no JSON, or has more than `most` bytes."""
    raw = _bytes(text)
    wrong = _wrong(raw, most, "payload")
    if wrong is not None:
        raise KernelRefusal(400, "bad_request", wrong.message, details=[wrong])
    return raw


class Payloads:
    """Those of a batch, taken in as they come. One that is bad spoils all of them: from then on it is only noted which
    others are."""

    def __init__(self, most_bytes: int, most_items: int) -> None:
        self._most_bytes = most_bytes
        self._most_items = most_items
        self._texts: list[bytes] = []
        self._count = 0
        self._bad: list[Detail] = []

    def take(self, portion: Sequence[str | msgspec.Raw]) -> None:
        """400 as soon as there are too many, or too many bad ones."""
        first = self._count
        self._count += len(portion)
        if self._count > self._most_items:
            message = f"payloads: there are more than {self._most_items}"
            raise KernelRefusal(400, "too_many_payloads", message, details=[Detail("too_many_payloads", message)])
        if isinstance(portion[0], str):
            texts = [one.encode() for one in cast("Sequence[str]", portion)]
            if max(map(len, texts)) <= self._most_bytes and not isinstance(check_many(texts), Invalid):
                if not self._bad:
                    self._texts += texts
                return
        for place, one in enumerate(portion, first):
            self._look(one, place)

    def good(self) -> list[bytes]:
        """400 that names what is wrong, where something is."""
        if self._bad:
            raise self._refusal()
        return self._texts

    def _refusal(self) -> KernelRefusal:
        message = self._bad[0].message
        if len(self._bad) > 1:
            message = f"{message}, and others are bad too; nothing was started"
        return KernelRefusal(400, "bad_request", message, details=self._bad)

    def _look(self, one: str | msgspec.Raw, place: int) -> None:
        what = f"payloads[{place}]"
        text = one if isinstance(one, str) else _string(one)
        if text is None:
            found: Detail | None = Detail("invalid_payload", f"{what} is not a string that holds JSON")
        else:
            found = _wrong(_bytes(text), self._most_bytes, what)
        if found is None:
            if not self._bad:
                self._texts.append(_bytes(text or ""))
            return
        self._texts = []
        found.index = place
        self._bad.append(found)
        if len(self._bad) == _TOLD:
            raise self._refusal()


def _string(one: msgspec.Raw) -> str | None:
    try:
        return msgspec.json.decode(one, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _wrong(raw: bytes, most: int, what: str) -> Detail | None:
    if len(raw) > most:
        return Detail("payload_too_large", f"{what} has {len(raw)} bytes, at most {most} are allowed")
    found = check_many([raw])
    if isinstance(found, Invalid):
        column, reason, _ = found.flaw
        return Detail("invalid_payload", f"{what} is not valid JSON: column {column}: {reason}")
    return None
