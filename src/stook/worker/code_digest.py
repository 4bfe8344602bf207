"""A digest of a handler's code: what it stores says by which code it was stored."""

from __future__ import annotations

import functools
import hashlib
import inspect
from types import CodeType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["code_digest"]


def code_digest(handler: Callable[..., Any]) -> str:
    """16 hex digits, the same in every process that runs the same source with the same Python. Functions that the
    handler calls do not count, those defined inside it do. Empty for what has no code of Python's."""
    code = _code_of(handler)
    if code is None:
        return ""
    digest = hashlib.blake2b(digest_size=8)
    _feed(digest, code)
    return digest.hexdigest()


def _code_of(handler: Any) -> CodeType | None:
    while isinstance(handler, functools.partial):
        handler = handler.func
    handler = inspect.unwrap(handler)
    found = getattr(handler, "__code__", None)
    if found is None:
        found = getattr(type(handler).__call__, "__code__", None)
    return found if isinstance(found, CodeType) else None


def _feed(digest: hashlib.blake2b, code: CodeType) -> None:
    digest.update(code.co_code)
    digest.update(repr((code.co_names, code.co_freevars)).encode(errors="backslashreplace"))
    for const in code.co_consts:
        if isinstance(const, CodeType):
            _feed(digest, const)
        elif isinstance(const, frozenset):  # its order is of one process
            digest.update(repr(sorted(map(repr, const))).encode(errors="backslashreplace"))
        else:
            digest.update(repr(const).encode(errors="backslashreplace"))
