"""How this dialect says no: the body of every 4xx and 5xx, whoever raised it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from stook.server.refusal import Refusal

__all__ = ["Detail", "KernelRefusal", "Problem", "bad_request", "no_such", "refusal_in_words"]


class Detail(msgspec.Struct, omit_defaults=True):
    code: str
    message: str
    index: int | None = None
    """Of a batch's payload."""


class Problem(msgspec.Struct, omit_defaults=True):
    code: str
    message: str
    details: Sequence[Detail] | None = None


class KernelRefusal(Refusal):
    """Worded already."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Sequence[Detail] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(status, code, message, headers=headers)
        self.said = Problem(code, message, list(details) or None)

    def body(self) -> bytes:
        return msgspec.json.encode(self.said)


def bad_request(message: str, detail: str = "invalid_input") -> KernelRefusal:
    """`detail` is the code that says more."""
    return KernelRefusal(400, "bad_request", message, details=[Detail(detail, message)])


def no_such(what: str, name: str) -> KernelRefusal:
    return KernelRefusal(404, "not_found", f"there is no {what} {name[:200]!r}")


_BAD: Final = 400
_FAULT: Final = 500
_CODES: Final = {401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed"}
_LONGEST_WAIT: Final = 60
"""Seconds: of more, clients take no notice."""
_FULL: Final = frozenset({"max_queued_items", "max_payload_bytes"})
"""Limits of what may lie in the queue."""


def refusal_in_words(refusal: Refusal) -> KernelRefusal:
    """What was refused elsewhere in the server, in this dialect's statuses and codes: neither 409 nor 422, which its
    clients would try again or not know."""
    if isinstance(refusal, KernelRefusal):
        return refusal
    problem = refusal.problem
    message = problem.message if problem.hint is None else f"{problem.message}: {problem.hint}"
    headers = {name: value for name, value in refusal.headers.items() if name != "accept-post"}
    if "retry-after" in headers:
        headers["retry-after"] = str(min(_LONGEST_WAIT, int(headers["retry-after"])))
    status, code = _code_of(refusal)
    details = []
    if (status, code) == (_BAD, "bad_request"):
        inner = "payload_too_large" if problem.code == "payload_too_large" else "invalid_input"
        details.append(Detail(inner, message, problem.index))
    return KernelRefusal(status, code, message, details=details, headers=headers)


def _code_of(refusal: Refusal) -> tuple[int, str]:
    problem, status = refusal.problem, refusal.status
    if problem.quota is not None and problem.quota.name in _FULL:
        return 529, "capacity_exhausted"
    if problem.code == "key_conflict":
        return _BAD, "idempotency_key_reused"
    if problem.code == "body_too_large":
        return 413, "request_too_large"
    match status:
        case 429:
            return 429, "concurrency_limit_exceeded"
        case 410:  # gone: it was kept for a while
            return 404, "not_found"
        case _ if status in _CODES:
            return status, _CODES[status]
        case _ if status >= _FAULT:
            return _FAULT, "internal_error"
        case _:
            return _BAD, "bad_request"
