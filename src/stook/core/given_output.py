"""Texts that people end executions with, as results, which are JSON: and back, character for character."""

from __future__ import annotations

from enum import IntEnum

from stook.core.payload import Invalid, check_many, decode, encode

__all__ = ["Form", "given_result", "given_text"]


class Form(IntEnum):
    """How a text stands in the result."""

    nothing = 0
    """There is none; the result is null."""
    itself = 1
    """It is JSON, and is the result."""
    quoted = 2
    """It is not, or has space around it: the result is a JSON string of it."""


def given_result(text: str | None) -> tuple[bytes, Form]:
    if text is None:
        return b"null", Form.nothing
    raw = text.encode(errors="surrogatepass")
    found = check_many([raw])
    if isinstance(found, Invalid) or found[0] != raw:
        return encode(text), Form.quoted
    return raw, Form.itself


def given_text(result: bytes, form: Form) -> str | None:
    """What `given_result` was given."""
    match form:
        case Form.nothing:
            return None
        case Form.itself:
            return result.decode()
        case Form.quoted:
            text = decode(result)
            assert isinstance(text, str)
            return text
