"""One line of a captured log as JSON, whatever it is made of. Nothing here raises."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["cut_text", "dropped_line", "encode_line", "numbered"]


class _Unnumbered(msgspec.Struct, omit_defaults=True, gc=False):
    """`LogLine` before it has its place."""

    at: int
    source: str
    message: str
    level: str | None = None
    fields: msgspec.Raw | None = None
    of: str | None = None


def _shown(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 -- the user's __repr__
        return f"<{type(value).__name__}>"


_encoder: Final = msgspec.json.Encoder(enc_hook=_shown)
_FIRST: Final = b'{"line":%d,'


def encode_line(
    source: str,
    message: str,
    *,
    most: int,
    level: str | None = None,
    fields: Mapping[str, Any] | None = None,
    traceback: str | None = None,
    of: str | None = None,
) -> bytes:
    """Without its number. Message and fields are cut to `most` bytes each, with a mark."""
    known = _fields(fields, most) if fields else b"{}"
    if traceback:
        comma = b"," if len(known) > len(b"{}") else b""
        known = known[:-1] + comma + b'"traceback":' + _encoder.encode(_plain(traceback)) + b"}"
    shown = msgspec.Raw(known) if len(known) > len(b"{}") else None
    text = cut_text(message, most)
    return _encoder.encode(_Unnumbered(time.time_ns() // 1000, _plain(source), text, level, shown, of))


def numbered(line: bytes, number: int) -> bytes:
    return _FIRST % number + line[1:]


def dropped_line(number: int, dropped: int) -> bytes:
    """The entry that says so; `number` is the last line's."""
    text = f"{dropped} line{'' if dropped == 1 else 's'} dropped"
    return numbered(encode_line("stook", text, most=len(text), fields={"dropped": dropped}), number)


def cut_text(text: str, most: int) -> str:
    if len(text) * 4 <= most:
        return _plain(text)
    raw = text.encode(errors="replace")
    if len(raw) <= most:
        return raw.decode()
    return f"{raw[:most].decode(errors='ignore')} … [{len(raw) - most} bytes cut]"


def _plain(text: str) -> str:
    """Half a surrogate pair is no text that JSON could carry."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _fields(given: Mapping[str, Any], most: int) -> bytes:
    """As they are when they are said."""
    try:
        raw = _encoder.encode(given)
    except Exception:  # noqa: BLE001 -- strange keys, half surrogates, numbers beyond 64 bits: as text
        given = {_plain(str(name)): _plain(_shown(value)) for name, value in given.items()}
        raw = _encoder.encode(given)
    if len(raw) <= most:
        return raw
    share = max(16, most // (2 * len(given)))
    few = list(given.items())[: most // 32]
    return _encoder.encode({_plain(str(name))[:100]: cut_text(_as_text(value), share) for name, value in few})


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else _shown(value)
