"""One execution submitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.client import calls
from stook.client.options import EXECUTION_OPTIONS, check_words
from stook.core.errors import OptionError
from stook.core.payload import encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stook.client.request import Request
    from stook.wire.execution import ExecutionDetail

__all__ = ["single_request"]

_LONGEST: Final = 60.0


def single_request(
    task: str, payload: Any, wait: float | None, dedupe_key: str | None, options: Mapping[str, Any]
) -> Request[tuple[ExecutionDetail, bool]]:
    check_words(options, EXECUTION_OPTIONS)
    if wait is not None and not 0 <= wait <= _LONGEST:
        raise OptionError(f"wait={wait!r} is not between 0 and {_LONGEST:g} seconds", hint="then .result(timeout=…)")
    fields = {"task": task, "dedupe_key": dedupe_key, **options}
    given = {name: value for name, value in fields.items() if value is not None}
    return calls.submit(encode({**given, "payload": msgspec.Raw(encode(payload))}), wait)
