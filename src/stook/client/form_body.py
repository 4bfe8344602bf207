"""A form with a file in it, made anew each time it is sent, a piece at a time."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final, NamedTuple

from stook.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from stook.client.request import Body

__all__ = ["Form", "form_of"]

_PIECE: Final = 256 * 1024


class Form(NamedTuple):
    media_type: str
    body: Body


def form_of(fields: Mapping[str, str], name: str, file: Path) -> Form:
    """`multipart/form-data`: the fields, then the file under `name`. Their names are plain words."""
    boundary = f"stook-{secrets.token_hex(16)}"

    def pieces() -> Iterator[bytes]:
        for field, text in fields.items():
            yield _head(boundary, f'name="{field}"') + text.encode() + b"\r\n"
        yield _head(boundary, f'name="{name}"; filename="code"', "application/octet-stream")
        try:
            with file.open("rb") as opened:
                while piece := opened.read(_PIECE):
                    yield piece
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror or error}", where=str(file)) from None
        yield f"\r\n--{boundary}--\r\n".encode()

    return Form(f"multipart/form-data; boundary={boundary}", pieces)


def _head(boundary: str, parameters: str, media_type: str | None = None) -> bytes:
    kind = "" if media_type is None else f"Content-Type: {media_type}\r\n"
    return f"--{boundary}\r\nContent-Disposition: form-data; {parameters}\r\n{kind}\r\n".encode()
